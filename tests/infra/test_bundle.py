"""What is packed for Lambda."""

import os
import time
from pathlib import Path

import pytest

from infra import bundle


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project in place of this one."""
    for name, text in {
        "functions/api/handler.py": "def handler(event, context): ...\n",
        "functions/api/__pycache__/handler.cpython-313.pyc": "stale",
        "shared/clock.py": "NOW = 1\n",
        "tests/test_clock.py": "assert True\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(bundle, "PROJECT", tmp_path)
    monkeypatch.setattr(bundle, "CACHE", tmp_path / ".local" / "bundle")
    return tmp_path


def test_only_what_runs_in_lambda_is_packed(project: Path) -> None:
    folder, _ = bundle.build_code()
    sources = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
    assert sources == {"functions/api/handler.py", "shared/clock.py"}


def test_bytecode_is_packed_since_lambda_cannot_write_it(project: Path) -> None:
    folder, _ = bundle.build_code()
    (compiled,) = (folder / "functions" / "api").rglob("*.pyc")
    assert compiled.read_bytes() != b"stale"


def test_the_same_code_is_packed_once(project: Path) -> None:
    first, fingerprint = bundle.build_code()
    again, same = bundle.build_code()
    assert (again, same) == (first, fingerprint)


def test_changed_code_is_packed_anew(project: Path) -> None:
    first, fingerprint = bundle.build_code()
    (project / "shared" / "clock.py").write_text("NOW = 2\n")
    second, other = bundle.build_code()
    assert (second, other) != (first, fingerprint)
    assert (second / "shared" / "clock.py").read_text() == "NOW = 2\n"


def test_a_lock_that_cannot_be_installed_is_reported_in_the_words_of_the_installer(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = project / "lambda.txt"
    lock.write_text("boto3==1.0.0\n")
    monkeypatch.setattr(bundle, "LOCK", lock)
    with pytest.raises(bundle.BundleError, match="hash"):
        bundle.build_dependencies(None)
    assert not list((project / ".local").rglob("building-*"))


def test_several_processes_that_want_the_same_folder_all_get_a_complete_one(project: Path) -> None:
    folder = project / ".local" / "bundle" / "thing-1"

    def fill_while_another_is_quicker(scratch: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "content").write_text("of the quicker one")
        (scratch / "content").write_text("of the slower one")

    assert bundle.cached_folder(folder, fill_while_another_is_quicker) == folder
    assert (folder / "content").read_text() == "of the quicker one"
    assert [path.name for path in folder.parent.iterdir()] == ["thing-1"]


def test_a_folder_that_could_not_be_filled_does_not_appear(project: Path) -> None:
    folder = project / ".local" / "bundle" / "thing-1"

    def fail_half_way(scratch: Path) -> None:
        (scratch / "half").touch()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        bundle.cached_folder(folder, fail_half_way)
    assert not list(folder.parent.iterdir())


def test_what_nobody_wanted_for_an_hour_goes_when_something_newer_of_its_kind_comes(project: Path) -> None:
    parent = project / ".local" / "bundle"

    def leave_empty(_scratch: Path) -> None: ...

    old, recent, other = (
        bundle.cached_folder(parent / name, leave_empty) for name in ("thing-1", "thing-2", "other-1")
    )
    two_hours_ago = time.time() - 7200
    for folder in (old, other):
        os.utime(folder, (two_hours_ago, two_hours_ago))

    bundle.cached_folder(parent / "thing-3", leave_empty)

    assert {path.name for path in parent.iterdir()} == {recent.name, other.name, "thing-3"}


def test_a_folder_that_another_process_removes_at_the_same_time_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "glob", lambda _folder, _pattern: iter([tmp_path / "code-gone"]))
    folder = bundle.cached_folder(tmp_path / "code-new", lambda _scratch: None)
    assert folder.exists()
