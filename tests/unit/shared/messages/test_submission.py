"""The rules for a submitted message."""

from contextlib import suppress
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidInput
from shared.messages.model import Content, Priority
from shared.messages.submission import MAX_HEADERS, RESERVED_HEADERS, Submission, parse_submission

MD5_OF_A = "7fc56270e7a70fa81a5935b72eacbe29"  # of the one byte "A", QQ== in base64

VALID: dict[str, object] = {
    "id": "MSG-1",
    "from": "no-reply@acme.example",
    "to": "anna@example.com",
    "subject": "Hello",
    "text": "Hello Anna",
}


def refusal(**fields: object) -> InvalidInput:
    with pytest.raises(InvalidInput) as raised:
        parse_submission(VALID | {name.removesuffix("_"): value for name, value in fields.items()})
    return raised.value


def accepted(**fields: object) -> Submission:
    return parse_submission(VALID | fields)


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"subject": "a\r\nBcc: b@example.com"}, "control_character", "/subject"),
        ({"subject": "a\u2028b"}, "control_character", "/subject"),
        ({"subject": "x" * 1_001}, "too_long", "/subject"),
        ({"headers": {"X-A": "1\r\nX-B: 2"}}, "control_character", "/headers"),
        ({"headers": {"X-A: 1\r\nX-B": "2"}}, "invalid_header", "/headers"),
        ({"headers": {"X A": "1"}}, "invalid_header", "/headers"),
        ({"headers": {"": "1"}}, "invalid_header", "/headers"),
        ({"headers": {"X-Ä": "1"}}, "invalid_header", "/headers"),
        ({"headers": {"X-A": 1}}, "string_type", "/headers/X-A"),
        ({"headers": {"X-A": "x" * 2_001}}, "too_long", "/headers"),
        ({"headers": {f"X-{number}": "1" for number in range(MAX_HEADERS + 1)}}, "too_many_headers", "/headers"),
        ({"headers": {"DKIM-Signature": "1"}}, "reserved_header", "/headers"),
        ({"headers": {"Resent-To": "1"}}, "reserved_header", "/headers"),
        ({"from_": "a@example.com\nBcc: b@example.com"}, "control_character", "/from"),
        ({"from_": "a@example.com, b@example.com"}, "invalid_address", "/from"),
        ({"reply_to": "nobody"}, "invalid_address", "/reply_to"),
        ({"return_path": "a@example.com\r\nRCPT TO:<b@example.com>"}, "control_character", "/return_path"),
        ({"to": []}, "no_recipient", ""),
        ({"to": [f"a{number}@example.com" for number in range(501)]}, "too_many_recipients", "/to"),
        ({"to": ["a@example.com"] * 300, "cc": ["a@example.com"] * 201}, "too_many_recipients", ""),
        ({"text": None}, "no_body", ""),
        ({"id": "a b"}, "string_pattern_mismatch", "/id"),
        ({"id": "a\n"}, "string_pattern_mismatch", "/id"),
        ({"id": "x" * 256}, "string_pattern_mismatch", "/id"),
        ({"account_id": "a#b"}, "string_pattern_mismatch", "/account_id"),
        ({"batch_code": "a#b"}, "string_pattern_mismatch", "/batch_code"),
        ({"priority": 4}, "invalid_priority", "/priority"),
        ({"priority": True}, "invalid_priority", "/priority"),
        ({"priority": "urgent"}, "invalid_priority", "/priority"),
        ({"send_at": "tomorrow"}, "invalid_time", "/send_at"),
        ({"send_at": "2026-01-01T00:00:00"}, "timezone_aware", "/send_at"),
        ({"message_id": "no-brackets@example.com"}, "invalid_message_id", "/message_id"),
        ({"message_id": "<a@b>\r\nBcc: c@d"}, "invalid_message_id", "/message_id"),
        ({"message_id": "<ä@b>"}, "invalid_message_id", "/message_id"),
        ({"attachments": [{"filename": "a", "storage_path": "base64:!"}]}, "invalid_base64", "/attachments/0"),
        (
            {"attachments": [{"filename": "a\r\nb", "storage_path": "base64:"}]},
            "control_character",
            "/attachments/0/filename",
        ),
        (
            {"attachments": [{"filename": "a", "storage_path": "/etc/passwd"}]},
            "unsupported_fetch_mode",
            "/attachments/0",
        ),
        ({"attachments": [{"filename": "a", "storage_path": "upload:../x"}]}, "invalid_path", "/attachments/0"),
        ({"attachments": [{"filename": "a", "storage_path": "files:../x"}]}, "invalid_path", "/attachments/0"),
        ({"attachments": [{"filename": "a", "storage_path": "s3://Bucket"}]}, "invalid_path", "/attachments/0"),
        ({"attachments": [{"filename": "a", "storage_path": "https://u:p@x.test"}]}, "invalid_url", "/attachments/0"),
        (
            {"attachments": [{"filename": "a", "storage_path": "base64:QQ==", "content_md5": "0" * 32}]},
            "wrong_md5",
            "/attachments/0",
        ),
        (
            {"attachments": [{"filename": "a", "storage_path": "base64:QQ==", "content_md5": "x"}]},
            "invalid_md5",
            "/attachments/0/content_md5",
        ),
        ({"attachments": [{"filename": "a{MD5:0}", "storage_path": "base64:QQ=="}]}, "invalid_md5", "/attachments/0"),
        (
            {"attachments": [{"filename": f"a{{MD5:{'0' * 32}}}", "storage_path": "base64:QQ=="}]},
            "wrong_md5",
            "/attachments/0",
        ),
        (
            {
                "attachments": [
                    {"filename": f"a{{MD5:{MD5_OF_A}}}", "storage_path": "base64:QQ==", "content_md5": "0" * 32}
                ]
            },
            "md5_conflict",
            "/attachments/0",
        ),
        (
            {"attachments": [{"filename": f"a{{MD5:{MD5_OF_A}}}\r\n", "storage_path": "base64:QQ=="}]},
            "control_character",
            "/attachments/0/filename",
        ),
        (
            {"attachments": [{"filename": "a", "storage_path": "x", "fetch_mode": "ftp"}]},
            "enum",
            "/attachments/0/fetch_mode",
        ),
        (
            {"attachments": [{"filename": "a", "storage_path": "base64:", "mime_type": "a/b\r\nX: y"}]},
            "invalid_mime_type",
            "/attachments/0/mime_type",
        ),
        ({"colour": "red"}, "unknown_field", "/colour"),
    ],
)
def test_a_broken_rule_is_named_with_code_and_place(fields: dict[str, object], code: str, pointer: str) -> None:
    error = refusal(**fields)
    assert (error.code, error.pointer) == (code, pointer)
    assert len(error.detail) <= 500


@pytest.mark.parametrize("name", sorted(RESERVED_HEADERS))
def test_headers_that_the_proxy_sets_are_refused_however_spelt(name: str) -> None:
    for spelling in (name, name.upper(), name.title()):
        assert refusal(headers={spelling: "x"}).code == "reserved_header"


def test_priorities_go_by_number_or_name() -> None:
    for value in (1, "high", "HIGH"):
        assert accepted(priority=value).priority is Priority.HIGH
    assert accepted().priority is None


@given(
    st.integers() | st.text(max_size=12) | st.floats() | st.booleans() | st.sampled_from(["High", "LOW", "03", "1.0"])
)
def test_whatever_else_is_no_priority(value: object) -> None:
    names = {each.name for each in Priority}
    if isinstance(value, str) and value.upper() in names:
        assert accepted(priority=value).priority is Priority[value.upper()]
    elif isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 3:
        assert accepted(priority=value).priority == value
    else:
        assert refusal(priority=value).code == "invalid_priority"


header_names = st.text("Xx-_9:. \t\r\n\x00é", min_size=1, max_size=80)
header_values = st.text(st.sampled_from("aé\t \r\n\x00\x85\u2028😀"), max_size=20) | st.just("x" * 2_001)


@given(header_names, header_values)
def test_a_header_is_one_line_under_a_name_or_is_refused(name: str, value: str) -> None:
    is_name = len(name) <= 76 and all("!" <= each <= "~" and each != ":" for each in name)
    is_line = len(value) <= 2_000 and not set(value) & set("\r\n\x00\x85\u2028")
    if is_name and is_line:
        assert accepted(headers={name: value}).headers == {name: value}
    else:
        assert refusal(headers={name: value}).code in ("invalid_header", "too_long", "control_character")


def test_times_go_by_iso_8601_or_seconds_since_the_epoch() -> None:
    instants = [
        accepted(send_at=each).send_at for each in ("2026-01-31T10:00:00Z", "2026-01-31T11:00:00+01:00", 1_769_853_600)
    ]
    assert instants[0] == instants[1] == instants[2]
    assert instants[0] is not None


@pytest.mark.parametrize("value", [10**30, -(10**30), 1e300, float("inf"), float("nan"), True, [], {}, "9" * 400])
def test_no_time_out_of_range_gets_through(value: object) -> None:
    assert refusal(send_at=value).pointer == "/send_at"


def test_what_is_stored_reads_back_as_what_was_submitted() -> None:
    submission = accepted(
        cc=["Änne <ä@example.com>"],
        html="<p>",
        headers={"X-A": "ü"},
        attachments=[{"filename": "ä.txt", "storage_path": "base64:QUJD", "content_id": "cid"}],
    )
    content = Content.model_validate_json(submission.content_json())
    assert content.from_ == submission.from_
    assert (content.to, content.cc, content.html) == (submission.to, submission.cc, "<p>")
    assert content.headers == {"X-A": "ü"}
    assert [each.content_id for each in content.attachments] == ["cid"]


@pytest.mark.parametrize("content_md5", [None, MD5_OF_A, MD5_OF_A.upper()])
def test_a_marker_in_the_name_is_its_digest_and_no_part_of_the_name(content_md5: str | None) -> None:
    attachment = {"filename": f"a_{{MD5:{MD5_OF_A}}}.txt", "storage_path": "base64:QQ==", "content_md5": content_md5}
    [kept] = accepted(attachments=[attachment]).attachments
    assert kept.filename == "a.txt"
    assert kept.content_md5 == (content_md5 or MD5_OF_A)
    [stored] = Content.model_validate_json(accepted(attachments=[attachment]).content_json()).attachments
    assert (stored.filename, stored.content_md5) == (kept.filename, kept.content_md5)


def test_handling_is_no_part_of_the_content() -> None:
    plain, handled = accepted(), accepted(id="other", priority=0, account_id="a", batch_code="b")
    assert plain.content_json() == handled.content_json()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*Submission.model_fields, "from", "x"]), json_values), json_values)
def test_no_entry_whatever_raises_anything_but_invalid_input(fields: dict[str, object], other: object) -> None:
    for entry in (fields, VALID | fields, other):
        with suppress(InvalidInput):
            parse_submission(entry)


@given(st.text(), st.dictionaries(st.text(), st.text(), max_size=3), st.text())
def test_what_is_accepted_makes_the_headers_it_names_and_no_others(
    subject: str, headers: dict[str, str], name: str
) -> None:
    try:
        submission = parse_submission(
            VALID | {"subject": subject, "headers": headers, "from": f'"{name}" <a@example.com>'}
        )
    except InvalidInput:
        return
    mail = EmailMessage()
    mail["Subject"] = submission.subject
    for header, value in submission.headers.items():
        mail[header] = value
    lines = mail.as_bytes().splitlines()
    starts = {line.partition(b":")[0].decode().lower() for line in lines if line and not line.startswith((b" ", b"\t"))}
    assert starts <= {"subject", *(each.lower() for each in submission.headers)}


UNSUBSCRIBE = {
    "url": "https://acme.example/u/abc?list=news",
    "mailto": "leave+abc@acme.example?subject=leave",
    "one_click": True,
}


def test_how_to_leave_a_list_is_taken() -> None:
    assert accepted(list_unsubscribe=UNSUBSCRIBE).list_unsubscribe is not None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"url": None, "mailto": None, "one_click": False}, "missing_field"),
        ({"url": "ftp://acme.example"}, "invalid_url"),
        ({"url": "https://acme.example/a b"}, "invalid_url"),
        ({"url": "https://acme.example/>,<x"}, "invalid_url"),
        ({"url": "http://acme.example/u"}, "invalid_one_click"),
        ({"url": None}, "invalid_one_click"),
        ({"mailto": "nobody"}, "invalid_address"),
        ({"mailto": "a@x.org\r\nX: y"}, "invalid_mailto"),
        ({"extra": 1}, "unknown_field"),
    ],
)
def test_a_wrong_way_to_leave_a_list_is_refused(changes: dict[str, object], code: str) -> None:
    assert refusal(list_unsubscribe=UNSUBSCRIBE | changes).code == code


def test_the_field_and_a_header_of_that_name_exclude_each_other() -> None:
    header = {"List-Unsubscribe": "<https://x.example>"}
    assert refusal(list_unsubscribe=UNSUBSCRIBE, headers=header).code == "reserved_header"
