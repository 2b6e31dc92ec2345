"""Replies that mean something else than their codes say, as data: each with the page where the provider says so.

The only place where the text of a reply decides. A row is as narrow as its source allows, since what makes an account's
line wait must not be a text that some recipient's server can choose. Rows that no page of the provider confirms are not
here: their replies are read by their codes.
"""

import re
from dataclasses import dataclass

from shared.delivery.replies import Reply, Scope, Stage, Verdict


@dataclass(frozen=True, slots=True)
class ProviderReply:
    """`code`, `enhanced` (a pattern for all of it) and `stages` are None where they do not matter; `permanent` is None
    where the code tells it rightly."""

    provider: str
    code: int | None
    enhanced: str | None
    text: str
    scope: Scope
    source: str
    permanent: bool | None = False
    stages: frozenset[Stage] | None = None

    def matches(self, stage: Stage, reply: Reply) -> bool:
        return (
            self.code in (None, reply.code)
            and (self.stages is None or stage in self.stages)
            and (self.enhanced is None or re.fullmatch(self.enhanced, reply.enhanced or "") is not None)
            and re.search(self.text, reply.text, re.IGNORECASE) is not None
        )

    def verdict(self, reply: Reply) -> Verdict:
        return Verdict(self.scope, reply.is_permanent if self.permanent is None else self.permanent)


_AT_RCPT, _AT_DATA = frozenset({Stage.RCPT}), frozenset({Stage.DATA})
_IN_A_MAIL = frozenset({Stage.MAIL, Stage.RCPT, Stage.DATA})

_SES = "https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html"
_GMAIL = "https://support.google.com/a/answer/3726730"
_GMAIL_RELAY = "https://support.google.com/a/answer/6140680"
_MICROSOFT = "https://learn.microsoft.com/en-us/exchange/troubleshoot/"
_MICROSOFT_NDR = f"{_MICROSOFT}email-delivery/ndr/non-delivery-reports-in-exchange-online"
_MICROSOFT_SUBMISSION = f"{_MICROSOFT}send-emails/smtp-submission-improvements"
_MICROSOFT_THROTTLING = "https://learn.microsoft.com/en-us/Exchange/mail-flow-best-practices/continuous-error-throttling-smtp-auth-submissions"
_SENDGRID = "https://www.twilio.com/docs/sendgrid/for-developers/sending-email/smtp-errors-and-troubleshooting"

PROVIDER_REPLIES = (
    # The account's quotas: it waits, and no mail is the worse for it.
    ProviderReply("Amazon SES", 454, None, r"^Throttling failure\b", Scope.ACCOUNT, _SES),
    ProviderReply("Gmail", 550, r"5\.4\.5", r"\b(sending|relay) (quota|limit) exceeded", Scope.ACCOUNT, _GMAIL),
    ProviderReply(
        "Gmail", 550, r"5\.7\.1", r"\bDaily SMTP relay (sending )?limit exceeded", Scope.ACCOUNT, _GMAIL_RELAY
    ),
    ProviderReply("Gmail", 450, r"4\.2\.1", r"\bPeak SMTP relay limit exceeded", Scope.ACCOUNT, _GMAIL_RELAY),
    ProviderReply(
        "Gmail", 421, r"4\.7\.(0|28)", r"\bdetected an unusual rate of unsolicited mail\b", Scope.ACCOUNT, _GMAIL
    ),
    ProviderReply(
        "Microsoft 365", 432, r"4\.3\.2", r"\bconcurrent connections? limit exceeded|STOREDRV\.ClientSubmit\b",
        Scope.ACCOUNT, _MICROSOFT_SUBMISSION,
    ),
    ProviderReply(
        "Microsoft 365", 554, r"5\.2\.0", r"STOREDRV\.Submission\.Exception:SubmissionQuotaExceeded",
        Scope.ACCOUNT, _MICROSOFT_SUBMISSION,
    ),
    # The sender's mailbox, where Exchange keeps what was sent; "mailbox full" alone would be a recipient's.
    ProviderReply(
        "Microsoft 365", 554, r"5\.2\.2", r"STOREDRV\.Submission\.Exception:QuotaExceeded",
        Scope.ACCOUNT, _MICROSOFT_SUBMISSION,
    ),
    ProviderReply("Microsoft 365", None, r"5\.2\.2", r"\bSubmission quota exceeded", Scope.ACCOUNT, _MICROSOFT_NDR),
    ProviderReply(
        "Microsoft 365", 550, r"5\.2\.25[1-5]", r"\bSender throttled due to continuous\b",
        Scope.ACCOUNT, _MICROSOFT_THROTTLING,
    ),
    ProviderReply(
        "Microsoft 365", 550, r"5\.1\.90", r"\bdaily limit for message recipients\b", Scope.ACCOUNT, _MICROSOFT_NDR
    ),
    ProviderReply(
        "Microsoft 365", 550, r"5\.7\.23[23]", r"\btenant (has )?exceeded its daily limit\b",
        Scope.ACCOUNT, _MICROSOFT_NDR,
    ),
    ProviderReply("SendGrid", 451, None, r"^Authentication failed: Maximum credits exceeded", Scope.ACCOUNT, _SENDGRID),
    ProviderReply(
        "Emailit", 452, r"4\.(4\.5|5\.3)", r"^(Messages per second|Daily message) limit exceeded",
        Scope.ACCOUNT, "https://emailit.com/docs/smtp/troubleshooting/", stages=frozenset({Stage.MAIL}),
    ),
    ProviderReply(
        "Aruba", None, None, r"^\w{15,40} policy violation$", Scope.ACCOUNT,
        "https://guide.arubabusiness.it/email/configurazioni-email-arubabusiness/errori-comuni-invio-ricezione-posta",
        stages=_IN_A_MAIL,
    ),
    # The account is blocked or not set up: nothing of it is taken until somebody mends that.
    ProviderReply("Gmail", 550, r"5\.7\.1", r"\bInvalid credentials for relay\b", Scope.ACCOUNT, _GMAIL),
    ProviderReply("Microsoft 365", 550, r"5\.1\.8", r"\bbad outbound sender\b", Scope.ACCOUNT, _MICROSOFT_NDR),
    ProviderReply(
        "Microsoft 365", 550, r"5\.7\.50[1-3]", r"^Access denied, (spam abuse detected|banned sender)",
        Scope.ACCOUNT, _MICROSOFT_NDR,
    ),
    ProviderReply(
        "Microsoft 365", 550, r"5\.7\.70[58]", r"^Access denied, (tenant has exceeded threshold|traffic not accepted)",
        Scope.ACCOUNT, _MICROSOFT_NDR,
    ),
    ProviderReply("Microsoft 365", None, r"5\.7\.57", r"\bnot authenticated\b", Scope.ACCOUNT, _MICROSOFT_NDR),
    ProviderReply(
        "Microsoft 365", 550, r"5\.7\.64", r"^TenantAttribution\b", Scope.ACCOUNT,
        f"{_MICROSOFT}email-delivery/ndr/relay-access-denied-smtp",
    ),
    # The address that we come from.
    ProviderReply(
        "Microsoft 365", 451, r"4\.7\.([56]\d\d|8[5-9]\d)",
        r"^Access denied, please try again later|^Server busy\b", Scope.RELAY, _MICROSOFT_NDR,
    ),
    ProviderReply(
        "Aruba PEC", None, None, r"^Indirizzo IP bloccato temporaneamente\b", Scope.RELAY,
        "https://guide.pec.it/posta-pec/faq-errori-comuni/errori-comuni/errori-comuni-durante-invio-ricezione-pec.aspx",
    ),
    # A recipient who gets too much just now, under a code that calls the mailbox dead.
    *(
        ProviderReply(provider, 550, enhanced, text, scope, source, stages=stages)
        for provider, enhanced, text, source in (
            ("Gmail", r"5\.2\.1", r"\bis receiving e?mail (too quickly|at a rate that prevents)\b", _GMAIL),
            ("Microsoft 365", r"5\.2\.12[12]", r"\bper hour message receive limit\b", _MICROSOFT_NDR),
        )
        for scope, stages in ((Scope.RECIPIENT, _AT_RCPT), (Scope.MESSAGE, _AT_DATA))
    ),
    # The mail's sender, named late: Postfix judges it at RCPT (`smtpd_delay_reject`), and so does Aruba's PEC.
    ProviderReply(
        "Postfix", None, None, r"^<[^>]*>: Sender address rejected:", Scope.MESSAGE,
        "https://www.postfix.org/postconf.5.html#smtpd_delay_reject", permanent=None, stages=_AT_RCPT,
    ),
    # A code that is none of SMTP's, and not temporary.
    ProviderReply(
        "SendGrid", 403, None, r"\bnot authorized to send from that email address\b", Scope.MESSAGE, _SENDGRID,
        permanent=True, stages=_IN_A_MAIL,
    ),
)  # fmt: skip
