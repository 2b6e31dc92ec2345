"""The marker in the name of an attachment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.attachments.marker import MarkedName, read_marker
from shared.errors import InvalidInput

MD5 = "0123456789abcdefABCDEF0123456789"


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        (f"report_{{MD5:{MD5}}}.pdf", "report.pdf"),
        (f"report{{MD5:{MD5}}}.pdf", "report.pdf"),
        (f"a-b-{{MD5:{MD5}}}", "a-b"),
        (f"a  {{MD5:{MD5}}} b.pdf", "a  b.pdf"),
        (f"{{MD5:{MD5}}}report.pdf", "report.pdf"),
        (f"{{{{MD5:{MD5}}}}}", "{}"),
    ],
)
def test_a_marker_is_read_and_leaves_the_name(filename: str, name: str) -> None:
    assert read_marker(filename) == MarkedName(name, MD5)


@pytest.mark.parametrize("filename", ["a.pdf", "{MD5:", "{MD5", "{md5:00}", "{SHA:00}.pdf", ""])
def test_a_name_without_a_marker_stays_as_it_is(filename: str) -> None:
    assert read_marker(filename) == MarkedName(filename, None)


@pytest.mark.parametrize(
    ("filename", "code", "told"),
    [
        ("a{MD5:}.pdf", "invalid_md5", "''"),
        ("a{MD5:abc}.pdf", "invalid_md5", "'abc'"),
        (f"a{{MD5: {MD5}}}.pdf", "invalid_md5", "32 hexadecimal digits"),
        ("a{MD5:\r\nBcc: x@y}.pdf", "invalid_md5", r"'\r\nBcc: x@y'"),
        (f"a{{MD5:{'0' * 10_000}}}.pdf", "invalid_md5", "000"),
        (f"a{{MD5:{MD5}}}{{MD5:{MD5}}}", "invalid_md5", "not 2"),
        (f"_{{MD5:{MD5}}}", "missing_field", "nothing is left"),
    ],
)
def test_a_marker_that_says_nothing_is_refused(filename: str, code: str, told: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_marker(filename)
    assert raised.value.code == code
    assert told in raised.value.detail
    assert len(raised.value.detail) < 200


@given(st.text(st.sampled_from("a_-{}MD5:0\n é"), max_size=200))
def test_whatever_the_name_it_is_read_or_refused(filename: str) -> None:
    try:
        marked = read_marker(filename)
    except InvalidInput:
        return
    assert (marked.md5 is None) == (marked.name == filename)
