"""The operations of the OpenAPI document, and how to call each of them: no new route can be forgotten."""

from dataclasses import dataclass
from typing import Any

from functions.api.app import create_app
from functions.api.openapi import openapi_document

MUTATING = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Operation:
    """`examples` are the first example of each path parameter, `body` is the smallest one to send."""

    method: str
    path: str
    examples: dict[str, str]
    body: object
    is_public: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_mutating(self) -> bool:
        return self.method in MUTATING

    @property
    def of_tenant(self) -> bool:
        return "{tenant_id}" in self.path

    def called(self, **values: str) -> str:
        """The path to call, with the examples of its parameters, but for those given."""
        return self.path.format(**(self.examples | values))


def operations() -> list[Operation]:
    document = openapi_document(create_app())
    return [
        _operation(method.upper(), path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]


def _operation(method: str, path: str, described: dict[str, Any]) -> Operation:
    parameters = [each for each in described.get("parameters", []) if each["in"] == "path"]
    for each in parameters:
        examples = each["schema"].get("examples") or [each.get("example")]
        assert examples[0], f"{method} {path}: the path parameter {each['name']} has no example"
    return Operation(
        method=method,
        path=path,
        examples={each["name"]: (each["schema"].get("examples") or [each.get("example")])[0] for each in parameters},
        body={} if "requestBody" in described else None,
        is_public=not described.get("security"),
    )
