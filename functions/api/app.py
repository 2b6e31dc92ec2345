"""Puts the application together. `uvicorn functions.api.app:app` serves it, as the Lambda's handler does.

Importing this reads no environment: the first call that needs a service builds them all.
"""

from collections.abc import Callable
from functools import cache

from fastapi import FastAPI

from functions.api import problems
from functions.api.access_log import AccessLog
from functions.api.openapi import openapi_document
from functions.api.routes import (
    accounts,
    api_keys,
    commands,
    dead_letters,
    documentation,
    events,
    health,
    instance,
    instance_mailbox,
    mailboxes,
    messages,
    metrics,
    status,
    storages,
    suppressions,
    suspension,
    sync,
    tenants,
    uploads,
    verification,
)
from functions.api.services import Services, build_services
from functions.api.version import VERSION
from shared.settings import ApiSettings

_DESCRIPTION = """
Takes messages over HTTPS, sends them through each tenant's own SMTP relays in order of priority, with retries, and
reports what became of each.

Every call needs a token: the operator's admin token, or a tenant's API key, which reaches what lies under
`/v1/tenants/{its id}`. Errors are problem documents (RFC 9457); `code` is stable. Lists come in pages: give
`next_cursor` as `cursor` to go on.
"""
_TAGS = [
    {"name": "messages", "description": "Submit mail, see what became of it, take it back."},
    {"name": "accounts", "description": "The SMTP relays of a tenant."},
    {"name": "suspension", "description": "Hold mail back, and let it go again."},
    {"name": "suppressions", "description": "Addresses that a tenant's mail is not sent to."},
    {"name": "attachments", "description": "Where the files of attachments lie, and how they are uploaded."},
    {"name": "mailboxes", "description": "Where bounces, complaints and receipts of certified mail come back to."},
    {"name": "reports", "description": "What became of the mail, and the endpoint that is told."},
    {"name": "tenants", "description": "Those who send mail through this instance."},
    {"name": "instance", "description": "What holds for every tenant."},
    {"name": "audit", "description": "Who changed what, and when."},
    {"name": "status", "description": "What waits and why, and what was sent."},
    {"name": "dead letters", "description": "What the queues gave up on."},
    {"name": "health", "description": "Whether the API is alive."},
]
_ROUTES = (
    messages,
    accounts,
    verification,
    suspension,
    suppressions,
    storages,
    uploads,
    mailboxes,
    instance_mailbox,
    sync,
    events,
    tenants,
    api_keys,
    instance,
    commands,
    status,
    metrics,
    dead_letters,
    health,
    documentation,
)


@cache
def services_from_environment() -> Services:
    """Raises ConfigurationError that names the variables missing."""
    return build_services(ApiSettings.from_environment())


def create_app(services: Callable[[], Services] = services_from_environment) -> FastAPI:
    """The application; `services` is called by each request that needs them."""
    app = FastAPI(
        title="Serverless Mail Proxy",
        version=VERSION,
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    app.add_middleware(AccessLog)
    problems.install(app)
    for each in _ROUTES:
        app.include_router(each.router)
    app.openapi = lambda: openapi_document(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


app = create_app()
