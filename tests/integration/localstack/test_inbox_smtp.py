"""The inbox as an SMTP client sees it."""

import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP

import pytest
import trustme

from localstack.inbox import (
    DEVELOPMENT_RULES,
    HANG_UP,
    Credentials,
    Inbox,
    Reply,
    Stage,
    Tls,
    TlsMode,
    answer,
    close_after,
    local_certificate,
)

SENDER = "shop@example.org"
RECIPIENT = "anna@example.net"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox(rules=DEVELOPMENT_RULES) as running:
        yield running


def connect(inbox: Inbox) -> smtplib.SMTP:
    client = smtplib.SMTP(inbox.host, inbox.port, timeout=5)
    client.ehlo()
    return client


def mail(subject: str = "Hello", recipient: str = RECIPIENT) -> EmailMessage:
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = recipient
    message["Subject"] = subject
    message.set_content("Good morning.\n.\n..two dots\n")
    return message


def send(client: smtplib.SMTP, recipient: str = RECIPIENT, subject: str = "Hello") -> None:
    client.sendmail(SENDER, [recipient], mail(subject, recipient).as_bytes(policy=SMTP))


def test_a_mail_is_kept_with_its_envelope_its_bytes_and_its_place(inbox: Inbox) -> None:
    before = time.time_ns() // 1_000_000
    with connect(inbox) as client:
        client.sendmail(SENDER, [RECIPIENT, "hidden@example.net"], mail("Grüße").as_bytes(policy=SMTP))

    (received,) = inbox.mailbox.mails.wait_for(1, timeout=5)

    assert received.mail_from == SENDER
    assert received.rcpt_tos == (RECIPIENT, "hidden@example.net")
    assert received.header("Subject") == "Grüße"
    assert b"\r\n.\r\n..two dots\r\n" in received.raw
    assert (received.order, received.connection) == (1, 1)
    assert before <= received.received_at <= time.time_ns() // 1_000_000
    assert not received.tls


def test_mails_are_numbered_in_the_order_of_arrival_over_all_connections(inbox: Inbox) -> None:
    for subject in ("one", "two", "three"):
        with connect(inbox) as client:
            send(client, subject=subject)

    received = inbox.mailbox.mails.wait_for(3, timeout=5)

    assert [(one.order, one.connection, one.header("Subject")) for one in received] == [
        (1, 1, "one"),
        (2, 2, "two"),
        (3, 3, "three"),
    ]


def test_connections_are_counted_while_open_and_in_all(inbox: Inbox) -> None:
    first, second = connect(inbox), connect(inbox)
    assert (inbox.connections, inbox.open_connections) == (2, 2)

    first.close()
    second.quit()

    deadline = time.monotonic() + 5
    while inbox.open_connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (inbox.connections, inbox.open_connections) == (2, 0)


def test_an_unknown_user_is_refused_for_good_and_the_connection_stays_usable(inbox: Inbox) -> None:
    with connect(inbox) as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
            send(client, "refused@example.net")
        send(client)

    assert refusal.value.recipients == {"refused@example.net": (550, b"5.1.1 user unknown")}
    assert len(inbox.mailbox.mails.all()) == 1


def test_greylisting_refuses_once_for_each_pair_of_sender_and_recipient(inbox: Inbox) -> None:
    with connect(inbox) as client:
        for recipient in ("greylisted@example.net", "greylisted-too@example.net"):
            with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
                send(client, recipient)
            assert refusal.value.recipients == {recipient: (451, b"4.7.1 greylisted, try again")}
            send(client, recipient)

    assert len(inbox.mailbox.mails.all()) == 2


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.FINAL_DOT])
def test_a_scripted_reply_is_given_at_its_stage_as_often_as_told(inbox: Inbox, stage: Stage) -> None:
    inbox.script.add(answer(stage, Reply("452 4.3.1 full"), first=2))

    with connect(inbox) as client:
        for _ in range(2):
            with pytest.raises(smtplib.SMTPException, match=r"4\.3\.1 full"):
                send(client)
            client.rset()
        send(client)

    assert len(inbox.mailbox.mails.all()) == 1
    assert [exchange.reply for exchange in inbox.mailbox.exchanges(stage)][:2] == ["452 4.3.1 full"] * 2


def test_a_greeting_can_refuse_the_connection(inbox: Inbox) -> None:
    inbox.script.add(answer(Stage.CONNECT, Reply("421 4.3.2 come back later"), first=1))

    with pytest.raises(smtplib.SMTPConnectError) as refusal:
        connect(inbox)

    assert refusal.value.smtp_code == 421
    connect(inbox).quit()


@pytest.mark.parametrize("stage", [Stage.CONNECT, Stage.EHLO, Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.FINAL_DOT])
def test_the_connection_can_be_closed_at_any_stage_without_a_word(inbox: Inbox, stage: Stage) -> None:
    inbox.script.add(answer(stage, HANG_UP, first=1))

    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(connect(inbox))

    with connect(inbox) as client:
        send(client)
    assert len(inbox.mailbox.mails.all()) == 1


def test_the_reply_to_a_message_can_be_lost_after_the_message_was_kept(inbox: Inbox) -> None:
    inbox.script.add(answer(Stage.FINAL_DOT, Reply(hang_up=True, keep=True), first=1))

    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(connect(inbox))

    assert len(inbox.mailbox.mails.all()) == 1


def test_a_connection_is_closed_with_421_after_its_share_of_messages(inbox: Inbox) -> None:
    inbox.script.add(close_after(2))

    with connect(inbox) as client:
        send(client)
        send(client)
        with pytest.raises(smtplib.SMTPSenderRefused) as refusal:
            send(client)

    assert refusal.value.smtp_code == 421
    assert len(inbox.mailbox.mails.all()) == 2


def test_latency_is_added_once_for_each_reply() -> None:
    with Inbox(latency_seconds=0.05) as inbox:
        begun = time.monotonic()
        with connect(inbox) as client:
            send(client)
        took = time.monotonic() - begun

    # Greeting, EHLO, MAIL, RCPT, DATA, final dot, QUIT.
    assert 7 * 0.05 <= took < 14 * 0.05


def test_while_it_is_down_it_refuses_connections_and_afterwards_it_is_back_on_its_port(inbox: Inbox) -> None:
    port = inbox.port
    client = connect(inbox)

    inbox.go_down()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(client)
    with pytest.raises(ConnectionRefusedError):
        connect(inbox)

    inbox.come_back()
    with connect(inbox) as client:
        send(client)
    assert inbox.port == port
    assert len(inbox.mailbox.mails.all()) == 1


def test_after_stop_the_port_is_free_again() -> None:
    with Inbox() as inbox:
        connect(inbox)

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((inbox.host, inbox.port), timeout=1)
    with Inbox(port=inbox.port) as second:
        connect(second).quit()


def test_implicit_tls_with_credentials(authority: trustme.CA, client_context: ssl.SSLContext) -> None:
    tls = Tls(TlsMode.IMPLICIT, local_certificate(authority))
    with Inbox(tls=tls, credentials=Credentials("shop", "s3cret")) as inbox:
        with smtplib.SMTP_SSL(inbox.host, inbox.port, timeout=5, context=client_context) as client:
            client.login("shop", "s3cret")
            send(client)
        (received,) = inbox.mailbox.mails.wait_for(1, timeout=5)

    assert received.tls
    assert received.username == "shop"


def test_starttls_hides_auth_until_the_connection_is_encrypted(
    authority: trustme.CA, client_context: ssl.SSLContext
) -> None:
    tls = Tls(TlsMode.STARTTLS_REQUIRED, local_certificate(authority))
    with Inbox(tls=tls, credentials=Credentials("shop", "s3cret")) as inbox:
        with connect(inbox) as client:
            assert not client.has_extn("auth")
            with pytest.raises(smtplib.SMTPSenderRefused) as refusal:
                send(client)
            client.starttls(context=client_context)
            client.login("shop", "s3cret")
            send(client)
        (received,) = inbox.mailbox.mails.wait_for(1, timeout=5)

    assert refusal.value.smtp_code == 530
    assert received.tls
    assert received.username == "shop"


def test_starttls_is_only_offered_when_it_is_not_required(authority: trustme.CA) -> None:
    with (
        Inbox(tls=Tls(TlsMode.STARTTLS, local_certificate(authority))) as inbox,
        connect(inbox) as client,
    ):
        assert client.has_extn("starttls")
        send(client)
        assert not inbox.mailbox.mails.all()[0].tls


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_credentials_are_checked(mechanism: str) -> None:
    with Inbox(credentials=Credentials("shop", "s3cret")) as inbox, connect(inbox) as client:
        with pytest.raises(smtplib.SMTPSenderRefused, match="530"):
            send(client)
        method = client.auth_plain if mechanism == "PLAIN" else client.auth_login
        client.user, client.password = "shop", "wrong"
        with pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
            client.auth(mechanism, method)
        client.password = "s3cret"
        client.auth(mechanism, method)
        send(client)

    assert refusal.value.smtp_code == 535
    assert [exchange.reply[:3] for exchange in inbox.mailbox.exchanges(Stage.AUTH)] == ["535", "235"]


def test_a_digest_is_checked() -> None:
    credentials = Credentials("shop", "s3cret", mechanisms=frozenset({"CRAM-MD5"}))
    with Inbox(credentials=credentials) as inbox, connect(inbox) as client:
        assert client.esmtp_features["auth"].split() == ["CRAM-MD5"]
        client.user, client.password = "shop", "wrong"
        with pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
            client.auth("CRAM-MD5", client.auth_cram_md5)
        client.password = "s3cret"
        client.auth("CRAM-MD5", client.auth_cram_md5)
        send(client)

    assert refusal.value.smtp_code == 535
    assert inbox.mailbox.mails.all()[0].username == "shop"


def test_an_access_token_is_checked_and_told_to_be_bad_in_a_challenge_first() -> None:
    credentials = Credentials("shop", mechanisms=frozenset({"XOAUTH2"}), access_tokens={"good" * 1_000})
    with Inbox(credentials=credentials) as inbox, connect(inbox) as client:
        challenges: list[bytes] = []

        def respond(token: str, challenge: bytes | None) -> str:
            if challenge:
                challenges.append(challenge)
                return ""
            return f"user=shop\x01auth=Bearer {token}\x01\x01"

        with pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
            client.auth("XOAUTH2", lambda challenge=None: respond("bad", challenge))
        client.auth("XOAUTH2", lambda challenge=None: respond("good" * 1_000, challenge))
        send(client)

    assert refusal.value.smtp_code == 535
    assert challenges == [b'{"status":"400","schemes":"Bearer"}']
    assert inbox.mailbox.mails.all()[0].username == "shop"


def test_right_credentials_can_be_refused_by_script() -> None:
    with Inbox(credentials=Credentials("shop", "s3cret")) as inbox, connect(inbox) as client:
        inbox.script.add(answer(Stage.AUTH, Reply("454 4.7.0 temporary authentication failure"), first=1))

        client.user, client.password = "shop", "s3cret"
        with pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
            client.auth("PLAIN", client.auth_plain)
        client.auth("PLAIN", client.auth_plain)

    assert refusal.value.smtp_code == 454


def test_auth_is_not_offered_where_there_is_no_user(inbox: Inbox) -> None:
    with connect(inbox) as client:
        assert not client.has_extn("auth")
