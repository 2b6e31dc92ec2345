"""The inbox over HTTP: a REST view of what arrived, and a page for the developer.

Mails are content from strangers, also here: a page of HTML is served so that it can run nothing and load
nothing from elsewhere, and every other part is a download.
"""

from email.message import EmailMessage
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Query, Response, status
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.staticfiles import StaticFiles

from localstack.inbox import mime
from localstack.inbox.mailbox import Mailbox, ReceivedMail
from localstack.inbox.views import ExchangeView, MailList, MailSummary, MailView
from localstack.web import OWN_NAMES

PAGE: Final = Path(__file__).parent / "page"
SANDBOX: Final = "; ".join(
    (
        "sandbox",
        "default-src 'none'",
        "img-src data: http://127.0.0.1:* http://localhost:*",
        "style-src 'unsafe-inline'",
    )
)
"""Content-Security-Policy of a mail's HTML: inline styles and the mail's own images, nothing else."""


def inbox_application(mailbox: Mailbox) -> FastAPI:
    """Build the web side of one mailbox."""
    application = FastAPI(title="Inbox of the local mail proxy", docs_url=None, redoc_url=None)
    application.add_middleware(TrustedHostMiddleware, allowed_hosts=OWN_NAMES)

    def mail_or_404(order: int) -> ReceivedMail:
        mail = mailbox.mail(order)
        if mail is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no mail {order} in the inbox")
        return mail

    @application.get("/api/messages")
    def list_mails(after: Annotated[int, Query(ge=0)] = 0) -> MailList:
        """List the mails with an order number above `after`, oldest first."""
        mails = mailbox.mails.all()
        return MailList(messages=[MailSummary.of(mail) for mail in mails if mail.order > after], total=len(mails))

    @application.delete("/api/messages", status_code=status.HTTP_204_NO_CONTENT)
    def clear() -> None:
        """Forget all mails; order numbers go on."""
        mailbox.clear()

    @application.get("/api/messages/{order}")
    def read_mail(order: int) -> MailView:
        """Show one mail: envelope, headers, text, and what parts it has."""
        return MailView.of(mail_or_404(order))

    @application.get("/api/messages/{order}/raw")
    def read_raw(order: int) -> Response:
        """Return the message as it came over the wire."""
        return Response(mail_or_404(order).raw, headers={"X-Content-Type-Options": "nosniff"}, media_type="text/plain")

    @application.get("/api/messages/{order}/parts/{index}")
    def read_part(order: int, index: int) -> Response:
        """Return the content of one part."""
        leaves = list(mime.leaves(mail_or_404(order).message))
        if not 0 <= index < len(leaves):
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"mail {order} has parts 0 to {len(leaves) - 1}")
        return _part_response(leaves, index, address=f"/api/messages/{order}/parts")

    @application.get("/api/exchanges")
    def list_exchanges() -> list[ExchangeView]:
        """List the replies that the relay gave, oldest first."""
        return [ExchangeView.of(exchange) for exchange in mailbox.exchanges()]

    application.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    return application


def _part_response(leaves: list[EmailMessage], index: int, *, address: str) -> Response:
    leaf = leaves[index]
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": SANDBOX}
    if leaf.get_content_type() == "text/html" and not mime.is_file(leaf):
        page = _with_own_images(mime.text(leaf), leaves, address=address)
        return Response(page.encode(), headers=headers, media_type="text/html; charset=utf-8")
    name = leaf.get_filename() or f"part-{index}"
    headers["Content-Disposition"] = f"attachment; filename*=utf-8''{quote(name, safe='')}"
    return Response(mime.content(leaf), headers=headers, media_type=_media_type(leaf))


def _with_own_images(page: str, leaves: list[EmailMessage], *, address: str) -> str:
    """Point `cid:` references (RFC 2392) at the parts they name."""
    for index, leaf in enumerate(leaves):
        content_id = leaf["Content-ID"]
        if content_id is not None:
            page = page.replace(f"cid:{str(content_id).strip('<> ')}", f"{address}/{index}")
    return page


def _media_type(leaf: EmailMessage) -> str:
    """Images keep their type, so that a page can show them; the rest is bytes to save."""
    is_image = leaf.get_content_maintype() == "image" and leaf.get_content_subtype() != "svg+xml"
    return leaf.get_content_type() if is_image else "application/octet-stream"
