"""What all measurements share: the local AWS, the relay that costs nothing, a tenant's endpoint, workers and lanes."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.lanes import Lane
from benchmarks.local_aws import LocalAws, local_aws
from benchmarks.proxy import Proxy
from benchmarks.scale import Scale
from benchmarks.sink import Sink
from benchmarks.worker import Worker
from localstack.receiver import Receiver

type Say = Callable[[str], None]


class Unmeasurable(RuntimeError):
    """What happened was not what was to be measured; the message says what did."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything runs until the end of `bench`; workers until the end of their own blocks."""

    scale: Scale
    aws: LocalAws
    sink: Sink
    receiver: Receiver
    say: Say

    @contextlib.contextmanager
    def proxy(self, *, counts_capacity: bool = False) -> Iterator[tuple[Proxy, Worker]]:
        """The API, and its worker."""
        environment = self.aws.environment_of("api")
        with Worker("api", "functions.api.handler", environment, counts_capacity=counts_capacity) as worker:
            yield Proxy(worker, self.aws.deployment.admin_token), worker

    @contextlib.contextmanager
    def lane(self, lane: str, *, counts_capacity: bool = False) -> Iterator[Lane]:
        """A lane of senders: "immediate", "high", "medium" or "low"."""
        environment = self.aws.environment_of(f"sender-{lane}")
        worker = Worker(f"sender-{lane}", "functions.sender.handler", environment, counts_capacity=counts_capacity)
        with worker:
            yield Lane(self.aws.deployment.endpoint_url, self.aws.deployment.lane_queue_urls[lane], worker)

    @contextlib.contextmanager
    def reports(self, *, counts_capacity: bool = False) -> Iterator[Lane]:
        """The reports queue and its reporter."""
        environment = self.aws.environment_of("reporter")
        with Worker("reporter", "functions.reporter.handler", environment, counts_capacity=counts_capacity) as worker:
            yield Lane(self.aws.deployment.endpoint_url, self.aws.deployment.reports_queue_url, worker)


@contextlib.contextmanager
def bench(scale: Scale, say: Say) -> Iterator[Bench]:
    """Starts what measurements share. Raises `ServerError` or one of `localstack.system.START_ERRORS`."""
    with local_aws() as aws, Sink() as sink, Receiver() as receiver:
        yield Bench(scale, aws, sink, receiver, say)
