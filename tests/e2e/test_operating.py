"""What operators do over the deployed template: try an account, and look who did what."""

import json

import httpx
import pytest

from localstack.inbox import Stage
from tests.e2e.conftest import Tenant, message

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def test_an_account_is_verified_and_every_change_is_in_the_audit_log(tenant: Tenant, admin: httpx.Client) -> None:
    verified = tenant.api.post(f"/v1/tenants/{tenant.id}/accounts/main/verify")
    assert verified.status_code == 200, verified.text
    assert verified.json()["ok"], verified.text
    assert [each["step"] for each in verified.json()["steps"]] == ["resolve", "connect", "greeting", "ehlo"]
    assert tenant.inbox.mailbox.exchanges(Stage.MAIL) == []
    tenant.submit(message("recorded"))

    listed = admin.get("/v1/commands", params={"tenant_id": tenant.id, "limit": 3})
    assert listed.status_code == 200, listed.text
    submission, verification, account = listed.json()["commands"]
    assert (submission["action"], submission["result"]["accepted"]) == ("submit_messages", ["recorded"])
    assert (verification["action"], verification["result"]["ok"]) == ("verify_account", True)
    assert (account["action"], account["objects"]) == ("put_account", {"account_id": "main"})

    exported = [json.loads(line) for line in admin.get("/v1/commands/export").text.splitlines()]
    assert submission in exported
