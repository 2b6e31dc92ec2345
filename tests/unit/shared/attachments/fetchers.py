"""Fetching in tests: as a visit to a line of the tenant acme does it."""

from collections.abc import Callable

import pytest

from shared.attachments.fetching import Fetcher, VisitFetcher
from shared.attachments.origins import FetchFailed
from shared.instance.model import Instance
from shared.messages.model import Attachment
from shared.outgoing.guard import Guard
from shared.storages.allowed import AllowedBuckets
from shared.tenants.model import Tenant
from tests.unit.shared.outgoing.peers import Conversation, answering, saying, until_the_client_leaves

ULID = "01JZX4C0R3M2V8Q9T6W5Y7K1AB"
ALLOWED = AllowedBuckets.from_setting("tenants-files/{tenant_id}")
SECONDS = 5.0


type MakeFetcher = Callable[[Guard], Fetcher]

FAILURES: list[tuple[Conversation, bool, str]] = [
    (answering("404 Not Found"), True, "404"),
    (answering("403 Forbidden"), True, "403"),
    (answering("301 Moved Permanently", b"", "Location: http://127.0.0.1:1/"), True, "301"),
    (answering("429 Too Many Requests"), False, "429"),
    (answering("503 Service Unavailable"), False, "503"),
    (saying(b""), False, ""),
    (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), False, ""),
    (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"), True, "10,000,000,000"),
    (saying(b"nonsense\r\n\r\n"), False, ""),
    (until_the_client_leaves(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"), False, "within 1 s"),
]


def for_acme(fetcher: Fetcher, tenant: Tenant | None = None, **settings: object) -> VisitFetcher:
    return fetcher.for_visit("acme", tenant, Instance.model_validate(settings))


def file(storage_path: str, **fields: str) -> Attachment:
    return Attachment.model_validate({"filename": "a.pdf", "storage_path": storage_path, **fields})


async def fetched(fetcher: VisitFetcher, *attachments: Attachment, seconds: float = SECONDS) -> dict[str, bytes]:
    async with fetcher.fetched(attachments, seconds) as files:
        return dict(files)


async def failure(fetcher: VisitFetcher, *attachments: Attachment, seconds: float = SECONDS) -> FetchFailed:
    with pytest.raises(FetchFailed) as raised:
        await fetched(fetcher, *attachments, seconds=seconds)
    return raised.value
