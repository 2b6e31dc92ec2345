"""Which instance the command line talks to, and where its token is kept."""

import json
import stat
from dataclasses import dataclass, field

import pytest

from tests.unit.client.cli.answers import example
from tests.unit.client.cli.program import TOKEN, URL, Program
from tests.unit.client.scripted import problem


@dataclass
class FakeKeyring:
    kept: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        return self.kept.get(name)

    def put(self, name: str, token: str) -> None:
        self.kept[name] = token

    def delete(self, name: str) -> None:
        self.kept.pop(name, None)


@pytest.fixture
def bare(program: Program) -> Program:
    """Without an instance in the environment."""
    program.environment = {}
    return program


def added(program: Program, name: str = "prod", *more: str) -> None:
    result = program.run("instances", "add", name, f"https://{name}.example/", "--no-check", *more, input=f"{TOKEN}\n")
    assert result.exit_code == 0, result.output


def test_the_token_is_read_from_standard_input_and_kept_for_its_owner_only(bare: Program) -> None:
    added(bare)
    path = bare.folder / "tokens.json"
    assert json.loads(path.read_text(encoding="utf-8")) == {"prod": TOKEN}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(bare.folder.stat().st_mode) == 0o700
    assert TOKEN not in (bare.folder / "instances.json").read_text(encoding="utf-8")


def test_the_token_is_kept_in_the_keyring_where_there_is_one(bare: Program) -> None:
    bare.keyring = keyring = FakeKeyring()
    added(bare)
    assert keyring.kept == {"prod": TOKEN}
    assert not (bare.folder / "tokens.json").exists()
    bare.run("instances", "remove", "prod", "--yes")
    assert keyring.kept == {}


def test_a_token_leaves_the_file_when_it_goes_to_the_keyring(bare: Program) -> None:
    added(bare)
    bare.keyring = FakeKeyring()
    added(bare)
    assert json.loads((bare.folder / "tokens.json").read_text(encoding="utf-8")) == {}


def test_a_token_in_a_keyring_that_is_not_there_is_told(bare: Program) -> None:
    bare.keyring = FakeKeyring()
    added(bare)
    bare.keyring = None
    result = bare.run("current")
    assert result.exit_code == 2
    assert "keyring" in result.stderr


def test_instances_are_listed_chosen_and_removed(bare: Program) -> None:
    added(bare, "prod")
    added(bare, "test", "--tenant", "acme")
    assert json.loads(bare.run("instances", "list", "--json").stdout) == [
        {"url": "https://prod.example", "tenant": None, "kept_in": "file", "name": "prod", "current": True},
        {"url": "https://test.example", "tenant": "acme", "kept_in": "file", "name": "test", "current": False},
    ]
    assert bare.run("use", "test").exit_code == 0
    assert bare.run("current", "--csv").stdout == "name,url,tenant\ntest,https://test.example,acme\n"
    assert bare.run("-i", "prod", "current", "--csv").stdout.splitlines()[1].startswith("prod,")
    bare.run("instances", "remove", "test", "--yes")
    result = bare.run("current")
    assert result.exit_code == 2
    assert "instances add" in result.stderr


def test_a_token_that_is_refused_is_not_kept(bare: Program) -> None:
    bare.answer(problem(401, "unauthenticated"))
    result = bare.run("instances", "add", "prod", URL, input=f"{TOKEN}\n")
    assert result.exit_code == 1
    assert "unauthenticated" in result.stderr
    assert not bare.folder.exists()


def test_a_token_is_tried_on_what_it_is_for(bare: Program) -> None:
    bare.answer(example("get", "/v1/tenants/{tenant_id}"))
    assert bare.run("instances", "add", "prod", URL, "--tenant", "acme", input=f"{TOKEN}\n").exit_code == 0
    assert bare.asked == [("GET", "/v1/tenants/acme")]


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("use", "nowhere"), "no instance 'nowhere'"),
        (("instances", "remove", "nowhere", "--yes"), "no instance 'nowhere'"),
        (("instances", "add", "x", "http://proxy.example"), "https"),
        (("instances", "add", "x", "https://proxy.example", "--no-check"), "no token"),
        (("tenants", "list"), "no instance is chosen"),
    ],
)
def test_what_is_wrong_about_a_call_is_told_with_exit_code_2(bare: Program, args: tuple[str, ...], word: str) -> None:
    result = bare.run(*args, input="\n")
    assert result.exit_code == 2
    assert word in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.output


def test_a_file_that_is_broken_is_named(bare: Program) -> None:
    bare.folder.mkdir()
    (bare.folder / "instances.json").write_text("{", encoding="utf-8")
    result = bare.run("current")
    assert result.exit_code == 2
    assert "instances.json" in result.stderr


def test_a_no_forgets_nothing(bare: Program) -> None:
    added(bare)
    assert bare.run("instances", "remove", "prod", input="n\n").exit_code == 1
    assert bare.run("current").exit_code == 0
