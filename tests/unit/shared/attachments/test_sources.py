"""What a storage path means."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.attachments.sources import (
    FetchMode,
    ObjectPlace,
    StoredPlace,
    infer_mode,
    object_place,
    refuse_unreadable,
    stored_place,
    upload_id,
)
from shared.errors import InvalidInput

ULID = "01JZX4C0R3M2V8Q9T6W5Y7K1AB"
ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
segments = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/\\"), min_size=1, max_size=8)
paths = st.lists(segments.filter(lambda each: each not in (".", "..")), min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("base64:QQ==", FetchMode.BASE64),
        ("http://x.test/a", FetchMode.HTTP_URL),
        ("https://x.test/a", FetchMode.HTTP_URL),
        ("/mnt/a.pdf", FetchMode.FILESYSTEM),
        ("//x", FetchMode.FILESYSTEM),
        ("s3://bucket/key", FetchMode.S3),
        (f"upload:{ULID}", FetchMode.UPLOAD),
        ("files:out/a.pdf", FetchMode.STORAGE),
        ("storage:files/out/a.pdf", FetchMode.STORAGE),
        ("out/a.pdf", FetchMode.ENDPOINT),
        ("doc_id=123", FetchMode.ENDPOINT),
        ("HTTP://x.test", FetchMode.STORAGE),  # a storage of that name; its path is refused
        ("a b:c", FetchMode.ENDPOINT),
        (":c", FetchMode.ENDPOINT),
        ("files:", FetchMode.ENDPOINT),
        ("", FetchMode.ENDPOINT),
    ],
)
def test_the_mode_follows_from_the_beginning(path: str, mode: FetchMode) -> None:
    assert infer_mode(path) is mode


@given(st.text(), st.sampled_from(FetchMode))
def test_an_explicit_mode_wins_whatever_the_path(path: str, mode: FetchMode) -> None:
    assert infer_mode(path, mode) is mode


@given(ids.filter(lambda name: name not in ("http", "https", "base64", "upload", "storage", "s3")), paths)
def test_a_storage_and_a_path_are_read_in_both_spellings(name: str, path: str) -> None:
    for text in (f"{name}:{path}", f"storage:{name}/{path}"):
        assert infer_mode(text) is FetchMode.STORAGE
        assert stored_place(text) == StoredPlace(name, path)


@given(paths)
def test_an_object_has_a_bucket_and_a_key(key: str) -> None:
    assert object_place(f"s3://a.bucket-1/{key}") == ObjectPlace("a.bucket-1", key)


@given(
    st.text(st.sampled_from("aA/.:\\\n s3-_%"), max_size=12),
    st.sampled_from(["s3://", "storage:", "files:", "upload:", ""]),
)
def test_whatever_is_taken_stays_below_its_place(rest: str, beginning: str) -> None:
    text = beginning + rest
    for read in (object_place, stored_place):
        try:
            place = read(text)
        except InvalidInput:
            continue
        path = place.key if isinstance(place, ObjectPlace) else place.path
        assert not {"", ".", ".."} & set(path.removesuffix("/").split("/"))
        assert "\\" not in path


def test_an_upload_is_named_by_its_id_alone() -> None:
    assert upload_id(f"upload:{ULID}") == ULID
    for text in ("upload:", "upload:x", f"upload:{ULID}/..", f"upload:{ULID.lower()}", f"upload:{ULID}\n"):
        with pytest.raises(InvalidInput):
            upload_id(text)


@pytest.mark.parametrize(
    "url",
    [
        *("https://u:p@x.test/", "https://", "https:///a", "https://x.test/a b", "https://x.test/ü"),
        *("https://x.test/#a", "ftp://x.test", "https://x.test/\n", "https://" + "x" * 2_000),
    ],
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        refuse_unreadable(FetchMode.HTTP_URL, url)


@given(st.sampled_from(FetchMode), st.text())
def test_no_path_whatever_raises_anything_but_invalid_input(mode: FetchMode, path: str) -> None:
    with suppress(InvalidInput):
        refuse_unreadable(mode, path)
