"""The command line as a process of its own: on a terminal, and in a pipe."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer.main

from mail_proxy.cli.app import app

ROOT = Path(__file__).parents[4]
TOKEN = "a-token-that-nobody-sees"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "MAIL_PROXY_CONFIG_DIR": str(tmp_path / "config"),
        "PATH": os.environ["PATH"],
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "PYTHONPATH": str(ROOT / "client"),
        "TERM": "xterm",
    }


def read_until(terminal: int, word: str, deadline: float) -> str:
    """What comes on a terminal, up to a word or its end."""
    seen = ""
    while word not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"no {word!r} in {seen!r}"
        try:
            seen += os.read(terminal, 4096).decode()
        except OSError:  # the program has ended
            break
    return seen


def test_on_a_terminal_a_token_is_asked_for_and_not_shown(environment: dict[str, str], tmp_path: Path) -> None:
    terminal, other = pty.openpty()
    args = ["instances", "add", "prod", "https://proxy.example", "--no-check"]
    program = subprocess.Popen(
        [sys.executable, "-m", "mail_proxy.cli", *args], stdin=other, stdout=other, stderr=other, env=environment
    )
    os.close(other)
    try:
        deadline = time.monotonic() + 60
        seen = read_until(terminal, "Token: ", deadline)  # with the space, which comes when nothing is echoed any more
        os.write(terminal, f"{TOKEN}\n".encode())
        seen += read_until(terminal, "is known", deadline)
        assert program.wait(timeout=60) == 0
    finally:
        program.kill()
        program.wait()
        os.close(terminal)
    assert TOKEN not in seen
    assert "kept in the file" in seen
    assert json.loads((tmp_path / "config/tokens.json").read_text(encoding="utf-8")) == {"prod": TOKEN}


def test_in_a_pipe_an_error_is_one_line_and_no_traceback(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mail_proxy.cli", "status"],
        env=environment | {"MAIL_PROXY_URL": "http://127.0.0.1:1", "MAIL_PROXY_TOKEN": TOKEN},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert TOKEN not in done.stderr


def test_the_page_about_the_command_line_names_every_command_and_no_other() -> None:
    page = (ROOT / "docs/command-line.md").read_text(encoding="utf-8")
    table = page.partition("## Commands")[2].partition("## For programs")[0]
    named = set()
    for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        for part in cell.split(";"):
            words = re.findall(r"`([a-z -]+)`", part)
            group = words[0].split()[0] if " " in words[0] else None
            named |= {(group, each.split()[-1]) if group else (each,) for each in words}
    root = typer.main.get_command(app)
    there: set[tuple[str, ...]] = set()
    for name, command in getattr(root, "commands", {}).items():
        inner = getattr(command, "commands", None)
        there |= {(name, each) for each in inner} if inner else {(name,)}
    assert named == there
