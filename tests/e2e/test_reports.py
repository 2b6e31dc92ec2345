"""The ways of a report over the deployed template: pushed, pulled, replayed, and on the EventBridge bus."""

import json
import time
from collections.abc import Iterator

import pytest

from localstack import aws
from localstack.deploy import Deployment
from tests.e2e.conftest import Json, Tenant, message, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.fixture
def consumer(deployment: Deployment, tenant: Tenant) -> Iterator[str]:
    """A queue that a rule of the bus sends this tenant's reports to."""
    events = aws.session().client("events", endpoint_url=deployment.endpoint_url, config=aws.CONFIG)
    sqs = aws.session().client("sqs", endpoint_url=deployment.endpoint_url, config=aws.CONFIG)
    url = sqs.create_queue(QueueName=f"reports-of-{tenant.id}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["serverless-mail-proxy"], "detail": {"tenant_id": [tenant.id], "sent_ts": [{"exists": True}]}}
    bus = str(deployment.event_bus)
    events.put_rule(Name=tenant.id, EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=tenant.id, EventBusName=bus, Targets=[{"Id": "1", "Arn": arn}])
    yield url
    events.remove_targets(Rule=tenant.id, EventBusName=bus, Ids=["1"])
    events.delete_rule(Name=tenant.id, EventBusName=bus)
    sqs.delete_queue(QueueUrl=url)


def on_the_bus(deployment: Deployment, queue_url: str, count: int) -> list[Json]:
    """The details of so many events that the rule let through."""
    sqs = aws.session().client("sqs", endpoint_url=deployment.endpoint_url, config=aws.CONFIG)
    found: list[Json] = []
    deadline = time.monotonic() + 60
    while len(found) < count and time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        found += [json.loads(each["Body"])["detail"] for each in answer.get("Messages", [])]
    return found


def replay(tenant: Tenant, *ids: str) -> object:
    """How many events that were."""
    answer = tenant.api.post(f"/v1/tenants/{tenant.id}/events/replay", json={"ids": ids})
    assert answer.status_code == 202, answer.text
    return answer.json()["events"]


def test_what_is_pushed_is_on_the_bus_under_the_same_event_ids_and_can_be_replayed(
    deployment: Deployment, tenant: Tenant, consumer: str
) -> None:
    tenant.submit(message("m1"), message("m2"))
    tenant.wait_for_finals(2, timeout=60)
    pushed = {each.event.id: each.event.event_id for each in tenant.receiver.events.all()}

    published = on_the_bus(deployment, consumer, 2)
    assert {each["id"]: each["event_id"] for each in published} == pushed

    # The reporter logs what it has just pushed a moment later.
    wait_until(lambda: replay(tenant, "m1") == 1, timeout=60, waiting_for="the event in the log")
    finals = tenant.wait_for_finals(3, timeout=60)
    assert sorted(finals) == ["m1", "m1", "m2"]
    # A fresh event is listed only when no earlier one can come any more.
    assert tenant.api.get(f"/v1/tenants/{tenant.id}/events").json()["events"] == []
