"""What an instance says: examples of docs/openapi.json, with fields replaced."""

import copy
import json
from pathlib import Path
from typing import Any

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[4] / "docs/openapi.json").read_text(encoding="utf-8"))


def example(method: str, path: str, code: str = "200", /, **fields: object) -> dict[str, Any]:
    """The example of an answer, which the document holds to its schema."""
    content = DOCUMENT["paths"][path][method]["responses"][code]["content"]["application/json"]
    found: dict[str, Any] = (
        content["example"] if "example" in content else next(iter(content["examples"].values()))["value"]
    )
    return copy.deepcopy(found) | fields
