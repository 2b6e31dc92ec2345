"""How large the proofs are: moderate in `make test`, in full where `PROOFS` says so (`make soak`)."""

import os
from typing import Final

FULL: Final = os.environ.get("PROOFS") == "full"


def size(usual: int, *, full: int) -> int:
    """Of a proof."""
    return full if FULL else usual
