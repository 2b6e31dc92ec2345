"""Paths within storages: plain, so that no client or server on the way reads them as another path. Pure."""

from typing import Final

from shared.errors import InvalidInput

MAX_KEY: Final = 1_024  # octets of an S3 key


def refuse_tricks(path: str) -> str:
    """Raises InvalidInput for segments that are empty, `.` or `..`, for control characters and backslashes.

    An object's key may hold them all, but HTTP libraries shorten such paths, and then read what was not meant.
    """
    if any(character < " " or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff" for character in path):
        raise InvalidInput("a path holds no control characters", code="invalid_path")
    if "\\" in path:
        raise InvalidInput("a path is divided by /, and holds no backslash", code="invalid_path")
    if any(segment in ("", ".", "..") for segment in path.removesuffix("/").split("/")):
        raise InvalidInput("a path has no empty segment, and none that is . or ..", code="invalid_path")
    if len(path.encode()) > MAX_KEY:
        raise InvalidInput(f"a path has at most {MAX_KEY} bytes", code="too_long")
    return path
