"""The OpenAPI document. `python -m functions.api.openapi` writes it to docs/openapi.json."""

import json
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from functions.api.examples import add_examples
from functions.api.problems import MEDIA_TYPE

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """What FastAPI makes of the routes, with errors under the media type of problem documents."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
            license_info=app.license_info,
        )
        for path in document["paths"].values():
            for operation in path.values():
                _name_problems(operation["responses"])
        add_examples(document)
        app.openapi_schema = document
    return app.openapi_schema


def _name_problems(responses: dict[str, dict[str, Any]]) -> None:
    for status, response in responses.items():
        if int(status) >= HTTPStatus.BAD_REQUEST:
            [content] = response["content"].values()  # under the media type of the operation's own answers
            response["content"] = {MEDIA_TYPE: content}


def rendered(app: FastAPI) -> str:
    """The document as it is committed."""
    return json.dumps(openapi_document(app), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    """Writes the document."""
    from functions.api.app import app  # makes the whole application, which imports this module

    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(rendered(app), encoding="utf-8")
    sys.stdout.write(f"wrote {DOCUMENT}\n")


if __name__ == "__main__":
    main()
