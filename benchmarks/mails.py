"""The mails that are measured: text and html, 5 KB on the wire, as shops send them; or with a large attachment."""

import base64
import itertools
import random
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

TEXT_BYTES = 1_350
HTML_BYTES = 2_750
FULL_BATCH = 100

type Message = dict[str, JsonValue]

# Enough different words that text compresses as people's text does. The html says what the text says, as is usual.
_VOCABULARY = """
order packed warehouse afternoon courier delivers between nine twelve nobody home total including paid card ending
missing answer mail within fourteen days return label printed inside parcel weight kilogram colour türkis größe pair
size invoice attached number customer account balance thank you for shopping with us again this week only summer
winter sale ends Sunday midnight shoes jacket trousers scarf leather cotton wool made in Italy Portugal Germany Café
visit store near station open until eight Saturday please bring identity voucher valid through March cannot combine
other offers tracking link shows where it is now expected arrival tomorrow morning delayed by weather sorry about that
refund issued reach bank three working address changed street floor neighbour signature required left behind door
questions write help team happy to assist terms conditions apply privacy policy unsubscribe any time € 149,90 19 %
VAT subtotal shipping free over fifty points collected level gold silver bonus birthday present gift wrapped card text
"""
_WORDS = _VOCABULARY.split()
_numbers = itertools.count(1)


def submissions(count: int, *, account_id: str = "main", priority: str = "medium") -> Iterator[Message]:
    """New messages as a client of this proxy submits them, none like another."""
    for number in itertools.islice(_numbers, count):
        yield {
            "id": f"mail-{number:08d}",
            "account_id": account_id,
            "priority": priority,
            "from": "Acme Shop <orders@acme.example>",
            "to": [f"Anna Example <anna.{number}@customers.example>"],
            "reply_to": ["help@acme.example"],
            "subject": f"mail-{number:08d}",
            "text": _text(number),
            "html": _html(number),
            "headers": {"X-Campaign": "orders", "List-Unsubscribe": f"<https://acme.example/unsubscribe/{number}>"},
        }


def peer_submissions(count: int, *, tenant_id: str, account_id: str, priority: int) -> Iterator[Message]:
    """The same messages for the peer. It sends text or html, not both: it gets all the bytes as html."""
    for message in submissions(count):
        number = int(str(message["id"]).rpartition("-")[2])
        kept = {name: message[name] for name in ("id", "from", "to", "subject", "headers")}
        yield kept | {
            "tenant_id": tenant_id,
            "account_id": account_id,
            "priority": priority,
            "reply_to": "help@acme.example",
            "body": f"<pre>{_text(number)}</pre>{_html(number)}",
            "content_type": "html",
        }


def with_attachment(size: int, **fields: str) -> Message:
    """A new message with an attachment of `size` bytes that does not compress."""
    [message] = submissions(1, **fields)
    content = base64.b64encode(random.randbytes(size)).decode()
    return message | {"attachments": [{"filename": "invoice.pdf", "storage_path": f"base64:{content}"}]}


def batches(messages: Sequence[Message], size: int = FULL_BATCH) -> Iterator[list[Message]]:
    """In calls of `size`."""
    for batch in itertools.batched(messages, size, strict=False):
        yield list(batch)


def _text(number: int) -> str:
    return _filled(number, TEXT_BYTES, line=72)


def _html(number: int) -> str:
    begin, end = "<!doctype html><html><body style='font-family: sans-serif'>", "</body></html>"
    return begin + _filled(number, HTML_BYTES - len(begin + end), line=400, paragraph="</p>\n<p>") + end


def _filled(seed: int, size: int, *, line: int, paragraph: str = "\n") -> str:
    """Words up to `size` bytes of UTF-8, in lines of about `line` characters; the same for the same seed."""
    draw = random.Random(seed)
    text, column = "", 0
    while len(text) < size:
        word = draw.choice(_WORDS)
        column += len(word) + 1
        text += word + (" " if column < line else paragraph)
        column = column if column < line else 0
    return text.encode()[:size].decode(errors="ignore")
