"""The instance's settings, stored."""

import pytest
from pydantic import ValidationError

from shared.aws.dynamodb import Table
from shared.clock import MINUTE, SECOND
from shared.instance.model import Instance, RetryPolicy
from shared.instance.table import InstanceTable
from shared.messages.model import Priority


def test_there_are_defaults_until_something_is_put(registry: Table) -> None:
    table = InstanceTable(registry)
    assert table.get() == Instance()
    changed = Instance(
        retry=RetryPolicy(schedule_seconds=[2, 5], max_age_seconds=60),
        default_priority=Priority.LOW,
        client_base_url="https://app.example",
    )
    table.put(changed)
    assert table.get() == changed


def test_the_settings_and_the_pause_leave_each_other_alone(registry: Table) -> None:
    table = InstanceTable(registry)
    assert table.read().paused is False
    assert table.pause(paused=True).settings == Instance()
    assert table.put(Instance(default_priority=Priority.LOW)).paused is True
    resumed = table.pause(paused=False)
    assert (resumed.paused, resumed.settings.default_priority) == (False, Priority.LOW)


def test_the_last_delay_repeats() -> None:
    retry = RetryPolicy(schedule_seconds=[2, 60])
    assert [retry.delay_after(attempts) for attempts in (1, 2, 3, 99)] == [2 * SECOND, MINUTE, MINUTE, MINUTE]


@pytest.mark.parametrize("schedule", [[], [0], [-1], [7 * 86_400 + 1], [1] * 51, ["soon"]])
def test_a_schedule_that_makes_no_sense_is_refused(schedule: list[object]) -> None:
    with pytest.raises(ValidationError):
        RetryPolicy.model_validate({"schedule_seconds": schedule})
