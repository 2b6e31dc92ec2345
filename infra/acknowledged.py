"""Findings of cdk-nag's AwsSolutions rules that stand, each beside the resource it is about and with its reason.

The rules run in the tests (`tests/infra/test_rules.py`), which fail on every other finding.
"""

from typing import cast

import aws_cdk as cdk
from constructs import Construct, IConstruct


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """`rule` as cdk-nag names it, such as `AwsSolutions-S1`; for wildcards with what it found in brackets."""
    cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=rule, reason=reason))


def acknowledge_wildcard(scope: Construct, resource: Construct, ending: str, reason: str) -> None:
    """Policies below `scope` that allow something on the ARN of `resource` with an `ending` such as `/*`."""
    element = cast("cdk.CfnElement", resource.node.default_child)
    name = cdk.Stack.of(resource).get_logical_id(element)
    acknowledge(scope, f"AwsSolutions-IAM5[Resource::<{name}.Arn>{ending}]", reason)
