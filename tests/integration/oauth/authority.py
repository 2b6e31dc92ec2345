"""A token endpoint on loopback, which checks what it is given as the large providers do, and can be told to fail."""

import base64
import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from localstack.records import Records
from localstack.web import WebServer

CLIENT_ID = "the-application"
CLIENT_SECRET = "s3cret of the application & more=%"
FIRST_REFRESH_TOKEN = "refresh-0"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

type Claims = dict[str, object]


@dataclass(frozen=True, slots=True)
class Call:
    """What the endpoint was asked, and with which status it answered."""

    form: Mapping[str, str]
    status: int

    @property
    def claims(self) -> Claims:
        """Of the assertion."""
        return _decoded(self.form["assertion"].split(".")[1])

    @property
    def header(self) -> Claims:
        """Of the assertion."""
        return _decoded(self.form["assertion"].split(".")[0])


class Refused(Exception):
    """An error of RFC 6749 §5.2."""


class Authority:
    """`access_tokens` is filled with what is issued: give it to an inbox, and it takes them.

    With `rotates`, each refresh token is good for one use. `answers` are given, first to last, in place of its own.
    While `doors` is cleared, nobody is answered.
    """

    def __init__(self, *, public_key: RSAPublicKey | None = None) -> None:
        self.access_tokens: set[str] = set()
        self.lifetime: int | None = 3_600
        self.rotates = False
        self.refresh_token = FIRST_REFRESH_TOKEN
        self.padding = ""
        self.answers: deque[tuple[int, bytes]] = deque()
        self.calls = Records[Call]("calls of the token endpoint")
        self.doors = threading.Event()
        self.doors.set()
        self.waiting = Records[int]("calls waiting at the token endpoint")
        self._public_key = public_key
        self._issued = 0
        self._server = WebServer(self._application(), name="token-endpoint")

    @property
    def url(self) -> str:
        return f"{self._server.url}/token"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.doors.set()
        self._server.stop()

    def fail(self, error: str, *, status: int = 400, times: int = 1) -> None:
        """Answers so, so many times."""
        body = json.dumps({"error": error, "error_description": f"about anna@example.net: {error}"}).encode()
        self.answers.extend([(status, body)] * times)

    def forms(self) -> list[Mapping[str, str]]:
        return [call.form for call in self.calls.all()]

    def _application(self) -> FastAPI:
        application = FastAPI()

        @application.post("/token")
        async def token(request: Request) -> Response:
            form = dict(parse_qsl((await request.body()).decode(), strict_parsing=True))
            self.waiting.add(lambda order: order)
            await run_in_threadpool(self.doors.wait, 10)
            status, body = self.answers.popleft() if self.answers else self._answer(form)
            self.calls.add(lambda _: Call(form, status))
            headers = {"Location": f"{self._server.url}/elsewhere"} if 300 <= status < 400 else None
            return Response(body, status_code=status, media_type="application/json", headers=headers)

        return application

    def _answer(self, form: Mapping[str, str]) -> tuple[int, bytes]:
        try:
            self._check(form)
        except Refused as error:
            return 400, json.dumps({"error": str(error), "error_description": "no"}).encode()
        self._issued += 1
        access_token = f"access-{self._issued}{self.padding}"
        self.access_tokens.add(access_token)
        answer: dict[str, object] = {"token_type": "Bearer", "access_token": access_token}
        if self.lifetime is not None:
            answer["expires_in"] = self.lifetime
        if self.rotates and "refresh_token" in form:
            self.refresh_token = answer["refresh_token"] = f"refresh-{self._issued}"
        return 200, json.dumps(answer).encode()

    def _check(self, form: Mapping[str, str]) -> None:
        grant = form.get("grant_type")
        if grant == JWT_BEARER:
            self._check_assertion(form["assertion"])
            return
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
            raise Refused("invalid_client")
        if grant == "refresh_token" and form.get("refresh_token") != self.refresh_token:
            raise Refused("invalid_grant")
        if grant not in ("refresh_token", "client_credentials"):
            raise Refused("unsupported_grant_type")

    def _check_assertion(self, assertion: str) -> None:
        signed, _, signature = assertion.rpartition(".")
        try:
            if self._public_key is None:
                raise Refused("unauthorized_client")
            self._public_key.verify(_octets(signature), signed.encode(), PKCS1v15(), SHA256())
        except InvalidSignature as error:
            raise Refused("invalid_grant") from error


def _octets(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _decoded(part: str) -> Claims:
    claims: Claims = json.loads(_octets(part))
    return claims
