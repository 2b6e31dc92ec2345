"""The mailboxes of a tenant, and the instance's own, where bounces and receipts come back to."""

from typing import Final

from mail_proxy.exchange import Call, Query, answer, nothing
from mail_proxy.models.mailboxes import (
    MailboxList,
    MailboxSettings,
    MailboxVerification,
    MailboxView,
    UnmatchedList,
    UnmatchedView,
)
from mail_proxy.operations import Listing, Page, Resource, listing, operation
from mail_proxy.steps import Steps
from mail_proxy.transports import Transport

_MAILBOXES: Final = "/v1/tenants/{tenant_id}/mailboxes"
_MAILBOX: Final = _MAILBOXES + "/{mailbox_id}"
_BOUNCE: Final = "/v1/instance/bounce"


class Mailboxes[M: Transport](Resource[M]):
    """`proxy.tenant("acme").mailboxes`"""

    def _path(self, mailbox_id: str) -> dict[str, str]:
        return {"tenant_id": self._tenant_id, "mailbox_id": mailbox_id}

    @listing
    def list(self, *, page_size: int = 100, cursor: str | None = None) -> Listing[MailboxView]:
        """All mailboxes of the tenant."""

        def turn(cursor: str | None) -> Steps[Page[MailboxView]]:
            query: Query = {"limit": page_size, "cursor": cursor}
            call = Call("GET", _MAILBOXES, answer(MailboxList), {"tenant_id": self._tenant_id}, query)
            page = yield from self._make(call)
            return Page(page.mailboxes, page.next_cursor)

        return Listing(turn, cursor)

    @operation
    def get(self, mailbox_id: str) -> Steps[MailboxView]:
        """A mailbox, without its password, and how far it is read. Raises NotFound."""
        return self._make(Call("GET", _MAILBOX, answer(MailboxView), self._path(mailbox_id)))

    @operation
    def put(self, mailbox_id: str, settings: MailboxSettings) -> Steps[MailboxView]:
        """Creates a mailbox or replaces it; it is looked at, at once."""
        return self._make(Call("PUT", _MAILBOX, answer(MailboxView), self._path(mailbox_id), body=settings.body()))

    @operation
    def delete(self, mailbox_id: str) -> Steps[None]:
        """Reads a mailbox no more. The mail in it stays where it is."""
        return self._make(Call("DELETE", _MAILBOX, nothing, self._path(mailbox_id)))

    @operation
    def verify(self, mailbox_id: str) -> Steps[MailboxVerification]:
        """Tries a mailbox over a real session, and tells what it saw. No mail is read."""
        return self._make(Call("POST", _MAILBOX + "/verify", answer(MailboxVerification), self._path(mailbox_id)))

    @operation
    def poll(self, mailbox_id: str) -> Steps[MailboxView]:
        """Has a mailbox looked at now. The answer does not wait for it: `polled_at` tells when it was done."""
        return self._make(Call("POST", _MAILBOX + "/poll", answer(MailboxView), self._path(mailbox_id)))

    @listing
    def unmatched(self, mailbox_id: str, *, page_size: int = 100, cursor: str | None = None) -> Listing[UnmatchedView]:
        """Reports and receipts that name no message, of the last thirty days, latest first."""

        def turn(cursor: str | None) -> Steps[Page[UnmatchedView]]:
            query: Query = {"limit": page_size, "cursor": cursor}
            call = Call("GET", _MAILBOX + "/unmatched", answer(UnmatchedList), self._path(mailbox_id), query)
            page = yield from self._make(call)
            return Page(page.unmatched, page.next_cursor)

        return Listing(turn, cursor)


class BounceMailbox[M: Transport](Resource[M]):
    """`proxy.bounce_mailbox`: the instance's own, which is believed about the mail of every tenant (admin)."""

    @operation
    def get(self) -> Steps[MailboxView]:
        """The mailbox, without its password, and how far it is read. Raises NotFound."""
        return self._make(Call("GET", _BOUNCE, answer(MailboxView)))

    @operation
    def put(self, settings: MailboxSettings) -> Steps[MailboxView]:
        """Sets the mailbox; it is looked at, at once."""
        return self._make(Call("PUT", _BOUNCE, answer(MailboxView), body=settings.body()))

    @operation
    def delete(self) -> Steps[None]:
        """Reads the mailbox no more. The mail in it stays where it is."""
        return self._make(Call("DELETE", _BOUNCE, nothing))
