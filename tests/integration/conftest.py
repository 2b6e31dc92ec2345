"""AWS in-process for tests whose other peers are real servers, and the proxy's workers driven as Lambda drives them."""

from collections.abc import AsyncIterator, Iterator

import pytest

from localstack.inbox import Inbox
from localstack.receiver import Receiver
from shared.aws.dynamodb import Table
from shared.aws.s3 import Bucket
from shared.lines.line import LineKind
from shared.observability import metrics
from tests.integration.lane_driver import Driver, System
from tests.unit.clock import SettableClock
from tests.unit.conftest import (  # noqa: F401 - fixtures, found here by their names
    aws,
    clock,
    dead_letters_urls,
    kms_key_id,
    messages,
    own_clients,
    payloads_bucket,
    queue_urls,
    registry,
)


@pytest.fixture(autouse=True)
def own_metrics(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Metrics are flushed by hundreds, and must have a namespace then; what is left over is nobody's."""
    monkeypatch.setattr(metrics.provider, "namespace", "Test")
    yield
    metrics.clear_metrics()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """A relay that takes everything."""
    with Inbox() as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A tenant's endpoint that acknowledges everything."""
    with Receiver() as running:
        yield running


@pytest.fixture
def system(
    registry: Table,  # noqa: F811
    messages: Table,  # noqa: F811
    queue_urls: dict[LineKind, str],  # noqa: F811
    kms_key_id: str,  # noqa: F811
    payloads_bucket: Bucket,  # noqa: F811
    clock: SettableClock,  # noqa: F811
) -> System:
    return System(registry, messages, queue_urls, kms_key_id, payloads_bucket, clock)


@pytest.fixture
async def driver(system: System) -> AsyncIterator[Driver]:
    """Drives the workers; with it end their sessions. No worker may have crashed but those that a test knows of."""
    driving = Driver(system)
    yield driving
    await driving.close()
    assert driving.crashes == []
