"""Sending from the command line: one message by its parts, and mail files."""

import base64
import json
import sys
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from mail_proxy import InvalidArgument, Submission
from mail_proxy.cli.eml import MAX_BYTES, Chosen, submission_of
from tests.unit.client.cli.answers import example
from tests.unit.client.cli.program import Program
from tests.unit.client.scripted import problem

MESSAGE = "/v1/tenants/{tenant_id}/messages/{message_id}"


def accepted(*ids: str) -> httpx.Response:
    entries = [{"id": each, "pk": "p", "status": "pending"} for each in ids]
    return httpx.Response(202, json={"accepted": entries, "rejected": []})


def mail(**more: str) -> EmailMessage:
    made = EmailMessage()
    made["From"] = "Acme <no-reply@acme.example>"
    made["To"] = "Anna Example <anna@example.com>, ben@example.com"
    made["Subject"] = "Grüße"
    made["Message-ID"] = "<1@acme.example>"
    made["References"] = "<0@acme.example>"
    made["Received"] = "from elsewhere"
    made["X-Campaign"] = "spring"
    for name, value in more.items():
        made[name] = value
    made.set_content("Hello Anna")
    return made


def read(tmp_path: Path, content: bytes) -> Submission:
    path = tmp_path / "mail.eml"
    path.write_bytes(content)
    return submission_of(path, Chosen())


def test_a_message_is_sent_by_its_parts(program: Program) -> None:
    program.answer(accepted("M-1"))
    args = (
        "--from",
        "a@acme.example",
        "--to",
        "b@example.com",
        "--to",
        "c@example.com",
        "--subject",
        "Hi",
        "--text",
        "-",
    )
    chosen = ("--id", "M-1", "--priority", "high", "--batch", "news", "--at", "2026-02-01T08:00:00+01:00")
    result = program.run("-t", "acme", "send", *args, *chosen, input="Hello")
    assert (result.exit_code, result.stdout.splitlines()[1].split()) == (0, ["M-1", "pending"])
    assert program.body() == {
        "messages": [
            {
                "id": "M-1",
                "from": "a@acme.example",
                "to": ["b@example.com", "c@example.com"],
                "subject": "Hi",
                "text": "Hello",
                "priority": 1,
                "send_at": "2026-02-01T08:00:00+01:00",
                "batch_code": "news",
            }
        ]
    }


def test_a_file_goes_along(program: Program, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    upload = example("post", "/v1/tenants/{tenant_id}/attachments", "201", storage_path="upload:01JZ")
    program.answer(httpx.Response(201, json=upload), httpx.Response(204), accepted("M-1"))
    args = ("--from", "a@acme.example", "--to", "b@example.com", "--text", "x", "--attach", str(tmp_path / "a.pdf"))
    assert program.run("-t", "acme", "send", *args).exit_code == 0
    assert program.body()["messages"][0]["attachments"] == [
        {"filename": "a.pdf", "storage_path": "upload:01JZ", "mime_type": "application/pdf"}
    ]


def test_it_is_waited_for_until_it_is_sent(program: Program) -> None:
    args = ("-t", "acme", "send", "--from", "a@acme.example", "--to", "b@example.com", "--text", "x", "--wait", "0")
    for status, exit_code, word in (("sent", 0, "is sent"), ("error", 1, "ended as error"), ("pending", 1, "still")):
        program.answer(accepted("M-1"), example("get", MESSAGE, id="M-1", status=status))
        result = program.run(*args)
        assert result.exit_code == exit_code
        assert word in result.stderr


def test_many_files_are_sent_under_ids_that_follow_from_their_content(program: Program, tmp_path: Path) -> None:
    paths = []
    for number in range(150):
        path = tmp_path / f"{number}.eml"
        path.write_bytes(mail(Comments=str(number)).as_bytes())
        paths.append(str(path))
    program.answer(accepted("one"), accepted("two"))
    result = program.run("-t", "acme", "send", *paths, "--account", "backup", "--priority", "low", "--json")
    assert result.exit_code == 0
    assert [each["id"] for each in json.loads(result.stdout)["accepted"]] == ["one", "two"]
    first, second = (program.body(number)["messages"] for number in (0, 1))
    assert (len(first), len(second)) == (100, 50)
    assert len({each["id"] for each in first + second}) == 150
    assert {(each["account_id"], each["priority"]) for each in first} == {("backup", 3)}


def test_what_is_refused_is_told_with_exit_code_1(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(mail().as_bytes())
    refused = {"index": 0, "id": "M-1", "code": "unknown_account", "detail": "no account backup"}
    program.answer(problem(422, "nothing_accepted", rejected=[refused]))
    result = program.run("-t", "acme", "send", str(path))
    assert result.exit_code == 1
    assert "refused: M-1: unknown_account: no account backup" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--from", "a@acme.example"),
        ("--to", "b@example.com"),
        ("nowhere.eml",),
        ("nowhere.eml", "--to", "b@example.com"),
        ("--from", "a@acme.example", "--to", "b@example.com", "--priority", "urgent"),
        ("--from", "a@acme.example", "--to", "b@example.com", "--attach", "nowhere.pdf"),
        ("--from", "a@acme.example", "--to", "b@example.com", "--at", "soon"),
        ("--from", "a@acme.example", "--to", "b@example.com", "--html", "nowhere.html"),
        ("--from", "a@acme.example", "--to", "b@example.com", "--html", sys.executable),
    ],
)
def test_what_cannot_be_sent_is_told_with_exit_code_2(program: Program, args: tuple[str, ...]) -> None:
    result = program.run("-t", "acme", "send", *args)
    assert result.exit_code == 2
    assert program.asked == []


def test_a_mail_file_is_read_as_it_is(tmp_path: Path) -> None:
    made = read(tmp_path, mail().as_bytes())
    assert made.from_ == "Acme <no-reply@acme.example>"
    assert made.to == ["Anna Example <anna@example.com>", "ben@example.com"]
    assert made.subject == "Grüße"
    assert made.message_id == "<1@acme.example>"
    assert made.headers == {"References": "<0@acme.example>", "X-Campaign": "spring"}
    assert (made.text, made.html) == ("Hello Anna\n", None)
    assert made.attachments == []
    assert read(tmp_path, mail().as_bytes()).id == made.id != read(tmp_path, mail(Comments="1").as_bytes()).id


def test_the_files_of_a_mail_go_along(tmp_path: Path) -> None:
    inner = EmailMessage()
    inner["Subject"] = "Forwarded"
    inner.set_content("inside")
    outer = mail()
    outer.add_alternative("<img src='cid:logo'>", subtype="html")
    [_, html] = outer.iter_parts()
    assert isinstance(html, EmailMessage)
    html.add_related(b"PNG", "image", "png", cid="<logo>")
    outer.add_attachment(b"%PDF", "application", "pdf", filename="a.pdf")
    outer.add_attachment(inner)
    made = read(tmp_path, outer.as_bytes())
    assert (made.text, made.html) == ("Hello Anna\n", "<img src='cid:logo'>\n")
    logo, pdf, forwarded = made.attachments
    assert (logo.content_id, logo.mime_type) == ("logo", "image/png")
    assert (pdf.filename, pdf.storage_path) == ("a.pdf", "base64:" + base64.b64encode(b"%PDF").decode())
    assert b"Subject: Forwarded" in base64.b64decode(forwarded.storage_path.removeprefix("base64:"))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "0 headers From"),
        (b"From: a@x.example\nFrom: b@x.example\n\nx", "2 headers From"),
        (b"From: a@x.example\nContent-Type: multipart/signed; boundary=b\n\n--b--\n", "multipart/signed"),
        (b"From: a@x.example\nContent-Type: text/plain; charset=klingon\n\n\xff", "cannot be read"),
        (b"x" * (MAX_BYTES + 1), "at most"),
    ],
)
def test_a_file_that_cannot_be_sent_is_named(tmp_path: Path, content: bytes, word: str) -> None:
    with pytest.raises(InvalidArgument, match=word) as refused:
        read(tmp_path, content)
    assert "mail.eml" in str(refused.value)
