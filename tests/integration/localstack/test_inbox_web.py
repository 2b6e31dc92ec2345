"""The inbox over HTTP: what a developer, or a program of hers, sees of the mails."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP

import httpx
import pytest

from localstack.inbox import DEVELOPMENT_RULES, Inbox, inbox_application
from localstack.web import WebServer

PIXEL = bytes.fromhex("89504e470d0a1a0a")


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox(rules=DEVELOPMENT_RULES) as running:
        yield running


@pytest.fixture
def client(inbox: Inbox) -> Iterator[httpx.Client]:
    with (
        WebServer(inbox_application(inbox.mailbox), name="inbox-web") as server,
        httpx.Client(base_url=server.url, timeout=5, trust_env=False) as client,
    ):
        yield client


def newsletter() -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Zoë <zoe@example.org>"
    message["To"] = "Łukasz <lukasz@example.net>"
    message["Subject"] = "Grüße <script>alert(1)</script>"
    message["Message-ID"] = "<1@example.org>"
    message["X-Mail-Proxy-ID"] = "token"
    message.set_content("Žluťoučký kůň")
    message.add_alternative('<p>Hello</p><img src="cid:logo@example.org">', subtype="html")
    html = message.get_payload(1)
    assert isinstance(html, EmailMessage)
    html.add_related(PIXEL, "image", "png", cid="<logo@example.org>")
    message.add_attachment(b"\x00\xff bytes", "application", "pdf", filename="Übersicht.pdf")
    message.add_attachment("<b>page</b>", subtype="html", filename="page.html")
    return message


def send(inbox: Inbox, message: EmailMessage, *recipients: str) -> None:
    with smtplib.SMTP(inbox.host, inbox.port, timeout=5) as client:
        client.sendmail("zoe@example.org", recipients or ["lukasz@example.net"], message.as_bytes(policy=SMTP))


def test_the_list_tells_envelope_subject_and_ids_and_can_begin_after_a_number(
    inbox: Inbox, client: httpx.Client
) -> None:
    for _ in range(2):
        send(inbox, newsletter(), "lukasz@example.net", "hidden@example.net")

    answer = client.get("/api/messages", params={"after": 1}).json()

    assert answer["total"] == 2
    (mail,) = answer["messages"]
    assert mail["order"] == 2
    assert mail["envelope"] == {
        "mail_from": "zoe@example.org",
        "rcpt_tos": ["lukasz@example.net", "hidden@example.net"],
    }
    assert mail["from"] == "Zoë <zoe@example.org>"
    assert mail["subject"] == "Grüße <script>alert(1)</script>"
    assert (mail["message_id"], mail["mail_proxy_id"]) == ("<1@example.org>", "token")
    assert mail["received_at"] == inbox.mailbox.mails.all()[1].received_at
    assert mail["attachments"] == 2


def test_a_mail_shows_its_headers_text_and_parts(inbox: Inbox, client: httpx.Client) -> None:
    send(inbox, newsletter())

    mail = client.get("/api/messages/1").json()

    assert {"name": "To", "value": "Łukasz <lukasz@example.net>"} in mail["headers"]
    assert mail["text"].strip() == "Žluťoučký kůň"
    assert [(part["content_type"], part["filename"], part["is_file"]) for part in mail["parts"]] == [
        ("text/plain", None, False),
        ("text/html", None, False),
        ("image/png", None, False),
        ("application/pdf", "Übersicht.pdf", True),
        ("text/html", "page.html", True),
    ]
    assert mail["html"] == 1


def test_the_raw_message_is_what_came_over_the_wire(inbox: Inbox, client: httpx.Client) -> None:
    send(inbox, newsletter())

    assert client.get("/api/messages/1/raw").content == inbox.mailbox.mails.all()[0].raw


def test_html_is_served_so_that_it_can_run_nothing_and_shows_its_own_images(inbox: Inbox, client: httpx.Client) -> None:
    send(inbox, newsletter())

    page = client.get("/api/messages/1/parts/1")
    image = client.get("/api/messages/1/parts/2")

    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert '<img src="/api/messages/1/parts/2">' in page.text
    assert (image.headers["content-type"], image.content) == ("image/png", PIXEL)


def test_attachments_are_downloads_whatever_they_claim_to_be(inbox: Inbox, client: httpx.Client) -> None:
    send(inbox, newsletter())

    pdf = client.get("/api/messages/1/parts/3")
    page = client.get("/api/messages/1/parts/4")

    assert pdf.content == b"\x00\xff bytes"
    assert pdf.headers["content-disposition"] == "attachment; filename*=utf-8''%C3%9Cbersicht.pdf"
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["x-content-type-options"] == "nosniff"


def test_what_is_not_there_is_404_and_says_what_is(inbox: Inbox, client: httpx.Client) -> None:
    send(inbox, newsletter())

    assert client.get("/api/messages/7").json() == {"detail": "there is no mail 7 in the inbox"}
    assert client.get("/api/messages/1/parts/5").json() == {"detail": "mail 1 has parts 0 to 4"}


def test_clearing_forgets_the_mails_and_numbers_go_on(inbox: Inbox, client: httpx.Client) -> None:
    send(inbox, newsletter())

    assert client.delete("/api/messages").status_code == 204
    assert client.get("/api/messages").json() == {"messages": [], "total": 0}

    send(inbox, newsletter())
    assert client.get("/api/messages").json()["messages"][0]["order"] == 2


def test_a_mail_with_broken_mime_is_still_shown(inbox: Inbox, client: httpx.Client) -> None:
    broken = (
        b"Subject: =?utf-8?q?=ff?=\r\nContent-Type: multipart/mixed\r\n\r\n--nothing\r\n"
        b"Content-Type: text/plain; charset=no-such\r\n\r\nbody\r\n"
    )
    with smtplib.SMTP(inbox.host, inbox.port, timeout=5) as smtp:
        smtp.sendmail("zoe@example.org", ["lukasz@example.net"], broken)

    assert client.get("/api/messages").status_code == 200
    assert client.get("/api/messages/1").status_code == 200
    assert b"body" in client.get("/api/messages/1/raw").content


def test_replies_of_the_relay_are_listed(inbox: Inbox, client: httpx.Client) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(inbox, newsletter(), "refused@example.net")

    replies = [(one["stage"], one["reply"]) for one in client.get("/api/exchanges").json()]

    assert replies == [("mail", "250 2.1.0 sender ok"), ("rcpt", "550 5.1.1 user unknown")]


def test_the_page_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/")

    assert page.status_code == 200
    assert "http" not in page.text
    for name in ("inbox.js", "inbox.css"):
        assert name in page.text
        assert client.get(f"/{name}").status_code == 200


def test_it_answers_only_under_the_names_of_this_machine(client: httpx.Client) -> None:
    assert client.get("/api/messages", headers={"Host": "mail.example.org"}).status_code == 400
