"""Entry point of `make demo`. Exits with 0 when everything adds up, 1 when not, 128 + signal when stopped."""

import sys

from localstack.demo.proxy import ProxyError
from localstack.demo.run import run
from localstack.demo.screen import Screen
from localstack.logs import recent_errors
from localstack.system import START_ERRORS, LocalSystem, Stopped, ended_by_signals, local_system


def main() -> int:
    """Run the demo in a system of its own; return the exit status."""
    screen = Screen()
    try:
        with ended_by_signals(), local_system("demo", screen.step) as system:
            return _run_in(system, screen)
    except START_ERRORS as error:
        screen.failures("The demo could not be run:", [str(error)])
        return 1
    except Stopped as stopped:
        screen.say("stopped before the end")
        return stopped.exit_status


def _run_in(system: LocalSystem, screen: Screen) -> int:
    try:
        return 0 if run(system, screen) else 1
    except (ProxyError, TimeoutError) as error:
        screen.failures("The demo ended early:", [str(error)])
        screen.failures("Errors in the functions' logs:", recent_errors(system.deployment.endpoint_url))
        return 1


if __name__ == "__main__":
    sys.exit(main())
