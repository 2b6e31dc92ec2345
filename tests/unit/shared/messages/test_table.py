"""Listing and reading mails."""

from shared.aws.dynamodb import Table
from shared.messages.model import Mail, Priority, Status
from shared.messages.table import MailPosition, MailTable, RecipientResult, recipients_to_item
from tests.unit.clock import NOON


def mail(mail_id: str, at: int, tenant_id: str = "acme", batch_code: str | None = None) -> Mail:
    return Mail(
        tenant_id=tenant_id,
        id=mail_id,
        account_id="main",
        priority=Priority.MEDIUM,
        status=Status.PENDING,
        generation=1,
        slice_key="",
        payload_key="PAYLOAD#1#x",
        digest="x",
        created_at=at,
        due_at=at,
        batch_code=batch_code,
    )


def test_a_tenants_mails_come_latest_first_page_by_page(messages: Table, mails: MailTable) -> None:
    messages.batch_write(mail(f"m{number}", NOON + number // 2).to_item() for number in range(5))
    messages.put(mail("theirs", NOON, "other").to_item())
    found: list[str] = []
    after: MailPosition | None = None
    for _ in range(4):
        page = mails.page("acme", limit=2, after=after)
        found += [each.id for each in page.mails]
        after = page.next
        if after is None:
            break
    assert found == ["m4", "m3", "m2", "m1", "m0"]


def test_a_place_need_not_exist_and_cannot_name_another_tenants(messages: Table, mails: MailTable) -> None:
    messages.put(mail("theirs", NOON, "other").to_item())
    messages.put(mail("ours", NOON - 5).to_item())
    page = mails.page("acme", limit=10, after=MailPosition(NOON, "theirs"))
    assert [each.id for each in page.mails] == ["ours"]
    assert mails.page("acme", limit=10, after=MailPosition(0, "x")).mails == []


def test_a_batch_is_listed_by_itself(messages: Table, mails: MailTable) -> None:
    messages.put(mail("a", NOON, batch_code="x").to_item())
    messages.put(mail("b", NOON, batch_code="y").to_item())
    messages.put(mail("c", NOON, "other", batch_code="x").to_item())
    assert [each.id for each in mails.page("acme", limit=10, batch_code="x").mails] == ["a"]


def test_recipients_read_back_as_written(messages: Table, mails: MailTable) -> None:
    results = [
        RecipientResult(address="a@example.com", status="sent", code=250, enhanced="2.0.0", reply="ok"),
        RecipientResult(address="b@example.com", status="deferred"),
    ]
    assert mails.recipients(mail("a", NOON)) == []
    messages.put(recipients_to_item(mail("a", NOON), results))
    assert mails.recipients(mail("a", NOON)) == results
