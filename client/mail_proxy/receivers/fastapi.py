"""A report endpoint for FastAPI."""

from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter, HTTPException, Request, Response

from mail_proxy.models.reports import ReportAnswer, ReportEvent
from mail_proxy.receivers import DEFAULT_PATH, MAX_BYTES, TOO_LARGE, Refusal, checked, rendered

type Record = Callable[[Sequence[ReportEvent]], Awaitable[ReportAnswer | None]]


def reports_router(secret: str | Sequence[str], record: Record, *, path: str = DEFAULT_PATH) -> APIRouter:
    """A router with the endpoint at `path`, for `app.include_router`.

    `record` keeps the events for good; only then they are acknowledged: all, or all but those that its answer names.
    What it raises makes the proxy push them again. It is called without events too: a heartbeat.

        async def record(events: Sequence[ReportEvent]) -> None:
            await database.insert_new(events, key="event_id")

        app = FastAPI()
        app.include_router(reports_router(os.environ["SIGNING_SECRET"], record))
    """
    router = APIRouter()

    @router.post(path, include_in_schema=False)
    async def take_reports(request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BYTES:
                raise HTTPException(TOO_LARGE.status, TOO_LARGE.detail)
        report = checked(bytes(body), request.headers, secret)
        if isinstance(report, Refusal):
            raise HTTPException(report.status, report.detail)
        answer = await record(report.delivery_report)
        return Response(rendered(answer), media_type="application/json")

    return router
