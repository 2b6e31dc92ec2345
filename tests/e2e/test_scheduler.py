"""The scheduler as it starts itself: its own client, against the Lambda API of the embedded AWS."""

import time

from functions.scheduler import continuation
from localstack import ACCESS_KEY, REGION, SECRET_KEY
from localstack.deploy import Deployment
from shared.aws import clients
from shared.aws.connections import Connections
from shared.aws.credentials import Credentials
from shared.aws.dynamodb import Table
from shared.aws.functions import Function
from shared.aws.service import Dialect, Service
from shared.clock import system_clock
from shared.lines.rounds import Sweep
from shared.lines.run import LEASE, Run

_WITHIN_SECONDS = 60.0


def test_a_run_goes_on_in_an_invocation_that_its_own_client_starts(deployment: Deployment) -> None:
    def service(dialect: Dialect) -> Service:
        credentials = Credentials(ACCESS_KEY, SECRET_KEY)
        connections = Connections(deployment.endpoint_url)
        return Service(dialect, connections=connections, region=REGION, credentials=lambda: credentials)

    messages = Table(service(clients.DYNAMODB), deployment.messages_table)
    scheduler = Function(service(clients.LAMBDA), deployment.functions["scheduler"])
    scheduler.start({})

    deadline = time.monotonic() + _WITHIN_SECONDS
    while (lease := messages.get(LEASE) or {}).get("generation") != 2:  # the schedule may begin a run in between
        assert time.monotonic() < deadline, f"the run did not go on: {lease}"
        if lease.get("generation") == 1:
            left = Run(str(lease["run"]), 2, Sweep(system_clock(), {}))
            scheduler.start(continuation.encode(left))
        time.sleep(0.2)
