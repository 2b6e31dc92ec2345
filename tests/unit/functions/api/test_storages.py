"""Attachment storages and uploads over HTTP."""

import json
from base64 import b64decode
from io import StringIO

from functions.api.services import Services
from shared.aws.s3 import Bucket
from shared.clock import DAY, MINUTE, iso8601
from shared.storages.table import StorageTable
from tests import boto
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import Api, CheckProblem, MakeMessage

STORAGES = "/v1/tenants/acme/storages"
OWN = {
    "kind": "s3",
    "bucket": "acme-files",
    "prefix": "out/",
    "region": "eu-west-1",
    "access_key_id": "AKIA",
    "secret_access_key": "SECRET",
}


def secret_of(services: Services, name: str = "files") -> str | None:
    table: StorageTable = services.storages
    return table.secret_access_key(table.get("acme", name))


def test_a_storage_is_made_read_replaced_and_deleted(
    acme: Api, services: Services, clock: SettableClock, problem: CheckProblem
) -> None:
    created = acme.put(f"{STORAGES}/files", OWN)
    assert created.status_code == 201
    assert created.json() == {
        "name": "files",
        "kind": "s3",
        "bucket": "acme-files",
        "prefix": "out/",
        "region": "eu-west-1",
        "endpoint_url": None,
        "access_key_id": "AKIA",
        "has_secret_access_key": True,
        "created_at": iso8601(clock.now),
        "updated_at": iso8601(clock.now),
    }
    assert acme.get(f"{STORAGES}/files").json() == created.json()
    clock.advance(1_000)
    replaced = acme.put(f"{STORAGES}/files", OWN | {"bucket": "other-files"})
    assert (replaced.status_code, replaced.json()["bucket"]) == (200, "other-files")
    assert replaced.json()["created_at"] < replaced.json()["updated_at"]
    assert acme.delete(f"{STORAGES}/files").status_code == 204
    problem(acme.get(f"{STORAGES}/files"), 404, "not_found")
    problem(acme.delete(f"{STORAGES}/files"), 404, "not_found")
    problem(acme.get("/v1/tenants/acme/storages/no%20name"), 422, "invalid")


def test_the_secret_is_sealed_and_stays_unless_it_would_go_elsewhere(
    acme: Api, services: Services, problem: CheckProblem, log: StringIO
) -> None:
    assert "SECRET" not in acme.put(f"{STORAGES}/files", OWN).text
    assert secret_of(services) == "SECRET"
    without = {name: value for name, value in OWN.items() if name != "secret_access_key"}
    assert acme.put(f"{STORAGES}/files", without | {"bucket": "other-files"}).status_code == 200
    assert secret_of(services) == "SECRET"
    for changed in ({"access_key_id": "OTHER"}, {"endpoint_url": "https://s3.evil.example"}):
        document = problem(acme.put(f"{STORAGES}/files", without | changed), 422, "missing_field")
        assert document["errors"][0]["pointer"] == "/secret_access_key"
    problem(acme.put(f"{STORAGES}/second", without), 422, "missing_field")
    assert "SECRET" not in log.getvalue()
    items = boto.dynamodb().scan(TableName="registry")["Items"]
    assert "SECRET" not in json.dumps([each for each in items if "sealed_secret_access_key" in each], default=str)


def test_the_role_reads_only_what_the_deployment_allows_this_tenant(
    acme: Api, services: Services, problem: CheckProblem
) -> None:
    """The tests' deployment allows `shared-files` and `tenants-files/{tenant_id}`."""
    for bucket, prefix in (("shared-files", ""), ("shared-files", "any/"), ("tenants-files", "acme/")):
        answer = acme.put(f"{STORAGES}/files", {"kind": "s3", "bucket": bucket, "prefix": prefix})
        assert answer.status_code in (200, 201), answer.text
        assert answer.json()["has_secret_access_key"] is False
    for bucket, prefix in (("tenants-files", "other/"), ("tenants-files", ""), ("payloads", "UPLOAD#other#")):
        document = problem(
            acme.put(f"{STORAGES}/files", {"kind": "s3", "bucket": bucket, "prefix": prefix}), 422, "bucket_refused"
        )
        assert document["errors"][0]["pointer"] == "/bucket"
    assert services.storages.get("acme", "files").prefix == "acme/"


BAD_VALUES: list[tuple[dict[str, object], str]] = [
    ({"kind": "ftp"}, "/kind"),
    ({"bucket": "No Bucket"}, "/bucket"),
    ({"bucket": "a/b"}, "/bucket"),
    ({"prefix": "../other/"}, "/prefix"),
    ({"prefix": "/out"}, "/prefix"),
    ({"prefix": "a\x00/"}, "/prefix"),
    ({"region": "EU"}, "/region"),
    ({"endpoint_url": "http://s3.example"}, "/endpoint_url"),
    ({"endpoint_url": "https://10.0.0.1"}, "/endpoint_url"),
    ({"endpoint_url": "https://user:pw@s3.example"}, "/endpoint_url"),
    ({"access_key_id": None}, ""),
    ({"access_key_id": None, "secret_access_key": None, "endpoint_url": "https://s3.example"}, ""),
    ({"secret_access_key": "a\nb"}, "/secret_access_key"),
    ({"colour": "red"}, "/colour"),
]


def test_a_bad_value_is_named(acme: Api) -> None:
    for changes, pointer in BAD_VALUES:
        answer = acme.put(f"{STORAGES}/files", OWN | changes)
        assert answer.status_code == 422, changes
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


def test_storages_are_listed_page_by_page_and_need_a_tenant(acme: Api, admin: Api, problem: CheckProblem) -> None:
    names = [f"s-{number}" for number in range(3)]
    for name in names:
        acme.put(f"{STORAGES}/{name}", OWN)
    first = acme.get(STORAGES, limit=2).json()
    second = acme.get(STORAGES, limit=2, cursor=first["next_cursor"]).json()
    assert [each["name"] for each in first["storages"] + second["storages"]] == names
    assert second["next_cursor"] is None
    assert admin.get("/v1/tenants/other/storages").json()["storages"] == []
    problem(admin.get("/v1/tenants/nobody/storages"), 404, "not_found")
    problem(admin.put("/v1/tenants/nobody/storages/files", OWN), 404, "not_found")


def test_an_upload_is_a_form_for_one_file_of_the_tenant(
    acme: Api, payloads_bucket: Bucket, clock: SettableClock
) -> None:
    answer = acme.post("/v1/tenants/acme/attachments", {"content_type": "application/pdf", "size": 5})
    assert answer.status_code == 201
    upload = answer.json()
    assert upload["storage_path"] == f"upload:{upload['id']}"
    assert upload["url"] == "https://payloads.s3.eu-central-1.amazonaws.com/"
    assert upload["fields"]["key"] == f"UPLOAD#acme#{upload['id']}"
    assert upload["fields"]["Content-Type"] == "application/pdf"
    assert (upload["expires_at"], upload["kept_until"]) == (
        iso8601(clock.now + 15 * MINUTE),
        iso8601(clock.now + 40 * DAY),
    )
    policy = json.loads(b64decode(upload["fields"]["policy"]))
    assert ["content-length-range", 5, 5] in policy["conditions"]
    assert {"key": f"UPLOAD#acme#{upload['id']}"} in policy["conditions"]
    assert policy["expiration"] == "2026-01-01T12:15:00Z"


def test_an_upload_of_unknown_size_takes_up_to_the_most(acme: Api) -> None:
    upload = acme.post("/v1/tenants/acme/attachments").json()
    policy = json.loads(b64decode(upload["fields"]["policy"]))
    assert ["content-length-range", 0, upload["max_bytes"]] in policy["conditions"]
    assert upload["fields"]["Content-Type"] == "application/octet-stream"


def test_an_upload_that_cannot_be_is_refused(acme: Api, admin: Api, problem: CheckProblem) -> None:
    path = "/v1/tenants/acme/attachments"
    for call, pointer in (
        ({"size": 0}, "/size"),
        ({"size": 40_000_001}, "/size"),
        ({"content_type": "pdf"}, "/content_type"),
        ({"content_type": "a/b\r\nX: 1"}, "/content_type"),
        ({"filename": "a.pdf"}, "/filename"),
    ):
        assert [each["pointer"] for each in problem(acme.post(path, call), 422, "invalid")["errors"]] == [pointer]
    problem(admin.post("/v1/tenants/nobody/attachments"), 404, "not_found")


def test_a_message_names_an_upload_as_long_as_that_lasts_to_its_last_try(
    acme: Api, message: MakeMessage, clock: SettableClock
) -> None:
    attachment = {"filename": "a.pdf", "storage_path": acme.post("/v1/tenants/acme/attachments").json()["storage_path"]}
    assert acme.submit(message("MSG-1", attachments=[attachment])).status_code == 202
    clock.advance(20 * DAY)
    soon, later = (iso8601(clock.now + days * DAY) for days in (12, 14))
    assert acme.submit(message("MSG-2", attachments=[attachment], send_at=soon)).status_code == 202
    [rejected] = acme.submit(message("MSG-3", attachments=[attachment], send_at=later)).json()["rejected"]
    assert rejected["code"] == "upload_expires"
    assert attachment["storage_path"] in rejected["detail"]


def test_a_message_asks_an_endpoint_only_where_there_is_one(acme: Api, admin: Api, message: MakeMessage) -> None:
    attachments = [{"filename": "a", "storage_path": "base64:"}, {"filename": "b", "storage_path": "out/b.pdf"}]
    admin.patch("/v1/tenants/acme", {"client_base_url": None})
    answer = acme.submit(message("MSG-1", attachments=attachments), message("MSG-2")).json()
    assert [each["id"] for each in answer["accepted"]] == ["MSG-2"]
    [rejected] = answer["rejected"]
    assert rejected["code"] == "no_endpoint"
    assert rejected["detail"].startswith("attachments/1: ")
    assert admin.put("/v1/instance", {"client_base_url": "https://app.example"}).status_code == 200
    assert acme.submit(message("MSG-1", attachments=attachments)).json()["rejected"] == []


def test_a_message_names_files_wherever_they_may_lie(acme: Api, admin: Api, message: MakeMessage) -> None:
    admin.patch("/v1/tenants/acme", {"client_base_url": "https://acme.example"})
    for number, path in enumerate(
        (
            "files:out/a.pdf",
            "storage:files/out/a.pdf",
            "s3://tenants-files/acme/a.pdf",
            "https://acme.example/a.pdf?x=1",
            "out/a.pdf",
        )
    ):
        attachment = {"filename": "a.pdf", "storage_path": path, "content_md5": "0" * 32}
        assert acme.submit(message(f"MSG-{number}", attachments=[attachment])).status_code == 202, path
    for path, code in (("/mnt/a.pdf", "unsupported_fetch_mode"), ("x" * 2_001, "too_long")):
        attachment = {"filename": "a.pdf", "storage_path": path}
        [rejected] = acme.submit(message("MSG-9", attachments=[attachment])).json()["rejected"]
        assert rejected["code"] == code
