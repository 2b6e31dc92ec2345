"""Keeps tests that share something costly in one process, when the suite runs in several."""

from pathlib import Path

import pytest
from hypothesis import settings

# No test fails for taking long on a busy machine; `make bench` measures. A failure prints what reproduces it.
settings.register_profile("project", deadline=None, print_blob=True)
settings.load_profile("project")

# The deployed emulator, and the synthesized template: one of each is enough.
_TOGETHER = ("e2e", "infra")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts each of these folders into a group of its own, which `--dist loadgroup` keeps together."""
    tests = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(tests).parts[0]
        if folder in _TOGETHER:
            item.add_marker(pytest.mark.xdist_group(folder))
