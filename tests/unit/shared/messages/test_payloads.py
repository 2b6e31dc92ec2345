"""Contents of mails, in the table and in the bucket."""

import base64
import random

import pytest

from shared.aws import clients
from shared.aws.dynamodb import Table
from shared.clock import DAY
from shared.errors import NotFound
from shared.messages.model import Address, Content, Mail, Priority, Status
from shared.messages.payloads import KEPT, Payload, PayloadStore, payload_sort_key
from tests.unit.clock import NOON


def mail(mail_id: str = "a") -> Mail:
    return Mail(
        tenant_id="acme",
        id=mail_id,
        account_id="main",
        priority=Priority.MEDIUM,
        status=Status.PENDING,
        generation=1,
        slice_key="",
        payload_key=payload_sort_key(1, "digest"),
        digest="digest",
        created_at=NOON,
        due_at=NOON,
    )


def content(text: str) -> Content:
    return Content(from_=Address(address="a@example.com"), text=text)


def put(payloads: PayloadStore, of: Mail, text: str) -> None:
    dumped = content(text).model_dump_json(by_alias=True).encode()
    payloads.put_all([Payload(of.payload_item_key, dumped, of.due_at)])


def test_small_contents_stay_in_the_table(payloads: PayloadStore, messages: Table) -> None:
    put(payloads, mail(), "Hällo" * 100_000)  # half a megabyte that compresses well
    assert payloads.get(mail()).text == "Hällo" * 100_000
    item = messages.get(mail().payload_item_key)
    assert item is not None
    assert "s3_key" not in item
    assert item["ttl"] == (NOON + KEPT) // 1_000


def test_large_contents_go_to_the_bucket_and_come_back(payloads: PayloadStore, messages: Table) -> None:
    noise = base64.b64encode(random.Random(1).randbytes(500_000)).decode()
    put(payloads, mail(), noise)
    assert payloads.get(mail()).text == noise
    assert len(clients.s3().list_objects_v2(Bucket="payloads")["Contents"]) == 1
    item = messages.get(mail().payload_item_key)
    assert item is not None
    assert "body" not in item


def test_contents_that_have_gone_are_left_out(payloads: PayloadStore) -> None:
    put(payloads, mail("a"), "x")
    assert list(payloads.load([mail("a"), mail("b")])) == ["a"]
    with pytest.raises(NotFound):
        payloads.get(mail("b"))


def test_contents_outlive_every_retry() -> None:
    assert KEPT > 7 * DAY
