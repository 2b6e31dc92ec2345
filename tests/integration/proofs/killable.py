"""A sender in a process of its own, so that it can be killed with SIGKILL while it sends through a real relay."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

from shared.aws.connections import Connections
from shared.clock import SECOND, Millis
from shared.lines.attendance import Disposition
from shared.lines.wakeups import WakeUp
from tests.integration.lane_driver import WORKING_TIME
from tests.integration.proofs.conftest import ProofDriver
from tests.integration.proofs.sender_process import Assignment, Call, Done, Held, TableCall
from tests.unit.moto_wire import post_to_moto

_COMMAND = "import sys; from tests.integration.proofs.sender_process import main; main(int(sys.argv[1]))"
_QUIET = {"POWERTOOLS_LOG_LEVEL": "ERROR", "POWERTOOLS_METRICS_NAMESPACE": "Test"}
_END_SECONDS = 10.0
_VISIBILITY: Millis = 240 * SECOND  # of the queues: what a worker that died at once leaves


class KillableDriver(ProofDriver):
    """Works lanes in a process that is warm from one invocation to the next until it is killed, then made anew.

    `called` hears of each of its calls to AWS, before it is made and after.
    """

    called: Callable[[], None] = staticmethod(lambda: None)
    kills = 0
    _process: subprocess.Popen[bytes] | None = None
    _pipe: Connection | None = None

    def kill(self) -> None:
        """At once, whatever it is doing. From any thread."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(_END_SECONDS)
            self.kills += 1

    async def work(self, wake_up: WakeUp) -> Disposition:
        """One invocation. A wake-up whose worker was killed comes back when its visibility ends."""
        done = await asyncio.to_thread(self._invoke, wake_up)
        disposition = Disposition.GIVE_BACK if done is None else done.disposition
        self.worked.append((wake_up.line, disposition))
        if done is None:
            self.system.wake_ups.held.setdefault(wake_up, self.system.clock() + _VISIBILITY)
        else:
            self.system.clock.now = max(self.system.clock.now, done.now)
        if disposition is Disposition.ACKNOWLEDGE:
            self._delete(wake_up)
        return disposition

    def _invoke(self, wake_up: WakeUp) -> Done | None:
        now = self.system.clock()
        try:
            pipe = self._running()
            pipe.send(Assignment(wake_up, now, now + WORKING_TIME))
            while True:
                match pipe.recv():
                    case Call() as call:
                        self.called()
                        pipe.send(post_to_moto(Connections(f"https://{call.host}"), call.headers, call.body, call.path))
                        self.called()
                    case TableCall() as call:
                        self.called()
                        pipe.send(call.carried_out([self.system.registry, self.system.messages]))
                        self.called()
                    case Held(until):
                        self.system.wake_ups.held[wake_up] = until
                    case Done() as done:
                        return done
        except (EOFError, OSError):
            if self._end() != -signal.SIGKILL:
                self.crashes.append(RuntimeError("the sender's process ended by itself"))
            return None

    def _running(self) -> Connection:
        if self._pipe is None:
            mine, theirs = socket.socketpair()
            with theirs:
                command = [sys.executable, "-c", _COMMAND, str(theirs.fileno())]
                self._process = subprocess.Popen(command, env=os.environ | _QUIET, pass_fds=(theirs.fileno(),))
            self._pipe = Connection(mine.detach())
            self._pipe.send(self.system.sender_settings)
        return self._pipe

    def _end(self) -> int | None:
        """How the process has ended, if there was one."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._process is None:
            return None
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(_END_SECONDS)
        self._process.kill()
        return self._process.wait()

    async def close(self) -> None:
        self._end()
        await super().close()
