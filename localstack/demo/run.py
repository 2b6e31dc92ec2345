"""The demo itself: tell the API of a tenant and its relay, submit mails, watch what comes of them, judge."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from localstack.demo.mails import ACCOUNT_ID, DemoMail, by_priority, failing_mails, good_mails
from localstack.demo.proxy import Proxy, ProxyError
from localstack.demo.screen import Screen
from localstack.demo.tally import Observed, Refused, Submitted, count, exceptional
from localstack.demo.verify import problems
from localstack.demo.warm_up import warm_up
from localstack.logs import recent_errors
from localstack.system import LocalSystem

TENANT_ID: Final = "demo"
RETRY_SECONDS: Final = (2, 5, 10)
LIMIT_SECONDS: Final = 112.0
"""From the first call on; with the quiet time and the shutdown it stays within two minutes."""
QUIET_SECONDS: Final = 2.0
"""How long to look on after the last mail is accounted for: a duplicate would come now."""
LOOK_SECONDS: Final = 0.25


def run(system: LocalSystem, screen: Screen) -> bool:
    """Run the demo against a running system; return whether everything adds up.

    The last line that it shows is the tally's summary.
    """
    begun = time.monotonic()
    with Proxy(system.deployment.api_url, system.deployment.admin_token) as admin:
        with screen.step("starting every function with a mail in each lane"):
            warm_up(system, admin)
        with screen.step("creating a tenant and an SMTP account"):
            admin.shorten_retries(RETRY_SECONDS)
            api_key = admin.create_tenant(TENANT_ID, {"name": "The demo's tenant", **system.tenant_settings})
        with admin.with_token(api_key) as tenant:
            tenant.put_account(TENANT_ID, ACCOUNT_ID, system.account_settings)
            with screen.step("submitting 40 mails, and some that must fail"):
                submitted, refused = _submit(tenant)

            def observe() -> Observed:
                return Observed(submitted, refused, system.inbox.mailbox.mails.all(), system.receiver.events.all())

            observed = _watch(observe, screen, begun)
            missing = _explain_missing(observed, tenant)
    return _show(system, observed, missing, screen)


def _submit(tenant: Proxy) -> tuple[list[Submitted], list[Refused]]:
    """Submit the mails, one call a priority, the most patient first: the others have to overtake them."""
    submitted: list[Submitted] = []
    refused: list[Refused] = []
    for mails in by_priority([*good_mails(int(time.time())), *failing_mails()]).values():
        answer = tenant.submit(TENANT_ID, mails)
        now = time.time_ns() // 1_000_000
        by_id = {mail.id: mail for mail in mails}
        submitted += [Submitted(by_id[accepted.id], now) for accepted in answer.accepted]
        refused += [Refused(mails[entry.index], entry.code, entry.detail) for entry in answer.rejected]
    return submitted, refused


def _watch(observe: Callable[[], Observed], screen: Screen, begun: float) -> Observed:
    """Look until every accepted mail is accounted for and a little longer, or until the time is over."""
    settled_at: float | None = None
    with screen.progress() as show:
        while True:
            observed = observe()
            missing = _missing(observed)
            now = time.monotonic()
            show(now - begun, count(observed), [mail.id for mail in missing])
            if missing:
                settled_at = None
            elif settled_at is None:
                settled_at = now
            elif now - settled_at > QUIET_SECONDS:
                return observed
            if now - begun > LIMIT_SECONDS:
                return observed
            time.sleep(LOOK_SECONDS)


def _missing(observed: Observed) -> list[DemoMail]:
    return [one.mail for one in observed.submitted if observed.is_lost(one.mail)]


def _explain_missing(observed: Observed, tenant: Proxy) -> list[str]:
    """Say of each mail that is not accounted for what was seen of it and what the proxy knows of it."""
    lines = []
    for mail in _missing(observed):
        seen = "in the inbox, but not reported" if observed.is_delivered(mail) else "not in the inbox"
        try:
            known = f"status {tenant.status_of(TENANT_ID, mail.id).status}"
        except ProxyError as error:
            known = str(error)
        lines.append(f"{mail.id} ({mail.kind}): {seen}; the proxy says: {known}")
    return lines


def _show(system: LocalSystem, observed: Observed, missing: Sequence[str], screen: Screen) -> bool:
    tally = count(observed)
    wrong = problems(observed)
    all_is_well = tally.adds_up and not wrong
    screen.tally(tally)
    screen.exceptional(exceptional(observed))
    screen.failures(f"Not accounted for within {LIMIT_SECONDS:.0f} s:", missing)
    screen.failures("Not as it must be:", wrong)
    if not all_is_well:
        screen.failures("Errors in the functions' logs:", recent_errors(system.deployment.endpoint_url))
    screen.say(tally.summary())
    return all_is_well
