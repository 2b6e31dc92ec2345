"""For all tests of the model."""

from collections.abc import Iterator

import pytest

from shared.observability import logger, metrics
from tests.unit.conftest import aws, clock, messages, own_clients, queue_urls, queues

__all__ = ["aws", "clock", "messages", "own_clients", "queue_urls", "queues"]  # moto's services, for test_fakes.py


@pytest.fixture(autouse=True, scope="module")  # no longer: other tests of this process look at the log
def quiet() -> Iterator[None]:
    """Logs and metrics of thousands of lives."""
    level = logger.log_level
    patch = pytest.MonkeyPatch()
    patch.setattr(metrics, "add_metric", lambda **_: None)
    logger.setLevel("CRITICAL")
    yield
    logger.setLevel(level)
    patch.undo()
