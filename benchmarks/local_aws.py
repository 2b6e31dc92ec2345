"""The deployed template on the embedded AWS, with its queues left to `lanes`: nothing else works them."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from localstack import ACCESS_KEY, REGION, SECRET_KEY, aws
from localstack.deploy import Deployment, deploy
from localstack.emulator import Emulator


@dataclass(frozen=True, slots=True)
class LocalAws:
    """Where everything is."""

    deployment: Deployment

    def environment_of(self, service: str) -> dict[str, str]:
        """The variables of a function ("api", "sender-low", "reporter"), as its template sets them."""
        endpoint_url = self.deployment.endpoint_url
        lambda_ = aws.session().client("lambda", endpoint_url=endpoint_url, config=aws.CONFIG)
        configuration = lambda_.get_function_configuration(FunctionName=self.deployment.functions[service])
        return {
            **configuration["Environment"]["Variables"],
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "NO_PROXY": "127.0.0.1,localhost",
        }


@contextlib.contextmanager
def local_aws() -> Iterator[LocalAws]:
    """Starts the embedded AWS and deploys to it; stops it at the end. Raises `localstack.system.START_ERRORS`."""
    with Emulator("bench-aws") as emulator:
        deployment = deploy(emulator.endpoint_url)
        _leave_queues_alone(deployment)
        yield LocalAws(deployment)


def _leave_queues_alone(deployment: Deployment) -> None:
    lambda_ = aws.session().client("lambda", endpoint_url=deployment.endpoint_url, config=aws.CONFIG)
    for mapping in lambda_.list_event_source_mappings()["EventSourceMappings"]:
        lambda_.delete_event_source_mapping(UUID=mapping["UUID"])
    scheduler = aws.session().client("scheduler", endpoint_url=deployment.endpoint_url, config=aws.CONFIG)
    for schedule in scheduler.list_schedules()["Schedules"]:
        scheduler.delete_schedule(Name=schedule["Name"], GroupName=schedule["GroupName"])
