"""Accounts, stored."""

from collections.abc import Callable

import pytest

from shared.accounts.model import AccountSettings
from shared.accounts.table import AccountTable, account_key
from shared.aws.dynamodb import Table, Update
from shared.aws.kms import SecretSealer
from shared.errors import Conflict, InvalidInput, NotFound, StorageError
from tests.unit.clock import SettableClock

RELAY: dict[str, object] = {
    "host": "smtp.example.com",
    "port": 587,
    "tls": "starttls",
    "username": "u",
    "password": "pw",
}


def settings(**changes: object) -> AccountSettings:
    return AccountSettings.model_validate({name: v for name, v in (RELAY | changes).items() if v is not None})


@pytest.fixture
def accounts(registry: Table, sealer: SecretSealer, clock: SettableClock) -> AccountTable:
    return AccountTable(registry, sealer, clock)


def test_each_change_counts_the_version_up(accounts: AccountTable, clock: SettableClock) -> None:
    first, is_new = accounts.put("acme", "main", settings())
    clock.advance(1)
    second, is_new_again = accounts.put("acme", "main", settings(port=25))
    assert (is_new, is_new_again) == (True, False)
    assert (first.version, second.version) == (1, 2)
    assert (second.created_at, second.updated_at) == (first.created_at, first.updated_at + 1)
    assert accounts.get("acme", "main") == second


def test_the_password_is_sealed_for_its_account_alone(accounts: AccountTable, registry: Table) -> None:
    account, _ = accounts.put("acme", "main", settings())
    assert account.sealed_password is not None
    assert b"pw" not in account.sealed_password
    assert accounts.password(account) == "pw"
    for moved in (account.model_copy(update={"tenant_id": "other"}), account.model_copy(update={"id": "other"})):
        with pytest.raises(StorageError):
            accounts.password(moved)


def test_a_password_left_out_stays_only_with_host_and_user(accounts: AccountTable) -> None:
    with pytest.raises(InvalidInput):
        accounts.put("acme", "main", settings(password=None))
    accounts.put("acme", "main", settings())
    kept, _ = accounts.put("acme", "main", settings(password=None, port=2525))
    assert accounts.password(kept) == "pw"
    for change in ({"host": "evil.example"}, {"username": "other"}):
        with pytest.raises(InvalidInput):
            accounts.put("acme", "main", settings(password=None, **change))
    without_user, _ = accounts.put("acme", "main", settings(password=None, username=None))
    assert accounts.password(without_user) is None


def test_two_changes_at_the_same_time_do_not_overwrite_each_other(
    accounts: AccountTable, registry: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.put("acme", "main", settings())
    put: Callable[..., None] = registry.put

    def late(*args: object, **kwargs: object) -> None:
        registry.update(Update(account_key("acme", "main"), add={"version": 1}))
        put(*args, **kwargs)

    monkeypatch.setattr(registry, "put", late)
    with pytest.raises(Conflict):
        accounts.put("acme", "main", settings(port=25))


def test_accounts_are_paged_in_order_of_id_within_their_tenant(accounts: AccountTable) -> None:
    for tenant, account in (("acme", "b"), ("acme", "a"), ("acme", "c"), ("acme2", "x")):
        accounts.put(tenant, account, settings())
    first = accounts.page("acme", limit=2)
    assert [each.id for each in first.accounts] == ["a", "b"]
    second = accounts.page("acme", limit=2, after=first.next)
    assert ([each.id for each in second.accounts], second.next) == (["c"], None)
    assert set(accounts.existing("acme", ["a", "x", "c"])) == {"a", "c"}
    assert accounts.existing("acme", []) == {}


def test_what_is_deleted_is_gone(accounts: AccountTable) -> None:
    accounts.put("acme", "main", settings())
    accounts.delete("acme", "main")
    for call in (accounts.get, accounts.delete):
        with pytest.raises(NotFound):
            call("acme", "main")
