"""Mail that waits is changed over the deployed template: suspended, replaced, activated; suppressed, sent again."""

import pytest

from localstack.inbox import Reply, Stage, answer
from tests.e2e.conftest import Tenant, message

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def test_a_suspended_batch_waits_beside_the_line_is_replaced_there_and_goes_when_activated(tenant: Tenant) -> None:
    base = f"/v1/tenants/{tenant.id}"
    suspended = tenant.api.post(f"{base}/suspend", json={"batch_code": "news"})
    assert suspended.status_code == 200, suspended.text
    tenant.submit(message("news-1", batch_code="news"), message("news-2", batch_code="news"))
    tenant.submit(message("reset"))
    tenant.wait_for_mails(1, timeout=60)
    assert tenant.mail("news-1")["status"] == "suspended"
    tenant.submit(message("news-1", batch_code="news", subject="corrected"))

    activated = tenant.api.post(f"{base}/activate", json={"batch_code": "news"})
    assert activated.status_code == 200, activated.text
    assert activated.json()["pending"] == 2

    tenant.wait_for_mails(3, timeout=60)
    assert tenant.subjects() == ["reset", "corrected", "news-2"]


def test_an_address_that_a_relay_refuses_is_suppressed_and_a_mail_that_failed_is_sent_again(tenant: Tenant) -> None:
    base = f"/v1/tenants/{tenant.id}"
    refuse = answer(Stage.RCPT, Reply("550 5.1.1 user unknown"), recipient="gone@example.net")
    tenant.inbox.behaviour.script.add(refuse)
    tenant.submit(message("first", to="gone@example.net"))
    tenant.wait_for_finals(1, timeout=60)
    [found] = tenant.api.get(f"{base}/suppressions").json()["suppressions"]
    assert (found["address"], found["message_id"]) == ("gone@example.net", "first")

    tenant.inbox.behaviour.script.clear()
    tenant.submit(message("second", to="Gone@example.net"))
    tenant.wait_for_finals(2, timeout=60)
    assert tenant.mail("second")["status"] == "error"
    assert tenant.subjects() == []

    assert tenant.api.delete(f"{base}/suppressions/gone@example.net").status_code == 204
    again = tenant.api.post(f"{base}/messages/second/retry")
    assert again.status_code == 200, again.text
    tenant.wait_for_mails(1, timeout=60)
    assert tenant.subjects() == ["second"]
