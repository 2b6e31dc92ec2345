"""The optional EventBridge bus, in the template where it is asked for and else not."""

from collections.abc import Callable

import pytest

from tests.infra.synthesized import Resource, Synthesized


@pytest.fixture(scope="module")
def with_bus(synthesise: Callable[[dict[str, str]], Synthesized]) -> Synthesized:
    return synthesise({"event_bus": "true"})


def _messages(template: Synthesized) -> Resource:
    (table,) = [each for each in template.of_kind("AWS::DynamoDB::Table") if "Messages" in each.logical_id]
    return table


def test_without_the_flag_nothing_of_it_is_there(on_aws: Synthesized) -> None:
    assert "publisher" not in on_aws.functions()
    assert "StreamSpecification" not in _messages(on_aws).properties
    assert not [name for name in on_aws.outputs if "EventBus" in name]
    assert not [alarm for alarm in on_aws.of_kind("AWS::CloudWatch::Alarm") if "NotPublished" in alarm.logical_id]
    assert not [each for each in on_aws.identity_statements() if "events:PutEvents" in each.actions]


def test_the_stream_has_new_pages_of_the_outbox_for_the_publisher_alone(with_bus: Synthesized) -> None:
    publisher = with_bus.functions()["publisher"]
    (source,) = [
        mapping
        for mapping in with_bus.of_kind("AWS::Lambda::EventSourceMapping")
        if mapping.properties["FunctionName"] == f"<{publisher.logical_id}>"
    ]
    assert _messages(with_bus).properties["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert source.properties["EventSourceArn"] == f"<{_messages(with_bus).logical_id}>"
    assert source.properties["FilterCriteria"] == {
        "Filters": [
            {
                "Pattern": '{"eventName":["INSERT"],"dynamodb":{"Keys":{"pk":{"S":[{"prefix":"LINE#reports#"}]},'
                '"sk":{"S":[{"anything-but":["HEAD"]}]}}}}'
            }
        ]
    }


def test_what_fails_is_tried_again_in_ever_smaller_parts_and_then_kept_as_a_dead_letter(with_bus: Synthesized) -> None:
    (source,) = [
        mapping.properties
        for mapping in with_bus.of_kind("AWS::Lambda::EventSourceMapping")
        if "StartingPosition" in mapping.properties
    ]
    assert source["StartingPosition"] == "TRIM_HORIZON"
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BisectBatchOnFunctionError"] is True
    assert source["MaximumRetryAttempts"] == 100
    (alarm,) = [
        each.properties for each in with_bus.of_kind("AWS::CloudWatch::Alarm") if "NotPublished" in each.logical_id
    ]
    (queue,) = alarm["Dimensions"]
    assert source["DestinationConfig"] == {"OnFailure": {"Destination": queue["Value"]}}


def test_the_publisher_may_read_the_stream_and_put_events_on_its_own_bus_and_no_more(with_bus: Synthesized) -> None:
    (bus,) = with_bus.of_kind("AWS::Events::EventBus")
    granted = {
        (action, resource)
        for statement in with_bus.statements_of("publisher")
        for action in statement.actions
        for resource in statement.resources
        if not action.startswith("logs:")
    }
    (dead_letters,) = {resource for action, resource in granted if action == "sqs:SendMessage"}
    messages = f"<{_messages(with_bus).logical_id}>"
    reading = {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"}
    assert granted == {
        ("events:PutEvents", f"<{bus.logical_id}>"),
        *((f"dynamodb:{action}", messages) for action in reading),
        *((f"sqs:{action}", dead_letters) for action in ("SendMessage", "GetQueueAttributes", "GetQueueUrl")),
    }
    assert "EventBusDeadLetters" in dead_letters


def test_nobody_else_may_put_events_on_a_bus(with_bus: Synthesized) -> None:
    for service in with_bus.functions():
        actions = {action for statement in with_bus.statements_of(service) for action in statement.actions}
        assert ("events:PutEvents" in actions) == (service == "publisher")
