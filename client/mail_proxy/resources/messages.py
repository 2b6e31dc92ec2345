"""The messages of a tenant: submitted, followed, taken back, sent again, their records deleted."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mail_proxy.errors import NothingAccepted, NotSent, StillWaiting
from mail_proxy.exchange import Call, Caller, Query, answer, new_idempotency_key, nothing
from mail_proxy.models.base import PriorityInput, Status
from mail_proxy.models.messages import (
    AcceptedEntry,
    CleanupAnswer,
    CleanupCall,
    DeletionAnswer,
    DeletionCall,
    MessageList,
    MessageSummary,
    MessageView,
    RejectedEntry,
    Submission,
    SubmissionAnswer,
    SubmissionCall,
    SubmittedAttachment,
)
from mail_proxy.operations import Listing, Page, Resource, listing, operation
from mail_proxy.steps import Method, Outcome, Step, Steps
from mail_proxy.transports import Transport

_MESSAGES: Final = "/v1/tenants/{tenant_id}/messages"
_MESSAGE: Final = _MESSAGES + "/{message_id}"

MAX_MESSAGES_A_CALL: Final = 1000
MAX_BYTES_A_CALL: Final = 5_000_000  # of the 6 MB that the API takes

_FIRST_LOOK: Final = 0.5  # seconds
_SLOWEST_LOOK: Final = 10.0


@dataclass(frozen=True, slots=True)
class Part:
    """Messages that go in one call, the first of which is the `begin`-th of all."""

    begin: int
    messages: list[Submission]


class Messages[M: Transport](Resource[M]):
    """`proxy.tenant("acme").messages`"""

    @operation
    def submit(
        self,
        messages: Iterable[Submission],
        *,
        default_priority: PriorityInput | None = None,
        idempotency_key: str | None = None,
    ) -> Steps[SubmissionAnswer]:
        """Submits any number of messages, in calls of up to 1,000 messages and 5 MB, and gives what became of each.

        What is accepted is stored and queued. Bad messages sink no good ones: look at `rejected`, whose `index` counts
        in `messages`. Raises NothingAccepted when all were refused. An `idempotency_key` is for a submission that your
        own process may repeat within 24 hours; several calls get it with a number behind it. When one of several calls
        fails, those before it have succeeded: submit all again, which changes nothing for what is in already.

            answer = acme.messages.submit([
                Submission(id="MSG-1", from_="no-reply@acme.example", to="anna@example.com", text="Hi Anna"),
            ])
            for refused in answer.rejected:
                print(refused.id, refused.code, refused.detail)
        """
        accepted: list[AcceptedEntry] = []
        rejected: list[RejectedEntry] = []
        refusal: NothingAccepted | None = None
        key = idempotency_key or new_idempotency_key()
        for number, part in enumerate(parts(messages)):
            call = self._submission(part, default_priority, f"{key}.{number}" if number else key)
            try:
                made = yield from self._make(call)
            except NothingAccepted as error:
                refusal = error
                rejected += [moved(each, part.begin) for each in error.rejected]
            else:
                accepted += made.accepted
                rejected += [moved(each, part.begin) for each in made.rejected]
        if refusal is not None and not accepted:
            problem = refusal.problem.model_copy(update={"rejected": tuple(rejected)})
            raise NothingAccepted(problem, request_id=refusal.request_id)
        return SubmissionAnswer(accepted=tuple(accepted), rejected=tuple(rejected))

    def _submission(self, part: Part, priority: PriorityInput | None, key: str) -> Call[SubmissionAnswer]:
        given = {} if priority is None else {"default_priority": priority}
        body = SubmissionCall.model_validate({"messages": part.messages, **given}).body()
        path = {"tenant_id": self._tenant_id}
        return Call("POST", _MESSAGES, answer(SubmissionAnswer), path, body=body, idempotency_key=key)

    @operation
    def send(
        self,
        *,
        from_: str,
        to: str | Sequence[str],
        subject: str = "",
        text: str | None = None,
        html: str | None = None,
        cc: str | Sequence[str] | None = None,
        bcc: str | Sequence[str] | None = None,
        reply_to: str | Sequence[str] | None = None,
        attachments: Sequence[SubmittedAttachment] = (),
        message_id: str | None = None,
        account_id: str | None = None,
        priority: PriorityInput | None = None,
        send_at: datetime | float | None = None,
        batch_code: str | None = None,
    ) -> Steps[AcceptedEntry]:
        """Submits one message, under an id of its own unless `message_id` (yours, not the header) names one.

        Raises NothingAccepted when it is refused.

            accepted = acme.messages.send(from_="no-reply@acme.example", to="anna@example.com", text="Hi Anna")
            print(accepted.id, accepted.status)
        """
        given = {
            "id": message_id or uuid.uuid4().hex,
            "from": from_,
            "to": to,
            "subject": subject,
            "text": text,
            "html": html,
            "cc": cc,
            "bcc": bcc,
            "reply_to": reply_to,
            "attachments": list(attachments) or None,
            "account_id": account_id,
            "priority": priority,
            "send_at": send_at,
            "batch_code": batch_code,
        }
        message = Submission.model_validate({name: value for name, value in given.items() if value is not None})
        call = self._submission(Part(0, [message]), None, new_idempotency_key())
        made = yield from self._make(call)
        return made.accepted[0]

    @listing
    def list(
        self,
        *,
        status: Status | None = None,
        account_id: str | None = None,
        batch_code: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int = 100,
        cursor: str | None = None,
    ) -> Listing[MessageSummary]:
        """The tenant's messages, latest first; `since` and `until` bound when they were submitted.

        for message in acme.messages.list(status="error"):
            print(message.id, message.finished_at)
        """

        def turn(cursor: str | None) -> Steps[Page[MessageSummary]]:
            query: Query = {
                "status": status,
                "account_id": account_id,
                "batch_code": batch_code,
                "since": since,
                "until": until,
                "limit": page_size,
                "cursor": cursor,
            }
            call = Call("GET", _MESSAGES, answer(MessageList), {"tenant_id": self._tenant_id}, query)
            page = yield from self._make(call)
            return Page(page.messages, page.next_cursor)

        return Listing(turn, cursor)

    @operation
    def get(self, message_id: str) -> Steps[MessageView]:
        """A message with its last events, its recipients, and its content without the bodies. Raises NotFound."""
        return self._make(self._of_one("GET", _MESSAGE, message_id))

    def _of_one(self, method: Method, route: str, message_id: str, key: str | None = None) -> Call[MessageView]:
        path = {"tenant_id": self._tenant_id, "message_id": message_id}
        return Call(method, route, answer(MessageView), path, idempotency_key=key)

    @operation
    def cancel(self, message_id: str) -> Steps[MessageView]:
        """Takes a message back that is not sent yet.

        Raises Conflict: `in_flight` when a worker holds it just now, `conflict` when it is final already.
        """
        return self._make(self._of_one("POST", _MESSAGE + "/cancel", message_id))

    @operation
    def retry(self, message_id: str, *, idempotency_key: str | None = None) -> Steps[MessageView]:
        """Sends a failed message again, to those who do not have it. Raises Conflict: it has not failed, or is gone."""
        key = idempotency_key or new_idempotency_key()
        return self._make(self._of_one("POST", _MESSAGE + "/retry", message_id, key))

    @operation
    def delete(self, message_id: str) -> Steps[None]:
        """Removes the record of a message, which frees its id; one that waits is not sent then. Raises NotFound."""
        path = {"tenant_id": self._tenant_id, "message_id": message_id}
        return self._make(Call("DELETE", _MESSAGE, nothing, path))

    @operation
    def delete_many(self, ids: Sequence[str], *, idempotency_key: str | None = None) -> Steps[DeletionAnswer]:
        """Removes the records of up to 1,000 messages."""
        body = DeletionCall(ids=[*ids]).body()
        key = idempotency_key or new_idempotency_key()
        path = {"tenant_id": self._tenant_id}
        return self._make(
            Call("POST", _MESSAGES + "/delete", answer(DeletionAnswer), path, body=body, idempotency_key=key)
        )

    @operation
    def cleanup(self, *, older_than_seconds: int) -> Steps[int]:
        """Removes the records of all messages whose last report was acknowledged so long ago; gives how many."""
        removed = 0
        call = CleanupCall(older_than_seconds=older_than_seconds)
        while True:
            made = yield from self._make(
                Call(
                    "POST",
                    _MESSAGES + "/cleanup",
                    answer(CleanupAnswer),
                    {"tenant_id": self._tenant_id},
                    body=call.body(),
                    idempotency_key=new_idempotency_key(),
                )
            )
            removed += made.removed
            if made.next_cursor is None:
                return removed
            call = CleanupCall(older_than_seconds=older_than_seconds, cursor=made.next_cursor)

    @operation
    def wait_until_sent(self, message_id: str, *, timeout: float = 120.0) -> Steps[MessageView]:
        """Asks for a message until it is final, first often, then every ten seconds.

        Gives it when it is sent. Raises NotSent when it failed or was cancelled, StillWaiting after `timeout` seconds:
        it stays in the proxy then. For many messages take the reports instead.

            accepted = acme.messages.send(from_="no-reply@acme.example", to="anna@example.com", text="Hi Anna")
            sent = acme.messages.wait_until_sent(accepted.id)
            print(sent.recipients[0].reply)
        """
        call = self._of_one("GET", _MESSAGE, message_id)
        look = _FIRST_LOOK
        pause = 0.0
        deadline: float | None = None
        while True:
            message, at = yield from timed(self._caller, call, pause)
            if message.status == "sent":
                return message
            if message.status in ("error", "cancelled"):
                raise NotSent(message)
            deadline = at + timeout if deadline is None else deadline
            if at >= deadline:
                raise StillWaiting(message, timeout)
            pause = min(look, deadline - at)
            look = min(look * 2, _SLOWEST_LOOK)


def timed[T](caller: Caller, call: Call[T], pause: float) -> Steps[tuple[T, float]]:
    """The call after a pause in seconds, and when its last answer was there."""
    steps = caller.make(call)
    step = next(steps)
    step = Step(step.request, step.delay + pause)
    at = 0.0
    while True:
        outcome: Outcome = yield step
        at = outcome.at
        try:
            step = steps.send(outcome)
        except StopIteration as end:
            result: T = end.value
            return result, at


def parts(messages: Iterable[Submission]) -> Iterator[Part]:
    """All messages, in their order, in parts that a call can hold. One that is too large for any is a part alone."""
    begin = 0
    held: list[Submission] = []
    size = 0
    for message in messages:
        length = len(message.body()) + 1
        if held and (len(held) == MAX_MESSAGES_A_CALL or size + length > MAX_BYTES_A_CALL):
            yield Part(begin, held)
            begin, held, size = begin + len(held), [], 0
        held.append(message)
        size += length
    if held:
        yield Part(begin, held)


def moved(entry: RejectedEntry, by: int) -> RejectedEntry:
    """An entry of a part, counted in all."""
    return entry.model_copy(update={"index": entry.index + by})
