"""How long a mail is kept after its last report was acknowledged, without a write for each mail.

A sender that finishes a mail sets its time to live as if the report were acknowledged at once, which it nearly always
is. Only where that comes late, or after a refusal, the mail is written again.
"""

import asyncio
from collections.abc import Sequence

from shared.aws.attributes import Item
from shared.aws.dynamodb import Attr, Table, Update
from shared.aws.threads import in_thread
from shared.clock import HOUR, SECOND, Millis, ttl_seconds
from shared.errors import ConditionFailed
from shared.messages.model import mail_key
from shared.messages.table import recipients_key_of
from shared.reports.events import PushedEvent, ReportEvent, ended_at

LATE: Millis = HOUR  # by so much the time to live may be short


class Retention:
    """Raises StorageUnavailable when DynamoDB cannot be reached."""

    def __init__(self, messages: Table) -> None:
        self._table = messages

    async def run_from(self, now: Millis, taken: Sequence[PushedEvent], *, retention: Millis) -> None:
        """Keeps the mails whose last report was acknowledged late for `retention` from now."""
        late = [each.event for each in taken if _is_late(each, now)]
        await asyncio.gather(*(in_thread(self._keep, event, now, now + retention) for event in late))

    def _keep(self, event: ReportEvent, now: Millis, until: Millis) -> None:
        """Nothing happens when the mail is gone, or was sent again since."""
        at = ended_at(event)
        if event.id is None or at is None:
            return
        same = Attr("finished_at").between(at * SECOND, (at + 1) * SECOND - 1)
        ttl: Item = {"ttl": ttl_seconds(until)}
        try:
            self._table.update(
                Update(
                    mail_key(event.tenant_id, event.id),
                    set=ttl | {"reported_at": now, "expires_at": until},
                    condition=same,
                )
            )
            key = recipients_key_of(event.tenant_id, event.id)
            self._table.update(Update(key, set=ttl, condition=Attr("pk").exists()))
        except ConditionFailed:
            return


def _is_late(pushed: PushedEvent, now: Millis) -> bool:
    """What is replayed was acknowledged before."""
    at = ended_at(pushed.event)
    return at is not None and not pushed.replayed and (pushed.refusals > 0 or at * SECOND < now - LATE)
