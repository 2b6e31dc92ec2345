"""Replacing and revoking API keys over HTTP."""

import re
from collections.abc import Sequence

import pytest
from fastapi.testclient import TestClient

from functions.api.auth import CACHED
from shared.aws.dynamodb import Table, Write
from shared.clock import DAY, HOUR, MINUTE, SECOND, iso8601
from shared.errors import Conflict
from shared.tenants.api_keys import ApiKeyTable
from tests import boto
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import Api, CheckProblem, Keys

PATH = "/v1/tenants/acme/api-key"


def works(client: TestClient, key: str) -> bool:
    return Api(client, key).get("/v1/tenants/acme").status_code == 200


def rotated(admin: Api, **call: object) -> str:
    answer = admin.post(PATH, call)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["api_key"])


def test_a_new_key_is_shown_once_and_the_old_one_works_for_an_hour_more(
    admin: Api, keys: Keys, client: TestClient, registry: Table, clock: SettableClock
) -> None:
    answer = admin.post(PATH)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    shown = answer.json()
    assert len(shown["api_key"]) == 43
    assert re.fullmatch("[0-9a-f]{16}", shown["id"])
    assert shown["expires_at"] is None
    assert shown["previous"]["expires_at"] == iso8601(clock.now + HOUR)
    assert works(client, keys.acme)
    assert works(client, shown["api_key"])
    stored = str(boto.dynamodb().scan(TableName=registry.name)["Items"])
    assert shown["api_key"] not in stored
    clock.advance(HOUR)
    assert not works(client, keys.acme)
    assert works(client, shown["api_key"])


def test_without_overlap_the_old_key_dies_within_thirty_seconds(
    admin: Api, keys: Keys, client: TestClient, clock: SettableClock
) -> None:
    assert works(client, keys.acme)
    new = rotated(admin, overlap_seconds=0)
    clock.advance(CACHED)
    assert CACHED <= 30 * SECOND
    assert not works(client, keys.acme)
    assert works(client, new)


def test_there_is_one_live_key_and_at_most_one_before_it(
    admin: Api, keys: Keys, client: TestClient, clock: SettableClock
) -> None:
    first, second, third = (rotated(admin, overlap_seconds=86_400) for _ in range(3))
    clock.advance(CACHED)
    assert [works(client, key) for key in (keys.acme, first, second, third)] == [False, False, True, True]


def test_rotating_again_gives_an_ending_key_no_more_time(admin: Api, client: TestClient, clock: SettableClock) -> None:
    ending = rotated(admin, expires_at=iso8601(clock.now + 10 * MINUTE))
    rotated(admin, overlap_seconds=86_400)
    clock.advance(10 * MINUTE)
    assert not works(client, ending)


def test_a_key_with_an_end_works_until_then_and_not_a_moment_longer(
    admin: Api, client: TestClient, clock: SettableClock
) -> None:
    key = rotated(admin, expires_at=iso8601(clock.now + 40 * SECOND))
    clock.advance(40 * SECOND - 1)
    assert works(client, key)
    clock.advance(1)
    assert not works(client, key)


def test_revoking_ends_all_keys_within_thirty_seconds_and_can_be_repeated(
    admin: Api, keys: Keys, client: TestClient, clock: SettableClock
) -> None:
    second = rotated(admin)
    assert works(client, keys.acme)
    assert works(client, second)
    assert [admin.delete(PATH).status_code for _ in range(2)] == [204, 204]
    clock.advance(CACHED)
    assert not works(client, keys.acme)
    assert not works(client, second)
    assert works(client, rotated(admin))
    assert works(client, keys.other) is False
    assert Api(client, keys.other).get("/v1/tenants/other").status_code == 200


def test_a_rotation_that_breaks_a_rule_is_refused_and_changes_nothing(
    admin: Api, keys: Keys, client: TestClient
) -> None:
    calls: list[tuple[dict[str, object], str]] = [
        ({"overlap_seconds": -1}, "/overlap_seconds"),
        ({"overlap_seconds": 7 * DAY // SECOND + 1}, "/overlap_seconds"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2027-01-01T00:00:00"}, "/expires_at"),
        ({"expires_at": 1e300}, "/expires_at"),
        ({"expires_at": 1_800_000_000}, "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, "/expires_at"),
        ({"overlap_seconds": True}, "/overlap_seconds"),
        ({"expires": 1}, "/expires"),
    ]
    for call, pointer in calls:
        answer = admin.post(PATH, call)
        assert answer.status_code == 422, answer.text
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert works(client, keys.acme)


def test_nobody_gets_a_key_for_a_tenant_that_is_not_there(admin: Api, problem: CheckProblem) -> None:
    problem(admin.post("/v1/tenants/nobody/api-key"), 404, "not_found")
    problem(admin.delete("/v1/tenants/nobody/api-key"), 404, "not_found")


def test_calls_at_the_same_time_leave_no_key_that_nobody_can_revoke(
    admin: Api, registry: Table, clock: SettableClock
) -> None:
    def rotation_of(table: Table) -> None:
        ApiKeyTable(table).rotate("acme", now=clock.now, expires_at=None, overlap=0)

    class Interrupted(Table):
        """Another rotation comes between the reading and the first writing."""

        met = False

        def transact(self, writes: Sequence[Write]) -> None:
            if not self.met:
                self.met = True
                rotation_of(registry)
            super().transact(writes)

    with pytest.raises(Conflict):
        rotation_of(Interrupted(registry._service, registry.name))
    ApiKeyTable(Interrupted(registry._service, registry.name)).revoke("acme")

    items = boto.dynamodb().scan(TableName=registry.name)["Items"]
    assert [each["tenant_id"]["S"] for each in items if each["sk"] == {"S": "APIKEY"}] == ["other"]
