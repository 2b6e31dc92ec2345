"""The embedded AWS comes up clean and goes away completely."""

import contextlib
import socket
from pathlib import Path

import psutil
import pytest

from localstack import emulator as emulator_module
from localstack.emulator import Emulator, EmulatorError


@pytest.fixture(autouse=True)
def logs_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator_module, "LOG_DIRECTORY", tmp_path)


def test_it_is_gone_with_its_port_and_processes_when_the_block_ends_in_an_error() -> None:
    others = _descendants()  # this process may run another one, for other tests
    with contextlib.suppress(ZeroDivisionError), Emulator() as emulator:
        port, processes = emulator.port, [each for each in _descendants() if each not in others]
        assert _listens(port)
        raise ZeroDivisionError
    assert processes
    assert not _listens(port)
    assert not [process for process in processes if process.is_running()]


def test_it_listens_on_loopback_alone() -> None:
    with Emulator() as emulator:
        addresses = {
            connection.laddr.ip
            for process in _descendants()
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert _listens(emulator.port)
    assert addresses == {"127.0.0.1"}


def test_it_sees_no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a real one")
    with Emulator():
        environments = [process.environ() for process in _descendants()]
    assert environments
    for environment in environments:
        assert "AWS_PROFILE" not in environment
        assert environment["AWS_SECRET_ACCESS_KEY"] == "test"


def test_without_its_environment_the_message_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator_module, "PYTHON", tmp_path / "missing")
    with pytest.raises(EmulatorError, match="make setup"):
        Emulator().start()


def _descendants() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if "ministack" in " ".join(child.cmdline())]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
