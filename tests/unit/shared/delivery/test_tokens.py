"""The token that names a mail in its own headers."""

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.delivery.tokens import MailTokens
from shared.errors import InvalidInput

KEY = "k" * 32
TOKENS = MailTokens(KEY)
owner_ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
mail_ids = st.from_regex(r"[A-Za-z0-9._:@+=-]{1,255}", fullmatch=True)


@given(owner_ids, mail_ids)
def test_a_token_opens_to_the_tenant_and_the_mail_it_was_made_for(tenant_id: str, mail_id: str) -> None:
    assert TOKENS.open(TOKENS.seal(tenant_id, mail_id)) == (tenant_id, mail_id)


@given(owner_ids, mail_ids)
def test_a_token_may_stand_in_the_left_part_of_a_message_id(tenant_id: str, mail_id: str) -> None:
    token = TOKENS.seal(tenant_id, mail_id)

    assert set(token) <= set(string.ascii_letters + string.digits + "-_")
    assert len(token) <= 450


def test_a_token_is_the_same_at_every_try_and_in_every_process() -> None:
    assert TOKENS.seal("acme", "m1") == MailTokens(KEY).seal("acme", "m1")


def test_tokens_of_different_mails_have_nothing_in_common_to_see() -> None:
    one, other = TOKENS.seal("acme", "m1"), TOKENS.seal("acme", "m2")

    assert sum(a == b for a, b in zip(one, other, strict=True)) < len(one) // 2
    assert b"acme" not in base64.urlsafe_b64decode(one + "=" * (-len(one) % 4))


@given(st.data())
def test_a_changed_token_does_not_open(data: st.DataObject) -> None:
    token = TOKENS.seal("acme", "order-1")
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= data.draw(st.integers(1, 255))
    changed = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")

    with pytest.raises(InvalidInput):
        TOKENS.open(changed)


def test_a_token_of_another_instance_does_not_open() -> None:
    with pytest.raises(InvalidInput):
        TOKENS.open(MailTokens("another key, of another instance").seal("acme", "m1"))


@pytest.mark.parametrize("text", ["", "=", "a", "AAAA", "ä", "no token", "x" * 1_000, TOKENS.seal("a", "b")[:-4]])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        TOKENS.open(text)


@given(st.text())
def test_nothing_that_a_stranger_writes_opens_or_breaks_anything(text: str) -> None:
    with pytest.raises(InvalidInput):
        TOKENS.open(text)
