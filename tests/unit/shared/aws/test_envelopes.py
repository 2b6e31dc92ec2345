"""Secrets of any length, under KMS."""

import pytest

from shared.aws.envelopes import EnvelopeSealer
from shared.aws.kms import SecretSealer
from shared.errors import StorageError


@pytest.fixture
def envelopes(sealer: SecretSealer) -> EnvelopeSealer:
    return EnvelopeSealer(sealer)


@pytest.mark.parametrize("text", ["", "ä", "x" * 50_000])
def test_a_text_of_any_length_opens_as_it_was(envelopes: EnvelopeSealer, text: str) -> None:
    sealed = envelopes.seal(text, tenant="acme", owner="token/main")

    assert envelopes.open(sealed, tenant="acme", owner="token/main") == text


def test_the_same_text_is_never_sealed_to_the_same_octets(envelopes: EnvelopeSealer) -> None:
    first, second = (envelopes.seal("secret", tenant="acme", owner="token/main") for _ in range(2))

    assert first != second
    assert b"secret" not in first + second


@pytest.mark.parametrize(("tenant", "owner"), [("other", "token/main"), ("acme", "token/other")])
def test_what_is_copied_elsewhere_does_not_open(envelopes: EnvelopeSealer, tenant: str, owner: str) -> None:
    sealed = envelopes.seal("secret", tenant="acme", owner="token/main")

    with pytest.raises(StorageError):
        envelopes.open(sealed, tenant=tenant, owner=owner)


def test_the_key_of_one_text_does_not_open_another_text_of_another_owner(envelopes: EnvelopeSealer) -> None:
    ours = envelopes.prepare(tenant="acme", owner="token/main")
    theirs = envelopes.seal("secret", tenant="acme", owner="token/other")
    length = int.from_bytes(theirs[:2])
    swapped = len(ours.sealed_key).to_bytes(2) + ours.sealed_key + theirs[2 + length :]

    with pytest.raises(StorageError, match="changed"):
        envelopes.open(swapped, tenant="acme", owner="token/main")


def test_a_changed_octet_is_noticed(envelopes: EnvelopeSealer) -> None:
    sealed = bytearray(envelopes.seal("secret", tenant="acme", owner="token/main"))
    sealed[-1] ^= 1

    with pytest.raises(StorageError, match="changed"):
        envelopes.open(bytes(sealed), tenant="acme", owner="token/main")


def test_a_prepared_envelope_needs_nothing_more_of_kms(
    envelopes: EnvelopeSealer, sealer: SecretSealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelope = envelopes.prepare(tenant="acme", owner="token/main")
    monkeypatch.setattr(sealer, "seal", None)

    assert envelopes.open(envelope.seal("secret"), tenant="acme", owner="token/main") == "secret"
