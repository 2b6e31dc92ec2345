"""What a refusal is about: the whole relay, the account, this mail, or one recipient of it; and whether for good.

By stage, reply code (RFC 5321) and enhanced code (RFC 3463 and the IANA registry of "SMTP Enhanced Status Codes").
What makes the line wait uses no attempt and no time of the mail's, so that one mail must never be able to stop it:
after MAIL FROM only replies about the session itself are taken to be about relay or account.
"""

from shared.delivery.providers import PROVIDER_REPLIES
from shared.delivery.replies import CLOSING, Reply, Scope, Stage, Verdict

_BAD_SEQUENCE, _NOT_IMPLEMENTED, _NO_MAIL_HERE = 503, 502, 521

# The session's authentication or encryption: RFC 4954 §6, RFC 3207 §4, RFC 5248 §2.4. The enhanced codes without their
# class; X.7.12 and X.7.13 are not among them, since Exchange says them of recipients.
_CREDENTIALS = frozenset({523, 524, 525, 530, 534, 535, 538})
_CREDENTIALS_DETAIL = frozenset({"7.8", "7.9", "7.10", "7.11", "7.14"})

_SENDER_DETAIL = frozenset({"1.7", "1.8", "7.27"})  # X.7.27: the sender's domain takes no mail (RFC 7505)
_CLIENT_DETAIL = "7.25"  # RFC 7372 §3.3: the client's address has no name
_TOO_BIG_DETAIL = "3.4"
_TOO_MANY_DETAIL = "5.3"

_RELAY_WAITS = Verdict(Scope.RELAY, permanent=False)
_ACCOUNT_WAITS = Verdict(Scope.ACCOUNT, permanent=False)


def classify(stage: Stage, reply: Reply) -> Verdict:
    """What a reply other than success at `stage` is about."""
    if not 400 <= reply.code < 600:  # no refusal of SMTP: it says nothing about a mail
        return _RELAY_WAITS
    for row in PROVIDER_REPLIES:
        if row.matches(stage, reply):
            return row.verdict(reply)
    if reply.code == CLOSING:
        return _RELAY_WAITS
    match stage:
        case Stage.CONNECT | Stage.TLS | Stage.EHLO:  # before there is a mail, nothing is about one
            return _RELAY_WAITS
        case Stage.AUTH:
            return _at_auth(reply)
    if reply.code in _CREDENTIALS or reply.detail in _CREDENTIALS_DETAIL:
        return _ACCOUNT_WAITS
    if reply.detail == _CLIENT_DETAIL:
        return _RELAY_WAITS
    match stage:
        case Stage.MAIL:
            return _at_mail(reply)
        case Stage.RCPT:
            return _at_rcpt(reply)
        case Stage.DATA:
            return Verdict(Scope.MESSAGE, reply.is_permanent)


def asks_for_another_transaction(reply: Reply) -> bool:
    """At RCPT, after others were taken: "too many recipients" for one transaction. RFC 5321 §4.5.3.1.10 wants 452, and
    that a 552 be understood the same; X.5.3 says so with any code."""
    return reply.detail == _TOO_MANY_DETAIL or (reply.code in (452, 552) and reply.enhanced is None)


def _at_auth(reply: Reply) -> Verdict:
    """Refused credentials, mechanisms and accounts are the account's; other temporary troubles are the relay's.

    RFC 4954 §6: 432 is a password transition. 454 4.7.0 is temporary; SES leaves the enhanced code out.
    """
    about_account = (
        reply.is_permanent
        or reply.code == 432
        or reply.subject == "7"
        or (reply.code == 454 and reply.enhanced is None)
    )
    return _ACCOUNT_WAITS if about_account else _RELAY_WAITS


def _at_mail(reply: Reply) -> Verdict:
    """The relay's own state, while no recipient is named; else this mail's sender and size, never a recipient."""
    if reply.code in (_BAD_SEQUENCE, _NOT_IMPLEMENTED, _NO_MAIL_HERE):  # RFC 7504 §3: 521
        return _RELAY_WAITS
    if reply.detail in ("3.2", "3.5"):  # takes no mail, is configured wrongly: whatever the class
        return _RELAY_WAITS
    if reply.detail == "4.5":  # RFC 3463 §3.5: congestion, which is temporary by definition
        return _RELAY_WAITS
    if reply.subject == "3" and not reply.is_permanent and reply.detail != _TOO_BIG_DETAIL:  # RFC 3463 §3.4
        return _RELAY_WAITS
    return Verdict(Scope.MESSAGE, reply.is_permanent)


def _at_rcpt(reply: Reply) -> Verdict:
    """That recipient, except where the reply speaks of the session or of the sender."""
    if reply.code == _BAD_SEQUENCE:  # MAIL was taken: the session lost its state, or wants AUTH after all
        return _RELAY_WAITS
    if reply.detail in _SENDER_DETAIL:  # relays may judge the sender as late as here
        return Verdict(Scope.MESSAGE, reply.is_permanent)
    return Verdict(Scope.RECIPIENT, reply.is_permanent and reply.detail != _TOO_MANY_DETAIL)
