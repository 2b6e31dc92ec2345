"""How access tokens are obtained, and what the relay is shown."""

import pytest
import trustme

from localstack.inbox import Inbox, Stage, Tls, TlsMode, local_certificate
from shared.accounts.health import HealthTable
from shared.clock import SECOND
from tests.integration.lane_driver import ACCOUNT, TENANT, Driver, System
from tests.integration.oauth.authority import (
    CLIENT_ID,
    CLIENT_SECRET,
    FIRST_REFRESH_TOKEN,
    JWT_BEARER,
    Authority,
)
from tests.integration.oauth.conftest import MAILBOX, AddAccount


async def test_a_refresh_token_is_exchanged_for_the_access_token_that_the_relay_takes(
    system: System, driver: Driver, relay: Inbox, authority: Authority, add_account: AddAccount
) -> None:
    add_account()
    system.submit({"id": "m1"})

    await driver.run()

    (mail,) = relay.mailbox.mails.all()
    assert mail.username == MAILBOX
    assert authority.forms() == [
        {
            "grant_type": "refresh_token",
            "refresh_token": FIRST_REFRESH_TOKEN,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scope": "https://outlook.office.com/SMTP.Send offline_access",
        }
    ]
    assert [each.reply[:3] for each in relay.mailbox.exchanges(Stage.AUTH)] == ["235"]


async def test_an_application_gets_its_token_by_its_own_secret(
    system: System, driver: Driver, relay: Inbox, authority: Authority, add_account: AddAccount
) -> None:
    add_account(grant="client_credentials", scope="https://outlook.office365.com/.default")
    system.submit({"id": "m1"})

    await driver.run()

    assert len(relay.mailbox.mails.all()) == 1
    assert authority.forms() == [
        {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scope": "https://outlook.office365.com/.default",
        }
    ]


@pytest.mark.parametrize("subject", [None, "newsletter@example.org"])
async def test_a_service_account_signs_for_the_mailbox_that_it_sends_as(
    system: System,
    driver: Driver,
    relay: Inbox,
    authority: Authority,
    add_account: AddAccount,
    service_key_pem: str,
    subject: str | None,
) -> None:
    add_account(
        grant="jwt_bearer",
        client_id="mailer@project.iam.gserviceaccount.com",
        private_key=service_key_pem,
        key_id="key-1",
        scope="https://mail.google.com/",
        subject=subject,
        without="client_secret",
    )
    system.submit({"id": "m1"})

    await driver.run()

    assert len(relay.mailbox.mails.all()) == 1
    (call,) = authority.calls.all()
    assert set(call.form) == {"grant_type", "assertion"}
    assert call.form["grant_type"] == JWT_BEARER
    assert call.header == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    now = system.clock() // SECOND
    assert call.claims == {
        "iss": "mailer@project.iam.gserviceaccount.com",
        "sub": subject or MAILBOX,
        "scope": "https://mail.google.com/",
        "aud": authority.url,
        "iat": now,
        "exp": now + 600,
    }


async def test_a_token_of_many_kilobytes_reaches_the_relay_in_one_line(
    system: System, driver: Driver, relay: Inbox, authority: Authority, add_account: AddAccount
) -> None:
    authority.padding = "x" * (8_192 - len("access-1"))
    add_account()
    system.submit({"id": "m1"})

    await driver.run()

    assert len(relay.mailbox.mails.all()) == 1


async def test_no_token_is_asked_for_where_the_relay_would_not_take_one(
    system: System, driver: Driver, authority: Authority, add_account: AddAccount
) -> None:
    add_account()
    system.submit({"id": "m1"})
    oauth = {"grant": "client_credentials", "token_url": authority.url, "client_id": "x", "client_secret": "y"}
    with Inbox(tls=Tls(TlsMode.STARTTLS, local_certificate(trustme.CA()))) as without_auth:
        system.add_account(without_auth, tls="starttls", verify_certificate=False, username=MAILBOX, oauth=oauth)

        await driver.run()

    assert authority.forms() == []
    assert system.mail("m1").status.value == "pending"
    fault = HealthTable(system.messages).fault(TENANT, ACCOUNT)
    assert fault is not None
    assert (fault.scope, fault.stage) == ("account", "auth")
    assert "XOAUTH2" in fault.reason


async def test_nothing_is_asked_for_while_there_is_no_mail(
    system: System, driver: Driver, authority: Authority, add_account: AddAccount
) -> None:
    add_account()

    await driver.run()

    assert authority.forms() == []
