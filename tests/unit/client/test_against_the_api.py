"""Both clients against the API itself."""

from datetime import timedelta

import pytest

from mail_proxy import (
    AsyncMailProxy,
    Conflict,
    Forbidden,
    Invalid,
    MailProxy,
    NewTenantView,
    NotFound,
    NothingAccepted,
    SendingLimits,
    Submission,
    Tenant,
    TenantChanges,
    TenantSettings,
    TenantView,
    Unauthenticated,
)
from mail_proxy.transports import BlockingTransport
from shared.aws.dynamodb import Table, Update
from shared.messages.model import mail_key
from tests.unit.client.conftest import BASE_URL

type Acme = Tenant[BlockingTransport]


def mail(number: int, **more: object) -> Submission:
    fields = {"id": f"MSG-{number}", "from": "Acme <no-reply@acme.example>", "to": ["anna@example.com"], "text": "Hi"}
    return Submission.model_validate(fields | more)


def test_a_message_is_submitted_read_and_listed(acme: Acme) -> None:
    answer = acme.messages.submit([mail(1, subject="Hello", batch_code="news"), mail(2, account_id="nowhere")])
    assert [(each.id, each.status) for each in answer.accepted] == [("MSG-1", "pending")]
    assert [(each.index, each.id, each.code) for each in answer.rejected] == [(1, "MSG-2", "unknown_account")]

    shown = acme.messages.get("MSG-1")
    assert (shown.status, shown.batch_code) == ("pending", "news")
    assert shown.created_at.tzinfo is not None
    assert shown.content is not None
    assert (shown.content.subject, shown.content.from_) == ("Hello", "Acme <no-reply@acme.example>")
    [listed] = acme.messages.list(batch_code="news", since=shown.created_at - timedelta(hours=1))
    assert listed.pk == shown.pk


def test_one_message_is_sent_by_its_parts(acme: Acme, messages: Table) -> None:
    accepted = acme.messages.send(from_="a@acme.example", to="b@example.com", subject="Hi", text="Hi", priority="high")
    messages.update(Update(mail_key("acme", accepted.id), set={"status": "sent"}))
    assert acme.messages.wait_until_sent(accepted.id).priority == "high"


def test_pages_are_fetched_as_they_are_asked_for(acme: Acme) -> None:
    acme.messages.submit(mail(number) for number in range(7))
    pages = list(acme.messages.list(page_size=3).pages())
    assert [len(page.items) for page in pages] == [3, 3, 1]
    assert [each.id for each in acme.messages.list(page_size=3)] == [f"MSG-{number}" for number in range(6, -1, -1)]
    after_first = acme.messages.list(page_size=3, cursor=pages[0].next_cursor)
    assert [each.id for each in after_first] == ["MSG-3", "MSG-2", "MSG-1", "MSG-0"]


def test_messages_are_taken_back_and_their_records_deleted(acme: Acme) -> None:
    acme.messages.submit(mail(number) for number in range(3))
    assert acme.messages.cancel("MSG-0").status == "cancelled"
    with pytest.raises(Conflict) as refused:
        acme.messages.retry("MSG-1")
    assert refused.value.code == "conflict"
    acme.messages.delete("MSG-1")
    assert acme.messages.delete_many(["MSG-2", "MSG-9"]).not_found == ("MSG-9",)
    assert acme.messages.cleanup(older_than_seconds=0) == 0
    with pytest.raises(NotFound):
        acme.messages.get("MSG-1")


def test_a_refused_submission_says_why_of_each_message(acme: Acme) -> None:
    with pytest.raises(NothingAccepted) as refused:
        acme.messages.submit([mail(1, to=["not an address"])])
    assert [(each.index, each.code) for each in refused.value.rejected] == [(0, "invalid_address")]


def test_an_invalid_setting_is_named_by_its_pointer(proxy: MailProxy) -> None:
    with pytest.raises(Invalid) as refused:
        proxy.tenants.put("acme", TenantSettings(limits=SendingLimits(per_day=0)))
    [broken] = refused.value.errors
    assert (broken.in_, broken.pointer) == ("body", "/limits/per_day")
    assert refused.value.request_id


def test_a_tenant_is_created_changed_and_deleted(proxy: MailProxy) -> None:
    created = proxy.tenants.put("acme", TenantSettings(name="Acme"))
    assert isinstance(created, NewTenantView)
    assert created.api_key not in repr(created)
    assert created.signing_secret.startswith("whsec_")
    again = proxy.tenants.put("acme", TenantSettings(name="Acme Ltd"))
    assert type(again) is TenantView
    acme = proxy.tenant("acme")
    assert acme.change(TenantChanges(calls_per_minute=10)).name == "Acme Ltd"
    assert acme.change(TenantChanges(name=None)).name is None
    assert [each.id for each in proxy.tenants.list()] == ["acme"]
    assert proxy.tenants.delete("acme").deleting


def test_a_tenants_key_reaches_its_tenant_only(proxy: MailProxy) -> None:
    created = proxy.tenants.put("acme")
    assert isinstance(created, NewTenantView)
    http = proxy._transport._http
    own = MailProxy(BASE_URL, created.api_key, http=http)
    assert own.tenant("acme").get().id == "acme"
    with pytest.raises(Forbidden):
        own.tenant("other").get()
    with pytest.raises(Unauthenticated):
        MailProxy(BASE_URL, "another", http=http).tenant("acme").get()


def test_what_an_operator_watches(proxy: MailProxy, acme: Acme) -> None:
    acme.messages.submit([mail(1)])
    assert proxy.health().status == "ok"
    assert proxy.status().accounts[0].account_id == "main"
    assert [each.account_id for each in acme.account_statuses()] == ["main"]
    assert sum(lane.waiting.messages for lane in acme.status().accounts[0].lanes) == 1
    assert "gmp_pending_messages" in proxy.metrics()
    assert proxy.instance.pause().paused
    assert not proxy.instance.resume().paused
    actions = [each.action for each in proxy.commands.list(tenant_id="acme")]
    assert set(actions) == {"put_tenant", "put_account", "submit_messages"}
    assert [each.action for each in proxy.commands.export(tenant_id="acme")] == actions[::-1]
    assert list(proxy.dead_letters.list()) == []
    assert proxy.dead_letters.redrive().redriven == 0


def test_mail_is_held_back_and_let_go(acme: Acme) -> None:
    assert acme.suspend("news").suspended_batches == ("news",)
    assert acme.activate("news").suspended_batches == ()
    assert acme.suspend().suspended
    assert not acme.activate().suspended


def test_addresses_are_suppressed_and_let_go(acme: Acme) -> None:
    acme.suppressions.put("Anna+x@Example.com", reason="asked us to")
    [suppressed] = acme.suppressions.list()
    assert (suppressed.reason, suppressed.source) == ("asked us to", "tenant")
    acme.suppressions.delete("anna+x@example.com")
    with pytest.raises(NotFound):
        acme.suppressions.get("anna+x@example.com")


def test_an_account_is_tried(acme: Acme) -> None:
    verification = acme.accounts.verify("main")
    assert not verification.ok
    assert verification.failure is not None
    assert verification.failure.step == "resolve"


def test_keys_are_replaced(acme: Acme) -> None:
    rotated = acme.rotate_api_key(overlap_seconds=60)
    assert rotated.previous is not None
    assert rotated.api_key not in repr(rotated)
    assert acme.rotate_signing_secret().previous_until is not None
    acme.revoke_api_key()


def test_nothing_is_read_of_a_mailbox_that_nobody_set_up(acme: Acme) -> None:
    assert list(acme.mailboxes.list()) == []
    with pytest.raises(NotFound):
        acme.mailboxes.get("bounces")


async def test_the_same_is_awaited(async_proxy: AsyncMailProxy) -> None:
    created = await async_proxy.tenants.put("acme")
    assert isinstance(created, NewTenantView)
    acme = async_proxy.tenant("acme")
    with pytest.raises(NothingAccepted):
        await acme.messages.submit([mail(1)])
    assert [each.id async for each in async_proxy.tenants.list()] == ["acme"]
    assert [each async for each in acme.messages.list(page_size=1)] == []
    assert (await async_proxy.status()).paused is False
