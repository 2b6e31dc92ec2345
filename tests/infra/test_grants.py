"""Who may do what. Local AWS does not enforce grants, so this is where they are checked."""

from collections.abc import Callable, Iterable

import pytest

from tests.infra.synthesized import Statement, Synthesized, statements

LANES = ("immediate", "high", "medium", "low")
SENDERS = tuple(f"sender-{lane}" for lane in LANES)
SERVICES = ("api", *SENDERS, "scheduler", "reporter")

READ = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}
WRITE = {
    "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem",
    "dynamodb:ConditionCheckItem",
}  # fmt: skip
CONSUME = {
    "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueUrl",
    "sqs:GetQueueAttributes",
}  # fmt: skip
ONLY_CONFIGURATION = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["TENANT#*", "INSTANCE"]}}
ONLY_LINES = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["LINE#*"]}}
ONLY_TENANTS = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["TENANT#*"]}}
PURGE = {"dynamodb:Query", "dynamodb:BatchWriteItem", "dynamodb:DeleteItem"}
ONLY_OWNED_TRAFFIC = {
    "ForAllValues:StringLike": {
        "dynamodb:LeadingKeys": [
            *(
                "MAIL#*",
                "LINE#*",
                "SUSPENDED#*",
                "ACCOUNT#*",
                "EVENTS#*",
                "SYNC#*",
                "UNMATCHED#*",
                "MSGID#*",
                "TENANT#*",
            )
        ]
    }
}
ONLY_OWNED_CONFIGURATION = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["TENANT#*", "IDEM#*", "APIKEYS#*"]}}
ONLY_AUDIT_LOG = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["COMMANDS#*"]}}
ONLY_API_KEYS = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["APIKEY#*"]}}
ONLY_SUSPENDED = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SUSPENDED#*"]}}
FOR_AN_ACCESS_TOKEN = {"StringLike": {"kms:EncryptionContext:owner": "token/*"}}
FOR_A_NAMED_TENANT = {"Null": {"kms:EncryptionContext:tenant": "false"}}


def test_no_role_may_do_anything_by_wildcard(on_aws: Synthesized) -> None:
    for statement in on_aws.identity_statements():
        assert statement.effect == "Allow"
        assert not [action for action in statement.actions if "*" in action]
        assert "*" not in statement.resources


def test_no_role_takes_its_rights_from_a_policy_that_is_not_in_the_template(on_aws: Synthesized) -> None:
    for role in on_aws.of_kind("AWS::IAM::Role"):
        assert "ManagedPolicyArns" not in role.properties


def test_each_function_has_a_role_of_its_own(on_aws: Synthesized) -> None:
    roles = [function.properties["Role"] for function in on_aws.functions().values()]
    assert len(set(roles)) == len(roles)


def test_only_the_account_itself_administers_the_credentials_key(on_aws: Synthesized) -> None:
    # A key policy's "*" is the key itself, and without this statement nobody could ever change the key.
    (key,) = on_aws.of_kind("AWS::KMS::Key")
    (statement,) = key.properties["KeyPolicy"]["Statement"]
    assert statement["Principal"] == {"AWS": "arn:<AWS::Partition>:iam::<AWS::AccountId>:root"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_function_may_write_to_its_own_logs_only(on_aws: Synthesized, service: str) -> None:
    own = on_aws.functions()[service].properties["LoggingConfig"]["LogGroup"]
    assert _granted(on_aws, service, "logs:") == {
        ("logs:CreateLogStream", own),
        ("logs:PutLogEvents", own),
    }


@pytest.mark.parametrize("service", SERVICES)
def test_no_function_may_scan_a_table(on_aws: Synthesized, service: str) -> None:
    assert "dynamodb:Scan" not in {action for action, _ in _granted(on_aws, service, "dynamodb:")}


def test_the_api_reads_and_writes_both_tables_and_lists_from_their_indexes(on_aws: Synthesized) -> None:
    registry, messages = _tables(on_aws)
    of_messages = {f"{messages}/index/{name}" for name in ("by_tenant", "by_batch", "due")}
    listings = {f"{registry}/index/by_kind", *of_messages}
    assert _granted(on_aws, "api", "dynamodb:") == {
        *((action, table) for action in READ | WRITE for table in (registry, messages)),
        *(("dynamodb:Query", index) for index in listings),
    }


def test_the_api_wakes_every_line_and_works_none_but_takes_out_what_others_gave_up_on(on_aws: Synthesized) -> None:
    may_wake = _may_wake(on_aws, (*SENDERS, "reporter"))
    worked = {queue for _, queue in may_wake}
    dead_letters = {f"<{queue.logical_id}>" for queue in on_aws.of_kind("AWS::SQS::Queue")} - worked
    assert len(dead_letters) == len(worked)
    may_take_out = {"sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"}
    assert _granted(on_aws, "api", "sqs:") == {
        *may_wake,
        *(("sqs:ChangeMessageVisibility", queue) for queue in worked),
        *(("sqs:GetQueueAttributes", queue) for queue in worked | dead_letters),
        *((action, queue) for action in may_take_out for queue in dead_letters),
    }


def test_the_api_seals_and_opens_credentials_of_a_named_tenant_only(on_aws: Synthesized) -> None:
    (statement,) = _statements(on_aws, "api", "kms:")
    assert statement.actions == {"kms:Encrypt", "kms:Decrypt"}
    assert statement.resources == {_key(on_aws)}
    assert statement.conditions == FOR_A_NAMED_TENANT


def test_the_reporter_can_open_credentials_of_a_named_tenant_but_never_seal_any(on_aws: Synthesized) -> None:
    (statement,) = _statements(on_aws, "reporter", "kms:")
    assert statement.actions == {"kms:Decrypt"}
    assert statement.resources == {_key(on_aws)}
    assert statement.conditions == FOR_A_NAMED_TENANT


@pytest.mark.parametrize("service", SENDERS)
def test_a_sender_can_open_credentials_of_a_named_tenant_and_seal_access_tokens_alone(
    on_aws: Synthesized, service: str
) -> None:
    opening, sealing = _statements(on_aws, service, "kms:")
    assert opening.actions == {"kms:Decrypt"}
    assert sealing.actions == {"kms:Encrypt"}
    assert opening.resources == sealing.resources == {_key(on_aws)}
    assert opening.conditions == FOR_A_NAMED_TENANT
    assert sealing.conditions == FOR_A_NAMED_TENANT | FOR_AN_ACCESS_TOKEN


@pytest.mark.parametrize("service", [*SENDERS, "reporter"])
def test_workers_read_the_configuration_but_neither_api_keys_nor_the_audit_log(
    on_aws: Synthesized, service: str
) -> None:
    registry, _ = _tables(on_aws)
    reading, *others = [s for s in on_aws.statements_of(service) if registry in s.resources]
    assert reading.actions == READ
    assert reading.conditions == ONLY_CONFIGURATION
    assert not any(each.actions & READ for each in others)


@pytest.mark.parametrize("service", SENDERS)
def test_a_sender_adds_to_a_tenant_what_it_learns_of_addresses_and_changes_no_other_configuration(
    on_aws: Synthesized, service: str
) -> None:
    registry, _ = _tables(on_aws)
    _, writing = [s for s in on_aws.statements_of(service) if registry in s.resources]
    assert writing.actions == {"dynamodb:PutItem", "dynamodb:ConditionCheckItem"}
    assert writing.conditions == ONLY_TENANTS


def test_the_reporter_adds_to_the_audit_log_and_changes_no_configuration(on_aws: Synthesized) -> None:
    registry, _ = _tables(on_aws)
    _, recording = [s for s in on_aws.statements_of("reporter") if registry in s.resources]
    assert recording.actions == {"dynamodb:PutItem"}
    assert recording.conditions == ONLY_AUDIT_LOG


def test_nobody_but_the_api_may_read_the_audit_log_or_change_what_is_in_it(on_aws: Synthesized) -> None:
    registry, _ = _tables(on_aws)
    for service in SERVICES[1:]:
        for statement in on_aws.statements_of(service):
            keys = statement.conditions.get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", [])
            if registry in statement.resources:
                assert "*" not in keys
                assert keys
                assert statement.actions == {"dynamodb:PutItem"} or not any(key.startswith("COMM") for key in keys)


@pytest.mark.parametrize("service", [*SENDERS, "reporter"])
def test_workers_read_and_write_the_traffic_but_search_no_index(on_aws: Synthesized, service: str) -> None:
    _, messages = _tables(on_aws)
    (statement,) = [s for s in on_aws.statements_of(service) if messages in s.resources]
    assert statement.actions == READ | WRITE
    assert not [resource for _, resource in _granted(on_aws, service, "dynamodb:") if "/index/" in resource]


@pytest.mark.parametrize("service", SENDERS)
def test_a_sender_works_and_wakes_its_own_lane_and_wakes_the_reports(on_aws: Synthesized, service: str) -> None:
    assert _granted(on_aws, service, "sqs:") == {
        *_may_consume(on_aws, service),
        *_may_wake(on_aws, (service, "reporter")),
    }


def test_the_reporter_works_and_wakes_the_reports_only(on_aws: Synthesized) -> None:
    assert _granted(on_aws, "reporter", "sqs:") == {
        *_may_consume(on_aws, "reporter"),
        *_may_wake(on_aws, ("reporter",)),
    }


def test_the_scheduler_finds_and_moves_lines_and_suspended_slices_and_purges_what_tenants_owned(
    on_aws: Synthesized,
) -> None:
    registry, messages = _tables(on_aws)
    found = [
        (set(statement.actions), set(statement.resources), statement.conditions)
        for statement in _statements(on_aws, "scheduler", "dynamodb:")
    ]
    assert found == [
        ({"dynamodb:Query"}, {f"{messages}/index/due", f"{messages}/index/by_tenant"}, {}),
        ({"dynamodb:UpdateItem", "dynamodb:PutItem"}, {messages}, ONLY_LINES),
        ({"dynamodb:Query", "dynamodb:DeleteItem"}, {messages}, ONLY_SUSPENDED),
        ({"dynamodb:ConditionCheckItem"}, {registry}, ONLY_TENANTS),
        (PURGE, {messages}, ONLY_OWNED_TRAFFIC),
        ({"dynamodb:GetItem"} | PURGE, {registry}, ONLY_OWNED_CONFIGURATION),
        ({"dynamodb:DeleteItem"}, {registry}, ONLY_API_KEYS),
    ]
    assert not _granted(on_aws, "scheduler", "kms:")


def test_the_scheduler_wakes_every_line_and_works_none(on_aws: Synthesized) -> None:
    assert _granted(on_aws, "scheduler", "sqs:") == _may_wake(on_aws, (*SENDERS, "reporter"))


def test_the_scheduler_may_call_itself_and_no_other_function_may_call_any(on_aws: Synthesized) -> None:
    itself = f"<{on_aws.functions()['scheduler'].logical_id}>"
    for service in SERVICES:
        may_call = {("lambda:InvokeFunction", itself)} if service == "scheduler" else set()
        assert _granted(on_aws, service, "lambda:") == may_call


def test_payloads_are_out_of_reach_where_they_are_not_needed(on_aws: Synthesized) -> None:
    assert not _granted(on_aws, "reporter", "s3:")


def test_the_scheduler_finds_and_deletes_payloads_but_cannot_read_them(on_aws: Synthesized) -> None:
    (bucket,) = on_aws.of_kind("AWS::S3::Bucket")
    listing, deleting = _statements(on_aws, "scheduler", "s3:")
    assert listing.actions == {"s3:ListBucket"}
    assert listing.resources == {f"<{bucket.logical_id}>"}
    assert listing.conditions == {"StringLike": {"s3:prefix": ["MAIL#*", "UPLOAD#*"]}}
    assert deleting.actions == {"s3:DeleteObject"}
    assert deleting.resources == {f"<{bucket.logical_id}>/*"}


def test_payloads_are_stored_by_the_api_and_read_by_the_senders(on_aws: Synthesized) -> None:
    (bucket,) = on_aws.of_kind("AWS::S3::Bucket")
    objects = f"<{bucket.logical_id}>/*"
    assert _granted(on_aws, "api", "s3:") == {("s3:PutObject", objects), ("s3:GetObject", objects)}
    for sender in SENDERS:
        assert _granted(on_aws, sender, "s3:") == {("s3:GetObject", objects)}


def test_the_senders_read_attachments_from_no_bucket_but_those_that_the_deployment_names(
    synthesise: Callable[[dict[str, str]], Synthesized],
) -> None:
    template = synthesise({"attachment_buckets": "shared-files, tenants-files/of/{tenant_id}/"})
    (bucket,) = template.of_kind("AWS::S3::Bucket")
    readable = {
        f"<{bucket.logical_id}>/*",
        "arn:<AWS::Partition>:s3:::shared-files/*",
        "arn:<AWS::Partition>:s3:::tenants-files/of/*/*",
    }
    for sender in SENDERS:
        assert _granted(template, sender, "s3:") == {("s3:GetObject", each) for each in readable}
    for service in ("api", "scheduler"):
        assert {resource for _, resource in _granted(template, service, "s3:")} <= {
            f"<{bucket.logical_id}>",
            f"<{bucket.logical_id}>/*",
        }


def test_each_secret_is_read_only_where_it_is_used(on_aws: Synthesized) -> None:
    read = "secretsmanager:GetSecretValue"
    for service, function in on_aws.functions().items():
        variables = function.properties["Environment"]["Variables"]
        named = {value for name, value in variables.items() if name.endswith("_SECRET_ID")}
        assert _granted(on_aws, service, "secretsmanager:") == {(read, secret) for secret in named}


def test_only_api_gateway_may_call_the_api_function_from_outside(on_aws: Synthesized) -> None:
    (permission,) = on_aws.of_kind("AWS::Lambda::Permission")
    (http_api,) = on_aws.of_kind("AWS::ApiGatewayV2::Api")
    assert permission.properties["Principal"] == "apigateway.amazonaws.com"
    assert permission.properties["FunctionName"] == f"<{on_aws.functions()['api'].logical_id}>"
    assert f":<{http_api.logical_id}>/" in permission.properties["SourceArn"]


def test_the_schedule_may_start_the_scheduler_and_nothing_else(on_aws: Synthesized) -> None:
    (schedule,) = on_aws.of_kind("AWS::Scheduler::Schedule")
    scheduler = f"<{on_aws.functions()['scheduler'].logical_id}>"
    granted = {
        (action, resource)
        for policy in on_aws.of_kind("AWS::IAM::Policy")
        if schedule.properties["Target"]["RoleArn"] in policy.properties["Roles"]
        for statement in statements(policy.properties["PolicyDocument"])
        for action in statement.actions
        for resource in statement.resources
    }
    assert granted == {("lambda:InvokeFunction", scheduler), ("lambda:InvokeFunction", f"{scheduler}:*")}


def _statements(template: Synthesized, service: str, prefix: str) -> list[Statement]:
    return [
        statement
        for statement in template.statements_of(service)
        if any(action.startswith(prefix) for action in statement.actions)
    ]


def _granted(template: Synthesized, service: str, prefix: str) -> set[tuple[str, str]]:
    """Pairs of action and resource that a function may use."""
    return {
        (action, resource)
        for statement in _statements(template, service, prefix)
        for action in statement.actions
        for resource in statement.resources
    }


def _may_wake(template: Synthesized, services: Iterable[str]) -> set[tuple[str, str]]:
    return {("sqs:SendMessage", f"<{template.queue_of(service).logical_id}>") for service in services}


def _may_consume(template: Synthesized, service: str) -> set[tuple[str, str]]:
    queue = f"<{template.queue_of(service).logical_id}>"
    return {(action, queue) for action in CONSUME}


def _tables(template: Synthesized) -> tuple[str, str]:
    variables = template.functions()["api"].properties["Environment"]["Variables"]
    return variables["REGISTRY_TABLE"], variables["MESSAGES_TABLE"]


def _key(template: Synthesized) -> str:
    (key,) = template.of_kind("AWS::KMS::Key")
    return f"<{key.logical_id}>"
