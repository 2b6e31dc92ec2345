"""Schemathesis over the application in this process: what it generates from the OpenAPI document, and what it finds.

It is bounded in `make test`; `API_RUNS` makes it longer in `make fuzz`, where it also goes through every boundary of
every parameter (its phase `coverage`). The seed is fixed, and printed with whatever is found.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import schemathesis
from fastapi import FastAPI
from hypothesis import strategies as st
from schemathesis.checks import CheckContext
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.engine import events, from_schema
from schemathesis.generation.case import Case

_TIMES: Final = int(os.environ.get("API_RUNS", "1"))
SEED: Final = int(os.environ.get("API_SEED", "20260131"))
_PHASES: Final = ("examples", "coverage", "fuzzing", "stateful")
_BOUNDED: Final = ("examples", "fuzzing")

# Rules that a schema cannot say: what keeps the schema may break them, with one of these codes and no other.
BEYOND_THE_SCHEMA: Final = frozenset(
    [
        "address_refused",
        "bucket_refused",
        "control_character",
        "duplicate_id",
        "events_retention_too_short",
        "exclusive_fields",
        "https_required",
        "idempotency_key_reused",
        "in_the_past",
        "invalid_address",
        "invalid_base64",
        "invalid_certificate",
        "invalid_content_id",
        "invalid_cursor",
        "invalid_header",
        "invalid_md5",
        "invalid_mailto",
        "invalid_message_id",
        "invalid_mime_type",
        "invalid_one_click",
        "invalid_path",
        "invalid_private_key",
        "invalid_range",
        "invalid_token",
        "invalid_url",
        "md5_conflict",
        "missing_field",
        "no_account",
        "no_body",
        "no_endpoint",
        "no_recipient",
        "nothing_accepted",
        "reserved_header",
        "send_at_too_far",
        "tls_mode_mismatch",
        "tls_required",
        "too_far_ahead",
        "too_few_connections",
        "too_long",
        "too_many_headers",
        "too_many_recipients",
        "unknown_account",
        "unsupported_fetch_mode",
        "unusable_field",
        "upload_expires",
        "wrong_md5",
    ]
)


@schemathesis.check
def valid_data_is_refused_only_by_rules_beyond_the_schema(
    _context: CheckContext, response: Response, case: Case[Any]
) -> None:
    """In place of schemathesis' own statuses: its `positive_data_acceptance` knows no rules between fields."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in (400, 422):
        return
    problem = response.json()
    codes = {each["code"] for each in (problem.get("errors") or problem.get("rejected") or [problem])}
    assert codes <= BEYOND_THE_SCHEMA, f"valid by the schema, and yet refused: {problem}"


_names = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20)
_mailboxes = st.builds("{}@{}.example".format, _names, _names) | st.builds("{} <{}@{}.test>".format, *[_names] * 3)
schemathesis.openapi.format("mailbox", _mailboxes)
schemathesis.openapi.format("mailboxes", st.lists(_mailboxes, min_size=1, max_size=3).map(", ".join))


@dataclass
class Found:
    """`failures` names each once, with how to call the API again; `statuses` counts the answers."""

    failures: dict[str, str] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)


def explored(app: FastAPI, token: str) -> Found:
    """What calls with this token find. The tenant is `acme`, but `doomed` where a call would end it."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=_config(token))
    found = Found()
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished(recorder=recorder):
                found.statuses.update(
                    each.response.status_code for each in recorder.interactions.values() if each.response is not None
                )
                found.failures.update(_failures(event))
            case events.NonFatalError(value=error) | events.FatalError(exception=error):
                found.failures[f"schemathesis: {error}"] = ""
    return found


def _failures(event: events.ScenarioFinished) -> Iterator[tuple[str, str]]:
    for checks in event.recorder.checks.values():
        for each in checks:
            if each.failure_info is not None:
                failure = each.failure_info.failure
                yield (
                    f"{each.name}: {event.recorder.label}: {failure.message[:500]}",
                    each.failure_info.code_sample[:2000],
                )


def _config(token: str) -> SchemathesisConfig:
    phases = _BOUNDED if _TIMES == 1 else _PHASES
    not_stated = {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "401", "403", "404", "409", "422"]}}
    of_both = {"allow_header_conformance": {"enabled": False}}
    return SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "headers": {"X-API-Token": token},
            "parameters": {"path.tenant_id": "acme"},
            "continue-on-failure": True,
            "generation": {"max-examples": 2 * _TIMES, "database": "none", "no-shrink": _TIMES == 1},
            "phases": {phase: {"enabled": phase in phases} for phase in _PHASES},
            "checks": not_stated,
            "operations": [
                # A message may have the id `cleanup`: the path takes the methods of messages as well.
                {"include-path": "/v1/tenants/{tenant_id}/messages/cleanup", "checks": not_stated | of_both},
                {"include-path": "/v1/tenants/{tenant_id}/messages/delete", "checks": not_stated | of_both},
                *(
                    {"include-name": name, "parameters": {"path.tenant_id": "doomed"}}
                    for name in (
                        "DELETE /v1/tenants/{tenant_id}",
                        "DELETE /v1/tenants/{tenant_id}/api-key",
                        "POST /v1/tenants/{tenant_id}/api-key",
                    )
                ),
            ],
        }
    )
