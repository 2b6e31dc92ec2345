"""`make redeploy`: brings changed code into the functions of the running `make dev`."""

import sys

from localstack.demo.screen import Screen
from localstack.deploy import redeploy
from localstack.dev import NoSessionError, running_session
from localstack.system import START_ERRORS


def main() -> int:
    """Redeploy into the running system; return the exit status."""
    screen = Screen()
    try:
        session = running_session()
        with screen.step(f"bringing the code to {session.endpoint_url}"):
            redeploy(session.endpoint_url)
    except (NoSessionError, *START_ERRORS) as error:
        screen.failures("Nothing was redeployed:", [str(error)])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
