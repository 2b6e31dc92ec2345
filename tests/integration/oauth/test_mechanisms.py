"""Passwords, by each mechanism that a relay may offer."""

import pytest

from localstack.inbox import Credentials, Inbox, Reply, Stage, answer
from shared.accounts.health import HealthTable
from tests.integration.lane_driver import ACCOUNT, TENANT, Driver, System

PASSWORD = "s3cret pässwörd"


def offering(*mechanisms: str) -> Credentials:
    return Credentials("shop", PASSWORD, mechanisms=frozenset(mechanisms))


async def send(system: System, driver: Driver, relay: Inbox, password: str = PASSWORD) -> str:
    system.add_tenant()
    system.add_account(relay, username="shop", password=password)
    system.submit({"id": "m1"})
    await driver.run()
    return system.mail("m1").status.value


@pytest.mark.parametrize("mechanism", ["CRAM-MD5", "PLAIN", "LOGIN"])
async def test_a_password_is_given_by_what_the_relay_offers(system: System, driver: Driver, mechanism: str) -> None:
    with Inbox(credentials=offering(mechanism)) as relay:
        assert await send(system, driver, relay) == "sent"
        (mail,) = relay.mailbox.mails.all()

    assert mail.username == "shop"


@pytest.mark.parametrize("mechanism", ["CRAM-MD5", "PLAIN", "LOGIN"])
async def test_a_wrong_password_is_refused_by_each(system: System, driver: Driver, mechanism: str) -> None:
    with Inbox(credentials=offering(mechanism)) as relay:
        assert await send(system, driver, relay, password="wrong") == "pending"

    fault = HealthTable(system.messages).fault(TENANT, ACCOUNT)
    assert fault is not None
    assert (fault.scope, fault.stage, fault.code) == ("account", "auth", 535)


async def test_a_relay_that_cannot_do_the_best_mechanism_that_it_offers_is_given_the_next(
    system: System, driver: Driver
) -> None:
    cannot = answer(Stage.AUTH, Reply("535 5.7.8 Authentication credentials invalid"), first=1)
    with Inbox(credentials=offering("CRAM-MD5", "PLAIN"), rules=[cannot]) as relay:
        assert await send(system, driver, relay) == "sent"
        assert relay.connections == 1


async def test_after_a_temporary_refusal_no_other_mechanism_is_tried(system: System, driver: Driver) -> None:
    temporary = answer(Stage.AUTH, Reply("454 4.7.0 Temporary authentication failure"))
    with Inbox(credentials=offering("CRAM-MD5", "PLAIN", "LOGIN"), rules=[temporary]) as relay:
        assert await send(system, driver, relay) == "pending"
        assert len(relay.mailbox.exchanges(Stage.AUTH)) == 1


async def test_a_password_is_no_use_where_only_tokens_are_taken(system: System, driver: Driver) -> None:
    with Inbox(credentials=offering("XOAUTH2")) as relay:
        assert await send(system, driver, relay) == "pending"
        assert relay.mailbox.exchanges(Stage.AUTH) == []

    fault = HealthTable(system.messages).fault(TENANT, ACCOUNT)
    assert fault is not None
    assert fault.reason == "the relay takes no password: it offers AUTH XOAUTH2"
