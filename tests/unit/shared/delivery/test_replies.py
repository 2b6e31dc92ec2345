"""How a relay's reply is read, what it is taken to be about, and what delay it names."""

import pytest

from shared.clock import HOUR, MINUTE, SECOND, Millis
from shared.delivery.classification import asks_for_another_transaction, classify
from shared.delivery.providers import PROVIDER_REPLIES
from shared.delivery.replies import Reply, Scope, Stage, Verdict, delay_hint
from shared.suppression.model import SUPPRESSING_CODES

RELAY_WAITS = Verdict(Scope.RELAY, permanent=False)
ACCOUNT_WAITS = Verdict(Scope.ACCOUNT, permanent=False)
MAIL_LATER = Verdict(Scope.MESSAGE, permanent=False)
MAIL_NEVER = Verdict(Scope.MESSAGE, permanent=True)
RECIPIENT_LATER = Verdict(Scope.RECIPIENT, permanent=False)
RECIPIENT_NEVER = Verdict(Scope.RECIPIENT, permanent=True)

type Row = tuple[Stage, int, str, Verdict, str]

CLOSING: list[Row] = [  # RFC 5321 §3.8
    (Stage.CONNECT, 421, "4.3.2 try again later", RELAY_WAITS, "421 in place of the greeting"),
    (Stage.CONNECT, 421, "Too many concurrent SMTP connections", RELAY_WAITS, "SES has enough connections"),
    (Stage.TLS, 421, "closing", RELAY_WAITS, "421 to STARTTLS"),
    (Stage.EHLO, 421, "4.7.0 Try again later, closing connection. (EHLO) - gsmtp", RELAY_WAITS, "Gmail at EHLO"),
    (Stage.AUTH, 421, "4.7.0 too many failed logins", RELAY_WAITS, "421 is not about the credentials"),
    (Stage.MAIL, 421, "4.7.0 too many messages on this connection", RELAY_WAITS, "enough mails over one connection"),
    (Stage.MAIL, 421, "4.4.2 Message submission rate for this client has exceeded the configured limit", RELAY_WAITS,
     "Exchange's own rate limit"),
    (Stage.RCPT, 421, "4.4.2 idle", RELAY_WAITS, "421 at RCPT is no recipient's"),
    (Stage.RCPT, 421, "4.7.0 TLS required for RCPT domain, closing connection", RELAY_WAITS, "421 speaking of RCPT"),
    (Stage.DATA, 421, "4.3.0 shutting down", RELAY_WAITS, "421 after the text is no mail's"),
]  # fmt: skip

OPENING: list[Row] = [
    (Stage.CONNECT, 554, "5.7.1 no SMTP service here", RELAY_WAITS, "RFC 5321 §3.1: 554 greeting"),
    (Stage.CONNECT, 521, "5.3.2 host does not accept mail", RELAY_WAITS, "RFC 7504: 521 greeting"),
    (Stage.CONNECT, 450, "busy", RELAY_WAITS, "greeting put off"),
    (Stage.CONNECT, 520, "", RELAY_WAITS, "an unknown code and no text"),
    (Stage.CONNECT, 550, "5.7.606 Access denied, banned sending IP [192.0.2.1]", RELAY_WAITS, "our address is banned"),
    (Stage.TLS, 454, "4.7.0 TLS not available due to temporary reason", RELAY_WAITS, "RFC 3207 §4: 454"),
    (Stage.TLS, 501, "5.5.4 no parameters allowed", RELAY_WAITS, "RFC 3207 §4: 501"),
    (Stage.TLS, 502, "not implemented", RELAY_WAITS, "STARTTLS offered and not known"),
    (Stage.EHLO, 504, "command parameter", RELAY_WAITS, "the name that we give is not liked"),
    (Stage.EHLO, 550, "5.7.1 refused", RELAY_WAITS, "EHLO refused by policy"),
    (Stage.EHLO, 450, "4.7.1 wait", RELAY_WAITS, "EHLO put off"),
    (Stage.EHLO, 550, "5.7.506 Access Denied, Bad HELO", RELAY_WAITS, "Exchange dislikes our name"),
]  # fmt: skip

AUTH: list[Row] = [  # RFC 4954 §6
    (Stage.AUTH, 535, "5.7.8 credentials invalid", ACCOUNT_WAITS, "wrong password"),
    (Stage.AUTH, 535, "", ACCOUNT_WAITS, "wrong password, nothing more said"),
    (Stage.AUTH, 535, "Authentication Credentials Invalid", ACCOUNT_WAITS, "SES: wrong password"),
    (Stage.AUTH, 535, "Account not subscribed to SES", ACCOUNT_WAITS, "SES: account not subscribed"),
    (Stage.AUTH, 535, "5.7.3 Authentication unsuccessful", ACCOUNT_WAITS, "Exchange: SMTP AUTH off, or wrong token"),
    (Stage.AUTH, 535, "5.7.139 Authentication unsuccessful, basic authentication is disabled", ACCOUNT_WAITS,
     "Exchange: basic authentication is off"),
    (Stage.AUTH, 534, "5.7.9 Application-specific password required", ACCOUNT_WAITS, "Gmail wants an app password"),
    (Stage.AUTH, 534, "5.7.9 mechanism too weak", ACCOUNT_WAITS, "mechanism too weak"),
    (Stage.AUTH, 530, "5.7.0 must issue STARTTLS first", ACCOUNT_WAITS, "RFC 3207: the account's tls setting"),
    (Stage.AUTH, 538, "5.7.11 encryption required", ACCOUNT_WAITS, "encryption required for the mechanism"),
    (Stage.AUTH, 525, "5.7.13 user account disabled", ACCOUNT_WAITS, "RFC 5248: user account disabled"),
    (Stage.AUTH, 525, "5.7.1 Unauthorized IP address", ACCOUNT_WAITS, "Brevo: address not on the account's list"),
    (Stage.AUTH, 504, "5.5.4 unrecognized mechanism", ACCOUNT_WAITS, "mechanism not known"),
    (Stage.AUTH, 503, "5.5.1 Error: authentication not enabled", ACCOUNT_WAITS, "Postfix: no AUTH without TLS"),
    (Stage.AUTH, 550, "5.7.1 account disabled", ACCOUNT_WAITS, "account disabled, with a code of another stage"),
    (Stage.AUTH, 500, "5.5.6 authentication exchange line is too long", ACCOUNT_WAITS, "a token longer than it takes"),
    (Stage.AUTH, 554, "5.7.14 trust relationship required", ACCOUNT_WAITS, "RFC 5248: X.7.14"),
    (Stage.AUTH, 454, "4.7.0 temporary authentication failure", ACCOUNT_WAITS, "454 4.7.0, temporary"),
    (Stage.AUTH, 454, "4.7.0 Cannot authenticate due to temporary system problem", ACCOUNT_WAITS, "Gmail's 454 4.7.0"),
    (Stage.AUTH, 454, "Temporary authentication failure", ACCOUNT_WAITS, "SES's 454, no enhanced code"),
    (Stage.AUTH, 432, "4.7.12 a password transition is needed", ACCOUNT_WAITS, "RFC 4954: 432"),
    (Stage.AUTH, 450, "4.7.1 too many failed logins for this user", ACCOUNT_WAITS, "security, so the account's"),
    (Stage.AUTH, 454, "4.3.0 authentication backend down", RELAY_WAITS, "the relay's own trouble"),
    (Stage.AUTH, 451, "4.3.0 database error", RELAY_WAITS, "the relay's own trouble, other code"),
    (Stage.AUTH, 451, "temporary error", RELAY_WAITS, "a temporary trouble without enhanced code"),
    (Stage.AUTH, 435, "unable to authenticate at present", RELAY_WAITS, "a temporary code that nobody registered"),
]  # fmt: skip

MAIL: list[Row] = [  # never a recipient
    (Stage.MAIL, 530, "5.7.0 authentication required", ACCOUNT_WAITS, "AUTH is wanted"),
    (Stage.MAIL, 530, "Authentication required", ACCOUNT_WAITS, "SES wants AUTH"),
    (Stage.MAIL, 530, "5.7.57 Client not authenticated to send mail", ACCOUNT_WAITS, "Exchange wants AUTH"),
    (Stage.MAIL, 535, "5.7.3 unable to authenticate", ACCOUNT_WAITS, "the session's AUTH has ended"),
    (Stage.MAIL, 538, "5.7.11 encryption required", ACCOUNT_WAITS, "encryption is wanted"),
    (Stage.MAIL, 523, "5.7.10 encryption needed", ACCOUNT_WAITS, "RFC 5248: encryption needed"),
    (Stage.MAIL, 554, "5.7.8 authentication credentials invalid", ACCOUNT_WAITS, "X.7.8 says credentials"),
    (Stage.MAIL, 550, "5.7.60 SMTP; Client does not have permissions to send as this sender", MAIL_NEVER,
     "Exchange: send as denied is this mail's from"),
    (Stage.MAIL, 553, "5.1.8 sender address rejected", MAIL_NEVER, "bad sender's domain"),
    (Stage.MAIL, 553, "sender not allowed", MAIL_NEVER, "553 is the sender"),
    (Stage.MAIL, 550, "5.7.1 sender denied", MAIL_NEVER, "policy about this sender"),
    (Stage.MAIL, 550, "5.7.27 sender domain has null MX", MAIL_NEVER, "RFC 7505: sender's domain takes no mail"),
    (Stage.MAIL, 550, "5.7.23 SPF validation failed", MAIL_NEVER, "RFC 7372: SPF of this sender's domain"),
    (Stage.MAIL, 501, "5.1.7 bad sender address syntax", MAIL_NEVER, "bad sender's address"),
    (Stage.MAIL, 501, "Invalid MAIL FROM address provided", MAIL_NEVER, "SES: bad sender's address"),
    (Stage.MAIL, 552, "5.3.4 message size exceeds fixed limit", MAIL_NEVER, "RFC 1870 §6.1: this mail's size"),
    (Stage.MAIL, 552, "too large", MAIL_NEVER, "552 is size"),
    (Stage.MAIL, 555, "5.5.4 unsupported parameter", MAIL_NEVER, "RFC 5321 §4.1.1.11: a parameter of this mail"),
    (Stage.MAIL, 550, "5.6.7 non-ASCII addresses not permitted", MAIL_NEVER, "RFC 6531 §3.5"),
    (Stage.MAIL, 553, "5.6.7 non-ASCII addresses not permitted", MAIL_NEVER, "RFC 6531 §3.5, the other code"),
    (Stage.MAIL, 452, "4.3.1 insufficient system storage", RELAY_WAITS, "mail system full"),
    (Stage.MAIL, 451, "4.3.0 queue file write error", RELAY_WAITS, "mail system status"),
    (Stage.MAIL, 453, "4.3.2 system not accepting network messages", RELAY_WAITS, "takes no mail just now"),
    (Stage.MAIL, 451, "4.3.5 server misconfigured", RELAY_WAITS, "mail system misconfigured"),
    (Stage.MAIL, 550, "5.3.5 server misconfigured", RELAY_WAITS, "misconfigured, so not this mail's fault"),
    (Stage.MAIL, 521, "5.3.2 host does not accept mail", RELAY_WAITS, "RFC 7504 §3: 521 at any command"),
    (Stage.MAIL, 554, "5.3.2 not accepting messages", RELAY_WAITS, "takes no mail at all"),
    (Stage.MAIL, 452, "4.4.5 too much traffic", RELAY_WAITS, "RFC 3463 §3.5: congestion"),
    (Stage.MAIL, 503, "5.5.1 bad sequence of commands", RELAY_WAITS, "the session is out of step"),
    (Stage.MAIL, 502, "5.5.1 Too many unrecognized commands, goodbye. - gsmtp", RELAY_WAITS, "no SMTP to speak of"),
    (Stage.MAIL, 550, "5.7.25 the sending address has no reverse DNS", RELAY_WAITS, "RFC 7372 §3.3: our address"),
    (Stage.MAIL, 452, "4.3.4 message too big for now", MAIL_LATER, "this mail's size, for now"),
    (Stage.MAIL, 452, "try later", MAIL_LATER, "RFC 1870 §6.1: no room for a mail of this size, for now"),
    (Stage.MAIL, 451, "4.7.1 sender greylisted", MAIL_LATER, "policy about this sender, for now"),
    (Stage.MAIL, 450, "4.1.8 sender's domain not found", MAIL_LATER, "this sender's domain, for now"),
    (Stage.MAIL, 451, "4.4.3 cannot look up the sender's domain", MAIL_LATER, "this sender's domain servers"),
    (Stage.MAIL, 451, "4.7.24 SPF validation error", MAIL_LATER, "RFC 7372: SPF of this sender's domain, for now"),
    (Stage.MAIL, 455, "4.5.4 parameters cannot be accommodated", MAIL_LATER, "RFC 5321 §4.1.1.11: 455"),
    (Stage.MAIL, 454, "Temporary service failure", MAIL_LATER, "SES did not get this one"),
]  # fmt: skip

RCPT: list[Row] = [
    (Stage.RCPT, 550, "5.1.1 user unknown", RECIPIENT_NEVER, "no such mailbox"),
    (Stage.RCPT, 550, "", RECIPIENT_NEVER, "550 and nothing more"),
    (Stage.RCPT, 550, "5.1.10 Recipient not found", RECIPIENT_NEVER, "Exchange: no such recipient"),
    (Stage.RCPT, 556, "5.1.10 recipient domain has null MX", RECIPIENT_NEVER, "RFC 7505 §4.1"),
    (Stage.RCPT, 553, "5.1.2 We weren't able to find the recipient domain", RECIPIENT_NEVER, "Gmail: no such domain"),
    (Stage.RCPT, 551, "5.1.6 moved", RECIPIENT_NEVER, "moved away"),
    (Stage.RCPT, 553, "5.1.3 bad address syntax", RECIPIENT_NEVER, "bad address"),
    (Stage.RCPT, 550, "5.2.1 The email account that you tried to reach is disabled", RECIPIENT_NEVER, "disabled"),
    (Stage.RCPT, 554, "5.7.1 relay access denied", RECIPIENT_NEVER, "a domain that it does not relay to"),
    (Stage.RCPT, 550, "5.4.1 Recipient address rejected: Access denied", RECIPIENT_NEVER, "Exchange: not there"),
    (Stage.RCPT, 550, "5.7.1 blocked by policy", RECIPIENT_NEVER, "policy"),
    (Stage.RCPT, 550, "5.7.12 Sender was not authenticated by organization", RECIPIENT_NEVER,
     "Exchange: the recipient takes no outsiders"),
    (Stage.RCPT, 550, "5.7.17 mailbox owner has changed", RECIPIENT_NEVER, "RFC 7293: owner changed"),
    (Stage.RCPT, 550, "5.7.18 domain owner has changed", RECIPIENT_NEVER, "RFC 7293: domain's owner changed"),
    (Stage.RCPT, 552, "5.2.2 mailbox full", RECIPIENT_NEVER, "mailbox full, said to be for good"),
    (Stage.RCPT, 554, "5.2.2 mailbox full", RECIPIENT_NEVER, "mailbox full in Exchange's codes is not the sender's"),
    (Stage.RCPT, 550, "5.3.5 misconfigured", RECIPIENT_NEVER, "at RCPT even this is that recipient's"),
    (Stage.RCPT, 550, "5.6.7 non-ASCII address not permitted", RECIPIENT_NEVER, "RFC 6531 §3.5"),
    (Stage.RCPT, 554, "Messaggio rifiutato dal sistema. Indirizzo destinatario sconosciuto", RECIPIENT_NEVER,
     "Aruba PEC: recipient unknown"),
    (Stage.RCPT, 450, "4.2.1 mailbox busy", RECIPIENT_LATER, "mailbox busy"),
    (Stage.RCPT, 450, "4.2.1 The user you are trying to contact is receiving mail too quickly", RECIPIENT_LATER,
     "Gmail: too much for this user"),
    (Stage.RCPT, 451, "4.7.1 greylisted, try again in 300 s", RECIPIENT_LATER, "greylisting"),
    (Stage.RCPT, 450, "4.2.0 greylisted", RECIPIENT_LATER, "greylisting by postgrey"),
    (Stage.RCPT, 451, "4.3.0 temporary lookup failure", RECIPIENT_LATER, "system status at RCPT is that recipient's"),
    (Stage.RCPT, 452, "4.5.3 too many recipients", RECIPIENT_LATER, "too many, though the first"),
    (Stage.RCPT, 550, "5.5.3 too many recipients", RECIPIENT_LATER, "too many can't be for good"),
    (Stage.RCPT, 452, "4.2.2 over quota", RECIPIENT_LATER, "mailbox full, for now"),
    (Stage.RCPT, 454, "4.7.1 relay access denied", RECIPIENT_LATER, "a domain that it does not relay to just now"),
    (Stage.RCPT, 450, "4.1.2 recipient domain not found", RECIPIENT_LATER, "domain not found, for now"),
    (Stage.RCPT, 450, "4.7.19 RRVS test cannot be completed", RECIPIENT_LATER, "RFC 7293: can't tell the owner"),
    (Stage.RCPT, 450, "4.7.25 Client host rejected: cannot find your hostname", RELAY_WAITS, "RFC 7372: our address"),
    (Stage.RCPT, 503, "5.5.1 AUTH first", RELAY_WAITS, "the session is out of step"),
    (Stage.RCPT, 530, "5.7.1 authentication required", ACCOUNT_WAITS, "AUTH is wanted, said late"),
    (Stage.RCPT, 535, "5.7.8 not authenticated", ACCOUNT_WAITS, "AUTH has ended"),
    (Stage.RCPT, 550, "5.1.7 bad sender address", MAIL_NEVER, "the sender, judged at RCPT"),
    (Stage.RCPT, 450, "4.1.8 <a@b.example>: Sender address rejected: Domain not found", MAIL_LATER,
     "the sender's domain, judged at RCPT"),
    (Stage.RCPT, 550, "5.7.27 sender domain has null MX", MAIL_NEVER, "the sender's null MX, judged at RCPT"),
]  # fmt: skip

DATA: list[Row] = [  # for all recipients
    (Stage.DATA, 550, "5.7.1 message rejected as spam", MAIL_NEVER, "spam"),
    (Stage.DATA, 554, "5.6.0 malformed", MAIL_NEVER, "malformed"),
    (Stage.DATA, 554, "5.6.9 UTF-8 header message cannot be transferred", MAIL_NEVER, "RFC 6531 §3.5"),
    (Stage.DATA, 552, "5.3.4 too big", MAIL_NEVER, "size"),
    (Stage.DATA, 552, "Message is too long.", MAIL_NEVER, "SES: size"),
    (Stage.DATA, 552, "5.2.3 Your message exceeded Google's message size limits", MAIL_NEVER, "Gmail: size"),
    (Stage.DATA, 554, "no valid recipients", MAIL_NEVER, "nobody left"),
    (Stage.DATA, 550, "5.1.1 user unknown", MAIL_NEVER, "said too late to be a recipient's"),
    (Stage.DATA, 550, "5.7.20 no passing DKIM signature found", MAIL_NEVER, "RFC 7372: DKIM"),
    (Stage.DATA, 550, "5.7.26 multiple authentication checks failed", MAIL_NEVER, "RFC 7372: DMARC"),
    (Stage.DATA, 550, "5.7.28 mail flood", MAIL_NEVER, "registry: mail flood detected"),
    (Stage.DATA, 550, "5.7.29 ARC validation failure", MAIL_NEVER, "RFC 8617"),
    (Stage.DATA, 550, "5.7.30 REQUIRETLS support required", MAIL_NEVER, "RFC 8689"),
    (Stage.DATA, 550, "5.7.515 Access denied, sending domain does not meet the required authentication level",
     MAIL_NEVER, "Outlook's DMARC rule"),
    (Stage.DATA, 550, "5.4.14 hop count exceeded", MAIL_NEVER, "Exchange: a loop"),
    (Stage.DATA, 554, "Message rejected: Email address is not verified. The following identities failed the check in "
     "region EU-CENTRAL-1: a@b.example", MAIL_NEVER, "SES: this mail's from"),
    (Stage.DATA, 554, "Access denied: User `arn:aws:iam::1:user/a' is not authorized to perform `ses:SendRawEmail' on "
     "resource `arn:aws:ses:x'", MAIL_NEVER, "SES: the policy names an identity, so it is this mail's"),
    (Stage.DATA, 554, "5.2.252 SendAsDenied; a@b.example not allowed to send as c@b.example; STOREDRV.Submission."
     "Exception:SendAsDeniedException.MapiExceptionSendAsDenied", MAIL_NEVER, "Exchange: send as denied is the from"),
    (Stage.DATA, 554, "5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied",
     MAIL_NEVER, "Exchange: send as denied, older wording"),
    (Stage.DATA, 451, "4.7.1 content check deferred", MAIL_LATER, "content check put off"),
    (Stage.DATA, 452, "4.3.1 insufficient storage", MAIL_LATER, "no room for this one"),
    (Stage.DATA, 450, "4.7.0 try again", MAIL_LATER, "put off"),
    (Stage.DATA, 451, "4.7.24 SPF validation error", MAIL_LATER, "RFC 7372: for now"),
    (Stage.DATA, 451, "Temporary service failure", MAIL_LATER, "SES: for now"),
    (Stage.DATA, 503, "5.5.1 need RCPT", MAIL_NEVER, "after RCPT one mail may not stop a line"),
    (Stage.DATA, 530, "5.7.1 authentication required", ACCOUNT_WAITS, "AUTH has ended in mid-mail"),
    (Stage.DATA, 550, "5.7.25 no PTR record", RELAY_WAITS, "Gmail: our address"),
]  # fmt: skip

PROVIDERS: list[Row] = [
    (Stage.AUTH, 454, "Throttling failure: Maximum sending rate exceeded.", ACCOUNT_WAITS, "SES: rate, at AUTH"),
    (Stage.MAIL, 454, "Throttling failure: Daily message quota exceeded.", ACCOUNT_WAITS, "SES: daily quota"),
    (Stage.DATA, 454, "Throttling failure: Maximum sending rate exceeded.", ACCOUNT_WAITS, "SES: rate, at DATA"),
    (Stage.MAIL, 550, "5.4.5 Daily sending quota exceeded.", ACCOUNT_WAITS, "Gmail: daily quota"),
    (Stage.DATA, 550, "5.4.5 Daily user sending limit exceeded.", ACCOUNT_WAITS, "Gmail: user's daily limit"),
    (Stage.DATA, 550, "5.4.5 Daily SMTP relay limit exceeded for user.", ACCOUNT_WAITS, "Workspace: user's limit"),
    (Stage.RCPT, 550, "5.4.5 Daily SMTP relay sending limit exceeded for customer.", ACCOUNT_WAITS,
     "Workspace: customer's daily limit, older code"),
    (Stage.RCPT, 550, "5.7.1 Daily SMTP relay limit exceeded for customer.", ACCOUNT_WAITS,
     "Workspace: customer's daily limit"),
    (Stage.RCPT, 450, "4.2.1 Peak SMTP relay limit exceeded for customer. This is a temporary error.", ACCOUNT_WAITS,
     "Workspace: peak limit at RCPT is no recipient's"),
    (Stage.MAIL, 421, "4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your SPF domain",
     ACCOUNT_WAITS, "Gmail: rate of a domain"),
    (Stage.DATA, 421, "4.7.0 Our system has detected an unusual rate of unsolicited mail originating from your IP",
     ACCOUNT_WAITS, "Gmail: rate of an address"),
    (Stage.RCPT, 550, "5.7.1 Invalid credentials for relay", ACCOUNT_WAITS, "Workspace: we may not relay"),
    (Stage.RCPT, 550, "5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional "
     "messages from being delivered.", RECIPIENT_LATER, "Gmail: a busy mailbox, not a dead one"),
    (Stage.DATA, 550, "5.2.1 The user you are trying to contact is receiving email too quickly", MAIL_LATER,
     "Gmail: a busy mailbox, said at DATA"),
    (Stage.MAIL, 432, "4.3.2 Concurrent connections limit exceeded.", ACCOUNT_WAITS, "Exchange: three connections"),
    (Stage.AUTH, 432, "4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", ACCOUNT_WAITS,
     "Exchange: three connections, older wording"),
    (Stage.DATA, 432, "4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", ACCOUNT_WAITS,
     "Exchange: three connections, at DATA"),
    (Stage.DATA, 554, "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", ACCOUNT_WAITS,
     "Exchange: 10,000 recipients a day"),
    (Stage.DATA, 554, "5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException."
     "MapiExceptionShutoffQuotaExceeded", ACCOUNT_WAITS, "Exchange: the sender's mailbox is full"),
    (Stage.DATA, 550, "5.2.2 Submission quota exceeded", ACCOUNT_WAITS, "Exchange: rate limits, by another name"),
    (Stage.DATA, 550, "5.2.251 Sender throttled due to continuous mailbox full errors.", ACCOUNT_WAITS,
     "Exchange: throttled for errors, first"),
    (Stage.MAIL, 550, "5.2.252 Sender throttled due to continuous send as denied errors.", ACCOUNT_WAITS,
     "Exchange: throttled, not send as denied itself"),
    (Stage.DATA, 550, "5.2.255 Sender throttled due to continuous invalid recipients errors.", ACCOUNT_WAITS,
     "Exchange: throttled for errors, last"),
    (Stage.DATA, 550, "5.1.90 Your message can't be sent because you've reached your daily limit for message "
     "recipients", ACCOUNT_WAITS, "Exchange: daily recipients"),
    (Stage.DATA, 550, "5.7.233 Your message can't be sent because your tenant exceeded its daily limit for sending "
     "email to external recipients (tenant external recipient rate limit)", ACCOUNT_WAITS, "Exchange: tenant's limit"),
    (Stage.DATA, 550, "5.7.232 Your message can't be sent because your trial tenant has exceeded its daily limit for "
     "sending email to external recipients", ACCOUNT_WAITS, "Exchange: trial tenant's limit"),
    (Stage.DATA, 550, "5.1.8 Access denied, bad outbound sender. AS(42003)", ACCOUNT_WAITS, "Exchange: blocked user"),
    (Stage.MAIL, 550, "5.7.501 Access denied, spam abuse detected", ACCOUNT_WAITS, "Exchange: banned account"),
    (Stage.MAIL, 550, "5.7.705 Access denied, tenant has exceeded threshold", ACCOUNT_WAITS, "Exchange: banned tenant"),
    (Stage.MAIL, 550, "5.7.708 Access denied, traffic not accepted from this IP", ACCOUNT_WAITS,
     "Exchange: tenant and address"),
    (Stage.MAIL, 550, "5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
     ACCOUNT_WAITS, "Exchange wants AUTH, with a code that does not say so"),
    (Stage.RCPT, 550, "5.7.64 TenantAttribution; Relay Access Denied SMTP", ACCOUNT_WAITS, "Exchange: connector"),
    (Stage.RCPT, 451, "4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719)", RELAY_WAITS,
     "Exchange: our address is new to it"),
    (Stage.MAIL, 451, "4.7.650 Access denied, please try again later", RELAY_WAITS, "Exchange: 4.7.500 to 699"),
    (Stage.MAIL, 451, "4.7.850 Access denied, please try again later", RELAY_WAITS, "Exchange: 4.7.850 to 899"),
    (Stage.RCPT, 550, "5.2.121 Recipient's per hour message receive limit from specific sender exceeded",
     RECIPIENT_LATER, "Exchange: a busy mailbox"),
    (Stage.DATA, 550, "5.2.122 Recipient's per hour message receive limit exceeded", MAIL_LATER,
     "Exchange: a busy mailbox, said at DATA"),
    (Stage.AUTH, 451, "Authentication failed: Maximum credits exceeded", ACCOUNT_WAITS, "SendGrid: credits"),
    (Stage.DATA, 403, "You are not authorized to send from that email address", MAIL_NEVER, "SendGrid: this from"),
    (Stage.MAIL, 452, "4.5.3 Daily message limit exceeded", ACCOUNT_WAITS, "Emailit: daily limit"),
    (Stage.MAIL, 452, "4.4.5 Messages per second limit exceeded", ACCOUNT_WAITS, "Emailit: rate"),
    (Stage.DATA, 550, "5.7.1 iemL1p01Z0hMcT901emQ77 policy violation", ACCOUNT_WAITS, "Aruba: too many at once"),
    (Stage.CONNECT, 554, "Indirizzo IP bloccato temporaneamente per sospetto abuso", RELAY_WAITS, "Aruba PEC: address"),
    (Stage.RCPT, 553, "5.7.1 <a@pec.example>: Sender address rejected: not logged in", MAIL_NEVER,
     "Aruba PEC: from is not the account's, judged at RCPT"),
    (Stage.RCPT, 553, "5.7.1 <a@b.example>: Sender address rejected: not owned by user c", MAIL_NEVER,
     "Postfix: from is not the user's, judged at RCPT"),
]  # fmt: skip

NO_PROVIDERS: list[Row] = [  # near misses, read by their codes
    (Stage.RCPT, 550, "5.4.5 no route to host", RECIPIENT_NEVER, "5.4.5 with another text"),
    (Stage.RCPT, 554, "5.2.1 mailbox full", RECIPIENT_NEVER, "mailbox full with another code"),
    (Stage.DATA, 554, "5.2.2 mailbox full", MAIL_NEVER, "mailbox full without Exchange's word for the sender's"),
    (Stage.DATA, 454, "This looks like a Throttling failure", MAIL_LATER, "SES's words in the middle"),
    (Stage.RCPT, 550, "5.1.1 Throttling failure: Maximum sending rate exceeded.", RECIPIENT_NEVER, "SES's words, 550"),
    (Stage.RCPT, 550, "5.7.1 you may not relay: limit exceeded", RECIPIENT_NEVER, "a limit that is nobody's"),
    (Stage.RCPT, 550, "5.2.251 mailbox is odd", RECIPIENT_NEVER, "Exchange's code, no throttling"),
    (Stage.RCPT, 451, "4.7.500 greylisted", RECIPIENT_LATER, "Exchange's code, another text"),
    (Stage.RCPT, 550, "5.1.1 Sender address rejected: what?", RECIPIENT_NEVER, "Postfix names the address first"),
    (Stage.DATA, 550, "5.7.1 this message is a policy violation", MAIL_NEVER, "policy violation in a sentence"),
]  # fmt: skip

NO_SMTP: list[Row] = [
    (Stage.MAIL, 200, "HTTP", RELAY_WAITS, "a code of another protocol"),
    (Stage.RCPT, 999, "what", RELAY_WAITS, "a code out of range"),
    (Stage.DATA, 354, "go on", RELAY_WAITS, "go on, when it should have been over"),
    (Stage.DATA, -1, "no reply at all", RELAY_WAITS, "what aiosmtplib makes of garbage"),
]

TABLE = [*CLOSING, *OPENING, *AUTH, *MAIL, *RCPT, *DATA, *PROVIDERS, *NO_PROVIDERS, *NO_SMTP]


@pytest.mark.parametrize(
    ("stage", "code", "text", "verdict"), [pytest.param(*row[:4], id=f"{row[0]} {row[1]}: {row[4]}") for row in TABLE]
)
def test_a_reply_is_about(stage: Stage, code: int, text: str, verdict: Verdict) -> None:
    assert classify(stage, Reply.of(code, text)) == verdict


def test_the_table_gives_each_reply_a_reason_of_its_own() -> None:
    assert len({(stage, code, why) for stage, code, _, _, why in TABLE}) == len(TABLE) >= 120


def test_only_a_recipients_refusal_can_be_about_a_recipient() -> None:
    for stage in set(Stage) - {Stage.RCPT}:
        for code in range(400, 600):
            assert classify(stage, Reply(code, "")).scope is not Scope.RECIPIENT


def test_what_makes_the_line_wait_is_never_permanent() -> None:
    for stage in Stage:
        for code in range(400, 600):
            for detail in (None, "1.1", "2.2", "3.2", "3.5", "4.5", "5.3", "7.1", "7.8", "7.25"):
                enhanced = f"{str(code)[0]}.{detail}" if detail else None
                verdict = classify(stage, Reply(code, "", enhanced))
                assert not (verdict.permanent and verdict.scope in (Scope.RELAY, Scope.ACCOUNT))


def test_after_the_mails_text_only_the_sessions_own_troubles_stop_the_line() -> None:
    """The text may be what the relay dislikes: else one mail could hold up all behind it, and would wait for ever."""
    stopping = {code for code in range(400, 600) if classify(Stage.DATA, Reply(code, "")).scope is not Scope.MESSAGE}
    assert stopping == {421, 523, 524, 525, 530, 534, 535, 538}


def test_every_code_that_suppresses_an_address_is_a_recipients_for_good() -> None:
    for enhanced in SUPPRESSING_CODES:
        assert classify(Stage.RCPT, Reply(550, "", enhanced)) == RECIPIENT_NEVER


def test_each_providers_reply_names_its_source_and_is_in_the_table() -> None:
    replies = [(stage, Reply.of(code, text)) for stage, code, text, _, _ in TABLE]
    for row in PROVIDER_REPLIES:
        assert row.source.startswith("https://")
        assert any(row.matches(stage, reply) for stage, reply in replies), row


def test_no_providers_reply_lets_a_line_fail_for_good() -> None:
    for row in PROVIDER_REPLIES:
        assert row.permanent is False or row.scope in (Scope.MESSAGE, Scope.RECIPIENT)


@pytest.mark.parametrize(
    ("code", "text", "asks"),
    [
        (452, "4.5.3 Too many recipients", True),
        (452, "too many recipients", True),
        (552, "too many recipients", True),
        (450, "4.5.3 too many recipients in one transaction", True),
        (550, "5.5.3 too many recipients", True),
        (452, "4.5.3 Domain policy size per transaction exceeded, please try this recipient in a separate transaction",
         True),
        (452, "4.2.2 mailbox full", False),
        (452, "4.3.1 insufficient system storage", False),
        (552, "5.2.2 mailbox full", False),
        (552, "5.3.4 too big", False),
        (450, "too many", False),
        (550, "5.1.1 no such user", False),
    ],
)  # fmt: skip
def test_too_many_for_one_transaction_is_not_too_many(code: int, text: str, asks: bool) -> None:
    assert asks_for_another_transaction(Reply.of(code, text)) is asks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # postgrey (--greylist-text, its default and older ones)
        ("<a@b.example>: Recipient address rejected: Greylisted for 300 seconds (see "
         "http://isg.ee.ethz.ch/tools/postgrey/help/b.example.html)", 300 * SECOND),
        ("Greylisted, please retry in 60 seconds", MINUTE),
        ("Greylisted, see http://postgrey.schweikert.ch/help/b.example.html", None),
        # sqlgrey, qdgrey and others
        ("Recipient address rejected: Greylisted for 5 minutes", 5 * MINUTE),
        ("Graylisted - please try again in 1m", MINUTE),
        ("grey-listed, retry after 120s", 2 * MINUTE),
        # milter-greylist
        ("Greylisting in action, please come back in 00:05:00", 5 * MINUTE),
        ("Greylisting in action, please come back in 01:30:15", HOUR + 30 * MINUTE + 15 * SECOND),
        ("Greylisting in action, please come back later", None),
        # cbpolicyd, rspamd
        ("<a@b.example>: Recipient address rejected: Greylisting in effect, please come back later", None),
        ("Try again later", None),
        ("Greylisted, please try again in 5 minutes", 5 * MINUTE),
        # Exim's usual ACLs, Haraka, hosting panels
        ("Deferred: greylisted, please try again after 10 min", 10 * MINUTE),
        ("Temporarily rejected. Please try again in 60 seconds", MINUTE),
        ("Too many messages. Try again in 92 seconds.", 92 * SECOND),
        ("recipient <a@b.example> greylisted for 240 seconds", 4 * MINUTE),
        ("Please wait 2 hours and send again", 2 * HOUR),
        ("Please wait at least 15 minutes", 15 * MINUTE),
        ("Message delayed, retry in 4 minutes and 30 seconds", 4 * MINUTE + 30 * SECOND),
        ("Your address is temporarily blocked for 1 hour", HOUR),
        ("resend 300 seconds later", 5 * MINUTE),
        ("Try again (in 5 minutes)", 5 * MINUTE),
        # never longer than four hours, never nothing
        ("blocked for 3 days", 4 * HOUR),
        ("try again in 1000000 seconds", 4 * HOUR),
        ("try again in 0 seconds", None),
        # what looks like a hint and is none
        ("Timeout waiting for data from client after 60 seconds", None),
        ("retry timeout exceeded after 4 hours", None),
        ("connection idle for 300 seconds", None),
        ("Try again later. Limit: 30 messages in 60 seconds", None),
        ("try again later: at most 100 messages in 1 hour", None),
        ("You have sent 500 messages within 1 hour", None),
        ("message will be retried for 72 hours", None),
        ("mailbox unused for 90 days", None),
        ("wait time exceeded 30 s", None),
        ("Greylisted until 2026-11-24 05:00:00", None),
        ("Server busy. Please try again later from [192.0.2.1]. (S77719)", None),
        ("please try again in 5 recipients' time", None),
        ("4.7.1 try again in 300", None),
        ("please try again in a few minutes", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_delay_is_read_from_a_text_that_asks_for_one(text: str, expected: Millis | None) -> None:
    assert delay_hint(text) == expected


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (550, "5.1.1 user unknown", Reply(550, "user unknown", "5.1.1")),
        (250, "2.0.0 Ok: queued as 4F2", Reply(250, "Ok: queued as 4F2", "2.0.0")),
        (451, "4.7.650 blocked", Reply(451, "blocked", "4.7.650")),
        (550, "5.2.251", Reply(550, "", "5.2.251")),
        (550, "no enhanced code", Reply(550, "no enhanced code")),
        (550, "", Reply(550, "")),
        (550, "4.1.1 of another class", Reply(550, "4.1.1 of another class")),
        (250, "5.1.1 of another class", Reply(250, "5.1.1 of another class")),
        (550, "5.1.1.7 an address, no code", Reply(550, "5.1.1.7 an address, no code")),
        (550, "see 5.1.1 above", Reply(550, "see 5.1.1 above")),
        (550, "5.1.1 several\nlines  of\ttext ", Reply(550, "several lines of text", "5.1.1")),
        (554, "5.7.1234 too long", Reply(554, "5.7.1234 too long")),
    ],
)
def test_a_reply_is_read_with_its_enhanced_code_if_it_begins_with_one_of_its_class(
    code: int, text: str, expected: Reply
) -> None:
    assert Reply.of(code, text) == expected


def test_bytes_that_are_no_utf8_leave_a_reply_that_can_be_stored() -> None:
    """aiosmtplib passes them on as lone surrogates, which no JSON and no table takes."""
    reply = Reply.of(550, b"5.1.1 destinataire supprim\xe9".decode("utf-8", "surrogateescape"))

    assert reply == Reply(550, "destinataire supprim\N{REPLACEMENT CHARACTER}", "5.1.1")


def test_a_reply_shows_as_one_line() -> None:
    assert str(Reply(550, "user unknown", "5.1.1")) == "550 5.1.1 user unknown"
    assert str(Reply(421, "")) == "421"
