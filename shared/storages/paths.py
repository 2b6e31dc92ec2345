"""Paths within storages: plain, so that no client or server on the way reads them as another path. Pure."""

from typing import Final

from pydantic_core import PydanticCustomError

MAX_KEY: Final = 1_024  # octets of an S3 key


def refuse_tricks(path: str) -> str:
    """Raises PydanticCustomError for segments that are empty, `.` or `..`, for control characters and backslashes.

    An object's key may hold them all, but HTTP libraries shorten such paths, and then read what was not meant.
    """
    if any(character < " " or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff" for character in path):
        raise PydanticCustomError("invalid_path", "a path holds no control characters")
    if "\\" in path:
        raise PydanticCustomError("invalid_path", "a path is divided by /, and holds no backslash")
    if any(segment in ("", ".", "..") for segment in path.removesuffix("/").split("/")):
        raise PydanticCustomError("invalid_path", "a path has no empty segment, and none that is . or ..")
    if len(path.encode()) > MAX_KEY:
        raise PydanticCustomError("too_long", "a path has at most {max} bytes", {"max": MAX_KEY})
    return path
