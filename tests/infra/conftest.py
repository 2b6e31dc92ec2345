import json
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from infra.app import create_stack
from infra.bundle import PROJECT
from tests.infra.synthesized import Synthesized


@pytest.fixture(scope="session")
def synthesise(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, str]], Synthesized]:
    """Synthesises the stack under a context, with a bundle of two empty files."""

    def with_context(context: dict[str, str]) -> Synthesized:
        folder = tmp_path_factory.mktemp("assembly")
        app = cdk.App(
            outdir=str(folder / "cdk.out"),
            context={**context, "bundle_directory": str(_empty_bundle(folder)), "aws:cdk:path-metadata": False},
        )
        return Synthesized(Template.from_stack(create_stack(app)).to_json())

    return with_context


@pytest.fixture(scope="session")
def on_aws(synthesise: Callable[[dict[str, str]], Synthesized]) -> Synthesized:
    """The template as `cdk deploy` sends it, with the context of cdk.json."""
    return synthesise(json.loads((PROJECT / "cdk.json").read_text())["context"])


@pytest.fixture(scope="session")
def on_this_machine(synthesise: Callable[[dict[str, str]], Synthesized]) -> Synthesized:
    """The template for the stage `local`."""
    return synthesise({"stage": "local", "architecture": "x86_64", "outgoing_allowed_hosts": "127.0.0.1"})


@pytest.fixture(scope="session")
def empty_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of two empty files."""
    return _empty_bundle(tmp_path_factory.mktemp("bundle"))


def _empty_bundle(folder: Path) -> Path:
    for part in ("code", "dependencies"):
        (folder / "bundle" / part).mkdir(parents=True)
        (folder / "bundle" / part / "empty.py").touch()
    return folder / "bundle"
