"""The codes within what servers say."""

import pytest

from shared.bounces.addresses import typed_address
from shared.bounces.diagnostics import Said, codes_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("550 5.1.1 unknown", Said(550, "5.1.1")),
        ("550-5.1.1 first line 550 5.1.1 second line", Said(550, "5.1.1")),
        ("550 (#5.1.1) unknown", Said(550, "5.1.1")),
        ("550 #5.1.0 Address rejected.", Said(550, "5.1.0")),
        ("host mx [192.0.2.1] said: 452 4.2.2 full", Said(452, "4.2.2")),
        ("Sorry, no mailbox here. (#5.1.1)", Said(None, "5.1.1")),
        ("the error was 554", Said(554, None)),
        ("554: delivery error", Said(554, None)),
        ("connect to 5.1.1.1: refused", Said(None, None)),
        ("version 15.2.1 of the program", Said(None, None)),
        ("552 1 Requested action aborted", Said(552, None)),
        ("550 see ticket 4.2.2", Said(550, None)),
        ("responded with code 550", Said(550, None)),
        ("after 550 messages", Said(None, None)),
        ("", Said(None, None)),
    ],
)
def test_codes_are_told_from_other_numbers(text: str, expected: Said) -> None:
    assert codes_in(text) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("rfc822; anna@mail.example", "anna@mail.example"),
        ("RFC822;anna@mail.example", "anna@mail.example"),
        ("rfc822; <anna@mail.example>", "anna@mail.example"),
        ("rfc822; anna@mail.example (Anna)", "anna@mail.example"),
        ("anna@mail.example", "anna@mail.example"),
        ("utf-8; j\\x{F6}rg@post.example", "jörg@post.example"),
        ("utf-8; j\\x{D800}@post.example", "j\ufffd@post.example"),
        ("rfc822; anna", None),
        ("rfc822;", None),
        ("x400; /G=Anna/", None),
        (None, None),
    ],
)
def test_addresses_are_read_in_the_forms_that_reports_have(field: str | None, expected: str | None) -> None:
    assert typed_address(field) == expected
