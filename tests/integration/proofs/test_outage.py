"""A relay that is down for a long while, with much mail behind it."""

from collections.abc import Callable

from localstack.inbox import Inbox
from shared.clock import HOUR, MINUTE
from shared.lines.line import LineKind, account_line
from tests.integration.lane_driver import ACCOUNT, TENANT, Driver, System
from tests.integration.proofs.sizes import size

LINE = account_line(LineKind.MEDIUM, TENANT, ACCOUNT)
MAILS = size(100, full=500)
DOWN = size(8, full=72) * HOUR
MAX_AGE = size(1, full=24) * HOUR


async def test_keeps_the_order_wastes_no_attempt_and_loses_nothing(
    system: System, driver: Driver, inbox: Inbox, proven: Callable[..., None]
) -> None:
    """Although it is down for longer than a mail may be tried."""
    system.change_instance(schedule_seconds=[60, 300, 900], max_age_seconds=MAX_AGE // 1_000)
    system.add_tenant()
    system.add_account(inbox)
    names = [f"m{number:03}" for number in range(MAILS)]
    inbox.go_down()
    system.submit(*({"id": name} for name in names))

    await driver.pass_time(DOWN)
    visits = sum(line == LINE for line, _ in driver.worked)
    mails = [system.mail(name) for name in names]
    assert {(mail.status.value, mail.attempts) for mail in mails} == {("pending", 0)}
    assert visits <= 20 + 6 * (DOWN // HOUR)  # whatever waits: about four tries an hour, once it has waited long

    inbox.come_back()
    await driver.pass_time(16 * MINUTE)
    assert [mail.header("Subject") for mail in inbox.mailbox.mails.all()] == names
    assert set(system.statuses().values()) == {"sent"}
    assert {system.mail(name).attempts for name in names} == {1}
    assert not any(event.possible_duplicate for event in [*system.events(), *system.logged_events()])
    proven(mails=MAILS, hours_down=DOWN // HOUR, visits=visits, attempts_of_each=1)
