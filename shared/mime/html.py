"""The text of an HTML page, near enough to find an address and a code in it."""

import html
import re

_LINE_TAG = re.compile(r"</?(?:p|br|div|tr|li|table|h\d|pre|blockquote)\b[^<>]{0,500}>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{1,500}>")


def text_of_html(page: str) -> str:
    """Block elements end lines; nothing is rendered, and scripts and styles stay as text."""
    return html.unescape(_TAG.sub("", _LINE_TAG.sub("\n", page)))
