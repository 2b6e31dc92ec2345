"""Tenants: all of them, as the admin reaches them, and one, as its own key does."""

from datetime import datetime
from typing import Final

from mail_proxy.exchange import Call, Caller, Query, answer, nothing
from mail_proxy.models.messages import SuspensionAnswer, SuspensionCall
from mail_proxy.models.reports import SyncList, SyncView
from mail_proxy.models.tenants import (
    ApiKeyRotationCall,
    NewTenantView,
    RotatedView,
    SigningSecretRotationCall,
    SigningSecretView,
    TenantChanges,
    TenantList,
    TenantSettings,
    TenantView,
)
from mail_proxy.models.watching import AccountStatusView, TenantStatusView
from mail_proxy.operations import Listing, Page, Resource, listing, operation
from mail_proxy.resources.accounts import Accounts, Attachments, Storages, Suppressions
from mail_proxy.resources.events import Events
from mail_proxy.resources.mailboxes import Mailboxes
from mail_proxy.resources.messages import Messages
from mail_proxy.steps import Reply, Steps
from mail_proxy.transports import Transport

_TENANTS: Final = "/v1/tenants"
_TENANT: Final = _TENANTS + "/{tenant_id}"


class Tenant[M: Transport](Resource[M]):
    """`proxy.tenant("acme")`: one tenant, reached with its own key or the admin token."""

    def __init__(self, transport: M, caller: Caller, tenant_id: str) -> None:
        super().__init__(transport, caller, tenant_id)
        self.messages = Messages(transport, caller, tenant_id)
        self.accounts = Accounts(transport, caller, tenant_id)
        self.suppressions = Suppressions(transport, caller, tenant_id)
        self.storages = Storages(transport, caller, tenant_id)
        self.attachments = Attachments(transport, caller, tenant_id)
        self.mailboxes = Mailboxes(transport, caller, tenant_id)
        self.events = Events(transport, caller, tenant_id)

    @property
    def id(self) -> str:
        return self._tenant_id

    @property
    def _path(self) -> dict[str, str]:
        return {"tenant_id": self._tenant_id}

    @operation
    def get(self) -> Steps[TenantView]:
        """The tenant's settings and whether it is suspended. Raises NotFound."""
        return self._make(Call("GET", _TENANT, answer(TenantView), self._path))

    @operation
    def change(self, changes: TenantChanges) -> Steps[TenantView]:
        """Changes what is set in `changes`.

        What is left out stays as it is, None goes back to the default.

            acme.change(TenantChanges(default_account="backup", name=None))
        """
        return self._make(Call("PATCH", _TENANT, answer(TenantView), self._path, body=changes.body()))

    @operation
    def status(self, *, accounts: int = 25, cursor: str | None = None) -> Steps[TenantStatusView]:
        """What waits and why, what was sent, which relays cannot be used; with a page of `accounts` (at most 100)."""
        query: Query = {"limit": accounts, "cursor": cursor}
        return self._make(Call("GET", _TENANT + "/status", answer(TenantStatusView), self._path, query))

    @listing
    def account_statuses(self, *, page_size: int = 100, cursor: str | None = None) -> Listing[AccountStatusView]:
        """How each account of the tenant fares."""

        def turn(cursor: str | None) -> Steps[Page[AccountStatusView]]:
            query: Query = {"limit": page_size, "cursor": cursor}
            call = Call("GET", _TENANT + "/status", answer(TenantStatusView), self._path, query)
            page = yield from self._make(call)
            return Page(page.accounts, page.next_cursor)

        return Listing(turn, cursor)

    @operation
    def suspend(self, batch_code: str | None = None) -> Steps[SuspensionAnswer]:
        """Holds back one batch; everything without `batch_code`."""
        return self._make(self._suspension("/suspend", batch_code))

    @operation
    def activate(self, batch_code: str | None = None) -> Steps[SuspensionAnswer]:
        """Lets one batch go; everything without `batch_code`."""
        return self._make(self._suspension("/activate", batch_code))

    def _suspension(self, route: str, batch_code: str | None) -> Call[SuspensionAnswer]:
        call = SuspensionCall() if batch_code is None else SuspensionCall(batch_code=batch_code)
        return Call("POST", _TENANT + route, answer(SuspensionAnswer), self._path, body=call.body())

    @operation
    def sync(self) -> Steps[SyncView]:
        """How the tenant's report endpoint fares, and when it is called next."""
        return self._make(Call("GET", _TENANT + "/sync", answer(SyncView), self._path))

    @operation
    def run_sync(self) -> Steps[SyncView]:
        """Has the tenant's report endpoint called now. Raises Conflict: it has none, or is not active."""
        return self._make(Call("POST", _TENANT + "/sync", answer(SyncView), self._path))

    @operation
    def rotate_signing_secret(self, *, overlap_seconds: int | None = None) -> Steps[SigningSecretView]:
        """Replaces the secret that signs reports; for the overlap (a day) they are signed with both.

        The new secret is shown this once. So the call is not repeated once it may have been carried out.
        """
        given = {} if overlap_seconds is None else {"overlap_seconds": overlap_seconds}
        body = SigningSecretRotationCall.model_validate(given).body()
        return self._make(
            Call(
                "POST", _TENANT + "/signing-secret", answer(SigningSecretView), self._path, body=body, shows_secret=True
            )
        )

    @operation
    def rotate_api_key(
        self, *, expires_at: datetime | None = None, overlap_seconds: int | None = None
    ) -> Steps[RotatedView]:
        """Replaces the tenant's API key (admin); the one before works for the overlap (an hour).

        The new key is shown this once. So the call is not repeated once it may have been carried out.
        """
        given = {"expires_at": expires_at, "overlap_seconds": overlap_seconds}
        call = ApiKeyRotationCall.model_validate({name: value for name, value in given.items() if value is not None})
        return self._make(
            Call("POST", _TENANT + "/api-key", answer(RotatedView), self._path, body=call.body(), shows_secret=True)
        )

    @operation
    def revoke_api_key(self) -> Steps[None]:
        """Revokes the tenant's API keys (admin), within 30 seconds."""
        return self._make(Call("DELETE", _TENANT + "/api-key", nothing, self._path))


class Tenants[M: Transport](Resource[M]):
    """`proxy.tenants`: all tenants (admin)."""

    @listing
    def list(self, *, page_size: int = 100, cursor: str | None = None) -> Listing[TenantView]:
        """All tenants."""

        def turn(cursor: str | None) -> Steps[Page[TenantView]]:
            query: Query = {"limit": page_size, "cursor": cursor}
            page = yield from self._make(Call("GET", _TENANTS, answer(TenantList), {}, query))
            return Page(page.tenants, page.next_cursor)

        return Listing(turn, cursor)

    @operation
    def put(self, tenant_id: str, settings: TenantSettings | None = None) -> Steps[TenantView]:
        """Creates a tenant or replaces its settings.

        Gives a NewTenantView when it was created, with `api_key` and `signing_secret`: they are shown this once. So the
        call is not repeated once it may have been carried out.

            created = proxy.tenants.put("acme", TenantSettings(client_base_url="https://app.acme.example"))
            if isinstance(created, NewTenantView):
                keep(created.api_key, created.signing_secret)
        """
        body = (settings or TenantSettings()).body()
        return self._make(Call("PUT", _TENANT, put_tenant, {"tenant_id": tenant_id}, body=body, shows_secret=True))

    @operation
    def delete(self, tenant_id: str) -> Steps[TenantView]:
        """Deletes a tenant with all that it owns. It shows `deleting` until all is gone, then NotFound."""
        return self._make(Call("DELETE", _TENANT, answer(TenantView), {"tenant_id": tenant_id}))

    @listing
    def syncs(self, *, page_size: int = 100, cursor: str | None = None) -> Listing[SyncView]:
        """How the report endpoints of all tenants fare."""

        def turn(cursor: str | None) -> Steps[Page[SyncView]]:
            query: Query = {"limit": page_size, "cursor": cursor}
            page = yield from self._make(Call("GET", "/v1/sync", answer(SyncList), {}, query))
            return Page(page.tenants, page.next_cursor)

        return Listing(turn, cursor)


def put_tenant(reply: Reply) -> TenantView:
    """A created tenant comes with its secrets, another without."""
    return answer(NewTenantView)(reply) if reply.status == 201 else answer(TenantView)(reply)
