"""Mails are found by the Message-ID that their client chose."""

from collections.abc import Callable

import pytest

from shared.aws.dynamodb import Table
from shared.clock import ttl_seconds
from shared.identifiers import digest
from shared.instance.model import Instance
from shared.messages.intake import Intake, IntakeResult
from shared.messages.message_ids import MailName, MessageIds
from shared.messages.payloads import KEPT
from shared.messages.removal import Removal
from shared.messages.slices import SliceTable
from shared.messages.table import MailTable
from shared.tenants.model import Tenant
from tests.unit.stored import every_key

type Submit = Callable[..., IntakeResult]
CHOSEN = "<order-1@shop.example>"
A, B = MailName("acme", "a"), MailName("acme", "b")


def entry(mail_id: str, **fields: object) -> dict[str, object]:
    return {"id": mail_id, "from": "a@example.com", "to": "b@example.com", "text": "x"} | fields


@pytest.fixture
def submit(intake: Intake, tenant: Tenant) -> Submit:
    return lambda *entries: intake.accept(tenant, Instance(), entries, None)


@pytest.fixture
def message_ids(messages: Table) -> MessageIds:
    return MessageIds(messages)


def stored(messages: Table) -> list[str]:
    return [key for key in map(str, every_key(messages)) if "MSGID#" in key]


def test_a_mail_is_found_by_it_by_its_tenant_and_by_the_instance(submit: Submit, message_ids: MessageIds) -> None:
    submit(entry("a", message_id=CHOSEN))

    assert message_ids.find(CHOSEN, tenant_id="acme") == [A]
    assert message_ids.find(CHOSEN, tenant_id=None) == [A]
    assert message_ids.find(CHOSEN, tenant_id="acm") == []
    assert message_ids.find("<order-2@shop.example>", tenant_id=None) == []


def test_a_mail_whose_message_id_the_proxy_makes_costs_no_further_item(submit: Submit, messages: Table) -> None:
    submit(entry("a"))

    assert stored(messages) == []


def test_a_full_slice_of_such_mails_is_taken(submit: Submit, message_ids: MessageIds, mails: MailTable) -> None:
    result = submit(*(entry(f"m{number}", message_id=f"<{number}@shop.example>") for number in range(90)))

    assert len(result.accepted) == 90
    assert len({mails.get("acme", f"m{number}").slice_key for number in range(90)}) == 1
    assert message_ids.find("<89@shop.example>", tenant_id="acme") == [MailName("acme", "m89")]


def test_it_is_kept_as_long_as_the_content(submit: Submit, messages: Table, mails: MailTable) -> None:
    submit(entry("a", message_id=CHOSEN))

    mail = mails.get("acme", "a")
    assert mail.named_key is not None
    item = messages.get(mail.named_key)
    content = messages.get(mail.payload_item_key)
    assert item is not None
    assert content is not None
    assert item["ttl"] == content["ttl"] == ttl_seconds(mail.due_at + KEPT)


def test_mails_that_share_one_are_all_found(submit: Submit, message_ids: MessageIds) -> None:
    submit(entry("a", message_id=CHOSEN), entry("b", message_id=CHOSEN))

    assert message_ids.find(CHOSEN, tenant_id="acme") == [A, B]


def test_it_goes_with_its_mail_and_leaves_that_of_others(
    submit: Submit, message_ids: MessageIds, messages: Table, mails: MailTable, slices: SliceTable
) -> None:
    submit(entry("a", message_id=CHOSEN), entry("b", message_id=CHOSEN))

    Removal(messages=messages, mails=mails, slices=slices).remove_one("acme", "a")

    assert message_ids.find(CHOSEN, tenant_id="acme") == [B]


def test_a_replaced_mail_is_found_by_its_new_one_only(
    submit: Submit, message_ids: MessageIds, mails: MailTable
) -> None:
    submit(entry("a", message_id=CHOSEN))

    submit(entry("a", message_id="<new@shop.example>"))

    assert message_ids.find(CHOSEN, tenant_id="acme") == []
    assert message_ids.find("<new@shop.example>", tenant_id="acme") == [A]
    assert mails.get("acme", "a").message_id_digest == digest("<new@shop.example>")


def test_a_mail_replaced_under_the_same_one_is_still_found(submit: Submit, message_ids: MessageIds) -> None:
    submit(entry("a", message_id=CHOSEN))

    submit(entry("a", message_id=CHOSEN, text="other"))

    assert message_ids.find(CHOSEN, tenant_id="acme") == [A]


def test_many_mails_replaced_at_once_stay_within_a_transaction(submit: Submit, message_ids: MessageIds) -> None:
    names = [f"m{number}" for number in range(60)]
    submit(*(entry(each, message_id=f"<{each}@old.example>") for each in names))

    result = submit(*(entry(each, message_id=f"<{each}@new.example>", priority="low") for each in names))

    assert [each.id for each in result.accepted] == names
    assert all(message_ids.find(f"<{each}@old.example>", tenant_id="acme") == [] for each in names)
    assert all(message_ids.find(f"<{each}@new.example>", tenant_id="acme") for each in names)
