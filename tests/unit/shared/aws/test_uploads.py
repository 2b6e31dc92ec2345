"""Presigned uploads, held to botocore's."""

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from unittest import mock

import boto3
import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.aws.credentials import Credentials
from shared.aws.uploads import UploadForm, UploadTarget, presigned_post
from shared.errors import ConfigurationError

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=3, max_size=20).map(lambda name: f"a{name}b")
secrets = st.text("abcXYZ019/+=", min_size=1, max_size=60)
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
SESSION = boto3.Session()  # one, which reads the service's description once
regions = st.sampled_from(["eu-central-1", "us-east-1", "ap-southeast-4", "cn-north-1"])


def reference(
    target: UploadTarget, key: str, by: Credentials, moment: datetime, content_type: str, *, at_least: int, at_most: int
) -> dict[str, object]:
    """What boto3 makes of the same."""
    client = SESSION.client(
        "s3",
        region_name=target.region,
        endpoint_url=target.endpoint,
        aws_access_key_id=by.key_id,
        aws_secret_access_key=by.secret,
        aws_session_token=by.token,
        config=Config(
            signature_version="s3v4",
            s3={
                "addressing_style": "path" if target.endpoint else "virtual",
                "us_east_1_regional_endpoint": "regional",
            },
        ),
    )
    fields = {"Content-Type": content_type}
    conditions = [["content-length-range", at_least, at_most], fields]
    with (
        mock.patch("botocore.auth.get_current_datetime", return_value=moment),
        mock.patch("botocore.signers.get_current_datetime", return_value=moment),
    ):
        made: dict[str, object] = client.generate_presigned_post(target.bucket, key, fields, conditions, 900)
    return made


@settings(max_examples=15, deadline=None)
@given(
    bucket=names,
    key=keys,
    by=st.builds(Credentials, names, secrets, st.none() | secrets),
    region=regions,
    seconds=st.integers(0, 4_000_000_000),
    bounds=st.tuples(st.integers(0, 100), st.integers(100, 10**9)),
    content_type=st.sampled_from(["application/pdf", "text/plain"]),
    endpoint=st.none() | st.just("http://127.0.0.1:4566"),
)
def test_is_what_boto3_makes_of_the_same(
    bucket: str,
    key: str,
    by: Credentials,
    region: str,
    seconds: int,
    bounds: tuple[int, int],
    content_type: str,
    endpoint: str | None,
) -> None:
    target = UploadTarget(bucket, region, endpoint)
    moment = datetime.fromtimestamp(seconds, UTC)
    at_least, at_most = bounds
    ours = presigned_post(
        target, key, credentials=by, now=seconds * 1000, expires_at=(seconds + 900) * 1000,
        at_least=at_least, at_most=at_most, content_type=content_type,
    )  # fmt: skip
    theirs = reference(target, key, by, moment, content_type, at_least=at_least, at_most=at_most)
    assert ours.url == theirs["url"]
    their_fields = theirs["fields"]
    assert isinstance(their_fields, dict)
    assert without_signature(ours.fields) == without_signature(their_fields)
    assert conditions_of(ours.fields) == conditions_of(their_fields)
    assert policy_of(ours.fields)["expiration"] == f"{moment + timedelta(seconds=900):%Y-%m-%dT%H:%M:%SZ}"


def test_the_signature_is_that_of_aws_own_example() -> None:
    """Of our policy, as botocore signs it: the order of the conditions is free, so only one text can be compared."""
    by = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    form = presigned_post(
        UploadTarget("examplebucket", "us-east-1"), "a", credentials=by, now=1_451_347_200_000,
        expires_at=1_451_348_100_000, at_least=0, at_most=1, content_type="text/plain",
    )  # fmt: skip
    assert form.fields["x-amz-signature"] == signature_by_botocore(form, by)


def signature_by_botocore(form: UploadForm, by: Credentials) -> str:
    from botocore.auth import S3SigV4PostAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as Reference

    auth = S3SigV4PostAuth(Reference(by.key_id, by.secret, by.token), "s3", "us-east-1")
    request = AWSRequest("POST", form.url)
    request.context["timestamp"] = form.fields["x-amz-date"]
    return str(auth.signature(form.fields["policy"], request))


def policy_of(fields: object) -> dict[str, object]:
    assert isinstance(fields, dict)
    policy: dict[str, object] = json.loads(b64decode(fields["policy"]))
    return policy


def conditions_of(fields: object) -> list[str]:
    conditions = policy_of(fields)["conditions"]
    assert isinstance(conditions, list)
    return sorted(json.dumps(each) for each in conditions)


def without_signature(fields: object) -> dict[str, str]:
    assert isinstance(fields, dict)
    return {name: value for name, value in fields.items() if name not in ("policy", "x-amz-signature")}


def test_is_addressed_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        UploadTarget.from_environment("files")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert UploadTarget.from_environment("files").url == "https://files.s3.eu-west-1.amazonaws.com/"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/")
    assert UploadTarget.from_environment("files").url == "http://127.0.0.1:4566/files"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000")
    assert UploadTarget.from_environment("files").url == "http://127.0.0.1:9000/files"
