"""The Lambda entrance of the HTTP API: API Gateway's event to ASGI and back."""

from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from mangum import Mangum

from functions.api.app import app
from functions.api.problems import MEDIA_TYPE
from functions.api.routes.commands import JSON_LINES
from shared.observability import logger

_asgi = Mangum(app, lifespan="off", text_mime_types=["text/", "application/json", MEDIA_TYPE, JSON_LINES])


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP, clear_state=True)
def handler(event: dict[str, object], context: LambdaContext) -> dict[str, object]:
    """Answers one HTTP request."""
    return _asgi(event, context)  # type: ignore[arg-type]  # mangum asks for its own name of the same context
