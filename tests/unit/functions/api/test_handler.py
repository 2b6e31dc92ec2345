"""The Lambda entrance: an event of API Gateway's HTTP API in, its answer out."""

import asyncio
import base64
import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

import pytest

from functions.api import app as application
from functions.api.handler import handler
from functions.api.services import Services
from tests.unit.functions.api.caller import ADMIN_TOKEN


@dataclass
class Context:
    function_name: str = "api"
    memory_limit_in_mb: int = 128
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:api"
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"


def event(
    method: str, path: str, body: str | None = None, token: str | None = ADMIN_TOKEN, accept_encoding: str | None = None
) -> dict[str, object]:
    headers = {"host": "api.example", "content-type": "application/json"}
    if accept_encoding is not None:
        headers["accept-encoding"] = accept_encoding
    if token is not None:
        headers["x-api-token"] = token
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "requestId": "JKJaXmPLvHcESHA=",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "stage": "$default",
        },
        "body": body,
        "isBase64Encoded": False,
    }


@pytest.fixture(autouse=True)
def event_loop() -> Iterator[None]:
    """Lambda's main thread has one; so must this."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def in_place(services: Services) -> Iterator[None]:
    """The module-level application over AWS in-process."""
    provider = application.app.state.services
    application.app.state.services = lambda: services
    yield
    application.app.state.services = provider


def call(*args: str | None) -> dict[str, object]:
    return handler(event(*args), Context())  # type: ignore[arg-type]


def test_health_needs_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGISTRY_TABLE", raising=False)
    answer = call("GET", "/health")
    assert answer["statusCode"] == 200
    assert json.loads(str(answer["body"]))["status"] == "ok"


def test_an_event_becomes_a_call_and_its_answer_goes_back(in_place: None) -> None:
    answer = call("PUT", "/v1/tenants/acme", json.dumps({"name": "Acmé"}))
    assert answer["statusCode"] == 201
    assert json.loads(str(answer["body"]))["name"] == "Acmé"
    assert answer["headers"]["x-request-id"] == "JKJaXmPLvHcESHA="  # type: ignore[index]


def test_problems_go_back_as_text(in_place: None) -> None:
    answer = call("GET", "/v1/tenants", None, "wrong")
    assert answer["statusCode"] == 401
    assert answer["isBase64Encoded"] is False
    assert answer["headers"]["content-type"] == "application/problem+json"  # type: ignore[index]


def test_metrics_go_back_as_text_or_compressed_as_base64(in_place: None) -> None:
    plain = call("GET", "/metrics")
    packed = call("GET", "/metrics", None, ADMIN_TOKEN, "gzip")
    assert (plain["isBase64Encoded"], packed["isBase64Encoded"]) == (False, True)
    assert gzip.decompress(base64.b64decode(str(packed["body"]))).decode() == plain["body"]
    assert packed["headers"]["content-encoding"] == "gzip"  # type: ignore[index]


def test_missing_settings_are_answered_with_500_and_named_in_the_log(
    monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    monkeypatch.delenv("REGISTRY_TABLE", raising=False)
    application.services_from_environment.cache_clear()
    answer = call("GET", "/v1/tenants")
    assert answer["statusCode"] == 500
    assert "REGISTRY_TABLE" not in str(answer["body"])
    assert "REGISTRY_TABLE" in log.getvalue()


def test_a_cold_start_loads_neither_the_smtp_client_nor_the_http_client() -> None:
    code = "import functions.api.handler, sys; print({'aiosmtplib', 'aiohttp'} & sys.modules.keys())"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout == "set()\n"
