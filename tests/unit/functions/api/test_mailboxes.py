"""Mailboxes over HTTP."""

import dataclasses

from fastapi.testclient import TestClient

from functions.api.app import create_app
from functions.api.services import Services
from shared.aws import clients
from shared.aws.dynamodb import Table
from shared.aws.polled_queue import PolledQueue
from shared.lines.dead_letters import DeadLetters
from shared.lines.line import LineKind, mailbox_line
from shared.mailboxes.kinds import MailboxKind
from shared.mailboxes.model import INSTANCE_OWNER
from shared.mailboxes.unmatched import Unmatched, UnmatchedTable
from shared.messages.depths import Depths
from shared.messages.returns import Return, Returns
from shared.status.instance import InstanceReader
from tests.unit.clock import NOON
from tests.unit.functions.api.caller import Api, CheckProblem, MakeMessage
from tests.unit.shared.lines.lane import head_of, queued

MAILBOXES = "/v1/tenants/acme/mailboxes"
SETTINGS = {"kind": "bounces", "host": "127.0.0.1", "port": 1, "tls": "none", "username": "u", "password": "secret-1"}
LINE = mailbox_line("acme", "returns")


def test_a_mailbox_is_made_read_replaced_and_deleted(acme: Api, services: Services, problem: CheckProblem) -> None:
    created = acme.put(f"{MAILBOXES}/returns", SETTINGS)
    assert created.status_code == 201
    assert "secret-1" not in created.text
    assert created.json() | {"folder": "INBOX", "polled_at": None, "failure": None, "read": 0} == created.json()
    assert acme.get(f"{MAILBOXES}/returns").json() == created.json()
    assert acme.get(MAILBOXES).json()["mailboxes"] == [created.json()]

    replaced = acme.put(f"{MAILBOXES}/returns", SETTINGS | {"folder": "Bounces"})
    assert replaced.status_code == 200
    assert replaced.json()["folder"] == "Bounces"

    assert acme.delete(f"{MAILBOXES}/returns").status_code == 204
    problem(acme.get(f"{MAILBOXES}/returns"), 404, "not_found")
    problem(acme.delete(f"{MAILBOXES}/returns"), 404, "not_found")


def test_a_mailbox_is_looked_at_when_it_is_put_and_when_it_is_asked_for(
    acme: Api, messages: Table, queue_urls: dict[LineKind, str]
) -> None:
    acme.put(f"{MAILBOXES}/returns", SETTINGS)
    assert queued(queue_urls[LineKind.MAILBOX]) == [LINE]
    assert head_of(messages, LINE).wake_at == NOON

    assert acme.post(f"{MAILBOXES}/returns/poll", None).status_code == 202
    assert queued(queue_urls[LineKind.MAILBOX]) == [LINE]


def test_the_password_is_sealed_and_stays_unless_it_would_go_elsewhere(
    acme: Api, services: Services, problem: CheckProblem
) -> None:
    kept = {name: value for name, value in SETTINGS.items() if name != "password"}
    problem(acme.put(f"{MAILBOXES}/returns", kept), 422, "missing_field")
    acme.put(f"{MAILBOXES}/returns", SETTINGS)

    assert acme.put(f"{MAILBOXES}/returns", kept | {"poll_seconds": 60}).status_code == 200
    problem(acme.put(f"{MAILBOXES}/returns", kept | {"host": "127.0.0.2"}), 422, "missing_field")
    problem(acme.put(f"{MAILBOXES}/returns", kept | {"username": "v"}), 422, "missing_field")

    assert services.mailboxes.password(services.mailboxes.get("acme", "returns")) == "secret-1"


def test_a_bad_value_is_named(acme: Api) -> None:
    for wrong, pointer in (
        ({"poll_seconds": 59}, "/poll_seconds"),
        ({"folder": 'a"b'}, "/folder"),
        ({"ca_certificate": "none"}, "/ca_certificate"),
        ({"kind": "other"}, "/kind"),
        ({"port": 993}, ""),
        ({"tls": "opportunistic"}, ""),
        ({"afterwards": "move"}, ""),
        ({"move_to": "Done"}, ""),
        ({"unknown": 1}, "/unknown"),
    ):
        answer = acme.put(f"{MAILBOXES}/returns", SETTINGS | wrong)
        assert answer.status_code == 422, wrong
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_mailbox_that_cannot_be_reached_is_told_when_it_is_tried(acme: Api) -> None:
    acme.put(f"{MAILBOXES}/returns", SETTINGS)

    answer = acme.post(f"{MAILBOXES}/returns/verify", None)

    assert answer.status_code == 200
    assert answer.json()["ok"] is False
    assert "refused" in answer.json()["failure"]


def test_what_named_no_message_is_listed_page_by_page(acme: Api, services: Services, messages: Table) -> None:
    acme.put(f"{MAILBOXES}/returns", SETTINGS)
    found = [Unmatched(uid_validity=1, uid=uid, read_at=NOON, what="delivery", reason="why") for uid in (1, 2, 3)]
    UnmatchedTable(messages).add(services.mailboxes.get("acme", "returns"), found)

    first = acme.get(f"{MAILBOXES}/returns/unmatched?limit=2").json()
    rest = acme.get(f"{MAILBOXES}/returns/unmatched?limit=2&cursor={first['next_cursor']}").json()

    assert [len(first["unmatched"]), len(rest["unmatched"]), rest["next_cursor"]] == [2, 1, None]


def test_the_instances_mailbox_is_the_admins(admin: Api, acme: Api, services: Services, problem: CheckProblem) -> None:
    problem(admin.get("/v1/instance/bounce"), 404, "not_found")
    assert admin.put("/v1/instance/bounce", SETTINGS).status_code == 201
    assert admin.get("/v1/instance/bounce").json()["kind"] == "bounces"
    assert services.mailboxes.get(INSTANCE_OWNER, "bounce").username == "u"
    problem(acme.get("/v1/instance/bounce"), 403, "forbidden")
    assert admin.delete("/v1/instance/bounce").status_code == 204


def test_a_message_shows_what_came_back_about_it(
    acme: Api, services: Services, messages: Table, message: MakeMessage
) -> None:
    acme.post("/v1/tenants/acme/messages", {"messages": [message(id="m1", account_id="main")]})
    mail = services.mails.get("acme", "m1")
    later = Return(event_id="2", type="complained", at=NOON + 1, recipient="anna@example.com")
    Returns(messages).add([(mail, later), (mail, Return(event_id="1", type="bounced", at=NOON))], NOON)

    shown = acme.get("/v1/tenants/acme/messages/m1").json()["returned"]

    assert [(each["type"], each["recipient"]) for each in shown] == [
        ("bounced", None),
        ("complained", "anna@example.com"),
    ]


def test_a_deployment_without_mailboxes_has_none(services: Services, keys: object, problem: CheckProblem) -> None:
    without = dataclasses.replace(services, mailbox_kinds=frozenset())
    with TestClient(create_app(lambda: without)) as client:
        api = Api(client)
        problem(api.get(MAILBOXES), 404, "not_found")
        problem(api.put(f"{MAILBOXES}/returns", SETTINGS), 404, "not_found")
        problem(api.get("/v1/instance/bounce"), 404, "not_found")


def test_a_kind_that_is_off_is_refused(services: Services, keys: object, problem: CheckProblem) -> None:
    without = dataclasses.replace(services, mailbox_kinds=frozenset([MailboxKind.BOUNCES]))
    with TestClient(create_app(lambda: without)) as client:
        answer = Api(client).put(f"{MAILBOXES}/returns", SETTINGS | {"kind": "pec"})
        problem(answer, 422, "capability_off")


def test_status_and_dead_letters_do_without_a_queue_of_mailboxes(
    services: Services,
    keys: object,
    problem: CheckProblem,
    messages: Table,
    queue_urls: dict[LineKind, str],
    dead_letters_urls: dict[LineKind, str],
) -> None:
    queues, letters = _without_mailboxes(queue_urls), _without_mailboxes(dead_letters_urls)
    survey = InstanceReader(
        heads=services.heads,
        depths=Depths(messages, services.clock),
        queues=queues,
        dead_letters=letters,
        clock=services.clock,
    )
    found = DeadLetters(letters, services.lines, services.clock)
    with TestClient(create_app(lambda: dataclasses.replace(services, survey=survey, dead_letters=found))) as client:
        api = Api(client)
        assert api.get("/v1/status").status_code == 200
        assert len(api.get("/v1/dead-letters").json()["queues"]) == 5
        assert api.post("/v1/dead-letters/redrive", {}).status_code == 200
        problem(api.post("/v1/dead-letters/redrive", {"queue": "mailbox"}), 422, "capability_off")


def _without_mailboxes(urls: dict[LineKind, str]) -> dict[LineKind, PolledQueue]:
    found = {kind: PolledQueue(clients.sqs(), url) for kind, url in urls.items()}
    del found[LineKind.MAILBOX]
    return found
