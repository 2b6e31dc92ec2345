"""How mails are split into their parts."""

import pytest

from shared.mime.headers import Headers, Parametrised, decoded
from shared.mime.parts import MAX_DEPTH, MAX_PARTS, parse, walk

TWO_PARTS = (
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\nContent-Type: text/plain\r\n\r\none\r\n"
    b"--b  \r\nContent-Type: text/html\r\n\r\ntwo\r\n\r\n--b--\r\nepilogue\r\n--b\r\n\r\nthree\r\n"
)


def test_parts_end_before_the_line_end_that_belongs_to_the_delimiter() -> None:
    mail = parse(TWO_PARTS)

    assert [(part.media_type, part.body(100)) for part in mail.children] == [
        ("text/plain", b"one"),
        ("text/html", b"two\r\n"),
    ]


def test_a_part_keeps_its_octets_as_they_came() -> None:
    assert parse(TWO_PARTS).children[0].octets == b"Content-Type: text/plain\r\n\r\none"


def test_the_last_part_may_lack_its_end() -> None:
    mail = parse(b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntw")

    assert [part.body(100) for part in mail.children] == [b"one", b"tw"]


def test_a_longer_boundary_is_another_one() -> None:
    mail = parse(b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--bb\ntwo\n--b--")

    assert [part.body(100) for part in mail.children] == [b"one\n--bb\ntwo"]


def test_a_mail_in_a_mail_is_a_part_of_its_own() -> None:
    mail = parse(b"Content-Type: message/rfc822\n\nSubject: inner\nContent-Type: text/html\n\nbody")

    assert [part.media_type for part in walk(mail, into_mails=True)] == ["message/rfc822", "text/html"]
    assert [part.media_type for part in walk(mail, into_mails=False)] == ["message/rfc822"]
    assert mail.children[0].headers.get("subject") == "inner"


def test_a_mail_in_base64_is_read_all_the_same() -> None:
    mail = parse(
        b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogaW5uZXINCg0KYm9keQ==\n"
    )

    assert mail.children[0].headers.get("subject") == "inner"


def test_only_so_many_parts_are_looked_for() -> None:
    mail = parse(b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 10_000)

    assert len(list(walk(mail, into_mails=True))) == MAX_PARTS


def test_only_so_deep_is_looked() -> None:
    mail = parse(b"Content-Type: message/rfc822\n\n" * 10_000)

    assert len(list(walk(mail, into_mails=True))) == MAX_DEPTH + 1


@pytest.mark.parametrize(
    ("encoding", "body", "expected"),
    [
        (b"base64", b"YWJj\r\nZGVm", b"abcdef"),
        (b"BASE64", b"YW Jj!ZA", b"abcd"),
        (b"base64", b"YWJjZ", b"abc"),
        (b"quoted-printable", b"a=20b=\r\nc", b"a bc"),
        (b"8bit", b"a=20b", b"a=20b"),
        (b"x-unknown", b"a", b"a"),
    ],
)
def test_the_transfer_encoding_is_undone(encoding: bytes, body: bytes, expected: bytes) -> None:
    assert parse(b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body).body(1_000) == expected


@pytest.mark.parametrize(
    ("charset", "body", "expected"),
    [
        ("iso-8859-1", b"caff\xe8", "caffè"),
        ("utf-8", "caffè".encode(), "caffè"),
        ("windows-1252", b"\x80", "€"),
        ("utf-8", b"\xe8", "\ufffd"),
        ("punycode", b"caf-dma", "caf-dma"),
        ("rot13", b"abc", "abc"),
        ("iso-8859-99", b"abc", "abc"),
        ("a\0b", b"abc", "abc"),
    ],
)
def test_text_is_read_in_its_charset_if_that_is_one(charset: str, body: bytes, expected: str) -> None:
    mail = parse(f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode() + body)

    assert mail.text(1_000) == expected


def test_header_fields_are_unfolded_and_found_whatever_their_case() -> None:
    headers = Headers.parse(b"SUBJECT: one\r\n two\r\nno field\r\nsubject:\r\n three\r\nX: caff\xe8\r\n")

    assert headers.all("subject") == ["one two", "three"]
    assert headers.get("x") == "caff\ufffd"
    assert headers.get("no field") is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("=?iso-8859-1?Q?Citt=E0?=", "Città"),
        ("=?utf-8?B?Q2l0dMOg?= =?utf-8?B?IHZlY2NoaWE=?=", "Città vecchia"),
        ("=?x-unknown?Q?a?=", "=?x-unknown?Q?a?="),
        ("=?utf-8?B?a?=", "=?utf-8?B?a?="),
        ("plain", "plain"),
    ],
)
def test_encoded_words_are_decoded_where_they_can_be(written: str, expected: str) -> None:
    assert decoded(written) == expected


def test_parameters_are_read_in_both_forms() -> None:
    found = Parametrised.parse("Multipart/Mixed; BOUNDARY=\"a b\"; name*=utf-8''caff%C3%A8", default="text/plain")

    assert found == Parametrised("multipart/mixed", {"boundary": "a b", "name": "caffè"})


@pytest.mark.parametrize("field", [None, "", "x" * 2_000])
def test_a_field_that_cannot_be_read_is_the_default(field: str | None) -> None:
    assert Parametrised.parse(field, default="text/plain").value == "text/plain"
