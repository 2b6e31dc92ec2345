"""Counts what became of the demo's mails. Pure: it is given what was seen, and takes nobody's word for it.

What counts as what:

- submitted: accepted by the API.
- delivered: distinct mails that the inbox holds, told apart by the header that was set at submission.
- reported: mails whose final event (sent, error or cancelled) arrived at the sync endpoint.
- lost: accepted mails that neither the inbox nor an error report accounts for, or without any final event.
- duplicated: copies in the inbox beyond the first of each mail.
- rejected: refused at submission, or submitted and then reported as an error.

So all is well when submitted = delivered + errors reported, reported = submitted, lost = duplicated = 0.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from localstack.demo.mails import ID_HEADER, DemoMail, Priority
from localstack.inbox import ReceivedMail
from localstack.receiver import EventKind, ReceivedEvent


@dataclass(frozen=True, slots=True)
class Submitted:
    """A mail that the API accepted; `accepted_at` is when its answer arrived, in epoch milliseconds."""

    mail: DemoMail
    accepted_at: int

    @property
    def due_at(self) -> int:
        """The moment from which its delivery is timed: accepted, or scheduled if that is later."""
        return max(self.accepted_at, (self.mail.send_at or 0) * 1000)


@dataclass(frozen=True, slots=True)
class Refused:
    """A mail that the API refused, with the reason it gave."""

    mail: DemoMail
    code: str
    detail: str


@dataclass(frozen=True)
class Observed:
    """Everything seen from outside: the API's answers, the inbox's mails, the sync endpoint's events."""

    submitted: Sequence[Submitted]
    refused: Sequence[Refused]
    mails: Sequence[ReceivedMail]
    events: Sequence[ReceivedEvent]

    @cached_property
    def copies(self) -> Mapping[str, list[ReceivedMail]]:
        """What the inbox holds of each mail, in order of arrival."""
        copies: defaultdict[str, list[ReceivedMail]] = defaultdict(list)
        for mail in self.mails:
            copies[mail.header(ID_HEADER) or ""].append(mail)
        return copies

    @cached_property
    def reports(self) -> Mapping[str, list[ReceivedEvent]]:
        """The events about each mail, in order of arrival."""
        reports: defaultdict[str, list[ReceivedEvent]] = defaultdict(list)
        for event in self.events:
            reports[event.event.id or ""].append(event)
        return reports

    def has_report(self, mail: DemoMail, *kinds: EventKind) -> bool:
        """Whether an event of one of these kinds came about the mail."""
        return any(report.event.kind in kinds for report in self.reports.get(mail.id, ()))

    def is_delivered(self, mail: DemoMail) -> bool:
        """Whether the inbox holds it."""
        return mail.id in self.copies

    def is_reported(self, mail: DemoMail) -> bool:
        """Whether its final event arrived."""
        return self.has_report(mail, *(kind for kind in EventKind if kind.is_final))

    def is_lost(self, mail: DemoMail) -> bool:
        """Whether an accepted mail has gone, so far, without a trace or without a word."""
        explained = self.is_delivered(mail) or self.has_report(mail, EventKind.ERROR)
        return not (explained and self.is_reported(mail))


@dataclass(frozen=True, slots=True)
class Row:
    """The counts of one priority. Times are in seconds; `None` when nothing could be timed.

    Only mails that were never deferred are timed: a deferral measures the relay's patience, not the proxy.
    """

    submitted: int
    delivered: int
    reported: int
    refused: int
    median: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts, in all and by priority."""

    submitted: int
    delivered: int
    reported: int
    lost: int
    duplicated: int
    rejected: int
    rows: Mapping[Priority, Row]

    @property
    def adds_up(self) -> bool:
        """Whether every accepted mail arrived once or failed with a report, and nothing else happened."""
        failed = sum(row.refused for row in self.rows.values())
        return (
            self.lost == self.duplicated == 0
            and self.submitted == self.delivered + failed
            and self.reported == self.submitted
        )

    def summary(self) -> str:
        """Return the demo's last line."""
        return (
            f"demo: submitted={self.submitted} delivered={self.delivered} reported={self.reported} "
            f"lost={self.lost} duplicated={self.duplicated} rejected={self.rejected}"
        )


def count(observed: Observed) -> Tally:
    """Count what was seen."""
    rows = {
        priority: _row(observed, [one for one in observed.submitted if one.mail.priority is priority])
        for priority in Priority
    }
    return Tally(
        submitted=len(observed.submitted),
        delivered=sum(row.delivered for row in rows.values()),
        reported=sum(row.reported for row in rows.values()),
        lost=sum(observed.is_lost(one.mail) for one in observed.submitted),
        duplicated=sum(len(copies) - 1 for copies in observed.copies.values()),
        rejected=len(observed.refused) + sum(row.refused for row in rows.values()),
        rows=rows,
    )


def _row(observed: Observed, submitted: Sequence[Submitted]) -> Row:
    times = sorted(
        max(0, observed.copies[one.mail.id][0].received_at - one.due_at) / 1000
        for one in submitted
        if observed.is_delivered(one.mail) and not observed.has_report(one.mail, EventKind.DEFERRED)
    )
    return Row(
        submitted=len(submitted),
        delivered=sum(observed.is_delivered(one.mail) for one in submitted),
        reported=sum(observed.is_reported(one.mail) for one in submitted),
        refused=sum(observed.has_report(one.mail, EventKind.ERROR) for one in submitted),
        median=statistics.median(times) if times else None,
        p95=times[math.ceil(0.95 * len(times)) - 1] if times else None,
    )


@dataclass(frozen=True, slots=True)
class Exceptional:
    """A mail with a story of its own: refused, deferred or scheduled."""

    mail: DemoMail
    outcome: str
    reason: str


def exceptional(observed: Observed) -> list[Exceptional]:
    """Tell the mails that did not simply arrive, with the reasons that were given for it."""
    at_submission = [
        Exceptional(refused.mail, "refused at submission", f"{refused.code}: {refused.detail}")
        for refused in observed.refused
    ]
    return at_submission + [story for one in observed.submitted for story in _stories(observed, one)]


def _stories(observed: Observed, one: Submitted) -> Iterator[Exceptional]:
    copies = observed.copies.get(one.mail.id)
    waited = f"delivered {(copies[0].received_at - one.accepted_at) / 1000:.1f} s later" if copies else "not delivered"
    for report in observed.reports.get(one.mail.id, ()):
        if report.event.kind is EventKind.ERROR:
            yield Exceptional(one.mail, "refused by the relay", report.event.error or "no reason given")
        if report.event.kind is EventKind.DEFERRED:
            yield Exceptional(one.mail, f"deferred, {waited}", report.event.deferred_reason or "no reason given")
    if one.mail.send_at is not None:
        ahead = one.mail.send_at - one.accepted_at / 1000
        yield Exceptional(one.mail, waited, f"scheduled {ahead:.1f} s ahead")
