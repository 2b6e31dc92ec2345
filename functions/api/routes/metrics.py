"""What was sent, as Prometheus scrapes it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response

from functions.api.auth import require_admin
from functions.api.compression import gzipped, takes_gzip
from functions.api.exposition import CONTENT_TYPE, exposition
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.services import Provided
from shared.errors import InvalidInput
from shared.identifiers import TenantId

router = APIRouter(tags=["status"], route_class=GatedRoute, dependencies=[Depends(require_admin)])

MAX_ACCOUNTS = 20_000
# Lambda answers with 6 MB at most, as JSON that escapes quotes and line ends; compressed, as base64.
MAX_BYTES = 4_500_000

_EXAMPLE = """\
# HELP gmp_sent_total Messages that a relay took for at least one recipient
# TYPE gmp_sent_total counter
gmp_sent_total{account_id="main",tenant_id="acme"} 1728.0
"""


class PrometheusText(Response):
    """Text in Prometheus's format."""

    media_type = CONTENT_TYPE


@router.get(
    "/metrics",
    summary="Scrape the metrics",
    response_class=PrometheusText,
    responses=documented(404) | {200: {"content": {CONTENT_TYPE: {"example": _EXAMPLE}}}},
)
def get_metrics(
    services: Provided,
    tenant_id: Annotated[TenantId | None, Query(description="Only of this tenant.", examples=["acme"])] = None,
    accept_encoding: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Prometheus's text format: `gmp_sent_total`, `gmp_errors_total`, `gmp_deferred_total` and `gmp_rate_limited_total`
    by `tenant_id` and `account_id`, and `gmp_pending_messages` over all. Compressed for those who take gzip, as
    Prometheus does.

    Counted since the account was made. `gmp_pending_messages` leaves out suspended batches, and is a lower bound when
    more messages wait than can be counted in five seconds. 422 `too_many_series` for more than 20,000 accounts, or more
    than 4.5 MB without gzip: scrape by `tenant_id`.
    """
    if tenant_id is not None:
        services.tenants.get(tenant_id)
        figures = services.figures.of_tenant(tenant_id)
    else:
        found = services.figures.of_all(limit=MAX_ACCOUNTS)
        if found is None:
            raise InvalidInput(
                f"there are more than {MAX_ACCOUNTS} accounts: scrape each tenant by itself, with ?tenant_id=",
                code="too_many_series",
            )
        figures = found
    body = exposition(figures)
    headers = {"Vary": "Accept-Encoding"}
    if takes_gzip(accept_encoding):
        return PrometheusText(gzipped(body), headers=headers | {"Content-Encoding": "gzip"})
    if len(body) > MAX_BYTES:
        raise InvalidInput(
            f"the answer would have {len(body)} bytes of at most {MAX_BYTES}: send Accept-Encoding: gzip, or scrape "
            "each tenant by itself, with ?tenant_id=",
            code="too_many_series",
        )
    return PrometheusText(body, headers=headers)
