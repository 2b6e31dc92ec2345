"""Accepting a call's messages: validated, stored and queued before the answer. Bad entries never sink good ones.

The order of writes, which a crash anywhere leaves harmless: heads announced, payloads, then for each slice one
transaction of its states and itself, then wake-ups.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from shared.accounts.model import Account
from shared.accounts.table import AccountTable
from shared.attachments.sources import FetchMode, infer_mode, upload_id
from shared.attachments.uploads import kept_until
from shared.aws.dynamodb import Attr, Put, Table
from shared.clock import DAY, SECOND, Clock, Millis
from shared.errors import InvalidInput, StorageUnavailable, TransactionRefused
from shared.identifiers import digest, due_key, new_ulid
from shared.instance.model import Instance
from shared.lines.line import Line, part_of
from shared.lines.lines import Lines
from shared.messages.candidates import Accepted, Candidate, Rejected, SliceGroup
from shared.messages.model import Mail, MailEvent, Priority, Status
from shared.messages.payloads import Payload, PayloadStore, payload_sort_key
from shared.messages.pec_submission import breach_at_submission
from shared.messages.resubmission import Resubmissions
from shared.messages.slices import MAX_MAILS, Entry, Slice, SliceTable, put_new
from shared.messages.submission import Submission, parse_submission
from shared.messages.table import MailTable
from shared.tenants.endpoints import attachment_url
from shared.tenants.model import Tenant

MAX_AHEAD: Millis = 30 * DAY
LONGEST_TRYING: Millis = 7 * DAY  # the most that a retry policy may say
_TRIES = 5  # of a transaction that loses entries to other calls, or meets another transaction

type Addressed = tuple[Submission, Account]


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """Both in the order of the call."""

    accepted: list[Accepted]
    rejected: list[Rejected]


class Intake:
    """Takes in calls for any tenant."""

    def __init__(
        self,
        *,
        messages: Table,
        mails: MailTable,
        payloads: PayloadStore,
        accounts: AccountTable,
        lines: Lines,
        clock: Clock,
    ) -> None:
        self._messages = messages
        self._payloads = payloads
        self._accounts = accounts
        self._lines = lines
        self._clock = clock
        self._resubmissions = Resubmissions(
            messages=messages, mails=mails, payloads=payloads, slices=SliceTable(messages), lines=lines
        )

    def accept(
        self, tenant: Tenant, instance: Instance, entries: Sequence[object], default_priority: Priority | None
    ) -> IntakeResult:
        """At most 1000 entries. Raises StorageUnavailable when not everything could be stored: the same call made
        again then completes it."""
        now = self._clock()
        rejected: list[Rejected] = []
        submissions = _parse(entries, rejected)
        if attachment_url(tenant, instance) is None:
            submissions = _without_endpoint_files(submissions, rejected)
        addressed = self._with_account(tenant, submissions, rejected)
        priority = instance.default_priority if default_priority is None else default_priority
        candidates = [
            _candidate(submission, account, index, priority, now)
            for index, (submission, account) in _sendable(addressed, now, rejected)
        ]
        accepted = self._store(candidates, rejected, now)
        return IntakeResult(
            accepted=[
                _as_shown(accepted[each.index], each.mail, tenant) for each in candidates if each.index in accepted
            ],
            rejected=sorted(rejected, key=lambda each: each.index),
        )

    def _with_account(
        self, tenant: Tenant, submissions: Mapping[int, Submission], rejected: list[Rejected]
    ) -> dict[int, Addressed]:
        """The submissions whose account exists, and takes them, with that account: their own or the default one."""
        named = {each.account_id or tenant.default_account for each in submissions.values()}
        existing = self._accounts.existing(tenant.id, (each for each in named if each is not None))
        known: dict[int, Addressed] = {}
        for index, submission in submissions.items():
            account_id = submission.account_id or tenant.default_account
            if account_id is None:
                detail = "no account_id, and the tenant has no default_account"
                rejected.append(Rejected(index, submission.id, "no_account", detail))
            elif account_id not in existing:
                detail = f"account_id: tenant {tenant.id} has no account {account_id}"
                rejected.append(Rejected(index, submission.id, "unknown_account", detail))
            elif (breach := breach_at_submission(submission, existing[account_id])) is not None:
                rejected.append(Rejected(index, submission.id, breach.code, breach.detail))
            else:
                known[index] = submission, existing[account_id]
        return known

    def _store(self, candidates: Sequence[Candidate], rejected: list[Rejected], now: Millis) -> dict[int, Accepted]:
        groups: dict[SliceGroup, list[Candidate]] = {}
        for each in candidates:
            groups.setdefault(SliceGroup.of(each.mail), []).append(each)
        due: dict[Line, Millis] = {}
        for group in groups:
            due[group.line] = min(group.due_at, due.get(group.line, group.due_at))
        for line, first_due in due.items():
            self._lines.announce(line, first_due)
        self._payloads.put_all(Payload.of(each.mail, each.content) for each in candidates)
        accepted: dict[int, Accepted] = {}
        known: list[Candidate] = []
        for group, members in groups.items():
            for start in range(0, len(members), MAX_MAILS):
                new, existing = self._store_slice(group, members[start : start + MAX_MAILS], now)
                accepted |= {each.index: Accepted.of(each.mail) for each in new}
                known += existing
        accepted |= self._resubmissions.take(known, rejected, now)
        for line in due:
            self._lines.wake(line)
        return accepted

    def _store_slice(
        self, group: SliceGroup, members: Sequence[Candidate], now: Millis
    ) -> tuple[list[Candidate], list[Candidate]]:
        """One transaction. The members that it stores, and those that drop out of it since their ids exist already."""
        key = due_key(group.due_at, new_ulid(now))
        members, existing = list(members), list[Candidate]()
        for _ in range(_TRIES):
            if not members:
                return members, existing
            mails = [each.mail.model_copy(update={"slice_key": key}) for each in members]
            entries = tuple(Entry(mail.id, mail.generation) for mail in mails)
            new = Slice(group.line, key, entries, batch_code=group.batch_code)
            absent = Attr("pk").not_exists()
            try:
                self._messages.transact([*(Put(mail.to_item(), condition=absent) for mail in mails), put_new(new)])
            except TransactionRefused as refused:
                positions = [position for position in refused.failed if position < len(members)]
                if not positions:  # our own first try, whose answer was lost, has put the slice
                    positions = list(range(len(members)))
                existing += [members[position] for position in positions]
                members = [each for position, each in enumerate(members) if position not in positions]
                continue
            return members, existing
        raise StorageUnavailable("the mails are being submitted by another call just now")


def _as_shown(accepted: Accepted, mail: Mail, tenant: Tenant) -> Accepted:
    if accepted.status.is_unsent and tenant.holds_back(mail.batch_code):
        return replace(accepted, status=Status.SUSPENDED)
    return accepted


def _parse(entries: Iterable[object], rejected: list[Rejected]) -> dict[int, Submission]:
    valid: dict[int, Submission] = {}
    first_with: dict[str, int] = {}
    for index, entry in enumerate(entries):
        try:
            submission = parse_submission(entry)
        except InvalidInput as error:
            rejected.append(Rejected(index, _id_of(entry), error.code, error.detail))
            continue
        if submission.id in first_with:
            detail = f"id: {submission.id} stands already at index {first_with[submission.id]} of this call"
            rejected.append(Rejected(index, submission.id, "duplicate_id", detail))
            continue
        first_with[submission.id] = index
        valid[index] = submission
    return valid


def _id_of(entry: object) -> str | None:
    """The id that the client gave, if any, to find the entry by."""
    mail_id = entry.get("id") if isinstance(entry, Mapping) else None
    return mail_id[:255] if isinstance(mail_id, str) else None


def _without_endpoint_files(submissions: Mapping[int, Submission], rejected: list[Rejected]) -> dict[int, Submission]:
    """Those that ask for nothing at the tenant's endpoint, which it does not have."""
    kept: dict[int, Submission] = {}
    for index, submission in submissions.items():
        modes = [infer_mode(each.storage_path, each.fetch_mode) for each in submission.attachments]
        if FetchMode.ENDPOINT in modes:
            detail = f"attachments/{modes.index(FetchMode.ENDPOINT)}: the tenant has no client_base_url to ask for it"
            rejected.append(Rejected(index, submission.id, "no_endpoint", detail))
        else:
            kept[index] = submission
    return kept


def _sendable(addressed: Mapping[int, Addressed], now: Millis, rejected: list[Rejected]) -> list[tuple[int, Addressed]]:
    """Those not scheduled further ahead than is kept."""
    sendable: list[tuple[int, Addressed]] = []
    for index, (submission, account) in addressed.items():
        if _due_at(submission, now) > now + MAX_AHEAD:
            detail = f"send_at: at most {MAX_AHEAD // DAY} days ahead"
            rejected.append(Rejected(index, submission.id, "send_at_too_far", detail))
        elif (gone := _gone_before_sent(submission, now)) is not None:
            detail = f"attachments: {gone} leaves before the mail would be tried for the last time: upload it later"
            rejected.append(Rejected(index, submission.id, "upload_expires", detail))
        else:
            sendable.append((index, (submission, account)))
    return sendable


def _gone_before_sent(submission: Submission, now: Millis) -> str | None:
    """An upload that would not be there any more at the last try."""
    last_try = _due_at(submission, now) + LONGEST_TRYING
    for each in submission.attachments:
        is_upload = infer_mode(each.storage_path, each.fetch_mode) is FetchMode.UPLOAD
        if is_upload and kept_until(upload_id(each.storage_path)) < last_try:
            return each.storage_path
    return None


def _due_at(submission: Submission, now: Millis) -> Millis:
    """A time in the past means now."""
    if submission.send_at is None:
        return now
    return max(now, int(submission.send_at.timestamp() * SECOND))


def _candidate(
    submission: Submission, account: Account, index: int, default_priority: Priority, now: Millis
) -> Candidate:
    content = submission.content_json()
    priority = default_priority if submission.priority is None else submission.priority
    send_at = submission.send_at.isoformat() if submission.send_at else ""
    batch_code = submission.batch_code or ""
    # As the client said it: a default that changes later must not make the same call another one.
    said_priority = "" if submission.priority is None else str(submission.priority.value)
    identity = digest(content.decode(), account.id, said_priority, send_at, batch_code)
    generation = 1
    due_at = _due_at(submission, now)
    mail = Mail(
        tenant_id=account.tenant_id,
        id=submission.id,
        account_id=account.id,
        priority=priority,
        part=part_of(submission.id, account.parallelism),
        status=Status.PENDING,
        generation=generation,
        slice_key="",
        payload_key=payload_sort_key(generation, identity),
        digest=identity,
        message_id_digest=digest(submission.message_id) if submission.message_id is not None else None,
        created_at=now,
        due_at=due_at,
        send_at=int(submission.send_at.timestamp() * SECOND) if submission.send_at else None,
        batch_code=submission.batch_code,
        events=[MailEvent(type="accepted", at=now)],
    )
    return Candidate(index, mail, content)
