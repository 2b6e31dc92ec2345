"""The keyring of the operating system, as `keyring` finds it."""

from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from mail_proxy import MailProxyError
from mail_proxy.cli.instances import KeyringStore, system_keyring


class Memory(KeyringBackend):
    """A keyring that forgets everything when the test ends."""

    priority = 5

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("no such password")


@pytest.fixture
def memory() -> Iterator[Memory]:
    before = keyring.get_keyring()
    backend = Memory()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def test_a_token_is_kept_under_the_name_of_its_instance(memory: Memory) -> None:
    store = system_keyring()
    assert store is not None
    store.put("prod", "a-token")
    assert memory.kept == {("mail-proxy", "prod"): "a-token"}
    assert store.get("prod") == "a-token"
    store.delete("prod")
    store.delete("prod")
    assert store.get("prod") is None


def test_a_keyring_that_is_locked_is_told(memory: Memory) -> None:
    memory.locked = True
    with pytest.raises(MailProxyError, match="the keyring refuses: locked"):
        KeyringStore().get("prod")


def test_where_nothing_keeps_secrets_there_is_no_keyring(memory: Memory) -> None:
    memory.priority = 0  # as the one has that `keyring` makes do with
    assert system_keyring() is None
