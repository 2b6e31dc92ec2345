"""What fetches attachments in tests."""

from collections.abc import AsyncIterator

import pytest

from shared.attachments.fetching import Fetcher, VisitFetcher
from shared.attachments.origins import Origins
from shared.aws.credentials import Credentials
from shared.aws.dynamodb import Table
from shared.aws.kms import SecretSealer
from shared.aws.s3 import Bucket
from shared.outgoing.guard import Guard
from shared.storages.table import StorageTable
from shared.tenants.table import TenantTable
from tests.unit.clock import SettableClock
from tests.unit.shared.attachments.fetchers import ALLOWED, MakeFetcher, for_acme


@pytest.fixture
def storages(registry: Table, sealer: SecretSealer, clock: SettableClock) -> StorageTable:
    return StorageTable(registry, sealer, ALLOWED, clock)


@pytest.fixture
def tenants(registry: Table, sealer: SecretSealer, clock: SettableClock) -> TenantTable:
    return TenantTable(registry, sealer, clock)


@pytest.fixture
async def make_fetcher(
    tenants: TenantTable, storages: StorageTable, payloads_bucket: Bucket, clock: SettableClock
) -> AsyncIterator[MakeFetcher]:
    made: list[Fetcher] = []

    def make(guard: Guard) -> Fetcher:
        origins = Origins(
            tenants=tenants,
            storages=storages,
            uploads=payloads_bucket,
            allowed=ALLOWED,
            guard=guard,
            region="eu-central-1",
            clock=clock,
            credentials=lambda: Credentials("ROLE", "role-secret", "role-token"),
        )
        made.append(Fetcher(origins))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.fixture
def fetcher(make_fetcher: MakeFetcher) -> VisitFetcher:
    return for_acme(make_fetcher(Guard(["127.0.0.1"])))
