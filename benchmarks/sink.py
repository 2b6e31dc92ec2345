"""Postfix's smtp-sink: a relay that takes everything, keeps nothing, and counts."""

import os
import re
import time
from typing import Self

from benchmarks.servers import HOST, PROJECT, Server, ServerError

PROGRAM = PROJECT / ".tools" / "postfix" / "smtp-sink"

_BACKLOG = 100
_POLL_SECONDS = 0.01
_COUNT = re.compile(rb"mesg=(\d+)")
_LAST_COUNT_BYTES = 200


class Sink(Server):
    """smtp-sink, from its start to the end of the `with` block."""

    def __init__(self) -> None:
        if not PROGRAM.exists():
            raise ServerError("smtp-sink is not installed: run `make bench`, which fetches it.")
        # As root it wants to know whom to become.
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        super().__init__("sink", [str(PROGRAM), *user, "-c", f"{HOST}:{{port}}", str(_BACKLOG)], {})

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    @property
    def mails(self) -> int:
        """How many it has taken."""
        with self.output_path.open("rb") as output:
            output.seek(max(0, output.seek(0, os.SEEK_END) - _LAST_COUNT_BYTES))
            counts = _COUNT.findall(output.read())
        return int(counts[-1]) if counts else 0

    def wait_for(self, mails: int, *, timeout: float) -> None:
        """Returns when it has taken so many since its start. Raises TimeoutError."""
        deadline = time.monotonic() + timeout
        while self.mails < mails:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the sink has {self.mails} mails after {timeout:.0f} s, not {mails}")
            time.sleep(_POLL_SECONDS)
