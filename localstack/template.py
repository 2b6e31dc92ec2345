"""Synthesises the project's template for this machine, unless nothing it depends on has changed."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.bundle import PROJECT, cached_folder, fingerprint
from localstack import STATE_DIRECTORY

STACK_NAME = "ServerlessMailProxy"

_ASSEMBLIES = STATE_DIRECTORY / "assemblies"
# Everything that the assembly is made from; the requirements stand for the CDK's version too.
_SOURCES = ("infra", "functions", "shared", "requirements/lambda.txt", "requirements/dev.txt")
# What a running deployment can't take over: only the code of the functions is exchanged in place.
_FIXED_SOURCES = ("infra", "requirements/lambda.txt")

_CONTEXT: Mapping[str, str] = {
    "stage": "local",
    "architecture": "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64",
    # The developer's inbox and receiver are neither public nor HTTPS.
    "outgoing_allowed_hosts": "127.0.0.1,localhost,host.docker.internal",
    "sender_max_concurrency": "5",
    "reporter_max_concurrency": "5",
    # A local mapping works one wake-up at a time: a busy account keeps the others of its lane waiting.
    "worker_timeout_seconds": "60",
}


class SynthesisError(RuntimeError):
    """The template could not be synthesised; the message holds what the CDK printed."""


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """A synthesised stack: its template, and the files that must be uploaded before it is created."""

    directory: Path

    @property
    def template_path(self) -> Path:
        """The CloudFormation template."""
        return self.directory / f"{STACK_NAME}.template.json"

    @property
    def assets_manifest(self) -> Path:
        """The CDK's list of files to upload."""
        return self.directory / f"{STACK_NAME}.assets.json"


def synthesise(*, in_containers: bool, event_bus: bool = False) -> Assembly:
    """Returns the assembly for this machine, made afresh if its sources changed; raises SynthesisError.

    in_containers: the functions run in Linux containers rather than as processes of this machine.
    event_bus: with the optional EventBridge bus.
    """
    chosen = {"bundle_platform": "lambda" if in_containers else "host", "event_bus": str(event_bus).lower()}
    context = json.dumps({**_CONTEXT, **chosen})
    made_from = fingerprint([context.encode(), *_contents(_SOURCES)])
    directory = cached_folder(
        _ASSEMBLIES / f"{STACK_NAME}-{made_from[:16]}", lambda folder: _synthesise(folder, context)
    )
    return Assembly(directory=directory)


def _synthesise(directory: Path, context: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.app"],
        cwd=PROJECT,
        env={**os.environ, "CDK_OUTDIR": str(directory), "CDK_CONTEXT_JSON": context},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SynthesisError(f"The template could not be synthesised:\n{done.stderr or done.stdout}")


def infrastructure_fingerprint() -> str:
    """Identifies everything but the functions' own code."""
    return fingerprint(_contents(_FIXED_SOURCES))


def _contents(sources: tuple[str, ...]) -> Iterator[bytes]:
    for source in sources:
        path = PROJECT / source
        files = [path] if path.is_file() else sorted(path.rglob("*.py"))
        for file in files:
            yield file.relative_to(PROJECT).as_posix().encode()
            yield file.read_bytes()
