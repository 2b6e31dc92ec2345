"""What a deployment may choose, and what happens when it chooses badly."""

import aws_cdk as cdk
import pytest

from infra.settings import InvalidContextError, StackSettings


def settings(**context: str | int) -> StackSettings:
    return StackSettings.from_context(cdk.App(context=context).node)


def test_without_any_context_data_is_kept_and_nothing_private_may_be_called() -> None:
    chosen = settings()
    assert not chosen.disposable
    assert chosen.architecture == "arm64"
    assert chosen.outgoing_allowed_hosts == ""
    assert chosen.attachment_buckets == ""


def test_numbers_may_come_as_text_as_the_command_line_gives_them() -> None:
    assert settings(sender_max_concurrency="7").sender_max_concurrency == 7


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"architecture": "arm"}, "'architecture' is 'arm' but must be one of arm64, x86_64"),
        ({"sender_max_concurrency": "1"}, "must be a whole number from 2 to 1000"),
        ({"sender_max_concurrency": "many"}, "'many'"),
        ({"worker_timeout_seconds": 901}, "from 60 to 900"),
        ({"alarm_topic_arn": "operators"}, "'alarm_topic_arn' is 'operators' but must be the ARN of an SNS topic"),
        ({"stage": 3}, "'stage' must be text"),
        ({"attachment_buckets": "files,*"}, "'\\*', which is neither bucket nor bucket/prefix"),
        ({"attachment_buckets": "files/a*"}, "neither bucket nor bucket/prefix"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_it_may_be(context: dict[str, str | int], said: str) -> None:
    with pytest.raises(InvalidContextError, match=said):
        settings(**context)
