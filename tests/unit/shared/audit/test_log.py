"""The audit log: records in order, by time and tenant, and none lost unheard."""

import json
from collections.abc import Iterator
from io import StringIO

import pytest

from shared.audit import log as audit_log
from shared.audit.log import AuditLog, CommandPage
from shared.audit.model import Actor, ActorKind, Entry
from shared.aws.dynamodb import Table
from shared.clock import DAY, HOUR, SECOND
from shared.errors import StorageUnavailable
from shared.instance.model import Instance
from shared.instance.table import InstanceTable
from tests.unit.clock import NOON, SettableClock
from tests.unit.stored import every_item

ADMIN = Actor(kind=ActorKind.ADMIN)


@pytest.fixture
def audit(registry: Table, clock: SettableClock) -> AuditLog:
    return AuditLog(registry, InstanceTable(registry), clock)


def done(action: str, tenant_id: str | None = "acme") -> Entry:
    return Entry(actor=ADMIN, action=action, tenant_id=tenant_id)


def actions(page: CommandPage) -> list[str]:
    return [each.entry.action for each in page.commands]


def pages(
    audit: AuditLog, limit: int, *, latest_first: bool = True, tenant_id: str | None = None
) -> Iterator[list[str]]:
    place: str | None = None
    while True:
        page = audit.page(limit=limit, after=place, latest_first=latest_first, tenant_id=tenant_id)
        yield actions(page)
        if page.next is None:
            return
        place = page.next


def test_records_of_all_tenants_come_in_one_order_over_months_and_pages(audit: AuditLog, clock: SettableClock) -> None:
    names = [f"a{number:02d}" for number in range(40)]
    for number, name in enumerate(names):
        audit.record(done(name, ("acme", "other", None)[number % 3]))
        clock.advance(3 * DAY if number % 10 == 9 else 7)
    assert list(pages(audit, 7)) == [names[::-1][start : start + 7] for start in range(0, 40, 7)]
    assert [name for page in pages(audit, 7, latest_first=False) for name in page] == names
    assert [name for page in pages(audit, 4, tenant_id="acme") for name in page] == names[::-1][::3]
    assert [name for page in pages(audit, 4, tenant_id="acme", latest_first=False) for name in page] == names[::3]


def test_a_time_begins_with_since_and_ends_before_until(audit: AuditLog, clock: SettableClock) -> None:
    for name in "abcd":
        audit.record(done(name))
        clock.advance(SECOND)
    for tenant_id in ("acme", None):
        within = audit.page(limit=9, tenant_id=tenant_id, since=NOON + SECOND, until=NOON + 3 * SECOND)
        assert actions(within) == ["c", "b"]
    assert actions(audit.page(limit=9, since=NOON + SECOND, until=NOON + SECOND)) == []
    assert actions(audit.page(limit=9, until=NOON - 400 * DAY)) == []


def test_a_tenant_has_no_records_of_another_nor_of_the_instance(audit: AuditLog) -> None:
    for tenant_id in ("acme", "acme-2", None):
        audit.record(done(f"of-{tenant_id}", tenant_id))
    assert actions(audit.page(limit=9, tenant_id="acme")) == ["of-acme"]
    assert len(audit.page(limit=9).commands) == 3


def test_a_page_ends_with_what_an_answer_can_hold(audit: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "MAX_PAGE_BYTES", 3_000)
    for number in range(9):
        audit.record(done(f"a{number}").model_copy(update={"body": {"text": "x" * 1_000}}))
    found = list(pages(audit, 9))
    assert [len(page) for page in found] == [2, 2, 2, 2, 1]
    assert sorted(name for page in found for name in page) == [f"a{number}" for number in range(9)]


def test_everything_that_was_recorded_comes_back(audit: AuditLog, clock: SettableClock) -> None:
    entry = Entry(
        actor=Actor(kind=ActorKind.TENANT, tenant_id="acme", key_id="9f86d081884c7d65"),
        action="put_account",
        tenant_id="acme",
        method="PUT",
        route="/v1/tenants/{tenant_id}/accounts/{account_id}",
        objects={"account_id": "main"},
        status=200,
        replayed=True,
        request_id="r-1",
        body={"port": 587, "share": 0.5, "none": None, "list": [1, True, "ü"]},
        result={"accepted": ["MSG-1"]},
    )
    audit.record(entry)
    (command,) = audit.page(limit=9).commands
    assert (command.at, command.entry) == (NOON, entry)


def test_a_record_is_kept_as_the_instance_says_and_another_word_counts_within_a_minute(
    audit: AuditLog, registry: Table, clock: SettableClock
) -> None:
    audit.record(done("a"))
    InstanceTable(registry).put(Instance(audit_days=30))
    clock.advance(60 * SECOND)
    audit.record(done("b"))
    ends = {item["action"]: item["ttl"] for item in every_item(registry) if "action" in item}
    assert ends == {"a": NOON // SECOND + 365 * 86_400, "b": NOON // SECOND + 60 + 30 * 86_400}


def test_what_was_to_be_kept_for_longer_is_found_by_its_time(
    audit: AuditLog, registry: Table, clock: SettableClock
) -> None:
    audit.record(done("a"))
    InstanceTable(registry).put(Instance(audit_days=1))
    clock.advance(2 * DAY)
    assert actions(audit.page(limit=9)) == []
    assert actions(audit.page(limit=9, since=NOON)) == ["a"]


def test_the_records_of_all_are_spread_over_partitions(audit: AuditLog, registry: Table) -> None:
    for number in range(60):
        audit.record(done(f"a{number}"))
    places = {item["by_kind_pk"] for item in every_item(registry)}
    assert places == {f"COMMANDS#2026-01#{shard}" for shard in range(4)}


def test_what_cannot_be_recorded_is_told_with_who_did_what_but_not_with_what_may_be_an_address(
    audit: AuditLog, log: StringIO, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(*_: object) -> None:
        raise StorageUnavailable("DynamoDB PutItem: throttled")

    monkeypatch.setattr(Table, "put", unreachable)
    actor = Actor(kind=ActorKind.TENANT, tenant_id="acme", key_id="9f86d081884c7d65")
    objects = {"account_id": "main", "address": "anna@example.com"}
    audit.record(
        Entry(actor=actor, action="put", tenant_id="acme", objects=objects, status=200, body={"reason": "private"})
    )
    (line,) = [json.loads(each) for each in log.getvalue().splitlines()]
    assert line["level"] == "ERROR"
    assert (line["actor_kind"], line["actor_key_id"], line["action"], line["tenant_id"], line["status"]) == (
        ("tenant", "9f86d081884c7d65", "put", "acme", 200)
    )
    assert line["objects"] == {"account_id": "main"}
    assert "anna@" not in log.getvalue()
    assert "private" not in log.getvalue()
    assert json.loads(capsys.readouterr().out)["CommandsNotRecorded"] == [1.0]


def test_what_the_proxy_does_by_itself_can_be_recorded(audit: AuditLog) -> None:
    audit.record(Entry(actor=Actor.proxy("reporter"), action="disable_push", tenant_id="acme"))
    (command,) = audit.page(limit=9, tenant_id="acme").commands
    assert command.entry.actor == Actor(kind=ActorKind.PROXY, component="reporter")


def test_ten_years_without_a_record_are_looked_through(audit: AuditLog, registry: Table, clock: SettableClock) -> None:
    InstanceTable(registry).put(Instance(audit_days=3_650))
    audit.record(done("a"))
    clock.advance(3_600 * DAY)
    assert actions(audit.page(limit=9, tenant_id="acme", since=NOON - HOUR)) == ["a"]
