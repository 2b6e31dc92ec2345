"""The synthesized template, as the tests of the infrastructure like to read it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Resource:
    """One resource of the template."""

    logical_id: str
    kind: str
    properties: dict[str, Any]
    deletion_policy: str | None


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, its resources as text: "<LogicalId>" followed by what is joined to it."""

    effect: str
    actions: frozenset[str]
    resources: frozenset[str]
    conditions: dict[str, Any]


class Synthesized:
    """A template with references resolved to the logical ids they point to."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self.template = template
        self.outputs: dict[str, Any] = template["Outputs"]
        self._resources = [
            Resource(logical_id, raw["Type"], resolve(raw.get("Properties", {})), raw.get("DeletionPolicy"))
            for logical_id, raw in template["Resources"].items()
        ]

    def of_kind(self, kind: str) -> list[Resource]:
        """All resources of a CloudFormation type; fails when there are none, so that no test passes on nothing."""
        found = [resource for resource in self._resources if resource.kind == kind]
        assert found, f"the template has no {kind}"
        return found

    def functions(self) -> dict[str, Resource]:
        """The Lambda functions by the name of their service."""
        return {
            function.properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]: function
            for function in self.of_kind("AWS::Lambda::Function")
        }

    def identity_statements(self) -> Iterator[Statement]:
        """Every statement that says what a role may do."""
        for policy in self.of_kind("AWS::IAM::Policy"):
            yield from statements(policy.properties["PolicyDocument"])

    def statements_of(self, service: str) -> list[Statement]:
        """What the function of a service may do."""
        role = self.functions()[service].properties["Role"]
        return [
            statement
            for policy in self.of_kind("AWS::IAM::Policy")
            if role in policy.properties["Roles"]
            for statement in statements(policy.properties["PolicyDocument"])
        ]

    def queue_of(self, service: str) -> Resource:
        """The queue whose messages the function of a service works."""
        function = self.functions()[service]
        (source,) = [
            mapping.properties["EventSourceArn"]
            for mapping in self.of_kind("AWS::Lambda::EventSourceMapping")
            if mapping.properties["FunctionName"] == f"<{function.logical_id}>"
        ]
        (queue,) = [queue for queue in self.of_kind("AWS::SQS::Queue") if f"<{queue.logical_id}>" == source]
        return queue


def statements(document: dict[str, Any]) -> Iterator[Statement]:
    """The statements of a policy document."""
    for raw in document["Statement"]:
        yield Statement(
            effect=raw["Effect"],
            actions=frozenset(_listed(raw["Action"])),
            resources=frozenset(_listed(raw["Resource"])),
            conditions=raw.get("Condition", {}),
        )


def resolve(value: Any) -> Any:
    """Replaces references by "<LogicalId>" and joins by their text, at any depth."""
    match value:
        case {"Ref": str(name)}:
            return f"<{name}>"
        case {"Fn::GetAtt": [str(name), str()]}:
            return f"<{name}>"
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(str(resolve(part)) for part in parts)
        case dict():
            return {key: resolve(item) for key, item in value.items()}
        case list():
            return [resolve(item) for item in value]
    return value


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
