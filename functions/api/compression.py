"""Answers in gzip, for those who take it."""

import gzip


def takes_gzip(accept_encoding: str) -> bool:
    """By the header of that name (RFC 9110, 12.5.3): gzip is named, and not with a weight of nothing."""
    for each in accept_encoding.lower().split(","):
        coding, *parameters = (part.strip() for part in each.split(";"))
        if coding == "gzip":
            return not any(weight.strip("0.") == "" for weight in _weights(parameters))
    return False


def gzipped(body: bytes) -> bytes:
    """The same body gives the same bytes."""
    return gzip.compress(body, compresslevel=5, mtime=0)


def _weights(parameters: list[str]) -> list[str]:
    return [value.strip() for name, _, value in (each.partition("=") for each in parameters) if name.strip() == "q"]
