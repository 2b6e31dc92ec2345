"""Builds what the Lambda functions run: the project's code, and its locked dependencies as a layer.

Plain Python and uv, no Docker: wheels for Lambda's platform are chosen by name and nothing is compiled.
Both parts are cached by what they are made from, and come out the same from the same input.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parent.parent
LOCK = PROJECT / "requirements" / "lambda.txt"
UV = PROJECT / ".tools" / "uv" / "bin" / "uv"
CACHE = PROJECT / ".local" / "bundle"

PYTHON_VERSION = "3.13"
SOURCE_PACKAGES = ("functions", "shared")

# Lambda's Python 3.13 runs on Amazon Linux 2023, whose glibc is 2.34.
_LAMBDA_PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}

# botocore carries the descriptions of some 400 services. The functions use it for S3, and to find credentials where the
# environment has none; the other services they call by themselves (shared/aws/service.py).
_AWS_SERVICES = frozenset({"s3", "sts"})

# Raised whenever the way of building changes, so that older caches are not used.
_RECIPE = "2"

_UNWANTED_AFTER_SECONDS = 3600.0


class BundleError(RuntimeError):
    """The dependencies could not be installed; the message holds uv's own words."""


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Two folders ready to be zipped, and the fingerprints of what they were made from."""

    code: Path
    code_hash: str
    dependencies: Path
    dependencies_hash: str


def build(*, architecture: str, for_host: bool) -> Bundle:
    """Builds both parts, for Lambda on `architecture` or for this machine; raises BundleError."""
    code, code_hash = build_code()
    dependencies, dependencies_hash = build_dependencies(None if for_host else _LAMBDA_PLATFORMS[architecture])
    return Bundle(code=code, code_hash=code_hash, dependencies=dependencies, dependencies_hash=dependencies_hash)


def build_code() -> tuple[Path, str]:
    """Copies the packages that run in Lambda; returns the folder and the fingerprint of its content."""
    sources = [
        path
        for package in SOURCE_PACKAGES
        for path in sorted((PROJECT / package).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    key = fingerprint(_named_contents(sources, PROJECT))

    def fill(folder: Path) -> None:
        for source in sources:
            target = folder / source.relative_to(PROJECT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        _compile(folder)

    return cached_folder(CACHE / f"code-{key[:16]}", fill), key


def build_dependencies(platform: str | None) -> tuple[Path, str]:
    """Installs the locked dependencies as a layer, for a uv platform or, if None, for this machine."""
    key = fingerprint([_RECIPE.encode(), (platform or sys.platform).encode(), LOCK.read_bytes()])
    return cached_folder(
        CACHE / f"dependencies-{platform or 'host'}-{key[:16]}",
        lambda folder: _install(folder / "python", platform),
    ), key


def fingerprint(parts: Iterable[bytes]) -> str:
    """A SHA-256, in hex, over parts whose borders count."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.hexdigest()


def _named_contents(paths: Iterable[Path], base: Path) -> Iterator[bytes]:
    for path in paths:
        yield path.relative_to(base).as_posix().encode()
        yield path.read_bytes()


def cached_folder(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Returns the folder, filled by `fill` unless it exists already.

    It appears complete or not at all, also when several processes want it, and never changes afterwards. Its name
    ends in `-` and a fingerprint; siblings with the same beginning that nobody wanted for an hour are removed.
    """
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="building-", dir=folder.parent))
        try:
            fill(scratch)
            scratch.chmod(0o755)
            _rename_unless_exists(scratch, folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        _remove_unwanted_siblings(folder)
    os.utime(folder)
    return folder


def _rename_unless_exists(scratch: Path, folder: Path) -> None:
    try:
        scratch.rename(folder)
    except OSError:
        if not folder.exists():  # else another process was quicker, and its folder is as good
            raise


def _remove_unwanted_siblings(folder: Path) -> None:
    kind = folder.name.rpartition("-")[0]
    for sibling in folder.parent.glob(f"{kind}-*"):
        with contextlib.suppress(FileNotFoundError):  # another process does the same at the same time
            if sibling != folder and sibling.stat().st_mtime < time.time() - _UNWANTED_AFTER_SECONDS:
                shutil.rmtree(sibling, ignore_errors=True)


def _install(target: Path, platform: str | None) -> None:
    command = [
        *(str(UV), "pip", "install", "--quiet", "--no-deps", "--require-hashes"),
        *("--only-binary", ":all:", "--link-mode", "copy", "--python-version", PYTHON_VERSION),
        *("--python", sys.executable, "--target", str(target), "--requirements", str(LOCK)),
        *(("--python-platform", platform) if platform else ()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BundleError(f"The Lambda dependencies could not be installed (requirements/lambda.txt):\n{done.stderr}")
    shutil.rmtree(target / "bin", ignore_errors=True)
    (target / ".lock").unlink(missing_ok=True)
    for service in (target / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in _AWS_SERVICES:
            shutil.rmtree(service)
    _compile(target)


def _compile(folder: Path) -> None:
    """Adds bytecode, since Lambda's file system is read-only and each cold start would compile again.

    It is bound to nothing but the source beside it: dates inside would differ from build to build.
    """
    command = [
        *(sys.executable, "-m", "compileall", "-qq", "-j", "0", "--invalidation-mode", "unchecked-hash"),
        *("-s", str(folder), str(folder)),
    ]
    # A file that this Python can't compile is left as it is: it would fail when imported, and say so.
    subprocess.run(command, check=False)
