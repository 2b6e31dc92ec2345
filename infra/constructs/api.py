"""The HTTPS entrance: an HTTP API in front of the api function."""

import json
from collections.abc import Mapping
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.acknowledged import acknowledge
from infra.constructs.function import ProxyFunction, Runtime

# API Gateway gives up after 30 seconds and answers 503; the function ends before that.
_TIMEOUT = cdk.Duration.seconds(29)

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
_ACCESS_LOG = {
    "request_id": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "source_ip": "$context.identity.sourceIp",
    "method": "$context.httpMethod",
    "status": "$context.status",
    "response_bytes": "$context.responseLength",
    "latency_ms": "$context.responseLatency",
    "integration_status": "$context.integrationStatus",
    "error": "$context.error.message",
    "integration_error": "$context.integrationErrorMessage",
}


class Api(Construct):
    """An HTTP API that hands every request to the api function."""

    def __init__(
        self, scope: Construct, construct_id: str, *, runtime: Runtime, environment: Mapping[str, str]
    ) -> None:
        super().__init__(scope, construct_id)
        self.worker = ProxyFunction(
            self,
            "Worker",
            runtime=runtime,
            folder="api",
            service_name="api",
            description="The proxy's HTTP API",
            timeout=_TIMEOUT,
            memory_mb=1024,
            environment=environment,
        )
        self.http_api = apigateway.HttpApi(
            self,
            "HttpApi",
            description="Serverless Mail Proxy",
            default_integration=integrations.HttpLambdaIntegration("Integration", self.worker.function),
        )
        self._log_access()
        for route in self.http_api.node.find_all():
            if isinstance(route, apigateway.HttpRoute):
                acknowledge(
                    route, "AwsSolutions-APIG4", "The function checks the token of every call (functions/api/auth.py)"
                )

    def _log_access(self) -> None:
        """What API Gateway refuses by itself never reaches the function, and its log. No paths: they may hold
        addresses."""
        log = logs.LogGroup(
            self, "AccessLog", retention=logs.RetentionDays.ONE_MONTH, removal_policy=cdk.RemovalPolicy.DESTROY
        )
        stage = cast("apigateway.HttpStage", self.http_api.default_stage)
        resource = cast("apigateway.CfnStage", stage.node.default_child)
        resource.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=log.log_group_arn, format=json.dumps(_ACCESS_LOG)
        )

    @property
    def url(self) -> str:
        """The public address of the API, without a trailing slash."""
        return self.http_api.api_endpoint
