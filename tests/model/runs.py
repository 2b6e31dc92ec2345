"""How long the randomised tests run: bounded in `make test`, `MODEL_RUNS` times as long in `make fuzz`."""

import os
from typing import Final

from hypothesis import HealthCheck, settings

_TIMES: Final = int(os.environ.get("MODEL_RUNS", "1"))
is_long: Final = _TIMES > 1


def bounded(*, runs: int) -> settings:
    """A run is a whole life of the mail proxy: tens of milliseconds, and more on a busy machine."""
    return settings(
        max_examples=runs * _TIMES,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
