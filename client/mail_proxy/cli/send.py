"""`send`: one message by its parts, or any number of mail files."""

import mimetypes
import sys
import uuid
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress

from mail_proxy.cli.eml import Chosen, message_of, read, submission_of
from mail_proxy.cli.messages import moment
from mail_proxy.cli.output import Column, Output
from mail_proxy.cli.session import AsCsv, AsJson, output, session_of
from mail_proxy.errors import InvalidArgument, NothingAccepted
from mail_proxy.models.base import PriorityInput
from mail_proxy.models.messages import (
    AcceptedEntry,
    RejectedEntry,
    Submission,
    SubmissionAnswer,
    SubmittedAttachment,
)
from mail_proxy.resources.tenants import Tenant
from mail_proxy.transports import BlockingTransport

_MAX_UPLOAD: Final = 40_000_000
_A_CALL: Final = 100  # messages, so that the progress is seen to move

_COLUMNS: Final[list[Column[AcceptedEntry]]] = [
    Column("id", lambda each: each.id),
    Column("status", lambda each: each.status),
]


def priority_of(text: str | None) -> PriorityInput | None:
    """Raises typer.BadParameter when there is no such priority."""
    if text is None:
        return None
    names: dict[str, PriorityInput] = {"immediate": 0, "high": 1, "medium": 2, "low": 3, "0": 0, "1": 1, "2": 2, "3": 3}
    if text not in names:
        raise typer.BadParameter(f"no priority {text!r}; there are immediate, high, medium and low")
    return names[text]


def send(
    context: typer.Context,
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE.eml]...", help="Mails to send.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="The sender: a@acme.example.")] = None,
    to: Annotated[list[str] | None, typer.Option(help="A recipient; repeat it for more.")] = None,
    cc: Annotated[list[str] | None, typer.Option(help="A recipient in copy.")] = None,
    bcc: Annotated[list[str] | None, typer.Option(help="A recipient whom the others do not see.")] = None,
    subject: Annotated[str, typer.Option(help="What it is about.")] = "",
    text: Annotated[str | None, typer.Option(help="What it says; - reads it from standard input.")] = None,
    html: Annotated[Path | None, typer.Option(help="A file with what it says in HTML.")] = None,
    attach: Annotated[list[Path] | None, typer.Option(help="A file to go along; repeat it for more.")] = None,
    message_id: Annotated[str | None, typer.Option("--id", help="An id of yours, by which it is sent once.")] = None,
    account: Annotated[str | None, typer.Option(help="The relay; else the tenant's default.")] = None,
    priority: Annotated[str | None, typer.Option(help="immediate, high, medium or low.")] = None,
    at: Annotated[str | None, typer.Option(help="Not before this time: 2026-01-31T10:00, UTC without a zone.")] = None,
    batch: Annotated[str | None, typer.Option(help="Marks mails that belong together.")] = None,
    wait: Annotated[float | None, typer.Option(help="Wait so many seconds until they are sent.")] = None,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Send one message, by its parts, or mail files (.eml). A file that was sent already changes nothing.

    Exit code 1: some were refused, or, with --wait, not sent.
    """
    session = session_of(context)
    out = output(json, csv)
    chosen = Chosen(account, priority_of(priority), moment(at), batch)
    if files:
        if from_ or to or cc or bcc or text or html or attach or message_id or subject:
            raise typer.BadParameter("files say themselves what they are: give either files or --from, --to and so on")
        made = submitted(session.tenant, [submission_of(path, chosen) for path in files])
    elif from_ is None or not (to or cc or bcc):
        raise typer.BadParameter("give mail files, or --from and --to with --text or --html")
    else:
        fields = {
            "id": message_id or uuid.uuid4().hex,
            "from": from_,
            "to": to or None,
            "cc": cc or None,
            "bcc": bcc or None,
            "subject": subject,
            "text": sys.stdin.read() if text == "-" else text,
            "html": decoded(html) if html is not None else None,
            "attachments": [uploaded(session.tenant, path) for path in attach or []] or None,
        }
        made = submitted(session.tenant, [message_of(fields, chosen)])
    conclude(out, made)
    if wait is not None:
        for accepted in made.accepted:
            session.tenant.messages.wait_until_sent(accepted.id, timeout=wait)
            out.say(f"{accepted.id} is sent")
    if made.rejected:
        raise typer.Exit(1)


def decoded(path: Path) -> str:
    """A file of text. Raises InvalidArgument when it cannot be read, or is not UTF-8."""
    try:
        return read(path).decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{path}: not UTF-8 at byte {error.start}") from error


def uploaded(tenant: Tenant[BlockingTransport], path: Path) -> SubmittedAttachment:
    """A file, uploaded past the API. Raises InvalidArgument when it cannot be read, or has more than 40 MB."""
    kind = mimetypes.guess_type(path.name)[0]
    content = read(path, _MAX_UPLOAD)
    made = tenant.attachments.upload(content, content_type=kind)
    given = {"filename": path.name, "storage_path": made.storage_path}
    return SubmittedAttachment.model_validate(given | ({"mime_type": kind} if kind else {}))


def submitted(tenant: Tenant[BlockingTransport], messages: list[Submission]) -> SubmissionAnswer:
    """All messages, with a bar for whoever looks on."""
    accepted: list[AcceptedEntry] = []
    rejected: list[RejectedEntry] = []
    console = Console(stderr=True)
    unseen = len(messages) <= _A_CALL or not console.is_terminal
    with Progress(console=console, transient=True, disable=unseen) as progress:
        task = progress.add_task("Submitting", total=len(messages))
        for begin in range(0, len(messages), _A_CALL):
            part = messages[begin : begin + _A_CALL]
            try:
                made = tenant.messages.submit(part)
            except NothingAccepted as error:
                made = SubmissionAnswer(accepted=(), rejected=error.rejected)
            accepted += made.accepted
            rejected += made.rejected
            progress.advance(task, len(part))
    return SubmissionAnswer(accepted=tuple(accepted), rejected=tuple(rejected))


def conclude(out: Output, made: SubmissionAnswer) -> None:
    """What became of each message."""
    if out.for_people:
        out.rows(made.accepted, _COLUMNS)
        for refused in made.rejected:
            out.say(f"refused: {refused.id or refused.index}: {refused.code}: {refused.detail}")
    else:
        out.one(made)
