"""What lies in a table, for tests that look at all of it."""

from collections.abc import Iterator

from boto3.dynamodb.types import TypeDeserializer

from shared.aws.dynamodb import ItemKey, Table
from tests import boto


def every_item(table: Table) -> Iterator[dict[str, object]]:
    """The project itself never scans."""
    read = TypeDeserializer().deserialize
    for page in boto.dynamodb().get_paginator("scan").paginate(TableName=table.name):
        yield from ({name: read(value) for name, value in each.items()} for each in page["Items"])


def every_key(table: Table) -> list[ItemKey]:
    return [ItemKey(str(item["pk"]), str(item["sk"])) for item in every_item(table)]
