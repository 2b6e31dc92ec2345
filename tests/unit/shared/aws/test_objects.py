"""Signed reading of objects, held to botocore's."""

from datetime import UTC, datetime

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as ReferenceCredentials
from hypothesis import given
from hypothesis import strategies as st

from shared.aws.credentials import Credentials
from shared.aws.objects import ObjectAddress, get_headers

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=3, max_size=20)
secrets = st.text("abcXYZ019/+=", min_size=1, max_size=60)
segments = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/"), min_size=1, max_size=10)
keys = st.lists(segments.filter(lambda each: each not in (".", "..")), min_size=1, max_size=4).map("/".join)
addresses = st.builds(
    ObjectAddress,
    names | st.just("a.b-c"),
    keys,
    names,
    st.none() | st.just("http://127.0.0.1:9000") | st.just("https://s3.x.test/"),
)


@given(addresses, st.builds(Credentials, names, secrets, st.none() | secrets), st.integers(0, 4_000_000_000))
def test_the_signature_is_what_botocore_makes_of_the_same_call(
    address: ObjectAddress, by: Credentials, seconds: int
) -> None:
    ours = get_headers(address, by, seconds * 1000)
    request = AWSRequest("GET", address.url)
    request.context["timestamp"] = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")
    auth = S3SigV4Auth(ReferenceCredentials(by.key_id, by.secret, by.token), "s3", address.region)
    for name in ("Host", "X-Amz-Content-Sha256", "X-Amz-Date", "X-Amz-Security-Token"):
        if name in ours:
            request.headers[name] = ours[name]
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    assert ours["Authorization"].endswith(f"Signature={signature}")


@given(keys)
def test_the_bucket_stands_where_its_certificate_allows(key: str) -> None:
    assert ObjectAddress("files", key, "eu-west-1").url.startswith("https://files.s3.eu-west-1.amazonaws.com/")
    assert ObjectAddress("my.files", key, "eu-west-1").url.startswith("https://s3.eu-west-1.amazonaws.com/my.files/")
    assert ObjectAddress("files", key, "cn-north-1").url.startswith("https://files.s3.cn-north-1.amazonaws.com.cn/")
    assert ObjectAddress("files", key, "x", "http://h:1").url.startswith("http://h:1/files/")
    assert "?" not in ObjectAddress("files", key, "x").url
