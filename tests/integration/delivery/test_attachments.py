"""Attachments that lie elsewhere, on their way into a mail at a real relay."""

import pytest

from localstack.inbox import Inbox
from shared.attachments.uploads import upload_key
from shared.clock import MINUTE
from shared.identifiers import new_ulid
from shared.messages.model import Status
from tests.integration.lane_driver import TENANT, Driver, System
from tests.unit.shared.outgoing.peers import Peer, answering


@pytest.fixture(autouse=True)
def tenant(system: System, inbox: Inbox) -> None:
    system.add_tenant()
    system.add_account(inbox)


def attached(*paths: str) -> dict[str, object]:
    return {"attachments": [{"filename": f"{number}.pdf", "storage_path": path} for number, path in enumerate(paths)]}


async def test_files_arrive_from_wherever_they_lie(system: System, driver: Driver, inbox: Inbox) -> None:
    upload = new_ulid(system.clock())
    system.bucket.put(upload_key(TENANT, upload), b"uploaded")
    with Peer(answering("200 OK", b"at a URL")) as server:
        system.submit({"id": "m1", **attached(f"upload:{upload}", server.url, "base64:aGVyZQ==")})

        await driver.run()

    (mail,) = inbox.mailbox.mails.all()
    files = {each.get_filename(): each.get_payload(decode=True) for each in mail.message.iter_attachments()}
    assert files == {"0.pdf": b"uploaded", "1.pdf": b"at a URL", "2.pdf": b"here"}


async def test_a_file_that_is_not_there_makes_its_mail_an_error_and_no_other(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    missing = new_ulid(system.clock())
    system.submit({"id": "m1", **attached(f"upload:{missing}")}, {"id": "m2"})

    await driver.run()

    assert system.statuses() == {"m1": Status.ERROR, "m2": Status.SENT}
    (event,) = [each for each in system.events() if each.id == "m1"]
    assert event.error is not None
    assert f"upload:{missing}" in event.error


async def test_a_file_that_cannot_be_had_just_now_puts_its_mail_off_and_holds_up_no_other(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    with Peer(answering("503 Service Unavailable")) as server:
        url = server.url
        system.submit({"id": "m1", **attached(f"{url}/a.pdf?signature=SECRET")}, {"id": "m2"})

        await driver.run()

        assert system.statuses() == {"m1": Status.DEFERRED, "m2": Status.SENT}
        (event,) = [each for each in system.events() if each.id == "m1"]
        assert event.deferred_reason is not None
        assert f"{url}/a.pdf: answered with 503" in event.deferred_reason
        assert "SECRET" not in str(event)
        server.conversation = answering("200 OK", b"here now")
        await driver.pass_time(2 * MINUTE)

    assert system.statuses()["m1"] == Status.SENT
