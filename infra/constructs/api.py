"""The HTTPS entrance: an HTTP API in front of the api function."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from constructs import Construct

from infra.constructs.function import ProxyFunction, Runtime

# API Gateway gives up after 30 seconds and answers 503; the function ends before that.
_TIMEOUT = cdk.Duration.seconds(29)


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

    @property
    def url(self) -> str:
        """The public address of the API, without a trailing slash."""
        return self.http_api.api_endpoint
