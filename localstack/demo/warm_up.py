"""Sends one mail through each lane before the demo begins, so that its times are those of functions that run.

On this machine the first call of each function starts an interpreter, several of them at once on few cores: seconds
that tell nothing of the proxy. These mails belong to a tenant of their own, and are forgotten before anything is
counted.
"""

from typing import Final

from localstack.demo.mails import ACCOUNT_ID, DemoMail, Mailbox, Priority
from localstack.demo.proxy import Proxy
from localstack.system import LocalSystem

TENANT_ID: Final = "warm-up"
WAIT_SECONDS: Final = 60.0


def warm_up(system: LocalSystem, admin: Proxy) -> None:
    """Raises TimeoutError naming what did not come: then nothing would."""
    mails = [
        DemoMail(
            id=f"warm-up-{priority}",
            kind="warm-up",
            priority=priority,
            subject="Warm-up",
            text="Warm-up",
            to=(Mailbox("You", "you@example.net"),),
        )
        for priority in Priority
    ]
    api_key = admin.create_tenant(TENANT_ID, system.tenant_settings)
    with admin.with_token(api_key) as tenant:
        tenant.put_account(TENANT_ID, ACCOUNT_ID, system.account_settings)
        tenant.submit(TENANT_ID, mails)
    system.inbox.mailbox.mails.wait_for(len(mails), timeout=WAIT_SECONDS)
    system.receiver.events.wait_for(len(mails), timeout=WAIT_SECONDS)
    system.inbox.mailbox.clear()
    system.receiver.events.clear()
