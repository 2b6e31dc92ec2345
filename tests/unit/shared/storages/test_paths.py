"""Paths that nobody on the way reads as other paths."""

from posixpath import normpath
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from shared.errors import InvalidInput
from shared.storages.paths import refuse_tricks

segments = st.sampled_from(
    ["a", "b.pdf", "..", ".", "", "...", "ü", "%2e%2e", "a b", "\x00", "\\", "a\\..", "~", "{x}"]
)


@pytest.mark.parametrize(
    "path", ["", "/", "/a", "a//b", "a/./b", "a/../b", "..", "a/..", "a\\b", "a\nb", "\ud800", "x" * 1_025]
)
def test_a_path_with_a_trick_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput):
        refuse_tricks(path)


@pytest.mark.parametrize("path", ["a", "a/b", "a/", "2026/Rechnung März.pdf", "...", "a..b/c", "%2e%2e/a", "x" * 1_024])
def test_a_plain_path_is_taken_as_it_is(path: str) -> None:
    assert refuse_tricks(path) == path


@given(st.lists(segments, max_size=6).map("/".join))
def test_whatever_is_taken_is_the_same_path_to_everybody(path: str) -> None:
    try:
        refuse_tricks(path)
    except InvalidInput:
        return
    bare = path.removesuffix("/")
    assert normpath(bare) == bare
    assert URL.build(scheme="https", host="h", path=f"/base/{path}").path == f"/base/{path}"
    assert urlsplit(f"https://h/base/{path.replace('?', '').replace('#', '')}").path.startswith("/base/")
