"""Suppressed addresses as stored."""

import pytest

from shared.aws.dynamodb import Table
from shared.clock import HOUR
from shared.errors import NotFound
from shared.suppression.model import Suppression, SuppressionSource
from shared.suppression.table import SuppressionTable, marker_key
from tests.unit.clock import NOON, SettableClock


@pytest.fixture
def suppressions(registry: Table, clock: SettableClock) -> SuppressionTable:
    return SuppressionTable(registry, clock)


def refused(address: str, since: int = NOON) -> Suppression:
    return Suppression(
        tenant_id="acme",
        address=address,
        reason="550 5.1.1 unknown",
        source=SuppressionSource.REFUSAL,
        since=since,
        message_id="m1",
        event_id="e1",
    )


def test_what_is_asked_for_is_found_under_its_own_spelling(suppressions: SuppressionTable) -> None:
    suppressions.put("acme", "Anna@example.com", "gone")
    suppressions.put("other", "bob@example.com", "gone")
    found = suppressions.among("acme", ["anna@EXAMPLE.com", "ANNA@example.com", "bob@example.com"])
    assert found.keys() == {"anna@EXAMPLE.com", "ANNA@example.com"}
    assert {each.address for each in found.values()} == {"Anna@example.com"}


def test_a_refusal_changes_nothing_that_is_known(suppressions: SuppressionTable, clock: SettableClock) -> None:
    suppressions.put("acme", "anna@example.com", "unsubscribed")
    suppressions.add([refused("Anna@example.com", NOON + HOUR), refused("bob@example.com", NOON + HOUR)])
    assert suppressions.get("acme", "anna@example.com").reason == "unsubscribed"
    assert suppressions.get("acme", "bob@example.com").event_id == "e1"


def test_the_tenant_replaces_what_a_relay_said(suppressions: SuppressionTable) -> None:
    suppressions.add([refused("bob@example.com")])
    replaced, is_new = suppressions.put("acme", "bob@example.com", "complained")
    assert (replaced.reason, replaced.message_id, is_new) == ("complained", None, False)
    assert suppressions.get("acme", "bob@example.com") == replaced


def test_a_tenant_with_any_is_marked_before_the_first(
    suppressions: SuppressionTable, registry: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert registry.get(marker_key("acme")) is None
    suppressions.add([refused("bob@example.com")])
    assert registry.get(marker_key("acme"))
    suppressions.delete("acme", "bob@example.com")
    with pytest.raises(NotFound):
        suppressions.delete("acme", "bob@example.com")
    assert suppressions.page("acme", limit=10).suppressions == []


def test_nothing_is_written_for_nothing(suppressions: SuppressionTable, registry: Table) -> None:
    suppressions.add([])
    assert suppressions.among("acme", []) == {}
    assert registry.get(marker_key("acme")) is None
