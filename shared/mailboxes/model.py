"""A mailbox, as stored and as the API takes it. For the instance's own, `INSTANCE_OWNER` stands in a tenant's place."""

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from shared.accounts.model import TlsMode, readable_certificates
from shared.clock import SECOND, Millis
from shared.json_values import WholeNumber
from shared.lines.line import Line, mailbox_line
from shared.mailboxes.kinds import MailboxKind
from shared.outgoing.credentials import Password

INSTANCE_OWNER: Final = "*"  # no tenant can be called so
IMPLICIT_TLS_PORT = 993
DEFAULT_POLL_SECONDS = 300
MAX_PEM = 200_000  # characters

type FolderName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f\"\\]+$")]


class Afterwards(StrEnum):
    """What is done to a mail that was understood and recorded. `leave`: nothing. `seen`: flagged as read. `move`: put
    into another folder. Nothing is ever deleted."""

    LEAVE = "leave"
    SEEN = "seen"
    MOVE = "move"


class MailboxSettings(BaseModel):
    """What a mailbox may be told to be. An omitted password is kept if there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: MailboxKind
    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:-]+$")]
    port: Annotated[int, Field(ge=1, le=65_535), WholeNumber] = IMPLICIT_TLS_PORT
    tls: TlsMode = TlsMode.TLS
    username: Annotated[str, Field(min_length=1, max_length=320, pattern=r"^[^\x00-\x1f\x7f]+$")]
    password: Annotated[Password | None, Field(description="Kept under KMS, never shown again.")] = None
    verify_certificate: StrictBool = True
    ca_certificate: Annotated[
        str | None,
        Field(max_length=50_000, description="PEM of the authorities to trust instead of the public ones."),
        AfterValidator(readable_certificates),
    ] = None
    folder: FolderName = "INBOX"
    afterwards: Afterwards = Afterwards.LEAVE
    move_to: FolderName | None = None
    poll_seconds: Annotated[
        int,
        Field(ge=60, le=86_400, description="Between two looks; more, up to four times, while nothing comes."),
        WholeNumber,
    ] = DEFAULT_POLL_SECONDS
    trust_anchors: Annotated[
        str | None,
        Field(max_length=MAX_PEM, description="PEM of those whose signature a receipt of certified mail must have."),
        AfterValidator(readable_certificates),
    ] = None

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.tls is TlsMode.OPPORTUNISTIC:
            raise PydanticCustomError("tls_mode_mismatch", "tls must be 'tls', 'starttls' or 'none'")
        if self.port == IMPLICIT_TLS_PORT and self.tls is not TlsMode.TLS:
            raise PydanticCustomError(
                "tls_mode_mismatch",
                "port 993 speaks TLS from the first byte: tls must be 'tls', not '{tls}'",
                {"tls": self.tls.value},
            )
        if (self.afterwards is Afterwards.MOVE) != (self.move_to is not None):
            raise PydanticCustomError("missing_field", "move_to goes with afterwards 'move', and only with it")
        if self.move_to == self.folder:
            raise PydanticCustomError("invalid_folder", "move_to is the folder that is read")
        if self.trust_anchors is not None and self.kind is not MailboxKind.PEC:
            raise PydanticCustomError("exclusive_fields", "trust_anchors are for mailboxes of kind 'pec'")
        return self


class Mailbox(BaseModel):
    """A mailbox as stored. `version` counts changes."""

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    id: str
    kind: MailboxKind
    host: str
    port: int
    tls: TlsMode
    username: str
    sealed_password: bytes
    verify_certificate: bool = True
    ca_certificate: str | None = None
    folder: str = "INBOX"
    afterwards: Afterwards = Afterwards.LEAVE
    move_to: str | None = None
    poll_seconds: int = DEFAULT_POLL_SECONDS
    trust_anchors: str | None = None
    version: int
    created_at: Millis
    updated_at: Millis

    @property
    def line(self) -> Line:
        return mailbox_line(self.tenant_id, self.id)

    @property
    def poll_interval(self) -> Millis:
        return self.poll_seconds * SECOND

    @property
    def place(self) -> str:
        """Where it is read: what was read elsewhere says nothing about this."""
        return "\0".join((self.host, str(self.port), self.username, self.folder))

    def may_be_about(self, tenant_id: str) -> bool:
        """Whether mail in it may be believed about a tenant's mail: the instance's mailbox serves all."""
        return self.tenant_id in (tenant_id, INSTANCE_OWNER)


def secret_owner(mailbox_id: str) -> str:
    """What the password's encryption context binds it to."""
    return f"mailbox/{mailbox_id}"
