"""Problem documents (RFC 9457): how the API says that it refuses."""

from typing import Literal

from pydantic import Field

from mail_proxy.models.base import Answer
from mail_proxy.models.messages import RejectedEntry


class FieldError(Answer):
    """One broken rule: where (`pointer` is a JSON pointer into `in_`), which, and in words."""

    in_: Literal["body", "query", "path", "header"] = Field(alias="in")
    pointer: str
    code: str
    detail: str


class Problem(Answer):
    """Why a call was refused. `code` is stable, `detail` is for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    errors: tuple[FieldError, ...] | None = None


class SubmissionProblem(Problem):
    """A problem; of a submission, with the messages that were refused."""

    rejected: tuple[RejectedEntry, ...] | None = None
