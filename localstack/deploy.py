"""Deploys the synthesised template to a local AWS without the CDK's CLI: seconds instead of minutes.

Only the endpoint decides where: the embedded AWS or LocalStack. The stack is the one that goes to AWS.
"""

import io
import json
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.bundle import build_code
from localstack import ACCESS_KEY, REGION, SECRET_KEY
from localstack.aws import CONFIG, session
from localstack.template import STACK_NAME, Assembly, infrastructure_fingerprint, synthesise

LANES = ("immediate", "high", "medium", "low")

_BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
_BOOTSTRAP_VERSION = "31"
_FINGERPRINT_TAG = "infrastructure-fingerprint"
_STACK_SECONDS = 120.0
_POLL_SECONDS = 0.2


class DeploymentError(RuntimeError):
    """The stack could not be created or found; the message holds the reasons that were given."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Where everything of a deployed stack is.

    api_url: the API as programs reach it, without a trailing slash.
    docs_url: the API's documentation for a browser, where names under localhost resolve by themselves.
    lane_queue_urls: by lane, "immediate" to "low".
    functions: the Lambda functions' names by service: "api", "sender-<lane>", "scheduler", "reporter", "publisher".
    event_bus: the name of the EventBridge bus, if there is one.
    environment: the variables under which `uvicorn functions.api.app:app` serves this deployment.
    """

    endpoint_url: str
    api_url: str
    docs_url: str
    admin_token: str
    registry_table: str
    messages_table: str
    payloads_bucket: str
    lane_queue_urls: Mapping[str, str]
    reports_queue_url: str
    dead_letter_queue_urls: Mapping[str, str]
    functions: Mapping[str, str]
    environment: Mapping[str, str]
    event_bus: str | None


def deploy(endpoint_url: str, *, in_containers: bool = False, event_bus: bool = False) -> Deployment:
    """Synthesises, uploads, creates the stack, waits for it; raises SynthesisError or DeploymentError.

    in_containers: the AWS at the endpoint runs functions in containers, as LocalStack does.
    event_bus: with the optional EventBridge bus.
    """
    assembly = synthesise(in_containers=in_containers, event_bus=event_bus)
    template_url = _upload(endpoint_url, assembly)
    ssm = session().client("ssm", endpoint_url=endpoint_url, config=CONFIG)
    ssm.put_parameter(Name=_BOOTSTRAP_PARAMETER, Value=_BOOTSTRAP_VERSION, Type="String", Overwrite=True)

    cloudformation = session().client("cloudformation", endpoint_url=endpoint_url, config=CONFIG)
    cloudformation.create_stack(
        StackName=STACK_NAME,
        TemplateURL=template_url,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        Tags=[{"Key": _FINGERPRINT_TAG, "Value": infrastructure_fingerprint()}],
    )
    _wait_for_stack(endpoint_url)
    _mend_time_to_live(endpoint_url, assembly)
    return find(endpoint_url)


def redeploy(endpoint_url: str) -> Deployment:
    """Brings changed code into the running functions; raises DeploymentError if more than code changed."""
    if _tags(endpoint_url).get(_FINGERPRINT_TAG) != infrastructure_fingerprint():
        raise DeploymentError(
            "infra/ or requirements/lambda.txt changed, which a running deployment can't take over: "
            "stop `make dev` and start it again."
        )
    code, _ = build_code()
    archive = _zip(code)
    deployment = find(endpoint_url)
    lambda_ = session().client("lambda", endpoint_url=endpoint_url, config=CONFIG)
    for function in deployment.functions.values():
        lambda_.update_function_code(FunctionName=function, ZipFile=archive)
    return deployment


def find(endpoint_url: str) -> Deployment:
    """Describes the stack deployed at this endpoint; raises DeploymentError if there is none."""
    outputs = _outputs(endpoint_url)
    functions = {
        "api": outputs["ApiFunction"],
        **{f"sender-{lane}": outputs[f"Sender{lane.title()}Function"] for lane in LANES},
        "scheduler": outputs["SchedulerFunction"],
        "reporter": outputs["ReporterFunction"],
    }
    if "PublisherFunction" in outputs:
        functions["publisher"] = outputs["PublisherFunction"]
    secrets = session().client("secretsmanager", endpoint_url=endpoint_url, config=CONFIG)
    admin_token = secrets.get_secret_value(SecretId=outputs["AdminTokenSecretArn"])["SecretString"]
    port = endpoint_url.rpartition(":")[2]
    return Deployment(
        endpoint_url=endpoint_url,
        api_url=f"{endpoint_url}/_aws/execute-api/{outputs['ApiId']}/$default",
        docs_url=f"http://{outputs['ApiId']}.execute-api.localhost:{port}/docs",
        admin_token=admin_token,
        registry_table=outputs["RegistryTable"],
        messages_table=outputs["MessagesTable"],
        payloads_bucket=outputs["PayloadsBucket"],
        lane_queue_urls={lane: outputs[f"{lane.title()}LaneQueueUrl"] for lane in LANES},
        reports_queue_url=outputs["ReportsQueueUrl"],
        dead_letter_queue_urls={
            **{lane: outputs[f"{lane.title()}LaneDeadLettersUrl"] for lane in LANES},
            "reports": outputs["ReportsDeadLettersUrl"],
        },
        functions=functions,
        environment=_environment(endpoint_url, functions["api"]),
        event_bus=outputs.get("EventBusName"),
    )


def _upload(endpoint_url: str, assembly: Assembly) -> str:
    """Puts the assets into the CDK's asset bucket; returns the template's address."""
    s3 = session().client("s3", endpoint_url=endpoint_url, config=CONFIG)
    buckets: set[str] = set()
    template_url = ""
    for source, bucket, key in _assets(assembly, _account(endpoint_url)):
        if bucket not in buckets:
            s3.create_bucket(Bucket=bucket)
            buckets.add(bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=_zip(source) if source.is_dir() else source.read_bytes())
        if source.name == f"{STACK_NAME}.template.json":
            template_url = f"{endpoint_url}/{bucket}/{key}"
    return template_url


def _assets(assembly: Assembly, account: str) -> Iterator[tuple[Path, str, str]]:
    manifest = json.loads(assembly.assets_manifest.read_text())
    for asset in manifest["files"].values():
        for destination in asset["destinations"].values():
            bucket: str = destination["bucketName"]
            for name, value in (("AccountId", account), ("Region", REGION), ("Partition", "aws")):
                bucket = bucket.replace(f"${{AWS::{name}}}", value)
            key: str = destination["objectKey"]
            yield assembly.directory / asset["source"]["path"], bucket, key


def _account(endpoint_url: str) -> str:
    sts = session().client("sts", endpoint_url=endpoint_url, config=CONFIG)
    account: str = sts.get_caller_identity()["Account"]
    return account


def _zip(folder: Path) -> bytes:
    """The folder as an archive, uncompressed: here it only goes from one process to the next."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as writer:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                writer.write(path, path.relative_to(folder))
    return archive.getvalue()


def _wait_for_stack(endpoint_url: str) -> None:
    cloudformation = session().client("cloudformation", endpoint_url=endpoint_url, config=CONFIG)
    deadline = time.monotonic() + _STACK_SECONDS
    status = "unknown"
    while time.monotonic() < deadline:
        status = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]["StackStatus"]
        if status == "CREATE_COMPLETE":
            return
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(_POLL_SECONDS)
    events = cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
    reasons = [
        f"{event.get('LogicalResourceId')}: {event['ResourceStatusReason']}"
        for event in events
        if "FAILED" in event.get("ResourceStatus", "") and event.get("ResourceStatusReason")
    ]
    raise DeploymentError("\n".join([f"The stack is in state {status} and not complete.", *reasons]))


def _mend_time_to_live(endpoint_url: str, assembly: Assembly) -> None:
    """Switches on the tables' expiry, which the embedded AWS leaves out when it reads a template."""
    cloudformation = session().client("cloudformation", endpoint_url=endpoint_url, config=CONFIG)
    dynamodb = session().client("dynamodb", endpoint_url=endpoint_url, config=CONFIG)
    for logical_id, attribute in _expiry_attributes(assembly):
        resource = cloudformation.describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=logical_id)
        table = resource["StackResourceDetail"].get("PhysicalResourceId", "")
        current = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        if current.get("TimeToLiveStatus") not in {"ENABLED", "ENABLING"}:
            dynamodb.update_time_to_live(
                TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute}
            )


def _expiry_attributes(assembly: Assembly) -> Iterator[tuple[str, str]]:
    template = json.loads(assembly.template_path.read_text())
    for logical_id, resource in template["Resources"].items():
        specification = resource.get("Properties", {}).get("TimeToLiveSpecification")
        if resource["Type"] == "AWS::DynamoDB::Table" and specification:
            yield logical_id, specification["AttributeName"]


def _outputs(endpoint_url: str) -> dict[str, str]:
    cloudformation = session().client("cloudformation", endpoint_url=endpoint_url, config=CONFIG)
    try:
        stack = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    except cloudformation.exceptions.ClientError as error:
        raise DeploymentError(f"Nothing is deployed at {endpoint_url}: {error}") from error
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _tags(endpoint_url: str) -> dict[str, str]:
    cloudformation = session().client("cloudformation", endpoint_url=endpoint_url, config=CONFIG)
    stack = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    return {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}


def _environment(endpoint_url: str, api_function: str) -> dict[str, str]:
    lambda_ = session().client("lambda", endpoint_url=endpoint_url, config=CONFIG)
    configuration = lambda_.get_function_configuration(FunctionName=api_function)
    return {
        **configuration.get("Environment", {}).get("Variables", {}),
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
    }
