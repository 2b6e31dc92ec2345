"""Which instances the command line knows, which one it talks to, and where their tokens are kept.

Names and URLs are in a file; tokens in the keyring of the operating system where there is one, else in a file that only
its owner can read.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from mail_proxy.errors import InvalidArgument, MailProxyError

_SERVICE: Final = "mail-proxy"
_MAX_FILE_BYTES: Final = 1_000_000

type Place = Literal["keyring", "file"]


class KnownInstance(BaseModel):
    """An instance: its URL, the tenant whose key the token is (None: the admin's), and where the token is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    tenant: str | None = None
    kept_in: Place = "file"


class Known(BaseModel):
    """All instances, and the one that is used."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    current: str | None = None
    instances: dict[str, KnownInstance] = {}


@dataclass(frozen=True, slots=True)
class Target:
    """What to talk to, and as whom."""

    name: str
    url: str
    tenant: str | None
    token: str


class TokenStore(Protocol):
    """Keeps tokens under the names of instances."""

    def get(self, name: str) -> str | None: ...
    def put(self, name: str, token: str) -> None: ...
    def delete(self, name: str) -> None: ...


class KeyringStore:
    """The keyring of the operating system, through `keyring`. Raises MailProxyError when it is locked or refuses."""

    def get(self, name: str) -> str | None:
        import keyring

        with told():
            return keyring.get_password(_SERVICE, name)

    def put(self, name: str, token: str) -> None:
        import keyring

        with told():
            keyring.set_password(_SERVICE, name, token)

    def delete(self, name: str) -> None:
        import keyring
        from keyring.errors import PasswordDeleteError

        with told(), contextlib.suppress(PasswordDeleteError):  # gone already
            keyring.delete_password(_SERVICE, name)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Makes errors of the keyring errors of this program."""
    from keyring.errors import KeyringError

    try:
        yield
    except KeyringError as error:
        raise MailProxyError(f"the keyring refuses: {str(error) or type(error).__name__}") from error


def system_keyring() -> TokenStore | None:
    """The keyring, or None where the package is not installed, or finds nothing that keeps secrets."""
    try:
        import keyring
    except ImportError:
        return None
    backend = keyring.get_keyring()
    return KeyringStore() if backend.priority > 0 else None


class FileStore:
    """A file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _all(self) -> dict[str, str]:
        text = read_text(self._path)
        if text is None:
            return {}
        try:
            return TypeAdapter(dict[str, str]).validate_json(text)
        except ValidationError as error:
            raise InvalidArgument(f"{self._path} is not a file of tokens: mend or remove it") from error

    def get(self, name: str) -> str | None:
        return self._all().get(name)

    def put(self, name: str, token: str) -> None:
        write_private(self._path, json.dumps(self._all() | {name: token}, indent=2))

    def delete(self, name: str) -> None:
        left = {each: token for each, token in self._all().items() if each != name}
        write_private(self._path, json.dumps(left, indent=2))


class Instances:
    """The instances that are known on this machine, in `folder`. `environment` may name another."""

    def __init__(self, folder: Path, environment: Mapping[str, str], keyring: TokenStore | None) -> None:
        self._path = folder / "instances.json"
        self._environment = environment
        self._stores: dict[Place, TokenStore] = {"file": FileStore(folder / "tokens.json")}
        if keyring is not None:
            self._stores["keyring"] = keyring

    def known(self) -> Known:
        """Raises InvalidArgument when the file is none of this program."""
        text = read_text(self._path)
        if text is None:
            return Known()
        try:
            return Known.model_validate_json(text)
        except ValidationError as error:
            raise InvalidArgument(f"{self._path} is not a file of instances: mend or remove it") from error

    def add(self, name: str, url: str, tenant: str | None, token: str) -> Place:
        """Adds or replaces an instance, which is used if it is the first; says where its token is kept."""
        known = self.known()
        place: Place = "keyring" if "keyring" in self._stores else "file"
        before = known.instances.get(name)
        if before is not None and before.kept_in != place:
            self._store(before.kept_in).delete(name)
        self._store(place).put(name, token)
        entry = KnownInstance(url=url, tenant=tenant, kept_in=place)
        self._write(Known(current=known.current or name, instances=known.instances | {name: entry}))
        return place

    def remove(self, name: str) -> None:
        """Raises InvalidArgument when it is not known."""
        known = self.known()
        entry = self._entry(known, name)
        self._store(entry.kept_in).delete(name)
        left = {each: other for each, other in known.instances.items() if each != name}
        self._write(Known(current=None if known.current == name else known.current, instances=left))

    def use(self, name: str) -> None:
        """Raises InvalidArgument when it is not known."""
        known = self.known()
        self._entry(known, name)
        self._write(known.model_copy(update={"current": name}))

    def target(self, name: str | None) -> Target:
        """The instance of this name; else of the environment; else the current one. Raises InvalidArgument."""
        url, token = (self._environment.get(each) for each in ("MAIL_PROXY_URL", "MAIL_PROXY_TOKEN"))
        if name is None and url and token:
            return Target("(environment)", url, self._environment.get("MAIL_PROXY_TENANT") or None, token)
        known = self.known()
        chosen = name or known.current
        if chosen is None:
            raise InvalidArgument(
                "no instance is chosen: `mail-proxy instances add NAME URL` adds one, `mail-proxy use NAME` chooses;"
                " or set MAIL_PROXY_URL and MAIL_PROXY_TOKEN"
            )
        entry = self._entry(known, chosen)
        kept = self._store(entry.kept_in).get(chosen)
        if kept is None:
            raise InvalidArgument(f"the token of {chosen} is gone from its {entry.kept_in}: add the instance again")
        return Target(chosen, entry.url, entry.tenant, kept)

    def _entry(self, known: Known, name: str) -> KnownInstance:
        if name not in known.instances:
            raise InvalidArgument(f"no instance {name!r}; known are: {', '.join(sorted(known.instances)) or 'none'}")
        return known.instances[name]

    def _store(self, place: Place) -> TokenStore:
        if place not in self._stores:
            raise InvalidArgument("the token is in a keyring that is not there now: install keyring, or add it again")
        return self._stores[place]

    def _write(self, known: Known) -> None:
        write_private(self._path, known.model_dump_json(indent=2))


def read_text(path: Path) -> str | None:
    """A file's text; None without the file. Raises InvalidArgument when it cannot be read."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise InvalidArgument(f"{path} has more than {_MAX_FILE_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"{path} cannot be read: {error}") from error


def write_private(path: Path, text: str) -> None:
    """Replaces a file as a whole, readable by its owner only from its first byte on."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 0600
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text + "\n")
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InvalidArgument(f"{path} cannot be written: {error}") from error
