"""What each command asks of the instance, what it writes, and how it ends."""

import json
from collections.abc import Iterator

import httpx
import pytest
import typer.main
from typer.testing import CliRunner

from mail_proxy.cli.app import app
from tests.unit.client.cli.answers import example
from tests.unit.client.cli.program import Program
from tests.unit.client.scripted import problem

TENANTS = "/v1/tenants"
TENANT = "/v1/tenants/{tenant_id}"
MESSAGE = TENANT + "/messages/{message_id}"


def test_a_list_is_a_table_json_or_csv(program: Program) -> None:
    for _ in range(3):
        program.answer(example("get", TENANTS))
    table = program.run("tenants", "list").stdout
    assert table.splitlines()[0].split()[:3] == ["id", "name", "active"]
    assert "acme" in table
    [tenant] = json.loads(program.run("tenants", "list", "--json").stdout)
    assert tenant["id"] == "acme"
    assert program.run("tenants", "list", "--csv").stdout.splitlines()[0].startswith("id,name,active,suspended")


def test_json_and_csv_exclude_each_other(program: Program) -> None:
    assert program.run("tenants", "list", "--json", "--csv").exit_code == 2


def test_a_list_ends_at_its_limit(program: Program) -> None:
    page = example("get", TENANTS, next_cursor="c")
    page["tenants"] *= 3
    program.answer(page)
    assert len(json.loads(program.run("tenants", "list", "--json", "-n", "2").stdout)) == 2
    assert program.asked == [("GET", "/v1/tenants?limit=2")]


def test_what_the_instance_refuses_is_told_with_exit_code_1(program: Program) -> None:
    broken = {"in": "body", "pointer": "/name", "code": "too_long", "detail": "at most 200 characters"}
    program.answer(problem(422, "invalid", errors=[broken]))
    result = program.run("tenants", "create", "acme", "--name", "x")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "because of invalid (422 invalid)" in result.stderr
    assert "/name: at most 200 characters" in result.stderr
    assert "request R-1" in result.stderr
    assert "Traceback" not in result.output


def test_an_instance_that_cannot_be_reached_is_told_with_exit_code_1(program: Program) -> None:
    program.script.answers.append(httpx.ConnectError)
    result = program.run("tenants", "list")
    assert (result.exit_code, result.stderr) == (1, "error: as the script says\n")


def test_a_tenant_is_created_and_its_key_shown(program: Program) -> None:
    program.answer(httpx.Response(201, json=example("put", TENANT, "201", api_key="the-key")))
    result = program.run("tenants", "create", "acme", "--client-base-url", "https://app.example", "--json")
    assert json.loads(result.stdout)["api_key"] == "the-key"
    assert program.asked == [("PUT", "/v1/tenants/acme")]
    assert program.body() == {"client_base_url": "https://app.example"}


def test_only_what_is_given_is_changed(program: Program) -> None:
    program.answer(example("patch", TENANT))
    program.run("tenants", "change", "acme", "--inactive")
    assert program.body() == {"active": False}
    assert program.run("tenants", "change", "acme").exit_code == 2


def test_what_is_lost_by_a_command_is_asked_for(program: Program) -> None:
    assert program.run("tenants", "delete", "acme", input="n\n").exit_code == 1
    assert program.asked == []
    program.answer(httpx.Response(202, json=example("delete", TENANT, "202")))
    assert program.run("tenants", "delete", "acme", "--yes").exit_code == 0
    assert program.asked == [("DELETE", "/v1/tenants/acme")]


def test_a_password_is_read_from_standard_input(program: Program) -> None:
    account = TENANT + "/accounts/{account_id}"
    program.answer(example("put", account))
    args = ("-t", "acme", "accounts", "put", "main", "--host", "smtp.example.com", "--username", "u")
    assert program.run(*args, input="hunter2\n").exit_code == 0
    assert program.body() == {
        "host": "smtp.example.com",
        "port": 587,
        "tls": "starttls",
        "username": "u",
        "password": "hunter2",
    }


def test_a_mailbox_is_set_up_and_tried(program: Program) -> None:
    path = TENANT + "/mailboxes/{mailbox_id}"
    program.answer(example("put", path), example("post", path + "/verify", ok=False, failure="no such user"))
    args = ("mailboxes", "put", "b", "--kind", "bounces", "--host", "imap.example.com", "--username", "u")
    assert program.run("-t", "acme", *args, input="hunter2\n").exit_code == 0
    assert program.body() == {"kind": "bounces", "host": "imap.example.com", "username": "u", "password": "hunter2"}
    tried = program.run("-t", "acme", "mailboxes", "verify", "b")
    assert tried.exit_code == 1
    assert "no such user" in tried.stdout


def test_one_dead_letter_is_shown(program: Program) -> None:
    page = example("get", "/v1/dead-letters", next_cursor=None)
    program.answer(page, page)
    letter = page["dead_letters"][0]["id"]
    assert json.loads(program.run("dlq", "show", letter, "--json").stdout)["id"] == letter
    assert program.run("dlq", "show", "another").exit_code == 2


def test_a_setting_that_cannot_be_is_told_without_secrets(program: Program) -> None:
    args = ("-t", "acme", "accounts", "put", "main", "--host", "h", "--tls", "some", "--username", "u")
    result = program.run(*args, input="hunter2\n")
    assert result.exit_code == 2
    assert "tls" in result.stderr
    assert "hunter2" not in result.output


def test_an_account_that_cannot_be_used_is_told_step_by_step(program: Program) -> None:
    path = TENANT + "/accounts/{account_id}/verify"
    failure = {
        "step": "auth",
        "scope": "account",
        "pointer": "/password",
        "code": 535,
        "error": None,
        "reason": "535 no",
        "advice": "Check the password.",
    }
    program.answer(example("post", path, ok=False, failure=failure), example("post", path, ok=True, failure=None))
    refused = program.run("-t", "acme", "accounts", "verify", "main")
    assert refused.exit_code == 1
    assert refused.stdout.splitlines()[0].split() == ["step", "ok", "ms", "seen"]
    assert "535 no (/password)" in refused.stderr
    assert "Check the password." in refused.stderr
    assert program.run("-t", "acme", "accounts", "verify", "main", "--json").exit_code == 0


def test_messages_are_listed_by_what_is_asked_for(program: Program) -> None:
    program.answer(example("get", TENANT + "/messages"))
    program.run("-t", "acme", "messages", "list", "--status", "error", "--since", "2026-01-31T10:00")
    [(_, path)] = program.asked
    assert "status=error" in path
    assert "since=2026-01-31T10%3A00%3A00%2B00%3A00" in path


@pytest.mark.parametrize(
    "args", [("--status", "lost"), ("--since", "noon"), ("--limit", "0"), ("--limit", "many"), ("--colour", "red")]
)
def test_what_a_list_cannot_be_asked_for_is_told(program: Program, args: tuple[str, ...]) -> None:
    assert program.run("-t", "acme", "messages", "list", *args).exit_code == 2


def test_without_a_tenant_it_is_asked_which(program: Program) -> None:
    result = program.run("messages", "list")
    assert result.exit_code == 2
    assert "which tenant" in result.stderr


def test_a_message_is_shown_with_its_timeline(program: Program) -> None:
    happened = [
        {"type": "accepted", "at": "2026-01-31T10:00:00Z", "detail": None},
        {"type": "deferred", "at": "2026-01-31T10:00:02Z", "detail": "451 later\x1b[2J"},
        {"type": "sent", "at": "2026-01-31T10:01:02Z", "detail": None},
    ]
    program.answer(example("get", MESSAGE, id="M-1", status="sent", events=happened, returned=[]))
    lines = program.run("-t", "acme", "messages", "show", "M-1").stdout.splitlines()
    assert lines[0].startswith("M-1  sent")
    assert [line.split()[1] for line in lines[2:4]] == ["+2s", "+60s"]
    assert "451 later�[2J" in lines[2]


def test_messages_are_taken_back_and_sent_again(program: Program) -> None:
    program.answer(*[example("post", MESSAGE + "/cancel")] * 2, example("post", MESSAGE + "/retry"))
    assert program.run("-t", "acme", "messages", "cancel", "M-1", "M-2").exit_code == 0
    assert program.run("-t", "acme", "messages", "retry", "M-3").exit_code == 0
    assert [path.partition("messages/")[2] for _, path in program.asked] == ["M-1/cancel", "M-2/cancel", "M-3/retry"]


def test_records_in_flight_are_not_deleted_and_told(program: Program) -> None:
    program.answer({"removed": ["M-1"], "not_found": [], "in_flight": ["M-2"]}, {"removed": 7, "next_cursor": None})
    result = program.run("-t", "acme", "messages", "delete", "M-1", "M-2", "--yes")
    assert result.exit_code == 1
    assert "in flight: M-2" in result.stderr
    assert "7 deleted" in program.run("-t", "acme", "messages", "cleanup", "--older-than", "60", "--yes").stderr


@pytest.mark.parametrize(
    ("args", "method", "path", "status"),
    [
        (("status",), "get", "/v1/status", "200"),
        (("pause",), "post", "/v1/instance/pause", "200"),
        (("resume",), "post", "/v1/instance/resume", "200"),
        (("token", "rotate", "acme"), "post", TENANT + "/api-key", "201"),
        (("accounts", "list"), "get", TENANT + "/accounts", "200"),
        (("accounts", "show", "main"), "get", TENANT + "/accounts/{account_id}", "200"),
        (("batches", "suspend", "news"), "post", TENANT + "/suspend", "200"),
        (("batches", "activate"), "post", TENANT + "/activate", "200"),
        (("suppressions", "list"), "get", TENANT + "/suppressions", "200"),
        (("suppressions", "add", "a@example.com"), "put", TENANT + "/suppressions/{address}", "200"),
        (("storages", "list"), "get", TENANT + "/storages", "200"),
        (("storages", "put", "files", "--bucket", "acme-files"), "put", TENANT + "/storages/{name}", "200"),
        (("dlq", "list"), "get", "/v1/dead-letters", "200"),
        (("dlq", "redrive", "--queue", "low"), "post", "/v1/dead-letters/redrive", "200"),
        (("commands", "list"), "get", "/v1/commands", "200"),
        (("reports", "list"), "get", TENANT + "/events", "200"),
        (("reports", "replay", "M-1"), "post", TENANT + "/events/replay", "202"),
        (("sync",), "get", TENANT + "/sync", "200"),
        (("run-now",), "post", TENANT + "/sync", "202"),
        (("mailboxes", "list"), "get", TENANT + "/mailboxes", "200"),
        (("mailboxes", "show", "b"), "get", TENANT + "/mailboxes/{mailbox_id}", "200"),
        (("mailboxes", "poll", "b"), "post", TENANT + "/mailboxes/{mailbox_id}/poll", "202"),
        (("mailboxes", "unmatched", "b"), "get", TENANT + "/mailboxes/{mailbox_id}/unmatched", "200"),
        (("tenants", "show", "acme"), "get", TENANT, "200"),
    ],
)
def test_a_command_makes_its_call_and_shows_the_answer(
    program: Program, args: tuple[str, ...], method: str, path: str, status: str
) -> None:
    forms: tuple[tuple[str, ...], ...] = ((),) if args[0] in ("pause", "resume") else ((), ("--json",), ("--csv",))
    for form in forms:
        program.answer(httpx.Response(int(status), json=example(method, path, status)))
        result = program.run("-t", "acme", *args, *form)
        assert result.exit_code == 0, result.output
        if form == ("--json",):
            json.loads(result.stdout)
    assert {made for made, _ in program.asked} == {method.upper()}
    wanted = path.replace("{tenant_id}", "acme").partition("{")[0]
    assert all(asked.partition("?")[0].startswith(wanted) for _, asked in program.asked)


@pytest.mark.parametrize(
    "args",
    [
        ("token", "revoke", "acme", "--yes"),
        ("accounts", "delete", "main", "--yes"),
        ("suppressions", "remove", "a@example.com"),
        ("storages", "remove", "files", "--yes"),
        ("mailboxes", "delete", "b", "--yes"),
    ],
)
def test_a_removal_says_nothing(program: Program, args: tuple[str, ...]) -> None:
    program.answer(httpx.Response(204))
    result = program.run("-t", "acme", *args)
    assert (result.exit_code, result.stdout) == (0, "")
    assert program.asked[0][0] == "DELETE"


def test_the_audit_log_is_exported_as_json_lines(program: Program) -> None:
    record = example("get", "/v1/commands")["commands"][0]
    lines = json.dumps(record) + "\n" + '{"next_cursor":"c"}\n'
    program.answer(httpx.Response(200, text=lines), httpx.Response(200, text=json.dumps(record) + "\n"))
    exported = program.run("commands", "export", "--of", "acme").stdout.splitlines()
    assert [json.loads(line)["id"] for line in exported] == [record["id"]] * 2
    assert program.asked[1][1] == "/v1/commands/export?tenant_id=acme&cursor=c"


def test_metrics_are_written_as_they_are(program: Program) -> None:
    program.answer(httpx.Response(200, text="gmp_pending_messages 3\n"))
    assert program.run("metrics").stdout == "gmp_pending_messages 3\n"


def commands_of(group: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from commands_of(command, (*path, name))


@pytest.mark.parametrize("path", list(commands_of(typer.main.get_command(app))), ids=" ".join)
def test_every_command_and_every_option_is_explained(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "Usage:" in result.stdout
    node: object = typer.main.get_command(app)
    for name in path:
        node = getattr(node, "commands", {})[name]
    assert getattr(node, "help", None), path
    for parameter in getattr(node, "params", []):
        assert getattr(parameter, "help", None), (path, getattr(parameter, "name", ""))
