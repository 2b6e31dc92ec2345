"""The region that the function runs in."""

import os

from shared.errors import ConfigurationError


def current_region() -> str:
    """As the environment names it. Raises ConfigurationError when it names none."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise ConfigurationError("no AWS region: set AWS_REGION")
    return region
