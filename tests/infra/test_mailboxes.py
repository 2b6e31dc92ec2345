"""The reader of mailboxes, in the template where it is asked for and else not."""

from collections.abc import Callable

import pytest

from tests.infra.synthesized import Statement, Synthesized
from tests.infra.test_grants import CONSUME, FOR_A_NAMED_TENANT, ONLY_CONFIGURATION, ONLY_TENANTS, READ

ONLY_WHAT_RETURNS = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["LINE#*", "MAIL#*", "UNMATCHED#*"]}}


@pytest.fixture(scope="module")
def with_mailboxes(synthesise: Callable[[dict[str, str]], Synthesized]) -> Synthesized:
    return synthesise({"bounces": "true", "pec": "true"})


def kinds(template: Synthesized) -> str | None:
    variables = template.functions()["api"].properties["Environment"]["Variables"]
    found: str | None = variables.get("MAILBOX_KINDS")
    return found


def grants(template: Synthesized, service: str) -> list[Statement]:
    return [each for each in template.statements_of(service) if not any(a.startswith("logs:") for a in each.actions)]


def test_without_the_flags_nothing_of_it_is_there(on_aws: Synthesized) -> None:
    assert "mailbox" not in on_aws.functions()
    assert kinds(on_aws) is None
    assert not [name for name in on_aws.outputs if "Mailbox" in name]
    assert not [queue for queue in on_aws.of_kind("AWS::SQS::Queue") if "Mailbox" in queue.logical_id]


@pytest.mark.parametrize("flag", ["bounces", "pec"])
def test_each_flag_alone_brings_it_for_its_kind(synthesise: Callable[[dict[str, str]], Synthesized], flag: str) -> None:
    template = synthesise({flag: "true"})

    assert "mailbox" in template.functions()
    assert kinds(template) == flag


def test_one_wake_up_an_invocation_and_as_many_as_are_allowed(with_mailboxes: Synthesized) -> None:
    reader = with_mailboxes.functions()["mailbox"]
    (source,) = [
        mapping.properties
        for mapping in with_mailboxes.of_kind("AWS::Lambda::EventSourceMapping")
        if mapping.properties["FunctionName"] == f"<{reader.logical_id}>"
    ]

    assert source["BatchSize"] == 1
    assert source["ScalingConfig"] == {"MaximumConcurrency": 20}


def test_every_function_knows_the_queue(with_mailboxes: Synthesized) -> None:
    for function in with_mailboxes.functions().values():
        assert "Mailboxes" in function.properties["Environment"]["Variables"]["MAILBOXES_QUEUE_URL"]


def test_the_reader_records_what_returns_and_deletes_nothing(with_mailboxes: Synthesized) -> None:
    found = grants(with_mailboxes, "mailbox")
    by_table = {
        (name, frozenset(each.actions), str(each.conditions))
        for each in found
        for name in ("Registry", "Messages")
        if any(name in resource for resource in each.resources)
        and any(action.startswith("dynamodb:") for action in each.actions)
    }

    assert by_table == {
        ("Registry", frozenset(READ), str(ONLY_CONFIGURATION)),
        ("Registry", frozenset(["dynamodb:PutItem"]), str(ONLY_TENANTS)),
        ("Messages", frozenset(READ), str({})),
        (
            "Messages",
            frozenset(["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:BatchWriteItem"]),
            str(ONLY_WHAT_RETURNS),
        ),
    }


def test_the_reader_opens_credentials_and_the_key_of_tokens_and_reads_contents(with_mailboxes: Synthesized) -> None:
    others = {
        action: each
        for each in grants(with_mailboxes, "mailbox")
        for action in each.actions
        if not action.startswith(("dynamodb:", "sqs:"))
    }

    assert set(others) == {"s3:GetObject", "kms:Decrypt", "secretsmanager:GetSecretValue"}
    assert others["kms:Decrypt"].conditions == FOR_A_NAMED_TENANT
    assert all(resource.endswith("/*") for resource in others["s3:GetObject"].resources)
    assert all("InstanceKey" in resource for resource in others["secretsmanager:GetSecretValue"].resources)


def test_who_wakes_mailboxes_and_who_reads_their_queue(with_mailboxes: Synthesized) -> None:
    used: dict[str, set[str]] = {}
    for service in with_mailboxes.functions():
        used[service] = {
            action
            for each in grants(with_mailboxes, service)
            for action in each.actions
            if any("MailboxesWakeUpsQueue" in resource for resource in each.resources)
        }

    assert {service: actions for service, actions in used.items() if actions} == {
        "api": {"sqs:SendMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"},
        "scheduler": {"sqs:SendMessage"},
        "mailbox": {"sqs:SendMessage", *CONSUME},
    }


def test_late_mailboxes_and_their_dead_letters_raise_an_alarm(with_mailboxes: Synthesized) -> None:
    alarms = with_mailboxes.of_kind("AWS::CloudWatch::Alarm")
    (queue, letters) = (
        next(each.logical_id for each in with_mailboxes.of_kind("AWS::SQS::Queue") if name in each.logical_id)
        for name in ("MailboxesWakeUpsQueue", "MailboxesWakeUpsDeadLetters")
    )

    assert any("MailboxesIsLate" in each.logical_id and queue in str(each.properties) for each in alarms)
    assert any("DeadLetters" in each.logical_id and letters in str(each.properties) for each in alarms)
