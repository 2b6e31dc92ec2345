"""Who calls AWS: the role of the function, from its environment; elsewhere, whoever boto3 finds."""

import os
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from botocore.credentials import Credentials as FoundCredentials


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key and, for a role, the token that goes with it."""

    key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def current_credentials() -> Credentials:
    """Lambda puts them into the environment, where they are good for as long as the process.

    With SnapStart it does not, nor does a developer's machine have to: then botocore's search finds and renews them
    (https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html). Raises ConfigurationError if nobody can.
    """
    key_id, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if key_id and secret:
        return Credentials(key_id, secret, os.environ.get("AWS_SESSION_TOKEN") or None)
    frozen = _found().get_frozen_credentials()
    if frozen.access_key is None or frozen.secret_key is None:
        raise ConfigurationError("the AWS credentials that were found are incomplete")
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token)


@cache
def _found() -> "FoundCredentials":
    from botocore.session import Session  # half a second of a start

    found = Session().get_credentials()
    if found is None:
        raise ConfigurationError("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")
    return found
