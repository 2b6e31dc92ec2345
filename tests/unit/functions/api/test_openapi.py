"""The OpenAPI document that is committed."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from functions.api.app import create_app
from functions.api.openapi import DOCUMENT, openapi_document, rendered
from functions.api.version import VERSION
from shared.messages.submission import Submission

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi_document(create_app())


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_committed_document_is_what_the_code_says() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == rendered(create_app()), (
        "docs/openapi.json is out of date: run `python -m functions.api.openapi`"
    )


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == VERSION


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name


def test_every_error_is_a_problem_document(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        errors = {status: each for status, each in operation["responses"].items() if status >= "4"}
        for status, each in errors.items():
            [(media_type, content)] = each["content"].items()
            assert media_type == "application/problem+json", (name, status)
            assert content["schema"]["$ref"].endswith("Problem"), (name, status)
        if "/v1/" in name:
            assert errors.keys() >= {"401", "403", "422", "503"}, name
        if "requestBody" in operation:
            assert errors.keys() >= {"400", "413", "415"}, name


def test_all_but_the_public_operations_ask_for_a_token(document: dict[str, Any]) -> None:
    assert set(document["components"]["securitySchemes"]) == {"ApiToken", "BearerToken"}
    for name, operation in operations(document):
        schemes = {scheme for each in operation.get("security", []) for scheme in each}
        assert schemes == (set() if name == "get /health" else {"ApiToken", "BearerToken"}), name


def test_every_body_comes_with_an_example(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert content["examples"], name


def test_the_schema_of_a_message_is_shown_in_full(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["SubmissionCall"]["properties"]["messages"]["items"]["$ref"] == "#/components/schemas/Submission"
    shown = schemas["Submission"]
    assert set(shown["properties"]) == {field.alias or name for name, field in Submission.model_fields.items()}
    assert set(shown["required"]) == {"id", "from"}
    assert shown["additionalProperties"] is False
    assert {"type": "string", "format": "mailboxes", "description": "comma-separated"} in shown["properties"]["to"][
        "anyOf"
    ]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    for part in text.split('"$ref": "')[1:]:
        reference = part.partition('"')[0]
        assert reference.startswith("#/components/schemas/")
        assert reference.rpartition("/")[2] in document["components"]["schemas"]
