"""What wakes the operator, and what the operator looks at."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from infra.bundle import PROJECT
from tests.infra.synthesized import Resource, Synthesized

RUNBOOKS = PROJECT / "docs" / "runbooks"
MOST_METRICS_OF_AN_EXPRESSION = (
    10  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create-alarm-on-metric-math-expression.html
)


@pytest.fixture(scope="module")
def alarms(synthesise: Callable[[dict[str, str]], Synthesized]) -> list[Resource]:
    """With everything that a deployment may choose."""
    return synthesise({"event_bus": "true"}).of_kind("AWS::CloudWatch::Alarm")


def alarm(alarms: list[Resource], name: str) -> dict[str, Any]:
    (found,) = [each.properties for each in alarms if name in each.logical_id]
    return found


def runbook_of(alarm: Resource) -> str:
    found = re.search(r"docs/runbooks/([a-z-]+)\.md$", alarm.properties["AlarmDescription"])
    assert found, f"{alarm.logical_id} names no runbook"
    return found[1]


def test_every_alarm_has_a_runbook_and_every_runbook_an_alarm(alarms: list[Resource]) -> None:
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}

    assert {runbook_of(each) for each in alarms} == pages


def test_every_runbook_says_what_to_do_and_is_listed() -> None:
    listed = (RUNBOOKS / "README.md").read_text()
    for page in RUNBOOKS.glob("*.md"):
        if page.stem != "README":
            text = page.read_text()
            assert "## What to do" in text
            assert "## It is over when" in text
            assert f"({page.name})" in listed


def test_every_alarm_of_the_stack_is_named_in_its_runbook(alarms: list[Resource]) -> None:
    for each in alarms:
        name = each.logical_id.removeprefix("Alarms")[:-8]
        text = (RUNBOOKS / f"{runbook_of(each)}.md").read_text()
        assert f"`{name}`" in text or "`…IsAtItsCap`" in text, name


def test_a_push_that_is_given_up_is_an_alarm(on_aws: Synthesized, alarms: list[Resource]) -> None:
    found = alarm(alarms, "PushesDisabled")
    (part,) = [each["MetricStat"] for each in found["Metrics"]]
    environment = on_aws.functions()["reporter"].properties["Environment"]["Variables"]
    assert (part["Metric"]["Namespace"], part["Stat"]) == (environment["POWERTOOLS_METRICS_NAMESPACE"], "Sum")
    assert dimensions(part["Metric"]) == [environment["POWERTOOLS_SERVICE_NAME"]]
    assert (found["ComparisonOperator"], found["Threshold"]) == ("GreaterThanThreshold", 0)
    assert found["TreatMissingData"] == "notBreaching"


def test_a_scheduler_that_does_not_run_is_an_alarm_although_it_tells_nothing(alarms: list[Resource]) -> None:
    found = alarm(alarms, "SchedulerStandsStill")
    assert (found["MetricName"], found["ComparisonOperator"], found["Threshold"]) == (
        "Invocations",
        "LessThanThreshold",
        1,
    )
    assert found["TreatMissingData"] == "breaching"


@pytest.mark.parametrize("lane", ["Immediate", "High", "Medium", "Low", "Reports"])
def test_wake_ups_that_nobody_works_are_an_alarm_of_their_line(alarms: list[Resource], lane: str) -> None:
    found = alarm(alarms, f"{lane}IsLate")
    assert found["MetricName"] == "ApproximateAgeOfOldestMessage"
    assert found["Threshold"] == (180 if lane == "Immediate" else 900)


def test_no_alarm_has_more_metrics_than_one_may_have(alarms: list[Resource]) -> None:
    for each in alarms:
        metrics = [part for part in each.properties.get("Metrics", []) if "MetricStat" in part]
        assert len(metrics) <= MOST_METRICS_OF_AN_EXPRESSION, each.logical_id


def test_what_the_proxy_counts_is_asked_for_by_the_names_it_counts_by(on_aws: Synthesized) -> None:
    """A metric under a name that nobody writes would never alarm."""
    code = "".join(path.read_text() for folder in ("functions", "shared") for path in (PROJECT / folder).rglob("*.py"))
    services = set(on_aws.functions())
    asked = {(metric["MetricName"], *dimensions(metric)) for metric in own_metrics(on_aws)}
    assert asked
    for name, service in asked:
        assert f'"{name}"' in code
        assert service in services


def own_metrics(template: Synthesized) -> list[dict[str, Any]]:
    found = []
    for each in template.of_kind("AWS::CloudWatch::Alarm"):
        parts = [part["MetricStat"]["Metric"] for part in each.properties.get("Metrics", []) if "MetricStat" in part]
        found += [*parts, *([each.properties] if "MetricName" in each.properties else [])]
    return [each for each in found if each["Namespace"] == "ServerlessMailProxy"]


def dimensions(metric: dict[str, Any]) -> list[str]:
    return [each["Value"] for each in metric["Dimensions"]]


def test_alarms_tell_the_topic_that_a_deployment_names(
    synthesise: Callable[[dict[str, str]], Synthesized], alarms: list[Resource]
) -> None:
    topic = "arn:aws:sns:eu-south-1:123456789012:operators"
    for each in synthesise({"alarm_topic_arn": topic}).of_kind("AWS::CloudWatch::Alarm"):
        if each.logical_id.startswith("Alarms"):
            assert each.properties["AlarmActions"] == each.properties["OKActions"] == [topic]
    assert all("AlarmActions" not in each.properties for each in alarms)


def test_there_is_a_dashboard_and_there_are_saved_queries_over_every_log(on_aws: Synthesized) -> None:
    assert len(on_aws.of_kind("AWS::CloudWatch::Dashboard")) == 1
    for query in on_aws.of_kind("AWS::Logs::QueryDefinition"):
        assert len(query.properties["LogGroupNames"]) == len(on_aws.functions())
