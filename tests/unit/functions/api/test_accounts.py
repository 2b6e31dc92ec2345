"""Accounts over HTTP."""

from functions.api.services import Services
from shared.aws.dynamodb import Table, Update
from shared.clock import HOUR
from shared.lines.line import LineKind, account_line, part_of
from tests import boto
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import Api, CheckProblem, MakeMessage

ACCOUNTS = "/v1/tenants/acme/accounts"
RELAY = {"host": "smtp.example.com", "port": 587, "tls": "starttls", "username": "acme", "password": "SECRET"}


def test_an_account_is_shown_without_its_password(acme: Api) -> None:
    created = acme.put(f"{ACCOUNTS}/second", RELAY)
    assert created.status_code == 201
    assert created.json() == {
        "id": "second",
        "host": "smtp.example.com",
        "port": 587,
        "tls": "starttls",
        "username": "acme",
        "has_password": True,
        "oauth": None,
        "verify_certificate": True,
        "has_ca_certificate": False,
        "max_connections": None,
        "batch_size": 100,
        "idle_seconds": 60,
        "parallelism": 1,
        "limits": {
            "per_second": None,
            "per_minute": None,
            "per_hour": None,
            "per_day": None,
            "count": "messages",
            "behavior": "defer",
        },
        "is_pec_account": False,
        "pec_max_total_mb": 30,
        "health": {"status": "ok", "since": None, "scope": None, "stage": None, "code": None, "reason": None},
        "created_at": "2026-01-01T12:00:00.000Z",
        "updated_at": "2026-01-01T12:00:00.000Z",
    }
    again = acme.put(f"{ACCOUNTS}/second", RELAY)
    assert (again.status_code, again.json()) == (200, created.json())
    assert acme.get(f"{ACCOUNTS}/second").json() == created.json()
    listed = acme.get(ACCOUNTS)
    assert [each["id"] for each in listed.json()["accounts"]] == ["main", "second"]
    assert "SECRET" not in listed.text


def test_a_password_left_out_stays_unless_it_would_go_elsewhere(
    acme: Api, services: Services, problem: CheckProblem
) -> None:
    acme.put(f"{ACCOUNTS}/second", RELAY)
    without = {name: value for name, value in RELAY.items() if name != "password"}
    assert acme.put(f"{ACCOUNTS}/second", without | {"port": 2525}).json()["has_password"] is True
    assert services.accounts.password(services.accounts.get("acme", "second")) == "SECRET"
    for changed in ({"host": "evil.example"}, {"username": "other"}):
        document = problem(acme.put(f"{ACCOUNTS}/second", without | changed), 422, "missing_field")
        assert document["errors"][0]["pointer"] == "/password"


OAUTH = {
    "grant": "client_credentials",
    "token_url": "https://login.example/token",
    "client_id": "c",
    "client_secret": "SECRET",
}
BAD_VALUES: list[tuple[dict[str, object], str]] = [
    ({"port": 0}, "/port"),
    ({"port": 65_536}, "/port"),
    ({"tls": "ssl"}, "/tls"),
    ({"host": "smtp.example.com\r\n"}, "/host"),
    ({"host": ""}, "/host"),
    ({"username": "a\x00b"}, "/username"),
    ({"password": "a\x00b"}, "/password"),
    ({"password": "x" * 1_001}, "/password"),
    ({"usrname": "x"}, "/usrname"),
    ({"limits": {"per_minute": 0}}, "/limits/per_minute"),
    ({"limits": {"per_day": -5}}, "/limits/per_day"),
    ({"limits": {"per_week": 5}}, "/limits/per_week"),
    ({"max_connections": 0}, "/max_connections"),
    ({"pec_max_total_mb": 0}, "/pec_max_total_mb"),
    ({"batch_size": 0}, "/batch_size"),
    ({"parallelism": 0}, "/parallelism"),
    ({"parallelism": 17}, "/parallelism"),
    ({"parallelism": 4, "max_connections": 3}, "/parallelism"),
    ({"idle_seconds": 0}, "/idle_seconds"),
    ({"idle_seconds": 601}, "/idle_seconds"),
    ({"ca_certificate": "not PEM"}, "/ca_certificate"),
    ({"ca_certificate": "nôt ASCII"}, "/ca_certificate"),
    ({"port": "587"}, "/port"),
    ({"verify_certificate": 0}, "/verify_certificate"),
    ({"port": 465}, "/tls"),
    ({"port": 587, "tls": "tls"}, "/tls"),
    ({"username": None}, "/password"),
    ({"oauth": OAUTH}, "/oauth"),
    ({"oauth": OAUTH, "password": None, "username": None}, "/oauth"),
    ({"oauth": OAUTH, "password": None, "tls": "none"}, "/oauth"),
    ({"oauth": OAUTH, "password": None, "tls": "opportunistic"}, "/oauth"),
]


def test_a_bad_value_is_named(acme: Api) -> None:
    for changes, pointer in BAD_VALUES:
        answer = acme.put(f"{ACCOUNTS}/second", RELAY | changes)
        assert answer.status_code == 422, changes
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


def test_what_was_seen_is_said_of_numbers_and_tls_modes_and_never_of_secrets(acme: Api) -> None:
    for changes, words in (
        ({"limits": {"per_minute": 0}}, "/limits/per_minute: Input should be greater than or equal to 1, not 0"),
        ({"limits": {"per_day": -5}}, "/limits/per_day: Input should be greater than or equal to 1, not -5"),
        ({"port": 70_000}, "/port: Input should be less than or equal to 65535, not 70000"),
        ({"port": 465}, "/tls: port 465 speaks TLS from the first byte: tls must be 'tls', not 'starttls'"),
        ({"port": 587, "tls": "tls"}, "/tls: port 587 begins in the clear: tls must be 'starttls', not 'tls'"),
        (
            {"oauth": OAUTH, "password": None, "tls": "none"},
            "/oauth: an access token never goes out in the clear: tls must be 'tls' or 'starttls', not 'none'",
        ),
        ({"password": 4711}, "/password: Input should be a valid string"),
    ):
        answer = acme.put(f"{ACCOUNTS}/second", RELAY | changes)
        assert answer.json()["detail"] == words
        assert "4711" not in answer.text


def test_accounts_need_a_tenant(admin: Api, problem: CheckProblem) -> None:
    problem(admin.put("/v1/tenants/nobody/accounts/main", RELAY), 404, "not_found")
    problem(admin.get("/v1/tenants/nobody/accounts"), 404, "not_found")
    problem(admin.get("/v1/tenants/acme/accounts/none"), 404, "not_found")
    problem(admin.delete("/v1/tenants/acme/accounts/none"), 404, "not_found")


def test_an_account_is_not_deleted_while_mail_waits_in_it(
    acme: Api, message: MakeMessage, problem: CheckProblem
) -> None:
    acme.submit(message("now", priority="low"), message("later", send_at="2026-01-20T00:00:00Z"))
    problem(acme.delete(f"{ACCOUNTS}/main"), 409, "account_has_mail")
    for message_id in ("now", "later"):
        assert acme.post(f"/v1/tenants/acme/messages/{message_id}/cancel").status_code == 200
    deleted = acme.delete(f"{ACCOUNTS}/main")
    assert (deleted.status_code, deleted.content) == (204, b"")
    problem(acme.get(f"{ACCOUNTS}/main"), 404, "not_found")
    assert acme.submit(message("after")).json()["rejected"][0]["code"] == "unknown_account"


def test_an_account_is_deleted_with_its_mail_when_that_is_forced_and_its_lines_are_woken(
    acme: Api, message: MakeMessage, messages: Table, clock: SettableClock, problem: CheckProblem
) -> None:
    acme.submit(message("later", send_at="2026-01-20T00:00:00Z"))
    answer = acme.call("DELETE", f"{ACCOUNTS}/main", force="true")
    assert (answer.status_code, answer.content) == (204, b"")
    problem(acme.get(f"{ACCOUNTS}/main"), 404, "not_found")
    head = messages.get(account_line(LineKind.MEDIUM, "acme", "main").head_key)
    assert head is not None
    assert head["wake_at"] == clock.now


def test_an_account_whose_mail_is_spread_has_mail_in_any_line_that_it_ever_had(
    acme: Api, message: MakeMessage, messages: Table, clock: SettableClock, problem: CheckProblem
) -> None:
    acme.put(f"{ACCOUNTS}/main", RELAY | {"parallelism": 4})
    name = next(each for each in "abcdefgh" if part_of(each, 4) == 3)
    acme.submit(message(name, send_at="2026-01-20T00:00:00Z"))
    acme.put(f"{ACCOUNTS}/main", RELAY | {"parallelism": 1})
    head_key = account_line(LineKind.MEDIUM, "acme", "main", 3).head_key
    assert (messages.get(head_key) or {})["wake_at"] == clock.now

    problem(acme.delete(f"{ACCOUNTS}/main"), 409, "account_has_mail")
    clock.advance(HOUR)
    assert acme.call("DELETE", f"{ACCOUNTS}/main", force="true").status_code == 204
    assert (messages.get(head_key) or {})["wake_at"] == clock.now


def test_changing_an_account_opens_its_lines_and_wakes_them(
    acme: Api, message: MakeMessage, messages: Table, queue_urls: dict[LineKind, str], clock: SettableClock
) -> None:
    acme.submit(message())
    line = account_line(LineKind.MEDIUM, "acme", "main")
    messages.update(Update(line.head_key, set={"blocked_until": clock.now + HOUR}))
    sqs, url = boto.sqs(), queue_urls[LineKind.MEDIUM]
    sqs.purge_queue(QueueUrl=url)

    acme.put(f"{ACCOUNTS}/main", RELAY)

    head = messages.get(line.head_key)
    assert head is not None
    assert "blocked_until" not in head
    assert head["wake_at"] == clock.now
    assert len(sqs.receive_message(QueueUrl=url).get("Messages", [])) == 1


def test_accounts_are_listed_page_by_page(acme: Api, problem: CheckProblem) -> None:
    for name in ("b", "a", "Z"):
        acme.put(f"{ACCOUNTS}/{name}", RELAY)
    first = acme.get(ACCOUNTS, limit=3).json()
    assert [each["id"] for each in first["accounts"]] == ["Z", "a", "b"]
    second = acme.get(ACCOUNTS, limit=3, cursor=first["next_cursor"]).json()
    assert [each["id"] for each in second["accounts"]] == ["main"]
    assert second["next_cursor"] is None
    problem(acme.get(ACCOUNTS, cursor=first["next_cursor"] + "A"), 422, "invalid")
