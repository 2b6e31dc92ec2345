"""The client and docs/openapi.json: every schema, every route, every parameter. What drifts fails here."""

import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Never

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from mail_proxy import (
    AccountSettings,
    Instance,
    MailboxSettings,
    S3StorageSettings,
    Submission,
    TenantChanges,
    TenantSettings,
    models,
)
from mail_proxy.exchange import Caller, Retries
from mail_proxy.operations import Pages, Resource, listing, operation
from mail_proxy.resources.instance import Proxy
from mail_proxy.steps import Request, Steps
from mail_proxy.transports import BlockingTransport

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[3] / "docs/openapi.json").read_text(encoding="utf-8"))
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]

NOT_IN_CLIENT = {"Address"}
OWN = {"DeliveryReport", "ReportAnswer", "ReportEvent", "TenantChanges"}

LOOSER = {("EventEntry", "event", "account_event"), ("EventPage", "events", "event", "account_event")}
"""What the client reads as any text, since later versions may add kinds of events."""


def plain(schema: Any, definitions: dict[str, Any]) -> Any:
    """What a schema says of types and names: references resolved, and without limits, texts, defaults."""
    if reference := schema.get("$ref"):
        return plain(definitions[reference.rpartition("/")[2]], definitions)
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return plain(schema["allOf"][0], definitions)
    branches = schema.get("anyOf") or schema.get("oneOf")
    if branches:
        flat: list[Any] = []
        for branch in branches:
            found = plain(branch, definitions)
            flat += found.get("any", [found])
        values = sorted((value for each in flat if "enum" in each for value in each["enum"]), key=str)
        others = [each for each in flat if "enum" not in each]
        together = others + ([{"enum": values}] if values else [])
        unique = {json.dumps(each, sort_keys=True): each for each in together}
        return {"any": [unique[key] for key in sorted(unique)]} if len(unique) > 1 else together[0]
    if "enum" in schema or "const" in schema:
        return {"enum": sorted(schema.get("enum", [schema.get("const")]), key=str)}
    if "properties" in schema:
        properties = {name: plain(each, definitions) for name, each in schema["properties"].items()}
        return {"properties": properties, "required": sorted(schema.get("required", []))}
    if schema.get("type") == "array":
        return {"items": plain(schema["items"], definitions)}
    if schema.get("type") == "object":
        return {"values": plain(schema.get("additionalProperties", {}), definitions)}
    kept = {"type": schema["type"]} if "type" in schema else {}
    return kept | ({"format": "date-time"} if schema.get("format") == "date-time" else {})


def of_document(name: str) -> Any:
    return plain(SCHEMAS[name], SCHEMAS)


def of_client(model: type[BaseModel]) -> Any:
    schema = model.model_json_schema(mode="validation", by_alias=True)
    return plain(schema, schema.get("$defs", {}))


def differences(name: str, said: Any, read: Any, at: tuple[str, ...] = ()) -> Iterator[str]:
    """Where the client reads something else than the document says."""
    if (name, *at) in LOOSER or said == read:
        return
    if isinstance(said, dict) and isinstance(read, dict) and "properties" in said and "properties" in read:
        for field in sorted(said["properties"].keys() | read["properties"].keys()):
            if field not in said["properties"] or field not in read["properties"]:
                yield f"{name}{at}: {field} is on one side only"
            else:
                yield from differences(name, said["properties"][field], read["properties"][field], (*at, field))
        constant = {field for field, each in said["properties"].items() if len(each.get("enum", ())) == 1}
        if set(said["required"]) - constant != set(read["required"]) - constant:
            yield f"{name}{at}: required {said['required']}, the client has {read['required']}"
        return
    if isinstance(said, dict) and isinstance(read, dict) and "items" in said and "items" in read:
        yield from differences(name, said["items"], read["items"], at)
        return
    yield f"{name}{at}: {json.dumps(said)}, the client has {json.dumps(read)}"


OBJECTS = sorted(name for name, schema in SCHEMAS.items() if "properties" in schema and name not in NOT_IN_CLIENT)


@pytest.mark.parametrize("name", OBJECTS)
def test_each_schema_has_a_model_of_the_same_fields_and_types(name: str) -> None:
    model = getattr(models, name, None)
    assert model is not None, f"the client has no model {name}"
    assert list(differences(name, of_document(name), of_client(model))) == []


def test_every_model_is_in_the_document() -> None:
    assert set(models.__all__) - OWN == set(OBJECTS)


def test_a_changed_document_is_noticed() -> None:
    changed = json.loads(json.dumps(SCHEMAS["MessageSummary"]))
    changed["properties"]["attempts"]["type"] = "string"
    changed["properties"]["colour"] = {"type": "string"}
    changed["required"].remove("pk")
    said = plain(changed, SCHEMAS)
    found = "\n".join(differences("MessageSummary", said, of_client(models.MessageSummary)))
    assert all(word in found for word in ("attempts", "colour", "required"))


def test_changes_of_a_tenant_name_all_its_settings() -> None:
    body = DOCUMENT["paths"]["/v1/tenants/{tenant_id}"]["patch"]["requestBody"]["content"]["application/json"]
    assert set(TenantChanges.model_fields) == set(body["schema"]["properties"])


NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ARGUMENTS: dict[str, object] = {
    "account_id": "main",
    "accounts": 10,
    "address": "anna@example.com",
    "batch_code": "news",
    "changes": TenantChanges(default_account=None),
    "content": b"the file",
    "content_type": "application/pdf",
    "cursor": "c",
    "default_priority": "low",
    "expires_at": NOON,
    "force": True,
    "from_": "a@acme.example",
    "idempotency_key": "k",
    "ids": ["M-1"],
    "limit": 10,
    "mailbox_id": "bounces",
    "message_id": "M-1",
    "messages": [Submission(id="M-1", from_="a@acme.example", to="b@example.com", text="x", send_at=NOON)],
    "name": "files",
    "older_than_seconds": 60,
    "overlap_seconds": 60,
    "page_size": 10,
    "queue": "low",
    "reason": "left",
    "since": NOON,
    "size": 9,
    "status": "sent",
    "tenant_id": "acme",
    "to": ["b@example.com"],
    "until": NOON,
}
SETTINGS: dict[str, object] = {
    "Accounts": AccountSettings(host="smtp.example.com", port=587, tls="starttls"),
    "BounceMailbox": MailboxSettings(kind="bounces", host="imap.example.com", username="u"),
    "Mailboxes": MailboxSettings(kind="bounces", host="imap.example.com", username="u"),
    "InstanceSettings": Instance(default_priority="low"),
    "Storages": S3StorageSettings(bucket="acme-files"),
    "Tenants": TenantSettings(name="Acme"),
}


@dataclass
class Asked(Exception):
    request: Request


class Asking(BlockingTransport):
    """Makes no call, and tells which would have been."""

    def __init__(self) -> None:
        """Over nothing."""

    def run[T](self, steps: Steps[T]) -> Never:
        raise Asked(next(steps).request)


def resources(of: Resource[Any]) -> Iterator[Resource[Any]]:
    yield of
    for each in vars(of).values():
        if isinstance(each, Resource):
            yield from resources(each)


def asked_by(resource: Resource[Any], name: str, *, only_required: bool) -> Request:
    """The call of one operation, with all its arguments or only those that it needs."""
    method = getattr(resource, name)
    given = ARGUMENTS | {"settings": SETTINGS.get(type(resource).__name__)}
    parameters = [each for each in inspect.signature(method).parameters.values() if each.name != "self"]
    wanted = [each.name for each in parameters if each.default is inspect.Parameter.empty or not only_required]
    arguments = {each: given[each] for each in wanted if each in given}
    try:
        pages: Pages[Any] = method(**arguments)
        next(pages.pages())
    except Asked as asked:
        return asked.request
    raise AssertionError(f"{name} asks for nothing")


def operations_of_client() -> Iterator[tuple[Resource[Any], str]]:
    proxy = Proxy(Asking(), Caller(Retries()))
    for resource in (*resources(proxy), *resources(proxy.tenant("acme"))):
        for kind in type(resource).__mro__:
            for name, member in vars(kind).items():
                if isinstance(member, operation | listing):
                    yield resource, name


def in_document(request: Request) -> tuple[str, str]:
    """The operation of the document that a call is for."""
    for path, methods in DOCUMENT["paths"].items():
        pattern = re.sub(r"\{[a-z_]+\}", "[^/]+", path)
        if request.method.lower() in methods and re.fullmatch(pattern, request.url):
            return request.method, path
    raise AssertionError(f"the document has no {request.method} {request.url}")


def as_typed(value: str) -> object:
    """A value of a query, as what it says."""
    return json.loads(value) if value.isdigit() or value in ("true", "false") else value


ALL = list(operations_of_client())


@pytest.mark.parametrize(("resource", "name"), ALL, ids=[f"{type(each).__name__}.{name}" for each, name in ALL])
def test_each_call_is_as_the_document_says(resource: Resource[Any], name: str) -> None:
    for only_required in (False, True):
        request = asked_by(resource, name, only_required=only_required)
        method, path = in_document(request)
        said = DOCUMENT["paths"][path][method.lower()]
        parameters = {each["name"]: each for each in said.get("parameters", []) if each["in"] == "query"}
        assert request.query.keys() <= parameters.keys()
        for parameter, value in request.query.items():
            schema = parameters[parameter]["schema"] | {"components": DOCUMENT["components"]}
            Draft202012Validator(schema).validate(as_typed(value))
        takes_key = any(each["name"] == "Idempotency-Key" for each in said.get("parameters", []))
        assert ("Idempotency-Key" in request.headers) is takes_key
        if "requestBody" in said:
            assert request.body is not None
            schema = said["requestBody"]["content"]["application/json"]["schema"]
            Draft202012Validator(schema | {"components": DOCUMENT["components"]}).validate(json.loads(request.body))
        else:
            assert request.body is None


def test_every_operation_and_every_parameter_can_be_used() -> None:
    used: dict[tuple[str, str], set[str]] = {}
    for resource, name in ALL:
        request = asked_by(resource, name, only_required=False)
        used.setdefault(in_document(request), set()).update(request.query)
    said = {
        (method.upper(), path): {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }
    assert used == said
