"""Tells replies that a machine wrote on somebody's behalf from reports: RFC 3834, and what was used before it."""

import re

from shared.mime.headers import Headers

_DAEMONS = re.compile(
    r"(?:mailer-?daemon|mail-?daemon|postmaster|mdaemon|mail\.?delivery(?:\.?(?:sub)?system)?|bounces?|ndr"
    r"|microsoftexchange[0-9a-f]{10,40})(?:[+=-][^@]{0,100})?(?:@|$)",
    re.IGNORECASE,
)
_ANGLED = re.compile(r"<([^<>]*)>")
_SUBJECTS = re.compile(
    r"^(?:(?:auto(?:matic|mated)?[ :-]?(?:reply|response|antwort)|autoreply|out of (?:the )?office|vacation"
    r"|abwesenheit|automatische antwort|risposta automatica|fuori (?:sede|ufficio)|r[ée]ponse automatique"
    r"|respuesta autom[áa]tica)\b)",
    re.IGNORECASE,
)


def is_automatic_reply(headers: Headers) -> bool:
    """A vacation notice or the like: sent for a person, about that person."""
    if (headers.get("auto-submitted") or "").lower().startswith("auto-replied"):
        return True
    if any(headers.get(name) for name in ("x-autoreply", "x-autorespond", "x-autoresponder", "x-vacation")):
        return True
    if (headers.get("precedence") or "").lower() in ("auto_reply", "auto-reply"):
        return True
    return _SUBJECTS.match(headers.text("subject") or "") is not None


def is_from_a_mail_system(headers: Headers) -> bool:
    """Sent by a mail server in its own name."""
    if headers.get("x-failed-recipients"):
        return True
    return _DAEMONS.match(_address(headers.get("from") or "")) is not None


def has_null_return_path(headers: Headers) -> bool:
    """RFC 5321 §4.5.5: reports and automatic replies are sent so, and nothing else should be."""
    return (headers.get("return-path") or "").strip() == "<>"


def _address(field: str) -> str:
    enclosed = _ANGLED.search(field[-400:])
    return (enclosed[1] if enclosed else field[:400]).strip()
