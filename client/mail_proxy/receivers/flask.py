"""A report endpoint for Flask."""

from collections.abc import Callable, Sequence

from flask import Blueprint, Response, request

from mail_proxy.models.reports import ReportAnswer, ReportEvent
from mail_proxy.receivers import DEFAULT_PATH, MAX_BYTES, TOO_LARGE, Refusal, checked, rendered

type Record = Callable[[Sequence[ReportEvent]], ReportAnswer | None]


def reports_blueprint(secret: str | Sequence[str], record: Record, *, path: str = DEFAULT_PATH) -> Blueprint:
    """A blueprint with the endpoint at `path`, for `app.register_blueprint`.

    `record` keeps the events for good; only then they are acknowledged: all, or all but those that its answer names.
    What it raises makes the proxy push them again. It is called without events too: a heartbeat.

        def record(events: Sequence[ReportEvent]) -> None:
            database.insert_new(events, key="event_id")

        app = Flask(__name__)
        app.register_blueprint(reports_blueprint(os.environ["SIGNING_SECRET"], record))
    """
    blueprint = Blueprint("mail_proxy_reports", __name__)

    @blueprint.post(path)
    def take_reports() -> Response:
        body = request.stream.read(MAX_BYTES + 1)
        report = TOO_LARGE if len(body) > MAX_BYTES else checked(body, dict(request.headers.items()), secret)
        if isinstance(report, Refusal):
            return Response(report.detail, report.status, mimetype="text/plain")
        answer = record(report.delivery_report)
        return Response(rendered(answer), mimetype="application/json")

    return blueprint
