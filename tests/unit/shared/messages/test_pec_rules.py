"""What a PEC account takes at submission."""

import base64
from typing import Any

import pytest

from shared.accounts.model import Account, AccountSettings, TlsMode
from shared.accounts.table import AccountTable
from shared.instance.model import Instance
from shared.messages.intake import Intake
from shared.messages.pec_rules import MEGABYTE, size_breach
from shared.messages.pec_submission import breach_at_submission
from shared.messages.submission import parse_submission
from shared.tenants.model import Tenant
from tests.unit.clock import NOON


def an_account(**changes: Any) -> Account:
    fields: dict[str, Any] = {
        "tenant_id": "acme",
        "id": "pec",
        "host": "smtps.pec.example",
        "port": 465,
        "tls": TlsMode.TLS,
        "is_pec_account": True,
        "version": 1,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Account(**(fields | changes))


def an_entry(**changes: Any) -> dict[str, Any]:
    fields = {"id": "m1", "from": "Studio <studio@pec.example>", "to": "a@pec.example", "subject": "x", "text": "x"}
    return fields | changes


def an_attachment(size: int) -> dict[str, Any]:
    return {"filename": "a.pdf", "storage_path": "base64:" + base64.b64encode(bytes(size)).decode()}


def breach_of(account: Account | None = None, **changes: Any) -> str | None:
    breach = breach_at_submission(parse_submission(an_entry(**changes)), account or an_account())
    return breach.code if breach else None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"cc": ["b@pec.example", "c@example.net"]}, None),
        ({"reply_to": "office@example.org"}, None),
        ({"return_path": "studio@pec.example"}, None),
        ({"return_path": "Studio@PEC.example"}, None),
        ({"bcc": ["b@pec.example"]}, "pec_bcc"),
        ({"to": [], "bcc": ["b@pec.example"]}, "pec_bcc"),
        ({"to": [], "cc": ["b@pec.example"]}, "pec_to"),
        ({"return_path": "bounces@pec.example"}, "pec_return_path"),
    ],
)
def test_the_relay_is_to_be_told_exactly_what_the_header_says(changes: dict[str, Any], code: str | None) -> None:
    assert breach_of(**changes) == code


def test_an_account_that_is_none_has_no_such_rules() -> None:
    everything = {"bcc": ["b@example.net"], "return_path": "bounces@example.org"}

    assert breach_of(an_account(is_pec_account=False, pec_max_total_mb=1), **everything) is None


def test_a_breach_names_the_field_and_what_to_do() -> None:
    breach = breach_at_submission(parse_submission(an_entry(return_path="b@pec.example")), an_account())

    assert breach is not None
    assert breach.detail == "return_path: a PEC account sends from studio@pec.example only; leave it out"


@pytest.mark.parametrize(
    ("recipients", "attachment", "limit", "code"),
    [
        (1, 700_000, 1, None),  # 958 KB in base64
        (1, 740_000, 1, "pec_too_large"),  # 1013 KB in base64
        (2, 360_000, 1, None),
        (2, 370_000, 1, "pec_too_large"),
        (2, 370_000, 2, None),
        (50, 400_000, 30, None),
        (50, 450_000, 30, "pec_too_large"),
    ],
)
def test_the_size_is_counted_once_for_each_recipient(
    recipients: int, attachment: int, limit: int, code: str | None
) -> None:
    names = [f"r{number}@pec.example" for number in range(recipients)]
    account = an_account(pec_max_total_mb=limit)

    assert breach_of(account, to=names[:1], cc=names[1:], attachments=[an_attachment(attachment)]) == code


def test_the_bodies_count_as_well() -> None:
    assert breach_of(an_account(pec_max_total_mb=1), text="x" * 600_000, html="y" * 600_000) == "pec_too_large"


def test_too_large_is_told_with_both_numbers() -> None:
    breach = size_breach(12 * MEGABYTE, 3, an_account())

    assert breach is not None
    assert "36.0 MB" in breach.detail
    assert "30 MB" in breach.detail
    assert size_breach(10 * MEGABYTE, 3, an_account()) is None


def test_a_call_has_only_its_breaches_rejected(intake: Intake, tenant: Tenant, accounts: AccountTable) -> None:
    settings = AccountSettings(host="smtps.pec.example", port=465, tls=TlsMode.TLS, is_pec_account=True)
    accounts.put("acme", "pec", settings)
    entries = [
        an_entry(id="good", account_id="pec"),
        an_entry(id="bcc", account_id="pec", bcc=["b@pec.example"]),
        an_entry(id="elsewhere", account_id="main", bcc=["b@pec.example"]),
        an_entry(id="path", account_id="pec", return_path="b@pec.example"),
    ]

    result = intake.accept(tenant, Instance(), entries, None)

    assert [each.id for each in result.accepted] == ["good", "elsewhere"]
    assert [(each.index, each.id, each.code) for each in result.rejected] == [
        (1, "bcc", "pec_bcc"),
        (3, "path", "pec_return_path"),
    ]
