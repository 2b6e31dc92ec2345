"""How each Lambda function of the proxy is built: runtime, code, logs, and a role that can do nothing yet."""

from collections.abc import Mapping
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.acknowledged import acknowledge
from infra.bundle import Bundle
from infra.settings import StackSettings

# IAM's own shape: operator → condition key → what it must match.
Conditions = Mapping[str, Mapping[str, str | list[str]]]

METRICS_NAMESPACE = "ServerlessMailProxy"
_LOG_RETENTION = logs.RetentionDays.ONE_MONTH


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What all functions share: the code, the layer with its dependencies, the environment."""

    architecture: lambda_.Architecture
    code: lambda_.Code
    dependencies: lambda_.ILayerVersion
    log_level: str
    environment: Mapping[str, str]

    @classmethod
    def create(
        cls, scope: Construct, *, settings: StackSettings, bundle: Bundle, environment: Mapping[str, str]
    ) -> "Runtime":
        """Adds the layer to `scope`; the variables of `environment` reach every function."""
        architecture = lambda_.Architecture.ARM_64 if settings.architecture == "arm64" else lambda_.Architecture.X86_64
        dependencies = lambda_.LayerVersion(
            scope,
            "Dependencies",
            code=lambda_.Code.from_asset(
                str(bundle.dependencies),
                asset_hash=bundle.dependencies_hash,
                asset_hash_type=cdk.AssetHashType.CUSTOM,
            ),
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
            compatible_architectures=[architecture],
            description="The locked dependencies of the mail proxy's functions",
        )
        return cls(
            architecture=architecture,
            code=lambda_.Code.from_asset(
                str(bundle.code), asset_hash=bundle.code_hash, asset_hash_type=cdk.AssetHashType.CUSTOM
            ),
            dependencies=dependencies,
            log_level=settings.log_level,
            environment=environment,
        )


class ProxyFunction(Construct):
    """The function of one folder under functions/, with its own role and log group.

    The role may write to that log group and nothing else; the stack grants the rest.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        runtime: Runtime,
        folder: str,
        service_name: str,
        description: str,
        timeout: cdk.Duration,
        memory_mb: int,
        environment: Mapping[str, str],
        recursive_loop: lambda_.RecursiveLoop = lambda_.RecursiveLoop.TERMINATE,
    ) -> None:
        super().__init__(scope, construct_id)
        self.log_group = logs.LogGroup(self, "Logs", retention=_LOG_RETENTION, removal_policy=cdk.RemovalPolicy.DESTROY)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.log_group.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            description=description,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=runtime.architecture,
            handler=f"functions.{folder}.handler.handler",
            code=runtime.code,
            layers=[runtime.dependencies],
            role=self.role,
            log_group=self.log_group,
            timeout=timeout,
            memory_size=memory_mb,
            recursive_loop=recursive_loop,
            environment={
                **runtime.environment,
                "POWERTOOLS_SERVICE_NAME": service_name,
                "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
                "POWERTOOLS_LOG_LEVEL": runtime.log_level,
                **environment,
            },
        )

        acknowledge(
            self.function,
            "AwsSolutions-L1",
            "Python 3.13, which the types, the locked dependencies and the tests are of",
        )

    def add_environment(self, variables: Mapping[str, str]) -> None:
        """Sets variables that are known only after the function was made."""
        for name, value in variables.items():
            self.function.add_environment(name, value)

    def allow(
        self,
        *actions: str,
        on: list[str],
        conditions: Conditions | None = None,
    ) -> None:
        """Grants the role exactly these actions on exactly these resource ARNs."""
        self.role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=on, conditions=conditions))
