"""How sessions are opened: encryption, certificates, credentials."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from localstack.inbox import Credentials, Inbox, Reply, Stage, Tls, TlsMode, answer, local_certificate
from shared.clock import MINUTE
from shared.delivery import opening
from shared.delivery.authentication import PasswordCredentials
from shared.lines.line import LineKind, account_line
from tests.integration.lane_driver import ACCOUNT, TENANT, Driver, System

LINE = account_line(LineKind.MEDIUM, TENANT, ACCOUNT)
LOGIN = Credentials("shop", "s3cret pässwörd")


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[trustme.CA]:
    """The one authority that this machine trusts, as OpenSSL's environment variable says."""
    authority = trustme.CA()
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    opening._tls_context.cache_clear()
    yield authority
    opening._tls_context.cache_clear()


@pytest.fixture
def certificate(authority: trustme.CA) -> ssl.SSLContext:
    return local_certificate(authority)


@pytest.fixture(autouse=True)
def tenant(system: System) -> None:
    system.add_tenant()


async def sent_through(system: System, driver: Driver, relay: Inbox, **settings: Any) -> str:
    """What becomes of a mail through an account at `relay` with these settings."""
    system.add_account(relay, **settings)
    system.submit({"id": "m1"})
    await driver.run()
    return system.mail("m1").status.value


@pytest.mark.parametrize(
    ("offered", "mode", "encrypted"),
    [
        (None, "none", False),
        (TlsMode.IMPLICIT, "tls", True),
        (TlsMode.STARTTLS, "starttls", True),
        (TlsMode.STARTTLS_REQUIRED, "starttls", True),
        (TlsMode.STARTTLS, "opportunistic", True),
        (None, "opportunistic", False),
        (TlsMode.STARTTLS, "none", False),
    ],
)
async def test_a_mail_goes_out_encrypted_as_the_account_says(
    system: System, driver: Driver, certificate: ssl.SSLContext, offered: TlsMode | None, mode: str, encrypted: bool
) -> None:
    with Inbox(tls=Tls(offered, certificate) if offered else None) as relay:
        assert await sent_through(system, driver, relay, tls=mode) == "sent"
        (mail,) = relay.mailbox.mails.all()

    assert mail.tls is encrypted


async def test_without_starttls_on_offer_nothing_is_sent_where_it_is_required(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    assert await sent_through(system, driver, inbox, tls="starttls") == "pending"
    assert system.head_of(LINE).waits == 1
    assert inbox.mailbox.exchanges(Stage.MAIL) == []


async def test_where_starttls_is_required_a_mail_without_it_is_not_sent(
    system: System, driver: Driver, certificate: ssl.SSLContext
) -> None:
    with Inbox(tls=Tls(TlsMode.STARTTLS_REQUIRED, certificate)) as relay:
        assert await sent_through(system, driver, relay, tls="none") == "pending"
        assert relay.mailbox.mails.all() == []


@pytest.mark.parametrize(
    ("offered", "mode"),
    [(TlsMode.IMPLICIT, "tls"), (TlsMode.STARTTLS, "starttls"), (TlsMode.STARTTLS, "opportunistic")],
)
@pytest.mark.parametrize("flaw", ["unknown authority", "another name", "expired"])
async def test_a_certificate_that_does_not_hold_is_refused_and_no_credentials_are_shown(
    system: System, driver: Driver, authority: trustme.CA, offered: TlsMode, mode: str, flaw: str
) -> None:
    issuer = trustme.CA() if flaw == "unknown authority" else authority
    names = ("mail.example.org",) if flaw == "another name" else ()
    expires = datetime.now(UTC) - timedelta(days=1) if flaw == "expired" else None
    flawed = local_certificate(issuer, *names, expires=expires)
    with Inbox(tls=Tls(offered, flawed), credentials=LOGIN) as relay:
        status = await sent_through(system, driver, relay, tls=mode, username="shop", password=LOGIN.password)

        assert status == "pending"
        assert relay.mailbox.exchanges(Stage.AUTH) == []
    assert system.head_of(LINE).waits == 1


@pytest.mark.parametrize(("offered", "mode"), [(TlsMode.IMPLICIT, "tls"), (TlsMode.STARTTLS, "starttls")])
async def test_a_certificate_is_not_verified_where_the_account_says_so(
    system: System, driver: Driver, offered: TlsMode, mode: str
) -> None:
    with Inbox(tls=Tls(offered, local_certificate(trustme.CA(), "mail.example.org"))) as relay:
        assert await sent_through(system, driver, relay, tls=mode, verify_certificate=False) == "sent"
        assert relay.mailbox.mails.all()[0].tls


async def test_encryption_that_the_relay_does_not_speak_makes_the_line_wait(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    assert await sent_through(system, driver, inbox, tls="tls") == "pending"
    assert system.head_of(LINE).waits == 1


@pytest.mark.parametrize("refused", [0, 1])
async def test_credentials_are_given_by_plain_or_where_that_is_refused_by_login(
    system: System, driver: Driver, refused: int
) -> None:
    unsupported = answer(Stage.AUTH, Reply("504 5.5.4 mechanism not supported"), first=refused)
    with Inbox(credentials=LOGIN, rules=[unsupported]) as relay:
        assert await sent_through(system, driver, relay, username="shop", password=LOGIN.password) == "sent"
        assert relay.mailbox.mails.all()[0].username == "shop"
        assert relay.connections == 1


async def test_over_an_encrypted_connection_too(system: System, driver: Driver, certificate: ssl.SSLContext) -> None:
    tls = Tls(TlsMode.STARTTLS_REQUIRED, certificate)
    with Inbox(tls=tls, credentials=LOGIN) as relay:
        status = await sent_through(system, driver, relay, tls="starttls", username="shop", password=LOGIN.password)
        assert status == "sent"
        (mail,) = relay.mailbox.mails.all()

    assert (mail.tls, mail.username) == (True, "shop")


async def test_with_a_wrong_password_the_line_waits_and_with_the_right_one_everything_goes_out_in_order(
    system: System, driver: Driver
) -> None:
    names = [f"m{number}" for number in range(5)]
    with Inbox(credentials=LOGIN) as relay:
        system.add_account(relay, username="shop", password="wrong")
        system.submit(*({"id": name} for name in names))

        await driver.pass_time(20 * MINUTE)
        assert set(system.statuses().values()) == {"pending"}
        assert system.events() == []

        system.add_account(relay, username="shop", password=LOGIN.password)
        system.unblock_account()
        await driver.pass_time(MINUTE)

        assert [mail.header("Subject") for mail in relay.mailbox.mails.all()] == names
    assert {system.mail(name).attempts for name in names} == {1}


async def test_a_relay_is_not_pestered_with_wrong_credentials(system: System, driver: Driver) -> None:
    """Many lock an account after a few failures: half an hour of them is few enough to count."""
    with Inbox(credentials=LOGIN) as relay:
        system.add_account(relay, username="shop", password="wrong")
        system.submit({"id": "m1"})
        await driver.pass_time(30 * MINUTE)

        assert relay.connections <= 12


@pytest.mark.parametrize(
    "reply",
    [
        Reply("535 5.7.8 Authentication credentials invalid"),
        Reply("535 5.7.8 Authentication credentials invalid", hang_up=True),
        Reply("454 4.7.0 temporary authentication failure"),
        Reply("421 4.7.0 too many failed logins"),
        Reply(hang_up=True),
    ],
)
async def test_whatever_a_relay_answers_to_credentials_the_line_waits_and_nothing_is_lost(
    system: System, driver: Driver, reply: Reply
) -> None:
    with Inbox(credentials=LOGIN, rules=[answer(Stage.AUTH, reply)]) as relay:
        status = await sent_through(system, driver, relay, username="shop", password=LOGIN.password)
        assert status == "pending"
        assert system.head_of(LINE).waits == 1

        relay.script.clear()
        await driver.pass_time(MINUTE)
    assert system.mail("m1").status.value == "sent"
    assert system.mail("m1").attempts == 1


async def test_a_relay_that_offers_no_authentication_is_not_sent_mail_without_it(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    assert await sent_through(system, driver, inbox, username="shop", password="x") == "pending"
    assert inbox.mailbox.exchanges(Stage.MAIL) == []


async def test_the_account_is_at_fault_when_its_credentials_are_refused_even_if_the_relay_then_hangs_up() -> None:
    from shared.accounts.model import Account
    from shared.accounts.model import TlsMode as AccountTls
    from shared.clock import system_clock
    from shared.delivery.opening import SessionFault, open_session
    from shared.delivery.replies import Scope
    from tests.integration.lane_driver import LOCAL

    refusing = answer(Stage.AUTH, Reply("535 5.7.8 invalid", hang_up=True))
    with Inbox(credentials=LOGIN, rules=[refusing]) as relay:
        account = Account(
            tenant_id=TENANT,
            id=ACCOUNT,
            host=relay.host,
            port=relay.port,
            tls=AccountTls.NONE,
            version=1,
            created_at=0,
            updated_at=0,
        )
        with pytest.raises(SessionFault) as refused:
            await open_session(account, PasswordCredentials("shop", "x"), guard=LOCAL, clock=system_clock)

    assert refused.value.fault.scope is Scope.ACCOUNT
