"""What the deployed template tells of itself, and how what its queues gave up on comes back."""

import json
import time
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from localstack import aws
from localstack.deploy import Deployment
from tests.e2e.conftest import Tenant, message, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def test_what_was_sent_is_told_by_status_and_metrics(admin: httpx.Client, tenant: Tenant) -> None:
    def account() -> dict[str, Any]:
        shown: dict[str, Any] = tenant.api.get(f"/v1/tenants/{tenant.id}/status").json()["accounts"][0]
        return shown

    tenant.submit(message("a"), message("b"), message("later", send_at=int(time.time()) + 3_600))
    tenant.wait_for_mails(2, timeout=60)

    # Counted when the sender is done with the line.
    wait_until(lambda: account()["total"]["sent"] == 2, timeout=60, waiting_for="the counters")
    assert [each["waiting"]["messages"] for each in account()["lanes"]] == [0, 0, 1, 0]
    scraped = {
        sample.labels["account_id"]: sample.value
        for family in text_string_to_metric_families(admin.get("/metrics").text)
        for sample in family.samples
        if sample.name == "gmp_sent_total" and sample.labels["tenant_id"] == tenant.id
    }
    assert scraped == {"main": 2}
    instance = admin.get("/v1/status", params={"limit": 100}).json()
    assert instance["is_complete"]
    assert tenant.id in {each["tenant_id"] for each in instance["accounts"]}


def test_a_dead_letter_is_shown_and_its_line_worked_again(
    deployment: Deployment, admin: httpx.Client, tenant: Tenant
) -> None:
    def of_tenant() -> list[dict[str, Any]]:
        letters: list[dict[str, Any]] = admin.get("/v1/dead-letters", params={"limit": 100}).json()["dead_letters"]
        return [each for each in letters if each["tenant_id"] == tenant.id]

    tenant.inbox.go_down()
    tenant.submit(message("held", priority="low"))
    sqs = aws.session().client("sqs", endpoint_url=deployment.endpoint_url, config=aws.CONFIG)
    owner = f"{tenant.id}#main"
    sqs.send_message(
        QueueUrl=deployment.dead_letter_queue_urls["low"],
        MessageBody=json.dumps({"kind": "low", "owner": owner}),
        MessageGroupId=owner,
        MessageDeduplicationId=owner,
    )

    assert [each["line"]["message_ids"] for each in of_tenant()] == [["held"]]
    tenant.inbox.come_back()
    redriven = admin.post("/v1/dead-letters/redrive", json={"queue": "low"})

    assert redriven.status_code == 200, redriven.text
    assert {"queue": "low", "tenant_id": tenant.id, "account_id": "main"} in redriven.json()["lines"]
    tenant.wait_for_mails(1, timeout=60)
    assert of_tenant() == []


def test_the_documentation_reaches_a_browser_with_all_its_files(deployment: Deployment, admin: httpx.Client) -> None:
    page = admin.get("/docs")
    assert page.status_code == 200
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png", "start.js"):
        assert f'"docs/{name}"' in page.text
        answer = admin.get(f"/docs/{name}")
        assert answer.status_code == 200
        assert answer.content
