"""Mailboxes in the table `registry`, their passwords sealed."""

from dataclasses import dataclass

from shared.aws.attributes import Item
from shared.aws.dynamodb import Attr, Delete, ItemKey, Key, Put, Table
from shared.aws.kms import SecretSealer
from shared.clock import Clock
from shared.errors import ConditionFailed, Conflict, InvalidInput, NotFound, TransactionRefused
from shared.mailboxes.model import INSTANCE_OWNER, Mailbox, MailboxSettings, secret_owner
from shared.tenants.keys import Trace, trace_key

_PREFIX = "MAILBOX#"


def mailbox_key(tenant_id: str, mailbox_id: str) -> ItemKey:
    """The key of the mailbox's item; the instance's own stand beside its settings."""
    partition = "INSTANCE" if tenant_id == INSTANCE_OWNER else f"TENANT#{tenant_id}"
    return ItemKey(partition, f"{_PREFIX}{mailbox_id}")


@dataclass(frozen=True, slots=True)
class MailboxPage:
    """`next` is the id to go on after, None on the last page."""

    mailboxes: list[Mailbox]
    next: str | None


class MailboxTable:
    """Raises StorageUnavailable from every method when DynamoDB or KMS cannot be reached."""

    def __init__(self, registry: Table, sealer: SecretSealer, clock: Clock) -> None:
        self._table = registry
        self._sealer = sealer
        self._clock = clock

    def find(self, tenant_id: str, mailbox_id: str) -> Mailbox | None:
        item = self._table.get(mailbox_key(tenant_id, mailbox_id))
        return Mailbox.model_validate(item) if item else None

    def get(self, tenant_id: str, mailbox_id: str) -> Mailbox:
        """Raises NotFound."""
        found = self.find(tenant_id, mailbox_id)
        if found is None:
            raise _not_found(tenant_id, mailbox_id)
        return found

    def page(self, tenant_id: str, *, limit: int, after: str | None = None) -> MailboxPage:
        """The tenant's mailboxes whose id comes after `after`, in order of id."""
        first = mailbox_key(tenant_id, "")
        resume = None if after is None else mailbox_key(tenant_id, after).item
        page = self._table.query(Key("pk").eq(first.pk) & Key("sk").begins_with(_PREFIX), limit=limit, resume=resume)
        found = [Mailbox.model_validate(item) for item in page.items]
        return MailboxPage(found, str(page.resume["sk"]).removeprefix(_PREFIX) if page.resume else None)

    def put(self, tenant_id: str, mailbox_id: str, settings: MailboxSettings) -> tuple[Mailbox, bool]:
        """The mailbox, and whether it is new. Raises InvalidInput without a password, Conflict when somebody else
        changed it at the same time."""
        before = self.find(tenant_id, mailbox_id)
        now = self._clock()
        mailbox = Mailbox(
            **settings.model_dump(exclude={"password"}),
            tenant_id=tenant_id,
            id=mailbox_id,
            sealed_password=self._sealed_password(tenant_id, mailbox_id, settings, before),
            version=before.version + 1 if before else 1,
            created_at=before.created_at if before else now,
            updated_at=now,
        )
        condition = Attr("version").eq(before.version) if before else Attr("pk").not_exists()
        try:
            self._table.put(_to_item(mailbox), condition=condition)
        except ConditionFailed as error:
            raise Conflict(f"mailbox {mailbox_id} was changed at the same time: read it and try again") from error
        return mailbox, before is None

    def delete(self, tenant_id: str, mailbox_id: str) -> None:
        """Leaves a trace, since its line stays. Raises NotFound."""
        gone = Delete(mailbox_key(tenant_id, mailbox_id), condition=Attr("pk").exists())
        is_tenants = tenant_id != INSTANCE_OWNER
        traces = [Put(trace_key(tenant_id, Trace.MAILBOX, mailbox_id).item)] if is_tenants else []
        try:
            self._table.transact([gone, *traces])
        except TransactionRefused as error:
            raise _not_found(tenant_id, mailbox_id) from error

    def password(self, mailbox: Mailbox) -> str:
        """The password, opened."""
        owner = secret_owner(mailbox.id)
        return self._sealer.open(mailbox.sealed_password, tenant=mailbox.tenant_id, owner=owner)

    def _sealed_password(
        self, tenant_id: str, mailbox_id: str, settings: MailboxSettings, before: Mailbox | None
    ) -> bytes:
        if settings.password is not None:
            secret = settings.password.get_secret_value()
            return self._sealer.seal(secret, tenant=tenant_id, owner=secret_owner(mailbox_id))
        if before is None:
            raise InvalidInput("a mailbox needs a password", code="missing_field", pointer="/password")
        if (before.username, before.host) != (settings.username, settings.host):
            # Else whoever may edit a mailbox could send a password that they cannot read to a host of theirs.
            raise InvalidInput(
                "a new host or username needs the password again", code="missing_field", pointer="/password"
            )
        return before.sealed_password


def _not_found(tenant_id: str, mailbox_id: str) -> NotFound:
    if tenant_id == INSTANCE_OWNER:
        return NotFound("the instance has no mailbox")
    return NotFound(f"tenant {tenant_id} has no mailbox {mailbox_id}")


def _to_item(mailbox: Mailbox) -> Item:
    fields: Item = mailbox.model_dump(exclude_none=True)
    return mailbox_key(mailbox.tenant_id, mailbox.id).item | fields
