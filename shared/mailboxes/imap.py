"""A session with an IMAP server that is not trusted: what it sends is bounded in size and time.

The standard library's `imaplib` speaks the protocol (ADR 0094). Calls block: the poller makes them in a thread.
"""

import imaplib
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Timer

from shared.accounts.model import TlsMode
from shared.errors import MailProxyError
from shared.mailboxes.model import Mailbox
from shared.outgoing.guard import Resolved

MAX_LITERAL = 64 * 1024 * 1024  # octets: a mail, the largest thing that a server is asked for
_COMMAND_SECONDS = 30.0
_MAX_DETAIL = 300  # characters of what a server says
_FLAG_SEEN = r"(\Seen)"
_FLAG_DELETED = r"(\Deleted)"
_UID = re.compile(rb"\bUID (\d{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,15})\b")


class ImapFault(MailProxyError):
    """The mailbox cannot be read. `for_good`: only changed settings can help, so far as can be told."""

    code = "imap"

    def __init__(self, detail: str, *, for_good: bool = False) -> None:
        super().__init__(detail[:_MAX_DETAIL])
        self.for_good = for_good


@dataclass(frozen=True, slots=True)
class Folder:
    """As it was when it was opened. UIDs mean nothing under another `uid_validity` (RFC 9051 §2.3.1.1)."""

    uid_validity: int
    exists: int


class ImapSession:
    """Logged in, with one folder open. Every method raises ImapFault."""

    def __init__(self, client: "_Client", capabilities: frozenset[str], folder: Folder) -> None:
        self._client = client
        self._capabilities = capabilities
        self.folder = folder

    def uids_after(self, uid: int) -> list[int]:
        """In ascending order. The range `n:*` always names the last mail, too, so that is left out."""
        answer = self._ask("SEARCH", f"UID {uid + 1}:*")
        numbers = b" ".join(each for each in answer if isinstance(each, bytes)).split()
        found = {int(each) for each in numbers if each.isdigit()}
        return sorted(each for each in found if each > uid)

    def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """In octets; those that are gone by now are left out."""
        lines = [each for each in self._ask("FETCH", _set(uids), "(UID RFC822.SIZE)") if isinstance(each, bytes)]
        return {
            int(uid[1]): int(size[1]) for line in lines if (uid := _UID.search(line)) and (size := _SIZE.search(line))
        }

    def mails(self, uids: Sequence[int], *, limit: int) -> dict[int, bytes]:
        """The first `limit` octets of each, unread as they were; those that are gone by now are left out."""
        return dict(_bodies(self._ask("FETCH", _set(uids), f"(UID BODY.PEEK[]<0.{limit}>)")))

    def mark_seen(self, uids: Sequence[int]) -> None:
        self._ask("STORE", _set(uids), "+FLAGS.SILENT", _FLAG_SEEN)

    def move(self, uids: Sequence[int], folder: str) -> None:
        """MOVE (RFC 6851), where the server has it. Else mails are copied and only marked as deleted: an EXPUNGE would
        remove what somebody else has marked."""
        target = quoted_folder(folder)
        if "MOVE" in self._capabilities:
            self._ask("MOVE", _set(uids), target)
            return
        self._ask("COPY", _set(uids), target)
        self._ask("STORE", _set(uids), "+FLAGS.SILENT", _FLAG_DELETED)

    def folders(self) -> list[str]:
        """The names as the server has them, at most a thousand."""
        with _faults("LIST"):
            status, answer = self._client.list()
        if status != "OK":
            raise ImapFault(f"LIST: {_text(answer)}")
        return [each.decode("utf-8", "replace") for each in answer if isinstance(each, bytes)][:1_000]

    def _ask(self, command: str, *arguments: str) -> "_Answer":
        """The answer to a command that names mails by their UIDs."""
        with _faults(command):
            status, answer = self._client.uid(command, *arguments)
        if status != "OK":
            raise ImapFault(f"{command}: {_text(answer)}")
        return answer


@contextmanager
def imap_session(
    mailbox: Mailbox, password: str, addresses: Sequence[Resolved], *, seconds: float
) -> Iterator[ImapSession]:
    """Connects to the first of the checked `addresses` that answers, secures, logs in, opens the folder.

    Whatever the server does, the connection is cut after `seconds`. Raises ImapFault.
    """
    with _faults("connect"):
        client = _Client(mailbox, addresses)
    cut = Timer(seconds, client.cut)
    cut.daemon = True
    cut.start()
    try:
        with _faults("session"):
            _secure(client, mailbox)
            _log_in(client, mailbox.username, password)
            capabilities = _capabilities(client)
            folder = _open(client, mailbox.folder)
        yield ImapSession(client, capabilities, folder)
    finally:
        with suppress(imaplib.IMAP4.error, OSError):
            client.logout()
        cut.cancel()


def seen_of(
    mailbox: Mailbox, password: str, addresses: Sequence[Resolved], *, seconds: float
) -> tuple[Folder, list[str]]:
    """The folder and the names of all, for whoever sets a mailbox up. Raises ImapFault."""
    with imap_session(mailbox, password, addresses, seconds=seconds) as session:
        return session.folder, session.folders()


class _Client(imaplib.IMAP4):
    """Connects where it is told to, and reads no more than is good for it."""

    def __init__(self, mailbox: Mailbox, addresses: Sequence[Resolved]) -> None:
        self._mailbox = mailbox
        self._addresses = addresses
        super().__init__(mailbox.host, mailbox.port, _COMMAND_SECONDS)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        """What `IMAP4.open` connects with; its own would resolve the name again."""
        failure: OSError = OSError(f"{self._mailbox.host} has no address")
        for resolved in self._addresses:
            sock = socket.socket(resolved.family, socket.SOCK_STREAM)
            sock.settimeout(timeout)
            try:
                sock.connect((resolved.address, self._mailbox.port))
                if self._mailbox.tls is TlsMode.TLS:
                    sock = tls_context(self._mailbox).wrap_socket(sock, server_hostname=self._mailbox.host)
            except OSError as error:
                sock.close()
                failure = error
            else:
                return sock
        raise failure

    def read(self, size: int) -> bytes:
        if size > MAX_LITERAL:
            raise self.abort(f"a literal of {size} octets, more than {MAX_LITERAL}")
        return super().read(size)

    def cut(self) -> None:
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)


def tls_context(mailbox: Mailbox) -> ssl.SSLContext:
    """As the mailbox says whom to trust."""
    context = ssl.create_default_context(cadata=mailbox.ca_certificate)
    if not mailbox.verify_certificate:  # only where the mailbox says so explicitly
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def quoted_folder(name: str) -> str:
    """In modified UTF-7 (RFC 3501 §5.1.3), quoted; names hold no quotes."""
    pieces: list[str] = []
    for shifted, text in _runs(name):
        if shifted:
            encoded = text.encode("utf-7").decode("ascii")
            pieces.append("&" + encoded.removeprefix("+").removesuffix("-").replace("/", ",") + "-")
        else:
            pieces.append(text.replace("&", "&-"))
    return f'"{"".join(pieces)}"'


def _runs(name: str) -> Iterator[tuple[bool, str]]:
    for run in re.findall(r"[ -~]+|[^ -~]+", name):
        yield not run.isascii(), run


def _secure(client: _Client, mailbox: Mailbox) -> None:
    if mailbox.tls is not TlsMode.STARTTLS:
        return
    if "STARTTLS" not in client.capabilities:
        raise ImapFault("the server offers no STARTTLS", for_good=True)
    client.starttls(tls_context(mailbox))


def _log_in(client: _Client, username: str, password: str) -> None:
    try:
        if username.isascii() and password.isascii():
            client.login(username, password)
        else:  # RFC 4616: UTF-8
            client.authenticate("PLAIN", lambda _: f"\0{username}\0{password}".encode())
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        raise ImapFault(f"login: {_said(error)}", for_good="UNAVAILABLE" not in str(error)) from error


def _capabilities(client: _Client) -> frozenset[str]:
    """After the login there are more than before."""
    _, answer = client.capability()
    return frozenset(_text(answer).upper().split())


def _open(client: _Client, folder: str) -> Folder:
    status, answer = client.select(quoted_folder(folder))
    if status != "OK":
        raise ImapFault(f"folder {folder}: {_text(answer)}", for_good=True)
    _, validity = client.response("UIDVALIDITY")
    found = validity[0] if validity else None
    if not isinstance(found, bytes) or not found.isdigit():
        raise ImapFault(f"folder {folder} has no UIDVALIDITY", for_good=True)
    return Folder(int(found), int(answer[0]) if isinstance(answer[0], bytes) and answer[0].isdigit() else 0)


@contextmanager
def _faults(stage: str) -> Iterator[None]:
    try:
        yield
    except ImapFault:
        raise
    except ssl.SSLCertVerificationError as error:
        raise ImapFault(f"{stage}: {error.verify_message}", for_good=True) from error
    except (imaplib.IMAP4.error, OSError, ValueError) as error:
        raise ImapFault(f"{stage}: {_said(error)}") from error


type _Answer = Sequence[bytes | tuple[bytes, bytes] | None]


def _bodies(answer: _Answer) -> Iterator[tuple[int, bytes]]:
    """A mail comes as a pair of what stands before it and itself; its UID may also stand behind it."""
    for position, each in enumerate(answer):
        if not isinstance(each, tuple):
            continue
        after = answer[position + 1] if position + 1 < len(answer) else None
        uid = _UID.search(each[0]) or (_UID.search(after) if isinstance(after, bytes) else None)
        if uid is not None:
            yield int(uid[1]), each[1]


def _set(uids: Sequence[int]) -> str:
    return ",".join(map(str, uids))


def _text(answer: _Answer) -> str:
    return " ".join(each.decode("utf-8", "replace") for each in answer if isinstance(each, bytes))


def _said(error: Exception) -> str:
    first = error.args[0] if error.args else None
    if isinstance(first, bytes):
        return first.decode("utf-8", "replace")
    return str(error) or type(error).__name__
