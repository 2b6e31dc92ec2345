"""Mails that nobody would send: the corpus cut up and put together anew, and mails made to be slow to read."""

import random
from collections.abc import Iterator
from pathlib import Path

CORPUS = Path(__file__).parents[1] / "corpus"
SEEDS = [path.read_bytes() for path in sorted(CORPUS.rglob("*.eml"))]
_PIECES = [
    b"\r\n\r\n", b"\n\n", b"\r", b"\0", b"--", b"\xff\xfe", b"\xc3", b";", b'"', b"=?utf-8?b?", b"?=", b"<", b">", b"@",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", b"Content-Type: message/rfc822\r\n\r\n", b"--b--\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"Content-Type: text/plain; charset=punycode\r\n\r\n",
    b"Content-Type: message/delivery-status\r\n\r\n", b"Final-Recipient: rfc822; ", b"Status: 5.1.1\r\n",
    b"Action: failed\r\n",
    b"boundary*0*=utf-16''%00", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<postacert tipo='x'>", b"\xe2\x80\xa8",
]  # fmt: skip


def mutated(seed: bytes, draw: random.Random) -> bytes:
    """A mail of the corpus with up to eight changes: octets replaced, pieces put in, taken out, doubled or swapped."""
    mail = bytearray(seed)
    for _ in range(draw.randint(1, 8)):
        at = draw.randrange(len(mail) + 1)
        length = draw.choice([1, 2, 10, 100, 1_000])
        match draw.randrange(5):
            case 0:
                mail[at : at + length] = draw.randbytes(draw.randint(0, 8))
            case 1:
                mail[at:at] = draw.choice(_PIECES)
            case 2:
                del mail[at : at + length]
            case 3:
                mail[at:at] = mail[at : at + length] * draw.randint(1, 3)
            case _:
                other = draw.choice(SEEDS)
                start = draw.randrange(len(other))
                mail[at:at] = other[start : start + length]
    return bytes(mail)


def slow_mails(size: int) -> Iterator[tuple[str, bytes]]:
    """Each of about `size` octets, and made to take a careless reader much more than linear time."""
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    report = b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    part = b"--b\r\nContent-Type: text/plain\r\n\r\n"
    daemon = b"From: MAILER-DAEMON@yahoo.com\r\nReturn-Path: <>\r\n"
    yield "10,000 parts", head + (part + b"x" * (size // 10_000 - len(part)) + b"\r\n") * 10_000 + b"--b--\r\n"
    level = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"
    yield "nested parts", b"".join(level % (each, each) for each in range(size // 60))
    yield "nested mails", b"Content-Type: message/rfc822\r\n\r\n" * (size // 32)
    yield "what looks like delimiters", head + b"\r\n--bx" * (size // 6)
    yield "a boundary of dashes", head.replace(b"=b", b"=" + b"-" * 150) + b"-" * size
    yield "one header line", b"Subject: " + b"=?utf-8?q?a?= " * (size // 14)
    yield "header fields", b"A: b\r\n" * (size // 6)
    yield "folded header lines", b"A: b\r\n" + b" c\r\n" * (size // 4)
    yield "parts of header fields", head + (b"--b\r\n" + b"A: b\r\n" * 10_000 + b"\r\n") * (size // 60_000)
    yield "quotes in a content type", b'Content-Type: a/b; c="' + b'\\"' * (size // 2)
    yield "parameters", b"Content-Type: a/b" + b'; c*0*="' * (size // 8)
    yield (
        "recipients",
        report
        + b"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        + (b"Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n" * (size // 75)),
    )
    yield (
        "blank lines in a report",
        report + b"--b\r\nContent-Type: message/delivery-status\r\n\r\n" + b"\r\n" * (size // 2),
    )
    yield "one line of text", daemon + b"\r\n" + b"a" * size
    openings = (
        b"Sorry, we were unable to deliver your message to the following address.\r\n"
        b"A message that you sent could not be delivered\r\nthe following addresses had\r\n"
        b"Hi. This is the\r\n\r\ndid not reach the following recipient\r\n"
    )
    yield "lines of letters in a dialect", daemon + b"\r\n" + openings + (b"a" * 190 + b"\r\n") * (size // 192)
    yield "addresses in a dialect", daemon + b"\r\n" + openings + b"<a@b.example>:\r\n" * (size // 16)
    yield "angle brackets", daemon + b"Content-Type: text/html\r\n\r\n" + b"<" * size
    yield "base64", b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"QUFB" * (size // 4)
    yield "references", b"References: " + b"<a@b> " * (size // 6)
    yield "message ids in a text", b"\r\n" + b"Message-ID: <a@b>\r\n" * (size // 19)
    yield "open message ids in a text", b"\r\n" + b"Message-ID:" * (size // 11)
    yield "failed recipients", b"X-Failed-Recipients: " + b"a@b.example, " * (size // 13) + b"\r\n\r\n"
