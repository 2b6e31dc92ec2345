"""The Lambda functions, the API in front of one of them, and their logs."""

import pytest

from tests.infra.synthesized import Synthesized

SERVICES = (
    "api", "sender-immediate", "sender-high", "sender-medium", "sender-low", "scheduler", "reporter",
)  # fmt: skip
EVERYWHERE = {
    "REGISTRY_TABLE", "MESSAGES_TABLE", "PAYLOADS_BUCKET", "KMS_KEY_ID", "OUTGOING_ALLOWED_HOSTS",
    "WORKER_TIMEOUT_SECONDS",
    "LANE_IMMEDIATE_QUEUE_URL", "LANE_HIGH_QUEUE_URL", "LANE_MEDIUM_QUEUE_URL", "LANE_LOW_QUEUE_URL",
    "REPORTS_QUEUE_URL", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL",
}  # fmt: skip


def test_there_is_one_function_for_each_service(on_aws: Synthesized) -> None:
    assert set(on_aws.functions()) == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_function_runs_on_python_3_13_and_arm_with_the_dependencies_as_a_layer(
    on_aws: Synthesized, service: str
) -> None:
    function = on_aws.functions()[service].properties
    (layer,) = on_aws.of_kind("AWS::Lambda::LayerVersion")
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert function["Layers"] == [f"<{layer.logical_id}>"]
    assert layer.properties["CompatibleArchitectures"] == ["arm64"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_function_starts_at_the_handler_of_its_folder(on_aws: Synthesized, service: str) -> None:
    folder = service.partition("-")[0]
    assert on_aws.functions()[service].properties["Handler"] == f"functions.{folder}.handler.handler"


@pytest.mark.parametrize("service", SERVICES)
def test_a_function_knows_where_everything_is_but_not_which_aws_it_runs_on(on_aws: Synthesized, service: str) -> None:
    variables = on_aws.functions()[service].properties["Environment"]["Variables"]
    assert set(variables) >= EVERYWHERE
    assert "AWS_ENDPOINT_URL" not in variables


@pytest.mark.parametrize("service", SERVICES)
def test_a_function_logs_to_a_group_of_its_own_that_forgets(on_aws: Synthesized, service: str) -> None:
    function = on_aws.functions()[service].properties
    groups = {f"<{group.logical_id}>": group for group in on_aws.of_kind("AWS::Logs::LogGroup")}
    group = function["LoggingConfig"]["LogGroup"]
    users = [other for other in on_aws.functions().values() if other.properties["LoggingConfig"]["LogGroup"] == group]
    assert groups[group].properties["RetentionInDays"] == 30
    assert len(users) == 1


def test_only_the_api_knows_of_the_admin_token_and_only_senders_of_the_instance_key(
    on_aws: Synthesized,
) -> None:
    for service, function in on_aws.functions().items():
        variables = function.properties["Environment"]["Variables"]
        assert ("ADMIN_TOKEN_SECRET_ID" in variables) == (service == "api")
        assert ("INSTANCE_KEY_SECRET_ID" in variables) == service.startswith("sender-")


def test_nothing_outside_the_public_internet_may_be_called_from_aws(on_aws: Synthesized) -> None:
    for function in on_aws.functions().values():
        assert function.properties["Environment"]["Variables"]["OUTGOING_ALLOWED_HOSTS"] == ""


def test_hosts_that_may_be_called_locally_come_from_the_context(on_this_machine: Synthesized) -> None:
    for function in on_this_machine.functions().values():
        assert function.properties["Environment"]["Variables"]["OUTGOING_ALLOWED_HOSTS"] == "127.0.0.1"


def test_every_request_goes_to_the_api_function(on_aws: Synthesized) -> None:
    (route,) = on_aws.of_kind("AWS::ApiGatewayV2::Route")
    (integration,) = on_aws.of_kind("AWS::ApiGatewayV2::Integration")
    assert route.properties["RouteKey"] == "$default"
    assert route.properties["Target"] == f"integrations/<{integration.logical_id}>"
    assert integration.properties["PayloadFormatVersion"] == "2.0"
    assert integration.properties["IntegrationUri"] == f"<{on_aws.functions()['api'].logical_id}>"


def test_the_api_function_ends_before_api_gateway_gives_up(on_aws: Synthesized) -> None:
    assert on_aws.functions()["api"].properties["Timeout"] < 30


def test_the_scheduler_ends_before_it_is_started_again(on_aws: Synthesized) -> None:
    assert on_aws.functions()["scheduler"].properties["Timeout"] < 60


def test_the_scheduler_may_go_on_in_itself_and_is_not_repeated_when_it_fails(on_aws: Synthesized) -> None:
    function = on_aws.functions()["scheduler"]
    (config,) = on_aws.of_kind("AWS::Lambda::EventInvokeConfig")
    assert function.properties["RecursiveLoop"] == "Allow"
    assert config.properties["FunctionName"] == f"<{function.logical_id}>"
    assert (config.properties["MaximumRetryAttempts"], config.properties["MaximumEventAgeInSeconds"]) == (0, 60)


def test_the_outputs_say_where_the_api_is_and_where_its_token_is(on_aws: Synthesized) -> None:
    assert {"ApiUrl", "ApiId", "AdminTokenSecretArn", "RegistryTable", "MessagesTable"} <= set(on_aws.outputs)
