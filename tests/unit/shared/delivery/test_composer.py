"""A composed mail, as a mail reader (Python's own, with its modern policy) reads it back."""

import base64
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from shared.delivery.composer import compose
from shared.errors import InvalidInput
from shared.messages.model import Address, Attachment, Content, ListUnsubscribe
from shared.messages.submission import parse_submission
from tests.unit.clock import NOON
from tests.unit.shared.delivery.samples import a_content

TOKEN = "dG9rZW4"

# Whatever a submission may hold: printable, any script, with the characters that mean something in headers.
characters = st.one_of(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]),
    st.sampled_from(" \"\\,;:<>()[]@.=?_%'\t*"),
    st.sampled_from("=?utf-8?q?x?="),
)
one_line = st.text(characters, max_size=120)
long_line = st.text(characters, min_size=200, max_size=900)
bodies = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\n\n\r .=\t\0")), max_size=400)
addresses = st.sampled_from(
    [
        "anna@example.net",
        "o'brien+tag@example.org",
        '"quoted local"@example.org',
        "x" * 64 + "@" + ".".join(["d" * 60] * 3) + ".org",
        "bob@xn--bcher-kva.example",
    ]
)
mailboxes = st.builds(Address, name=one_line.map(str.strip), address=addresses)
filenames = st.text(characters, min_size=1, max_size=255).filter(lambda name: name.strip() == name)


def read(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, _class=EmailMessage, policy=modern)
    for part in message.walk():
        assert not part.defects, part.defects
    return message


def composed(content: Content) -> EmailMessage:
    return read(compose(content, token=TOKEN, composed_at=NOON))


def spaced(text: object) -> str:
    """White space may be folded in headers; how much there is of it, nobody can rely on."""
    return " ".join(str(text).split())


def unspaced(text: str) -> str:
    """Python's reader leaves a space between the encoded words of a name, which RFC 2047 §6.2 says to ignore."""
    return "".join(text.split())


def lines(text: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", text.removesuffix("\n").removesuffix("\r"))


def assert_fit_for_the_wire(raw: bytes) -> None:
    """RFC 5321 §2.3.8, §4.5.3.1.6: ASCII, lines of at most 998 octets that end in CRLF and nothing else."""
    assert raw.isascii()
    assert b"\0" not in raw
    assert raw.endswith(b"\r\n")
    wire = raw.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in wire)
    assert max(map(len, wire)) <= 998


@given(subject=st.one_of(one_line, long_line))
def test_a_subject_reads_as_it_was_submitted(subject: str) -> None:
    raw = compose(a_content(subject=subject), token=TOKEN, composed_at=NOON)

    assert spaced(read(raw)["Subject"]) == spaced(subject)
    assert_fit_for_the_wire(raw)


@pytest.mark.parametrize(
    "subject", ["x" * 1_000, "ä" * 1_000, "=?utf-8?q?=C3=A4?=", "a=?b", "x " * 500, "", "é", "\U0001f40d" * 300]
)
def test_a_subject_of_any_length_reads_as_it_was_submitted(subject: str) -> None:
    raw = compose(a_content(subject=subject), token=TOKEN, composed_at=NOON)

    assert spaced(read(raw)["Subject"]) == spaced(subject)
    assert_fit_for_the_wire(raw)


@given(sender=mailboxes, to=st.lists(mailboxes, max_size=5), cc=st.lists(mailboxes, max_size=5), reply_to=mailboxes)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_addresses_and_names_read_as_they_were_submitted(
    sender: Address, to: list[Address], cc: list[Address], reply_to: Address
) -> None:
    content = a_content(**{"from": sender, "to": to, "cc": cc, "reply_to": [reply_to]})
    raw = compose(content, token=TOKEN, composed_at=NOON)
    message = read(raw)

    assert_fit_for_the_wire(raw)
    for header, expected in (("From", [sender]), ("To", to), ("Cc", cc), ("Reply-To", [reply_to])):
        got = [(unspaced(each.display_name), each.addr_spec) for each in message[header].addresses] if expected else []
        assert got == [(unspaced(each.name), each.address) for each in expected]
        assert (header in message) == bool(expected)


def test_a_message_id_stands_on_one_line_with_its_name() -> None:
    raw = compose(a_content(), token="x" * 76, composed_at=NOON)

    assert b"\r\nMessage-ID: <" + b"x" * 76 + b"@example.org>\r\n" in raw
    assert b"\r\nX-Mail-Proxy-ID: " + b"x" * 76 + b"\r\n" in raw


def test_five_hundred_recipients_stay_within_the_length_of_a_line() -> None:
    to = [Address(name=f"Nö {number}", address=f"{number}@example.org") for number in range(500)]
    raw = compose(a_content(to=to), token=TOKEN, composed_at=NOON)

    assert_fit_for_the_wire(raw)
    assert len(read(raw)["To"].addresses) == 500


def test_the_domain_of_an_address_is_ascii_and_a_local_part_that_is_not_stands_as_utf8() -> None:
    """RFC 6532: an encoded word may not stand in an address. The relay is asked for SMTPUTF8 then."""
    content = a_content(to=[Address(name="Jörg", address="jörg@example.org"), Address(address="anna@example.net")])
    raw = compose(content, token=TOKEN, composed_at=NOON)

    assert "<jörg@example.org>".encode() in raw
    message = message_from_bytes(raw, _class=EmailMessage, policy=modern.clone(utf8=True))
    to = str(message["To"])
    assert "jörg@example.org" in to
    assert "anna@example.net" in to


def test_many_recipients_with_local_parts_that_are_not_ascii_stay_within_the_length_of_a_line() -> None:
    to = [Address(address=f"jörg{number}@example.org") for number in range(300)]
    raw = compose(a_content(to=to), token=TOKEN, composed_at=NOON)

    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.count("jörg".encode()) == 300


def test_bcc_shows_nowhere() -> None:
    raw = compose(a_content(bcc=[Address(name="Hidden", address="hidden@example.net")]), token=TOKEN, composed_at=NOON)

    assert b"hidden" not in raw.lower()
    assert "Bcc" not in read(raw)


@given(text=bodies)
def test_a_text_reads_as_it_was_submitted(text: str) -> None:
    raw = compose(a_content(text=text), token=TOKEN, composed_at=NOON)
    message = read(raw)

    assert_fit_for_the_wire(raw)
    assert message.get_content_type() == "text/plain"
    assert lines(message.get_content()) == lines(text)


@given(text=bodies, html=bodies)
def test_text_and_html_are_alternatives_of_which_html_is_the_better(text: str, html: str) -> None:
    raw = compose(a_content(text=text, html=html), token=TOKEN, composed_at=NOON)
    message = read(raw)

    assert_fit_for_the_wire(raw)
    assert message.get_content_type() == "multipart/alternative"
    plain, rich = message.iter_parts()
    assert isinstance(plain, EmailMessage)
    assert isinstance(rich, EmailMessage)
    assert (plain.get_content_type(), rich.get_content_type()) == ("text/plain", "text/html")
    assert lines(plain.get_content()) == lines(text)
    assert lines(rich.get_content()) == lines(html)


def test_html_alone_is_a_single_part() -> None:
    message = composed(a_content(text=None, html="<p>Grüße</p>"))

    assert message.get_content_type() == "text/html"
    assert message.get_content() == "<p>Grüße</p>\r\n"


@pytest.mark.parametrize(
    "text", ["x" * 5_000, "ж" * 5_000, ("y" * 998 + "\n") * 3, "a\u2028b\x85c", ".\n..\n.", "From me", "\r\n" * 50]
)
def test_unusual_texts_read_as_they_were_submitted(text: str) -> None:
    raw = compose(a_content(text=text), token=TOKEN, composed_at=NOON)

    assert_fit_for_the_wire(raw)
    assert lines(read(raw).get_content()) == lines(text)


def attachment(name: str, data: bytes, **fields: Any) -> Attachment:
    return Attachment(filename=name, storage_path="base64:" + base64.b64encode(data).decode(), **fields)


@given(files=st.lists(st.tuples(filenames, st.binary(max_size=300)), min_size=1, max_size=4))
def test_attachments_keep_their_names_and_bytes(files: list[tuple[str, bytes]]) -> None:
    raw = compose(
        a_content(attachments=[attachment(name, data) for name, data in files]), token=TOKEN, composed_at=NOON
    )
    message = read(raw)

    assert_fit_for_the_wire(raw)
    assert message.get_content_type() == "multipart/mixed"
    body, *parts = message.iter_parts()
    assert isinstance(body, EmailMessage)
    assert body.get_content() == "Good morning\r\n"
    assert [part.get_payload(decode=True) for part in parts] == [data for _, data in files]
    assert [part.get_content_disposition() for part in parts] == ["attachment"] * len(files)
    assert [spaced(part.get_filename()) for part in parts] == [spaced(name) for name, _ in files]


@pytest.mark.parametrize(
    "name",
    ["ж" * 255, "\U0001f40d" * 255, "x" * 255, 'a"b\\c.txt', "100%.txt", "it's.txt", "=?utf-8?q?x?=.txt", "a;b=c.pdf"],
)
def test_a_filename_of_any_length_reads_as_it_was_submitted(name: str) -> None:
    raw = compose(a_content(attachments=[attachment(name, b"x")]), token=TOKEN, composed_at=NOON)

    assert_fit_for_the_wire(raw)
    _, part = read(raw).iter_parts()
    assert part.get_filename() == name


@pytest.mark.parametrize(
    ("name", "given_type", "expected"),
    [
        ("report.pdf", None, "application/pdf"),
        ("page.html", None, "text/html"),
        ("unknown.xyzzy", None, "application/octet-stream"),
        ("noextension", None, "application/octet-stream"),
        ("report.pdf", "application/x-own", "application/x-own"),
        ("backup.tar.gz", None, "application/octet-stream"),
        # A composite type cannot be base64 (RFC 2045 §6.4): readers would look for parts in it.
        ("forwarded.eml", None, "application/octet-stream"),
        ("forwarded.eml", "message/rfc822", "application/octet-stream"),
        ("parts", "multipart/mixed", "application/octet-stream"),
    ],
)
def test_an_attachment_has_the_type_that_was_given_or_that_its_name_suggests(
    name: str, given_type: str | None, expected: str
) -> None:
    message = composed(a_content(attachments=[attachment(name, b"bytes", mime_type=given_type)]))

    _, part = message.iter_parts()
    assert part.get_content_type() == expected
    assert part.get_payload(decode=True) == b"bytes"


def test_an_attachment_with_a_content_id_is_shown_within_the_html() -> None:
    message = composed(
        a_content(
            html='<img src="cid:logo@x">',
            attachments=[attachment("logo.png", b"png", content_id="logo@x"), attachment("terms.pdf", b"pdf")],
        )
    )

    related, terms = message.iter_parts()
    assert isinstance(related, EmailMessage)
    assert (message.get_content_type(), related.get_content_type()) == ("multipart/mixed", "multipart/related")
    alternative, logo = related.iter_parts()
    assert alternative.get_content_type() == "multipart/alternative"
    assert (logo["Content-ID"], logo.get_content_disposition()) == ("<logo@x>", "inline")
    assert terms.get_filename() == "terms.pdf"


def test_an_attachment_that_cannot_be_read_is_an_error_of_its_mail() -> None:
    with pytest.raises(InvalidInput):
        composed(a_content(attachments=[Attachment(filename="x", storage_path="base64:!")]))


def test_date_message_id_and_mime_version_are_always_set() -> None:
    message = composed(a_content())

    assert parsedate_to_datetime(message["Date"]).timestamp() == NOON // 1_000
    assert message["Message-ID"] == f"<{TOKEN}@example.org>"
    assert message["X-Mail-Proxy-ID"] == TOKEN
    assert message["MIME-Version"] == "1.0"


def test_the_clients_own_message_id_is_kept_and_the_token_stands_beside() -> None:
    message = composed(a_content(message_id="<own.1@shop.example>"))

    assert message["Message-ID"] == "<own.1@shop.example>"
    assert message["X-Mail-Proxy-ID"] == TOKEN


def test_the_headers_are_the_same_at_every_try() -> None:
    content = a_content(subject="Grüße", headers={"X-Campaign": "spring"})
    one, other = (compose(content, token=TOKEN, composed_at=NOON) for _ in range(2))

    assert one == other


def test_a_token_of_the_greatest_length_fits_into_its_headers() -> None:
    token = "x" * 450
    raw = compose(a_content(), token=token, composed_at=NOON)

    assert_fit_for_the_wire(raw)
    assert read(raw)["X-Mail-Proxy-ID"] == token


@given(value=one_line.filter(lambda value: bool(value.strip())))
def test_further_headers_read_as_they_were_submitted(value: str) -> None:
    raw = compose(a_content(headers={"X-Campaign": value}), token=TOKEN, composed_at=NOON)

    assert_fit_for_the_wire(raw)
    assert spaced(read(raw)["X-Campaign"]) == spaced(value)


def test_a_header_without_any_space_stays_within_the_length_of_a_line() -> None:
    raw = compose(a_content(headers={"X-Long": "x" * 2_000}), token=TOKEN, composed_at=NOON)

    assert_fit_for_the_wire(raw)
    assert read(raw)["X-Long"] == "x" * 2_000


texts_with_everything = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\r\n\0\x0b\x0c\x85\u2028\u2029 :")),
    max_size=60,
)


@given(
    subject=texts_with_everything,
    name=texts_with_everything,
    header=texts_with_everything,
    filename=texts_with_everything,
    message_id=texts_with_everything,
    text=texts_with_everything,
)
@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], max_examples=40)
def test_nothing_that_is_accepted_adds_a_header(
    subject: str, name: str, header: str, filename: str, message_id: str, text: str
) -> None:
    injected = "\r\nX-Injected: 1\r\n\r\n"
    entry: dict[str, object] = {
        "id": "m1",
        "from": f'"{name}" <shop@example.org>',
        "to": ["anna@example.net"],
        "subject": subject,
        "headers": {"X-A": header},
        "attachments": [{"filename": filename, "storage_path": "base64:eA=="}],
        "text": text + injected,
    }
    if message_id:
        entry["message_id"] = message_id
    try:
        content: Content = parse_submission(entry)
    except InvalidInput:
        assume(False)
    raw = compose(content, token=TOKEN, composed_at=NOON)

    names = [line.partition(b":")[0] for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n") if line[:1] not in b" \t"]
    assert sorted(names) == sorted(
        [
            b"From",
            b"To",
            b"Subject",
            b"Date",
            b"Message-ID",
            b"X-Mail-Proxy-ID",
            b"X-A",
            b"MIME-Version",
            b"Content-Type",
        ]
    )


@pytest.mark.parametrize("breaking", ["\r\nBcc: all@example.org", "\nX: y", "\r\n\r\nbody"])
@pytest.mark.parametrize("field", ["subject", "name", "header", "filename", "message_id", "address"])
def test_a_line_break_that_slipped_through_is_refused_rather_than_sent(field: str, breaking: str) -> None:
    """Submission refuses them; were one stored nevertheless, it must end as an error of its mail."""
    content = {
        "subject": lambda: a_content(subject="x" + breaking),
        "name": lambda: a_content(to=[Address(name="x" + breaking, address="a@x.org")]),
        "header": lambda: a_content(headers={"X-A": "x" + breaking}),
        "filename": lambda: a_content(attachments=[attachment("x" + breaking, b"")]),
        "message_id": lambda: a_content(message_id="<x" + breaking + "@x.org>"),
        "address": lambda: a_content(to=[Address(address="a@x.org" + breaking)]),
    }[field]()

    with pytest.raises(InvalidInput):
        compose(content, token=TOKEN, composed_at=NOON)


def test_how_to_leave_a_list_is_told_in_both_ways_and_by_one_click() -> None:
    how = ListUnsubscribe(url="https://acme.example/u/abc", mailto="leave@acme.example", one_click=True)
    mail = composed(a_content(list_unsubscribe=how))
    assert mail["List-Unsubscribe"] == "<mailto:leave@acme.example>, <https://acme.example/u/abc>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_long_way_to_leave_a_list_is_not_broken() -> None:
    url = "https://acme.example/u/" + "x" * 400
    mail = composed(a_content(list_unsubscribe=ListUnsubscribe(url=url)))
    assert mail["List-Unsubscribe"] == f"<{url}>"
    assert mail["List-Unsubscribe-Post"] is None
