"""Queues, and the functions that work them."""

import json

from tests.infra.synthesized import Resource, Synthesized, statements

LANES = ("immediate", "high", "medium", "low")
WORKERS = (*(f"sender-{lane}" for lane in LANES), "reporter")
FOURTEEN_DAYS = 14 * 24 * 3600


def test_every_queue_is_a_high_throughput_fifo_queue(on_aws: Synthesized) -> None:
    for queue in on_aws.of_kind("AWS::SQS::Queue"):
        assert queue.properties["FifoQueue"] is True
        assert queue.properties["FifoThroughputLimit"] == "perMessageGroupId"
        assert queue.properties["DeduplicationScope"] == "messageGroup"


def test_no_queue_deduplicates_by_content_since_each_wake_up_counts(on_aws: Synthesized) -> None:
    for queue in on_aws.of_kind("AWS::SQS::Queue"):
        assert not queue.properties.get("ContentBasedDeduplication", False)


def test_every_queue_keeps_messages_encrypted_for_fourteen_days(on_aws: Synthesized) -> None:
    for queue in on_aws.of_kind("AWS::SQS::Queue"):
        assert queue.properties["SqsManagedSseEnabled"] is True
        assert queue.properties["MessageRetentionPeriod"] == FOURTEEN_DAYS


def test_every_queue_refuses_calls_without_tls(on_aws: Synthesized) -> None:
    refusing = {
        resource
        for policy in on_aws.of_kind("AWS::SQS::QueuePolicy")
        for statement in statements(policy.properties["PolicyDocument"])
        if statement.effect == "Deny" and statement.conditions == {"Bool": {"aws:SecureTransport": "false"}}
        for resource in statement.resources
    }
    assert refusing == {f"<{queue.logical_id}>" for queue in on_aws.of_kind("AWS::SQS::Queue")}


def test_every_worked_queue_gives_up_only_after_a_thousand_receives_to_a_queue_of_its_own(
    on_aws: Synthesized,
) -> None:
    dead_letters = []
    for service in WORKERS:
        redrive = on_aws.queue_of(service).properties["RedrivePolicy"]
        assert redrive["maxReceiveCount"] == 1000
        dead_letters.append(redrive["deadLetterTargetArn"])
    worked = {f"<{on_aws.queue_of(service).logical_id}>" for service in WORKERS}
    assert len(set(dead_letters)) == len(WORKERS)
    assert not worked & set(dead_letters)


def test_every_mapping_hands_over_one_wake_up_at_a_time_and_takes_back_what_must_wait(
    on_aws: Synthesized,
) -> None:
    for mapping in on_aws.of_kind("AWS::Lambda::EventSourceMapping"):
        assert mapping.properties["BatchSize"] == 1
        assert mapping.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping.properties["ScalingConfig"]["MaximumConcurrency"] >= 2
        assert "MaximumBatchingWindowInSeconds" not in mapping.properties


def test_a_wake_up_stays_hidden_for_longer_than_its_worker_may_run(on_aws: Synthesized) -> None:
    for service in WORKERS:
        timeout = on_aws.functions()[service].properties["Timeout"]
        assert on_aws.queue_of(service).properties["VisibilityTimeout"] > timeout


def test_each_lane_has_its_own_queue_function_and_name(on_aws: Synthesized) -> None:
    for lane in LANES:
        variables = _variables(on_aws.functions()[f"sender-{lane}"])
        queue = on_aws.queue_of(f"sender-{lane}")
        assert variables["LANE"] == lane
        assert variables[f"LANE_{lane.upper()}_QUEUE_URL"] == f"<{queue.logical_id}>"


def test_the_schedule_wakes_the_scheduler_each_minute_without_piling_up(on_aws: Synthesized) -> None:
    (schedule,) = on_aws.of_kind("AWS::Scheduler::Schedule")
    assert schedule.properties["ScheduleExpression"] == "rate(1 minute)"
    assert schedule.properties["State"] == "ENABLED"
    assert schedule.properties["FlexibleTimeWindow"] == {"Mode": "OFF"}
    target = schedule.properties["Target"]
    assert target["Arn"] == f"<{on_aws.functions()['scheduler'].logical_id}>"
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}


def test_lambda_does_not_stop_functions_that_wake_themselves_through_a_queue(on_aws: Synthesized) -> None:
    for service in (*WORKERS, "scheduler"):
        assert on_aws.functions()[service].properties["RecursiveLoop"] == "Allow"
    assert on_aws.functions()["api"].properties["RecursiveLoop"] == "Terminate"


def test_the_template_names_no_region_or_account(on_aws: Synthesized) -> None:
    for function in on_aws.of_kind("AWS::Lambda::Function"):
        assert "arn:aws:" not in json.dumps(_variables(function))


def _variables(function: Resource) -> dict[str, str]:
    variables: dict[str, str] = function.properties["Environment"]["Variables"]
    return variables
