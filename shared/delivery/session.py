"""One open session with a relay: mails, RSET, QUIT. Turns what aiosmtplib raises into outcomes."""

import asyncio
import re
from dataclasses import replace

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from shared.clock import Clock, Millis
from shared.delivery.classification import asks_for_another_transaction, classify
from shared.delivery.replies import CLOSING, Reply, Scope, Stage
from shared.delivery.transmission import (
    Answered,
    Envelope,
    LineFault,
    MailFailed,
    Outcome,
    RecipientReply,
    outcome_of_refusal,
    sent_to_nobody,
    taken,
)
from shared.errors import MailProxyError

_RESET_SECONDS = 5
_GO_ON, _DONE = 354, 250  # reply codes (RFC 5321 §4.2.3)
_TAKES_RECIPIENT = (_DONE, 251)
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)  # RFC 5321 §4.5.2; messages end in CRLF, and hold no other line ends
_DATA_SECONDS = 60  # RFC 5321 §4.5.3.2 allows ten minutes; a function has two


class SessionDied(MailProxyError):
    """A kept session turned out dead before the mail was begun: a fresh one may take it."""

    code = "session_died"


class Session:
    """Open from `open_session` until `close`. Carries one mail at a time."""

    def __init__(self, client: SMTP, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._text_is_out = False
        self.mails = 0
        self.last_used: Millis = clock()

    async def transmit(self, envelope: Envelope, message: bytes, *, seconds: float) -> Outcome:
        """Takes at most `seconds`. Raises SessionDied if the connection was gone at MAIL FROM."""
        self.mails += 1
        self._text_is_out = False
        try:
            async with asyncio.timeout(seconds):
                return await self._transmit(envelope, message)
        except TimeoutError as error:
            self._client.close()
            if self._text_is_out:
                return _unknown(error)
            return LineFault(Scope.RELAY, Stage.RCPT, f"the relay took longer than {seconds:.0f} s")
        finally:
            self.last_used = self._clock()

    async def _transmit(self, envelope: Envelope, message: bytes) -> Outcome:
        if not self.is_open:  # it knows nothing of the relay's extensions any more
            raise SessionDied("the connection was closed while it was idle")
        beyond_ascii = not (message.isascii() and envelope.is_ascii)
        beyond = self._beyond_this_relay(len(message), beyond_ascii=beyond_ascii)
        if beyond is not None:
            return beyond
        refused = await self._mail(envelope, len(message), beyond_ascii=beyond_ascii)
        if refused is not None:
            return refused
        try:
            answers = await self._recipients(envelope)
        except SMTPException as error:
            return self._broken(Stage.RCPT, error)
        if not isinstance(answers, list):
            return answers
        accepted = [each.address for each in answers if each.verdict is None]
        refused_ones = [each for each in answers if each.verdict is not None]
        if envelope.all_or_none and refused_ones:
            return await self._reset(sent_to_nobody(answers))
        if not accepted:
            return await self._reset(Answered(tuple(answers)))
        outcome = await self._data(accepted, refused_ones, message)
        rest = envelope.recipients[len(answers) :]
        return replace(outcome, rest=rest) if isinstance(outcome, Answered) else outcome

    def _beyond_this_relay(self, size: int, *, beyond_ascii: bool) -> MailFailed | None:
        """What it would refuse after the mail was sent, as far as EHLO tells."""
        limit = self._size_limit()
        if limit is not None and size > limit:
            return MailFailed(f"the mail has {size} bytes, the relay takes {limit}", permanent=True)
        if beyond_ascii and not self._client.supports_extension("smtputf8"):
            reason = (
                "an address has non-ASCII characters before the @, and the relay does not offer SMTPUTF8 (RFC 6531)"
            )
            return MailFailed(reason, permanent=True)
        return None

    async def _mail(self, envelope: Envelope, size: int, *, beyond_ascii: bool) -> MailFailed | LineFault | None:
        options = [f"SIZE={size}"] if self._client.supports_extension("size") else []
        if beyond_ascii:
            options += ["SMTPUTF8", *(["BODY=8BITMIME"] if self._client.supports_extension("8bitmime") else [])]
        try:
            reply = await self._command("MAIL", f"FROM:<{envelope.sender}>", *options)
        except (SMTPServerDisconnected, SMTPTimeoutError) as error:
            self._client.close()
            raise SessionDied(f"mail: {error}") from error
        except SMTPException as error:
            return self._broken(Stage.MAIL, error)
        if reply.code == _DONE:
            return None
        if reply.code == CLOSING and self.mails > 1:  # it has carried its share of mails, or idled too long
            self._client.close()
            raise SessionDied(str(reply))
        return await self._reset(outcome_of_refusal(Stage.MAIL, reply, classify(Stage.MAIL, reply)))

    async def _command(self, verb: str, *parameters: str) -> Reply:
        """Addresses as they are: what `SMTP.mail` and `SMTP.rcpt` do for people who write theirs with names is a good
        part of their CPU. Line breaks in them are refused by aiosmtplib. Raises SMTPException."""
        response = await self._client.execute_command(verb.encode(), *(each.encode() for each in parameters))
        return Reply.of(response.code, response.message)

    def _size_limit(self) -> int | None:
        """What EHLO announced (RFC 1870); 0 or nothing means no limit is known."""
        announced = self._client.esmtp_extensions.get("size", "").strip()
        return int(announced) if announced.isdigit() and int(announced) > 0 else None

    async def _recipients(self, envelope: Envelope) -> list[RecipientReply] | MailFailed | LineFault:
        """Fewer than the envelope has, where the relay takes the others in another transaction only, and there may be
        one."""
        answers: list[RecipientReply] = []
        for address in envelope.recipients:
            reply = await self._command("RCPT", f"TO:<{address}>")
            if reply.code in _TAKES_RECIPIENT:
                answers.append(RecipientReply(address, reply, None))
                continue
            is_not_the_first = any(each.verdict is None for each in answers)
            if asks_for_another_transaction(reply) and is_not_the_first and not envelope.all_or_none:
                break
            verdict = classify(Stage.RCPT, reply)
            if verdict.scope is not Scope.RECIPIENT:
                return await self._reset(outcome_of_refusal(Stage.RCPT, reply, verdict))
            answers.append(RecipientReply(address, reply, verdict))
        return answers

    async def _data(
        self, accepted: list[str], refused: list[RecipientReply], message: bytes
    ) -> Answered | MailFailed | LineFault:
        try:
            reply = await self._send_text(message)
        except SMTPException as error:
            if not self._text_is_out:
                return self._broken(Stage.DATA, error)
            self._client.close()
            return _unknown(error)
        if self._text_is_out and reply.code == _DONE:
            return Answered((*taken(accepted, reply), *refused))
        verdict = classify(Stage.DATA, reply)
        if verdict.scope is Scope.MESSAGE:
            # Recipients refused before keep their own reply; the others share this one.
            shared = [RecipientReply(address, reply, verdict) for address in accepted]
            return await self._reset(Answered((*refused, *shared)))
        return await self._reset(outcome_of_refusal(Stage.DATA, reply, verdict))

    async def _send_text(self, message: bytes) -> Reply:
        """DATA, then the mail's text; the relay's answer to whichever was the last. As `SMTP.data`, which does not tell
        whether the text was out when the connection broke."""
        start = await self._command("DATA")
        if start.code != _GO_ON or self._client.protocol is None:
            return start
        self._text_is_out = True
        self._client.protocol.write(_LEADING_DOT.sub(b"..", message) + b".\r\n")
        answer = await self._client.protocol.read_response(timeout=_DATA_SECONDS)
        return Reply.of(answer.code, answer.message)

    def _broken(self, stage: Stage, error: SMTPException) -> LineFault:
        self._client.close()
        return LineFault(Scope.RELAY, stage, str(error))

    async def _reset[T](self, outcome: T) -> T:
        """Ends the transaction, so that the session can carry the next mail. Closes it where that fails."""
        try:
            await self._client.rset(timeout=_RESET_SECONDS)
        except SMTPException:
            self._client.close()
        return outcome

    @property
    def is_open(self) -> bool:
        return self._client.is_connected

    async def is_alive(self) -> bool:
        """Asks the relay; a session that does not answer is closed."""
        if self._client.is_connected:
            await self._reset(None)
        return self._client.is_connected

    def abandon(self) -> None:
        """Closes at once, without QUIT: the relay may be waiting for the rest of a mail."""
        self._client.close()

    async def close(self) -> None:
        try:
            await self._client.quit(timeout=_RESET_SECONDS)
        except SMTPException:
            self._client.close()


def _unknown(error: Exception) -> MailFailed:
    reason = f"no answer after the mail's text: {error}".rstrip(": ")
    return MailFailed(reason, permanent=False, unknown_outcome=True)
