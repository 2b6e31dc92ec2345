"""A real IMAP server: Dovecot as an ordinary process on loopback, with a folder of its own and nobody's mail."""

import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
import trustme
from imap_tools import MailBoxUnencrypted

TOOLS = Path(__file__).parents[3] / ".tools" / "dovecot"
PASSWORD = "correct-horse"
_STARTS_WITHIN = 20.0


def dovecot_or_skip() -> None:
    """Skips the test where `make` found no Dovecot."""
    if not (TOOLS / "start").exists():
        pytest.skip("needs Dovecot: run scripts/install-dovecot.sh")


@dataclass(frozen=True)
class Ports:
    """On 127.0.0.1."""

    imap: int
    imaps: int


class Dovecot:
    """Takes any user with `PASSWORD`. A context; `stop` and `start` are a restart, `kill` an outage."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.ports = Ports(_free_port(), _free_port())
        self.authority = trustme.CA()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def ca_certificate(self) -> str:
        return self.authority.cert_pem.bytes().decode()

    def __enter__(self) -> Self:
        self._prepare()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        self._process = subprocess.Popen([str(TOOLS / "start"), str(self.folder / "dovecot.conf")])
        deadline = time.monotonic() + _STARTS_WITHIN
        while not self._greets():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Dovecot did not start:\n{self.log()}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_STARTS_WITHIN)
            self._process = None

    def log(self) -> str:
        path = self.folder / "run" / "log"
        return path.read_text() if path.exists() else "no log"

    def append(self, user: str, *mails: bytes, folder: str = "INBOX") -> None:
        """Puts mail into a user's folder, which is made if it is not there."""
        with self.client(user) as box:
            if not box.folder.exists(folder):
                box.folder.create(folder)
            for mail in mails:
                box.append(mail, folder)

    def client(self, user: str) -> MailBoxUnencrypted:
        """A session, logged in."""
        box = MailBoxUnencrypted("127.0.0.1", self.ports.imap, timeout=10)
        box.login(user, PASSWORD)
        return box

    def renew_uid_validity(self, user: str) -> None:
        """As after a restore from backup: same mails, other UIDs."""
        for path in (self.folder / "mail" / user).rglob("dovecot-uidlist*"):
            path.unlink()
        for path in (self.folder / "mail" / user).rglob("dovecot.index*"):
            path.unlink()
        for path in (self.folder / "mail" / user).glob("dovecot-uidvalidity*"):
            path.unlink()

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.ports.imap), timeout=1) as connection:
                return connection.recv(100).startswith(b"* OK")
        except OSError:
            return False

    def _prepare(self) -> None:
        # Dovecot delivers to nobody of uid 0: under root, it works for `nobody`.
        owner = pwd.getpwuid(os.getuid()) if os.getuid() else pwd.getpwnam("nobody")
        server = self.authority.issue_cert("localhost", "127.0.0.1")
        run, mail = self.folder / "run", self.folder / "mail"
        for path in (run / "login", mail):
            path.mkdir(parents=True)
        if (TOOLS / "modules").exists():
            for path in (run, run / "login"):
                (path / "modules").symlink_to((TOOLS / "modules").resolve())
        server.cert_chain_pems[0].write_to_path(str(self.folder / "cert.pem"))
        server.private_key_pem.write_to_path(str(self.folder / "key.pem"))
        (self.folder / "dovecot.conf").write_text(self._configuration(owner))
        self.folder.chmod(0o755)
        if not os.getuid():
            os.chown(mail, owner.pw_uid, owner.pw_gid)

    def _configuration(self, owner: pwd.struct_passwd) -> str:
        group = subprocess.run(["id", "-gn", owner.pw_name], capture_output=True, text=True, check=True).stdout.strip()
        return f"""
!include {TOOLS / "paths.conf"}
base_dir = {self.folder / "run"}
state_dir = {self.folder / "run"}
log_path = {self.folder / "run" / "log"}
import_environment = LD_LIBRARY_PATH
protocols = imap
listen = 127.0.0.1
default_internal_user = {owner.pw_name}
default_internal_group = {group}
default_login_user = {owner.pw_name}
ssl = yes
ssl_cert = <{self.folder / "cert.pem"}
ssl_key = <{self.folder / "key.pem"}
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_location = maildir:{self.folder / "mail"}/%u
mail_fsync = never
first_valid_uid = 1
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={self.folder / "mail"}/%u
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {self.ports.imap}
  }}
  inet_listener imaps {{
    port = {self.ports.imaps}
    ssl = yes
  }}
}}
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def client_context(dovecot: Dovecot) -> ssl.SSLContext:
    """Trusts that server only."""
    return ssl.create_default_context(cadata=dovecot.ca_certificate)
