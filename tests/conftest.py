"""Keeps tests that share something costly in one process, when the suite runs in several."""

from typing import TYPE_CHECKING

from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    import pytest
    from xdist.remote import Producer

# No test fails for taking long on a busy machine; `make bench` measures. A failure prints what reproduces it.
settings.register_profile("project", deadline=None, print_blob=True)
settings.load_profile("project")

# The deployed emulator, and the synthesized template: one of each is enough.
_TOGETHER = ("tests/e2e/", "tests/infra/")


class FolderScheduling(LoadScopeScheduling):
    """Gives each of these folders to one process, and every other test to whichever is free. The folders go first:
    they take longest.

    In place of the marks of `--dist loadgroup`, which have no effect under pytest 9.2
    (https://github.com/pytest-dev/pytest-xdist/issues/1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in _TOGETHER if nodeid.startswith(folder)), nodeid)


def pytest_xdist_make_scheduler(config: "pytest.Config", log: "Producer") -> FolderScheduling:
    """Whatever `--dist` says."""
    return FolderScheduling(config, log)
