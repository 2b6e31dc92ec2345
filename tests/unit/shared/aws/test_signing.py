"""Signature version 4, held to botocore's."""

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as ReferenceCredentials
from hypothesis import given
from hypothesis import strategies as st

from shared.aws.credentials import Credentials, _found, current_credentials
from shared.aws.signing import signed
from shared.errors import ConfigurationError

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
secrets = st.text("abcXYZ019/+=", min_size=1, max_size=60)


def reference(
    headers: dict[str, str], body: bytes, by: Credentials, region: str, service: str, now: int, path: str
) -> str:
    """What botocore puts into `Authorization`."""
    request = AWSRequest("POST", f"https://{headers['Host']}{path}", headers=headers, data=body)
    request.context["timestamp"] = datetime.fromtimestamp(now // 1000, tz=UTC).strftime("%Y%m%dT%H%M%SZ")
    auth = SigV4Auth(ReferenceCredentials(by.key_id, by.secret, by.token), service, region)
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    if by.token is not None:
        request.headers["X-Amz-Security-Token"] = by.token
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    signed_names = auth.signed_headers(auth.headers_to_sign(request))
    return f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders={signed_names}, Signature={signature}"


@given(
    body=st.binary(max_size=200),
    host=st.tuples(names, names).map(".".join),
    by=st.builds(Credentials, names, secrets, st.none() | secrets),
    region=names,
    service=names,
    now=st.integers(0, 4_000_000_000_000),
    target=names,
    path=st.lists(names).map(lambda parts: "/" + "/".join(parts)),
)
def test_is_what_botocore_makes_of_the_same_call(
    body: bytes, host: str, by: Credentials, region: str, service: str, now: int, target: str, path: str
) -> None:
    headers = {"Host": host, "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"Service.{target}"}
    ours = signed(headers, body, credentials=by, region=region, service=service, now=now, path=path)
    assert ours["Authorization"] == reference(headers, body, by, region, service, now, path)
    assert headers.items() <= ours.items()
    assert ours.get("X-Amz-Security-Token") == by.token


class TestCredentials:
    def test_are_those_of_the_function(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "t0ken")
        assert current_credentials() == Credentials("AKIA", "s3cret", "t0ken")
        monkeypatch.delenv("AWS_SESSION_TOKEN")
        assert current_credentials() == Credentials("AKIA", "s3cret")

    def test_never_show_in_a_log(self) -> None:
        assert "s3cret" not in repr(Credentials("AKIA", "s3cret", "t0ken"))
        assert "t0ken" not in repr(Credentials("AKIA", "s3cret", "t0ken"))

    def test_are_sought_where_botocore_seeks_them_when_the_environment_has_none(
        self, monkeypatch: pytest.MonkeyPatch, without_credentials: None, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        file = tmp_path_factory.mktemp("aws") / "credentials"
        file.write_text("[default]\naws_access_key_id = AKIA\naws_secret_access_key = s3cret\n")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
        assert current_credentials() == Credentials("AKIA", "s3cret")

    def test_that_nobody_finds_are_an_error_that_says_what_to_set(self, without_credentials: None) -> None:
        with pytest.raises(ConfigurationError, match="AWS_ACCESS_KEY_ID"):
            current_credentials()


@pytest.fixture
def without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("nothing")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(empty / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(empty / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("shared.aws.credentials._found", _found_uncached)


def _found_uncached() -> object:
    return _found.__wrapped__()
