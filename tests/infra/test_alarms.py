"""What wakes the operator."""

from tests.infra.synthesized import Synthesized


def test_a_push_that_is_given_up_is_an_alarm(on_aws: Synthesized) -> None:
    (alarm,) = [
        each.properties for each in on_aws.of_kind("AWS::CloudWatch::Alarm") if "PushesDisabled" in each.logical_id
    ]
    environment = on_aws.functions()["reporter"].properties["Environment"]["Variables"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (environment["POWERTOOLS_METRICS_NAMESPACE"], "PushesDisabled")
    assert alarm["Dimensions"] == [{"Name": "service", "Value": environment["POWERTOOLS_SERVICE_NAME"]}]
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 1)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"
