"""The OpenAPI document that is committed."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from functions.api.app import create_app
from functions.api.examples import NoExample, example_of
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


def test_every_body_and_every_answer_comes_with_examples_that_its_schema_allows(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        bodies = operation.get("requestBody", {}).get("content", {})
        answers = [
            content
            for status, response in operation["responses"].items()
            for content in response.get("content", {}).values()
            if status < "3"
        ]
        assert answers or "204" in operation["responses"], name
        for content in (*bodies.values(), *answers):
            examples = [each["value"] for each in content.get("examples", {}).values()]
            examples += [content["example"]] if "example" in content else []
            assert examples, name
            schema = content["schema"] | {"components": document["components"]}
            for example in examples:
                Draft202012Validator(schema).validate(example)


def test_every_operation_has_one_tag_and_every_tag_is_described_and_used(document: dict[str, Any]) -> None:
    described = [each["name"] for each in document["tags"]]
    assert all(each["description"] for each in document["tags"])
    of_operations = [operation["tags"] for _, operation in operations(document)]
    assert all(len(tags) == 1 for tags in of_operations)
    assert {tag for tags in of_operations for tag in tags} == set(described)


def test_a_value_of_which_nothing_is_said_is_named() -> None:
    schemas = {"Account": {"properties": {"hosts": {"type": "array", "items": {"type": "string"}}}}}
    with pytest.raises(NoExample, match=r"Account\.hosts\[\] has no example"):
        example_of({"$ref": "#/components/schemas/Account"}, schemas, "GET /account")


def test_an_example_is_put_together_from_its_parts() -> None:
    schemas: dict[str, dict[str, Any]] = {
        "Kind": {"enum": ["a", "b"]},
        "Account": {
            "properties": {
                "id": {"type": "string", "examples": ["main"]},
                "kind": {"$ref": "#/components/schemas/Kind"},
                "of": {"const": "acme"},
                "since": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "until": {"anyOf": [{"type": "string"}, {"type": "null"}], "examples": ["noon"]},
                "ports": {"type": "array", "items": {"anyOf": [{"type": "integer", "default": 587}]}},
                "open": {"type": "boolean"},
                "headers": {"type": "object"},
            }
        },
    }
    assert example_of({"$ref": "#/components/schemas/Account"}, schemas, "GET /account") == {
        "id": "main",
        "kind": "a",
        "of": "acme",
        "since": None,
        "until": "noon",
        "ports": [587],
        "open": False,
        "headers": {},
    }


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
