"""The marker `{MD5:…}` in the name of an attachment: says which bytes are meant, as `content_md5` does. Pure.

It is no part of the name that readers see; nor is what joins it to the name: `report_{MD5:…}.pdf` is `report.pdf`.
"""

import re
from dataclasses import dataclass

from shared.errors import InvalidInput

_MARKER = re.compile(r"[_\- ]?\{MD5:([^{}]*)\}")
_DIGEST = re.compile(r"[0-9A-Fa-f]{32}")


@dataclass(frozen=True, slots=True)
class MarkedName:
    """`md5` is what the marker says, None without one; `name` is the rest."""

    name: str
    md5: str | None


def read_marker(filename: str) -> MarkedName:
    """Raises InvalidInput for a marker that holds no MD5, a second marker, and a name that is nothing but a marker."""
    markers = list(_MARKER.finditer(filename))
    if not markers:
        return MarkedName(filename, None)
    if len(markers) > 1:
        raise InvalidInput(f"a name has at most one {{MD5:…}}, not {len(markers)}", code="invalid_md5")
    [marker] = markers
    if not _DIGEST.fullmatch(marker[1]):
        seen = f"{marker[1]!a:.50}"
        raise InvalidInput(f"{{MD5:…}} in a name takes 32 hexadecimal digits, not {seen}", code="invalid_md5")
    name = filename[: marker.start()] + filename[marker.end() :]
    if not name:
        raise InvalidInput("nothing is left of the name without its {MD5:…}", code="missing_field")
    return MarkedName(name, marker[1])
