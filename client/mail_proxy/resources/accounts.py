"""What a tenant's mail hangs on: its accounts, suppressed addresses, storages and uploaded files."""

from typing import Final

from mail_proxy.errors import InvalidArgument, MailProxyError
from mail_proxy.exchange import Call, Query, answer, failure, nothing
from mail_proxy.models.accounts import (
    AccountList,
    AccountSettings,
    AccountView,
    S3StorageSettings,
    StorageList,
    StorageView,
    VerificationView,
)
from mail_proxy.models.messages import SuppressionList, SuppressionSettings, SuppressionView, UploadCall, UploadView
from mail_proxy.operations import Listing, Page, Resource, listing, operation
from mail_proxy.steps import Form, Reply, Request, Step, Steps
from mail_proxy.transports import Transport

_TENANT: Final = "/v1/tenants/{tenant_id}"
_ACCOUNTS: Final = _TENANT + "/accounts"
_ACCOUNT: Final = _ACCOUNTS + "/{account_id}"
_SUPPRESSIONS: Final = _TENANT + "/suppressions"
_SUPPRESSION: Final = _SUPPRESSIONS + "/{address}"
_STORAGES: Final = _TENANT + "/storages"
_STORAGE: Final = _STORAGES + "/{name}"


class Accounts[M: Transport](Resource[M]):
    """`proxy.tenant("acme").accounts`: the relays that the tenant's mail goes through."""

    def _path(self, account_id: str) -> dict[str, str]:
        return {"tenant_id": self._tenant_id, "account_id": account_id}

    @listing
    def list(self, *, page_size: int = 100, cursor: str | None = None) -> Listing[AccountView]:
        """All accounts of the tenant."""

        def turn(cursor: str | None) -> Steps[Page[AccountView]]:
            query: Query = {"limit": page_size, "cursor": cursor}
            page = yield from self._make(
                Call("GET", _ACCOUNTS, answer(AccountList), {"tenant_id": self._tenant_id}, query)
            )
            return Page(page.accounts, page.next_cursor)

        return Listing(turn, cursor)

    @operation
    def get(self, account_id: str) -> Steps[AccountView]:
        """An account, without its secrets. Raises NotFound."""
        return self._make(Call("GET", _ACCOUNT, answer(AccountView), self._path(account_id)))

    @operation
    def put(self, account_id: str, settings: AccountSettings) -> Steps[AccountView]:
        """Creates an account or replaces it.

        A password that is left out stays while host and username do.

            settings = AccountSettings(host="smtp.acme.example", port=587, tls="starttls", password=password)
            acme.accounts.put("main", settings)
        """
        return self._make(Call("PUT", _ACCOUNT, answer(AccountView), self._path(account_id), body=settings.body()))

    @operation
    def delete(self, account_id: str, *, force: bool = False) -> Steps[None]:
        """Deletes an account. Raises Conflict while mail waits in it; with `force` that mail becomes an error."""
        query: Query = {"force": True} if force else {}
        return self._make(Call("DELETE", _ACCOUNT, nothing, self._path(account_id), query))

    @operation
    def verify(self, account_id: str) -> Steps[VerificationView]:
        """Tries an account over a real session, up to AUTH, and tells what it saw. No mail is sent."""
        return self._make(Call("POST", _ACCOUNT + "/verify", answer(VerificationView), self._path(account_id)))


class Suppressions[M: Transport](Resource[M]):
    """`proxy.tenant("acme").suppressions`: addresses that get no mail."""

    def _path(self, address: str) -> dict[str, str]:
        return {"tenant_id": self._tenant_id, "address": address}

    @listing
    def list(self, *, page_size: int = 100, cursor: str | None = None) -> Listing[SuppressionView]:
        """All suppressed addresses of the tenant."""

        def turn(cursor: str | None) -> Steps[Page[SuppressionView]]:
            query: Query = {"limit": page_size, "cursor": cursor}
            page = yield from self._make(
                Call("GET", _SUPPRESSIONS, answer(SuppressionList), {"tenant_id": self._tenant_id}, query)
            )
            return Page(page.suppressions, page.next_cursor)

        return Listing(turn, cursor)

    @operation
    def get(self, address: str) -> Steps[SuppressionView]:
        """Why an address is suppressed. Raises NotFound when it is not."""
        return self._make(Call("GET", _SUPPRESSION, answer(SuppressionView), self._path(address)))

    @operation
    def put(self, address: str, *, reason: str | None = None) -> Steps[SuppressionView]:
        """Sends no more mail to an address."""
        settings = SuppressionSettings() if reason is None else SuppressionSettings(reason=reason)
        return self._make(Call("PUT", _SUPPRESSION, answer(SuppressionView), self._path(address), body=settings.body()))

    @operation
    def delete(self, address: str) -> Steps[None]:
        """Lets mail go to an address again. Raises NotFound when it is not suppressed."""
        return self._make(Call("DELETE", _SUPPRESSION, nothing, self._path(address)))


class Storages[M: Transport](Resource[M]):
    """`proxy.tenant("acme").storages`: where files of attachments lie."""

    def _path(self, name: str) -> dict[str, str]:
        return {"tenant_id": self._tenant_id, "name": name}

    @listing
    def list(self, *, page_size: int = 100, cursor: str | None = None) -> Listing[StorageView]:
        """All storages of the tenant."""

        def turn(cursor: str | None) -> Steps[Page[StorageView]]:
            query: Query = {"limit": page_size, "cursor": cursor}
            page = yield from self._make(
                Call("GET", _STORAGES, answer(StorageList), {"tenant_id": self._tenant_id}, query)
            )
            return Page(page.storages, page.next_cursor)

        return Listing(turn, cursor)

    @operation
    def get(self, name: str) -> Steps[StorageView]:
        """A storage, without its secret. Raises NotFound."""
        return self._make(Call("GET", _STORAGE, answer(StorageView), self._path(name)))

    @operation
    def put(self, name: str, settings: S3StorageSettings) -> Steps[StorageView]:
        """Creates a storage or replaces it."""
        return self._make(Call("PUT", _STORAGE, answer(StorageView), self._path(name), body=settings.body()))

    @operation
    def delete(self, name: str) -> Steps[None]:
        """Forgets a storage. Its files stay where they are."""
        return self._make(Call("DELETE", _STORAGE, nothing, self._path(name)))


class Attachments[M: Transport](Resource[M]):
    """`proxy.tenant("acme").attachments`: files that are uploaded past the API."""

    @operation
    def begin(self, *, content_type: str | None = None, size: int | None = None) -> Steps[UploadView]:
        """Makes a form by which whoever has it can upload a file of at most 40 MB, within 15 minutes."""
        return self._make(self._begun(content_type, size))

    def _begun(self, content_type: str | None, size: int | None) -> Call[UploadView]:
        given = {"content_type": content_type, "size": size}
        body = UploadCall.model_validate({name: value for name, value in given.items() if value is not None}).body()
        path = {"tenant_id": self._tenant_id}
        return Call("POST", _TENANT + "/attachments", answer(UploadView), path, body=body)

    @operation
    def upload(self, content: bytes, *, content_type: str | None = None) -> Steps[UploadView]:
        """Uploads a file of at most 40 MB.

        Messages name it by the `storage_path` of what this gives, for 40 days.

            report = acme.attachments.upload(Path("report.pdf").read_bytes(), content_type="application/pdf")
            attachment = SubmittedAttachment(filename="report.pdf", storage_path=report.storage_path)
        """
        if not content:
            raise InvalidArgument("the file is empty")
        begun = yield from self._make(self._begun(content_type, len(content)))
        outcome = yield Step(Request("POST", begun.url, form=Form(begun.fields, content)))
        if isinstance(outcome, Reply) and 200 <= outcome.status < 300:
            return begun
        error: MailProxyError = failure(outcome)
        raise error
