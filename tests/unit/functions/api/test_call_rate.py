"""How many calls a token may make, over functions that know nothing of each other."""

import pytest
from fastapi.testclient import TestClient

from shared.aws.dynamodb import Table, Update
from shared.clock import MINUTE, SECOND
from shared.errors import TooManyCalls
from shared.tenants.call_rate import CallRate
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import Api, CheckProblem


def admitted(rate: CallRate, calls: int) -> int:
    count = 0
    for _ in range(calls):
        try:
            rate.admit("acme")
        except TooManyCalls:
            continue
        count += 1
    return count


def test_a_token_that_spent_its_minute_is_told_when_to_come_back(
    admin: Api, acme: Api, clock: SettableClock, problem: CheckProblem
) -> None:
    assert admin.patch("/v1/tenants/acme", {"calls_per_minute": 3}).status_code == 200
    clock.advance(MINUTE + 20 * SECOND)
    assert [acme.get("/v1/tenants/acme").status_code for _ in range(3)] == [200] * 3
    refused = acme.get("/v1/tenants/acme")
    problem(refused, 429, "too_many_calls")
    assert refused.headers["retry-after"] == "40"
    assert admin.get("/v1/tenants/acme").status_code == 200
    clock.advance(40 * SECOND)
    assert acme.get("/v1/tenants/acme").status_code == 200


def test_the_instances_limit_holds_where_a_tenant_has_none_and_for_the_admin(
    admin: Api, acme: Api, clock: SettableClock, client: TestClient
) -> None:
    assert admin.put("/v1/instance", {"calls_per_minute": 2}).json()["calls_per_minute"] == 2
    clock.advance(MINUTE)
    for api in (acme, admin):
        assert [api.get("/v1/tenants/acme").status_code for _ in range(3)] == [200, 200, 429]


def test_a_tenant_cannot_raise_its_own_limit(acme: Api, problem: CheckProblem) -> None:
    problem(acme.patch("/v1/tenants/acme", {"calls_per_minute": 1_000_000}), 403, "forbidden")


def test_all_functions_together_admit_no_more_than_the_limit_and_waste_little(
    admin: Api, registry: Table, messages: Table, clock: SettableClock
) -> None:
    admin.patch("/v1/tenants/acme", {"calls_per_minute": 200})
    functions = [CallRate(registry=registry, messages=messages, clock=clock) for _ in range(10)]
    # Each makes a few calls, then one makes as many as it can, then the others again.
    few = sum(admitted(each, 5) for each in functions)
    assert few == 50
    assert few + admitted(functions[0], 500) + sum(admitted(each, 500) for each in functions[1:]) == 200


def test_few_calls_cost_a_write_and_none_does_while_refused(
    admin: Api, registry: Table, messages: Table, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.patch("/v1/tenants/acme", {"calls_per_minute": 1_000})
    writes, update = list[Update](), Table.update

    def counted(self: Table, change: Update) -> object:
        writes.append(change)
        return update(self, change)

    monkeypatch.setattr(Table, "update", counted)
    rate = CallRate(registry=registry, messages=messages, clock=clock)
    assert admitted(rate, 500) == 500
    assert len(writes) < 30
    assert admitted(rate, 2_000) == 500
    spent = len(writes)
    assert admitted(rate, 100) == 0
    assert len(writes) == spent
