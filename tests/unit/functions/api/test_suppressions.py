"""Suppressed addresses over HTTP."""

import pytest

from tests.unit.functions.api.caller import Api, CheckProblem

SUPPRESSIONS = "/v1/tenants/acme/suppressions"


def test_an_address_is_suppressed_shown_and_let_go(acme: Api, problem: CheckProblem) -> None:
    created = acme.put(f"{SUPPRESSIONS}/Anna@example.com", {"reason": "unsubscribed"})
    assert created.status_code == 201
    assert created.json() == {
        "address": "Anna@example.com",
        "reason": "unsubscribed",
        "source": "tenant",
        "message_id": None,
        "event_id": None,
        "since": "2026-01-01T12:00:00.000Z",
    }
    assert acme.get(f"{SUPPRESSIONS}/Anna@example.com").json() == created.json()
    again = acme.put(f"{SUPPRESSIONS}/Anna@example.com", {})
    assert (again.status_code, again.json()["reason"]) == (200, "suppressed by the tenant")
    assert acme.delete(f"{SUPPRESSIONS}/Anna@example.com").status_code == 204
    problem(acme.delete(f"{SUPPRESSIONS}/Anna@example.com"), 404, "not_found")
    problem(acme.get(f"{SUPPRESSIONS}/Anna@example.com"), 404, "not_found")


def test_addresses_that_differ_by_case_are_one(acme: Api) -> None:
    acme.put(f"{SUPPRESSIONS}/Anna@Example.COM", {})
    assert acme.put(f"{SUPPRESSIONS}/anna@example.com", {}).status_code == 200
    assert acme.get(f"{SUPPRESSIONS}/ANNA@example.com").status_code == 200
    assert len(acme.get(SUPPRESSIONS).json()["suppressions"]) == 1


@pytest.mark.parametrize("address", ["a%2Fb@example.com", "a/b@example.com", "b%C3%BCro@b%C3%BCcher.example"])
def test_any_address_can_stand_in_the_path(acme: Api, address: str) -> None:
    assert acme.put(f"{SUPPRESSIONS}/{address}", {}).status_code == 201
    assert acme.get(f"{SUPPRESSIONS}/{address}").status_code == 200
    assert acme.delete(f"{SUPPRESSIONS}/{address}").status_code == 204


@pytest.mark.parametrize("address", ["anna", "Anna%20%3Canna@example.com%3E", "a@b.example,c@d.example", "%0D%0A", ""])
def test_what_is_no_address_is_refused(acme: Api, problem: CheckProblem, address: str) -> None:
    problem(acme.put(f"{SUPPRESSIONS}/{address}", {}), 422, "invalid")


def test_they_are_listed_in_order_page_by_page_and_by_tenant(acme: Api, admin: Api, problem: CheckProblem) -> None:
    for name in ("carol", "Anna", "bob"):
        acme.put(f"{SUPPRESSIONS}/{name}@example.com", {})
    admin.put("/v1/tenants/other/suppressions/dave@example.com", {})
    listed: list[str] = []
    query: dict[str, str | int] = {"limit": 2}
    while True:
        page = acme.get(SUPPRESSIONS, **query).json()
        listed += [each["address"] for each in page["suppressions"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert listed == ["Anna@example.com", "bob@example.com", "carol@example.com"]
    problem(admin.get("/v1/tenants/other/suppressions", **query), 422, "invalid")
    problem(acme.get("/v1/tenants/other/suppressions"), 403, "forbidden")


def test_only_known_tenants_suppress_and_only_with_known_fields(admin: Api, problem: CheckProblem) -> None:
    problem(admin.put("/v1/tenants/nobody/suppressions/a@example.com", {}), 404, "not_found")
    problem(admin.put(f"{SUPPRESSIONS}/a@example.com", {"colour": "red"}), 422, "invalid")
    problem(admin.put(f"{SUPPRESSIONS}/a@example.com", {"reason": "a\r\nb"}), 422, "invalid")
