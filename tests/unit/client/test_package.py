"""What installing and importing the package means."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mail_proxy
from functions.api.version import VERSION

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "client/pyproject.toml").read_text(encoding="utf-8"))["project"]

HEAVY = {"fastapi", "flask", "httpx", "pydantic", "rich", "typer"}


def python(code: str) -> str:
    """What a new interpreter prints, which knows the client."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "client", capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_importing_it_loads_nothing_heavy_and_takes_less_than_250_ms() -> None:
    code = (
        "import sys, time; began = time.process_time(); import mail_proxy; took = time.process_time() - began;"
        f"print(sorted(sys.modules.keys() & {HEAVY!r}), took < 0.25)"
    )
    assert python(code) == "[] True"


def test_the_client_brings_its_http_library_only_when_it_is_made() -> None:
    code = (
        "import sys; from mail_proxy import MailProxy, Submission, verify_report; first = 'httpx' in sys.modules;"
        "MailProxy('https://proxy.example', 'a-token'); print(first, 'httpx' in sys.modules)"
    )
    assert python(code) == "False True"


@pytest.mark.parametrize("name", mail_proxy.__all__)
def test_each_public_name_is_there(name: str) -> None:
    assert getattr(mail_proxy, name).__name__ == name


@pytest.mark.parametrize("name", ["nonsense", "_nonsense"])
def test_no_other_name_is_there(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(mail_proxy, name)
    assert dir(mail_proxy) == mail_proxy.__all__


def test_it_has_the_version_of_the_project_and_says_that_it_is_typed() -> None:
    assert PROJECT["version"] == VERSION
    assert (ROOT / "client/mail_proxy/py.typed").exists()


def test_it_depends_on_four_packages_and_the_keyring_is_an_option() -> None:
    def names(requirements: list[str]) -> list[str]:
        return [each.partition(">")[0] for each in requirements]

    assert names(PROJECT["dependencies"]) == ["httpx", "pydantic", "rich", "typer"]
    assert names(PROJECT["optional-dependencies"]["keyring"]) == ["keyring"]


def test_every_module_can_be_imported() -> None:
    for path in sorted((ROOT / "client/mail_proxy").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT / "client").with_suffix("").parts).removesuffix(".__init__")
        assert importlib.import_module(name).__doc__ or path.stat().st_size == 0, name
