"""What others say of the template: cdk-nag's AwsSolutions rules, and CloudFormation's own schemas by cfn-lint."""

import json
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks
from cfnlint.api import ManualArgs, lint

from infra.app import create_stack
from infra.bundle import PROJECT
from infra.stack import MailProxyStack
from tests.infra.synthesized import Synthesized

CONTEXTS = {
    "as it is": json.loads((PROJECT / "cdk.json").read_text())["context"],
    "with everything": json.loads((PROJECT / "cdk.json").read_text())["context"]
    | {"event_bus": "true", "bounces": "true", "pec": "true"},
}

_IGNORED = {
    "I": "hints, not findings",
    "W3005": "CDK has functions wait for their roles by name as well",
}


@pytest.fixture(scope="module", params=CONTEXTS.values(), ids=list(CONTEXTS))
def stack(
    request: pytest.FixtureRequest, empty_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> MailProxyStack:
    app = cdk.App(
        outdir=str(tmp_path_factory.mktemp("assembly")),
        context={**request.param, "bundle_directory": str(empty_bundle)},
    )
    return create_stack(app)


def test_no_finding_of_aws_solutions_rules_is_open(stack: MailProxyStack) -> None:
    report = AwsSolutionsChecks(stack).validate_scope(stack)

    found = {(each.rule_name, place.construct_path) for each in report.violations for place in each.violating_resources}
    assert found == set()


def test_a_rule_that_is_broken_is_found(stack: MailProxyStack) -> None:
    """So that the test above cannot pass for want of rules."""
    cdk.aws_s3.Bucket(cdk.Stack(), "Open")
    other = cdk.Stack(cdk.App(), "Other")
    cdk.aws_s3.Bucket(other, "Open")

    rules = {each.rule_name for each in AwsSolutionsChecks(other).validate_scope(other).violations}
    assert {"AwsSolutions-S1", "AwsSolutions-S10"} <= rules


def test_every_finding_that_stands_has_its_reason(stack: MailProxyStack) -> None:
    reasons = [
        (rule, reason)
        for construct in stack.node.find_all()
        for entry in construct.node.metadata
        if "acknowledge" in entry.type.lower()
        for rule, reason in entry.data.items()
    ]
    assert reasons
    assert all(len(str(reason)) > 20 for _, reason in reasons), reasons


def test_cloudformation_finds_nothing_wrong(synthesise: Callable[[dict[str, str]], Synthesized]) -> None:
    template = json.dumps(synthesise(CONTEXTS["with everything"]).template)

    found = lint(template, config=ManualArgs(regions=["eu-south-1"], ignore_checks=list(_IGNORED)))
    assert [f"{match.rule.id} {match.path} {match.message}" for match in found] == []
