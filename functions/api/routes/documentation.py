"""The page that shows the OpenAPI document: Swagger UI, whose files come from the deployment itself.

A page that is given the admin token loads nothing from elsewhere and runs no script but these: its content policy says
so. The token is gone with the page.
"""

from functools import cache
from importlib import resources
from typing import Annotated

from fastapi import APIRouter, Header, Response

from functions.api.compression import gzipped, takes_gzip
from shared.errors import NotFound

router = APIRouter(include_in_schema=False)

PACKAGE = "fastapi_swagger"  # of which only Swagger UI's own files are used

_START_NAME = "start.js"
_MEDIA_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
    _START_NAME: "text/javascript",
}
_KEPT = "public, max-age=86400"
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # Swagger UI sets styles of single elements
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
# Addresses are relative, so that the page works under any host and path.
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Serverless Mail Proxy</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = """\
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  filter: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""


@router.get("/docs")
async def get_docs() -> Response:
    """The page."""
    return Response(
        _PAGE, media_type="text/html", headers={"Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY"}
    )


@router.get("/docs/{name}")
def get_asset(name: str, accept_encoding: Annotated[str, Header()] = "") -> Response:
    """One of the files that the page names."""
    media_type = _MEDIA_TYPES.get(name)
    if media_type is None:
        raise NotFound("the documentation has no such file")
    headers = {"Cache-Control": _KEPT, "Vary": "Accept-Encoding"}
    if media_type.startswith("text/") and takes_gzip(accept_encoding):
        return Response(_compressed(name), media_type=media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(_content(name), media_type=media_type, headers=headers)


@cache
def _content(name: str) -> bytes:
    if name == _START_NAME:
        return _START.encode()
    return (resources.files(PACKAGE) / "resources" / name).read_bytes()


@cache
def _compressed(name: str) -> bytes:
    return gzipped(_content(name))
