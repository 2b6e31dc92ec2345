"""The fakes keep to what the real services do: the same assertions for each fake and for moto's service."""

from collections.abc import Callable

import pytest

from shared.aws.attributes import Item, Value
from shared.aws.dynamodb import Attr, Check, Condition, Delete, ItemKey, Key, Put, Table, Update, Write
from shared.aws.sqs import FifoMessage, FifoQueue
from shared.errors import ConditionFailed, StaleReceipt, StorageError, TransactionRefused
from shared.lines.line import LineKind
from tests import boto
from tests.model.in_memory_queue import InMemoryQueue
from tests.model.in_memory_table import MESSAGES_INDEXES, InMemoryTable
from tests.unit.clock import NOON, SettableClock

KEY = ItemKey("p", "s")
OTHER = ItemKey("p", "t")


@pytest.fixture(params=["in memory", "moto"])
def table(request: pytest.FixtureRequest) -> Table:
    if request.param == "in memory":
        return InMemoryTable("messages", MESSAGES_INDEXES)
    table: Table = request.getfixturevalue("messages")
    return table


def item(key: ItemKey = KEY, **attributes: Value) -> Item:
    return key.item | attributes


# -- conditions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Attr("n").eq(3), True),
        (Attr("n").eq(4), False),
        (Attr("n").eq("3"), False),
        (Attr("absent").eq(3), False),
        (Attr("n").ne(4), True),
        (Attr("n").ne("3"), True),
        (Attr("absent").ne(3), True),
        (Attr("n").lt(4), True),
        (Attr("n").lt(3), False),
        (Attr("n").lte(3), True),
        (Attr("n").gt(2), True),
        (Attr("n").gte(4), False),
        (Attr("absent").lt(4), False),
        (Attr("text").gt("a"), True),
        (Attr("text").begins_with("ab"), True),
        (Attr("n").between(3, 5), True),
        (Attr("n").between(4, 5), False),
        (Attr("list").contains("x"), True),
        (Attr("text").contains("x"), False),
        (Attr("list").eq(["x", "y"]), True),
        (Attr("list").eq(["y", "x"]), False),
        (Attr("flag").eq(True), True),
        (Attr("n").exists(), True),
        (Attr("absent").exists(), False),
        (Attr("absent").not_exists(), True),
        (Attr("n").eq(3) & Attr("text").eq("abc"), True),
        (Attr("n").eq(3) & Attr("text").eq("x"), False),
        (Attr("n").eq(4) | Attr("text").eq("abc"), True),
        (~Attr("n").eq(4), True),
        (~(Attr("n").eq(3) | Attr("absent").exists()), False),
    ],
)
def test_a_condition_holds_or_not(table: Table, condition: Condition, holds: bool) -> None:
    table.put(item(n=3, text="abc", list=["x", "y"], flag=True))

    if holds:
        table.update(Update(KEY, set={"seen": 1}, condition=condition))
        assert table.get(KEY) == item(n=3, text="abc", list=["x", "y"], flag=True, seen=1)
    else:
        with pytest.raises(ConditionFailed) as refused:
            table.update(Update(KEY, set={"seen": 1}, condition=condition))
        assert refused.value.item == item(n=3, text="abc", list=["x", "y"], flag=True)


@pytest.mark.parametrize("condition", [Attr("n").gt("2"), Attr("flag").eq(1)])
def test_values_of_different_types_never_compare(condition: Condition) -> None:
    """As DynamoDB has it, where moto is lax."""
    table = InMemoryTable("messages", MESSAGES_INDEXES)
    table.put(item(n=3, flag=True))

    with pytest.raises(ConditionFailed):
        table.put(item(), condition=condition)


def test_a_refused_write_to_an_absent_item_shows_no_item(table: Table) -> None:
    with pytest.raises(ConditionFailed) as refused:
        table.update(Update(KEY, set={"a": 1}, condition=Attr("pk").exists()))

    assert refused.value.item is None
    assert table.get(KEY) is None


@pytest.mark.parametrize(
    "write",
    [
        lambda table: table.put(item(a=2), condition=Attr("a").eq(5)),
        lambda table: table.delete(KEY, condition=Attr("a").eq(5)),
    ],
    ids=["put", "delete"],
)
def test_every_refused_write_shows_the_item_that_stands(table: Table, write: Callable[[Table], None]) -> None:
    table.put(item(a=1))

    with pytest.raises(ConditionFailed) as refused:
        write(table)

    assert refused.value.item == item(a=1)
    assert table.get(KEY) == item(a=1)


# -- updates --------------------------------------------------------------------------------------------------------


def test_an_update_sets_adds_and_removes_and_returns_the_item(table: Table) -> None:
    table.put(item(a=1, b="gone", n=2))

    after = table.update(Update(KEY, set={"a": [1]}, remove=("b", "absent"), add={"n": 3, "m": -1}))

    assert after == item(a=[1], n=5, m=-1) == table.get(KEY)


def test_an_update_makes_an_absent_item(table: Table) -> None:
    assert table.update(Update(KEY, add={"n": 1})) == item(n=1)


@pytest.mark.parametrize(
    "change",
    [
        Update(KEY, set={"a": 1}, remove=("a",)),
        Update(KEY, set={"a": 1}, add={"a": 1}),
        Update(KEY, set={"sk": "x"}),
        Update(KEY, add={"text": 1}),
    ],
    ids=["set and removed", "set and added", "a key", "added to a text"],
)
def test_an_update_that_makes_no_sense_is_an_error(table: Table, change: Update) -> None:
    table.put(item(text="abc"))

    with pytest.raises(StorageError):
        table.update(change)

    assert table.get(KEY) == item(text="abc")


def test_what_was_read_does_not_change_with_the_item(table: Table) -> None:
    table.put(item(a=1))
    read = table.get(KEY)

    table.update(Update(KEY, set={"a": 2}))

    assert read == item(a=1)


# -- transactions ---------------------------------------------------------------------------------------------------


def test_a_transaction_writes_all_or_nothing_and_names_what_failed(table: Table) -> None:
    table.put(item(a=1))
    writes: list[Write] = [
        Update(KEY, set={"a": 2}, condition=Attr("a").eq(1)),
        Put(item(OTHER, b=1), condition=Attr("pk").not_exists()),
        Check(ItemKey("p", "u"), condition=Attr("pk").exists()),
        Delete(ItemKey("p", "v"), condition=Attr("pk").exists()),
    ]

    with pytest.raises(TransactionRefused) as refused:
        table.transact(writes)
    assert refused.value.failed == (2, 3)
    assert table.get(KEY) == item(a=1)
    assert table.get(OTHER) is None

    table.transact(writes[:2])
    assert table.get(KEY) == item(a=2)
    assert table.get(OTHER) == item(OTHER, b=1)


def test_a_transaction_takes_an_item_once(table: Table) -> None:
    with pytest.raises(StorageError):
        table.transact([Put(item(a=1)), Delete(KEY)])

    assert table.get(KEY) is None


def test_a_transaction_takes_a_hundred_actions(table: Table) -> None:
    table.transact([Put(item(ItemKey("p", f"{n:03d}"))) for n in range(100)])
    assert len(table.query(Key("pk").eq("p")).items) == 100

    with pytest.raises(StorageError):
        table.transact([Put(item(ItemKey("q", f"{n:03d}"))) for n in range(101)])
    assert table.query(Key("pk").eq("q")).items == []


# -- many items -----------------------------------------------------------------------------------------------------


def test_batches_find_what_exists_and_write_whatever_stands(table: Table) -> None:
    table.put(item(ItemKey("p", "old"), a=1))
    keys = [ItemKey("p", f"{n:03d}") for n in range(30)]

    table.batch_write(puts=[item(key, a=1) for key in keys], deletes=[ItemKey("p", "old"), ItemKey("p", "absent")])

    assert table.batch_get([*keys, *keys, ItemKey("p", "old")]) == {key: item(key, a=1) for key in keys}


def test_a_query_shows_its_partition_in_order(table: Table) -> None:
    for sk in ("3", "1", "2", "HEAD"):
        table.put(item(ItemKey("p", sk)))
    table.put(item(ItemKey("q", "1")))

    def found(condition: Condition, **options: bool) -> list[object]:
        return [each["sk"] for each in table.query(condition, **options).items]  # type: ignore[arg-type]

    assert found(Key("pk").eq("p")) == ["1", "2", "3", "HEAD"]
    assert found(Key("pk").eq("p"), forward=False) == ["HEAD", "3", "2", "1"]
    assert found(Key("pk").eq("p") & Key("sk").lt("HEAD")) == ["1", "2", "3"]
    assert found(Key("pk").eq("p") & Key("sk").begins_with("HE")) == ["HEAD"]
    assert found(Key("pk").eq("absent")) == []


@pytest.mark.parametrize("forward", [True, False])
def test_a_query_goes_on_where_its_last_page_ended(table: Table, forward: bool) -> None:
    for sk in "12345":
        table.put(item(ItemKey("p", sk)))
    seen: list[object] = []
    resume: Item | None = None
    pages = 0

    while pages == 0 or resume is not None:
        page = table.query(Key("pk").eq("p"), limit=2, forward=forward, resume=resume)
        seen += [each["sk"] for each in page.items]
        resume, pages = page.resume, pages + 1

    assert seen == (list("12345") if forward else list("54321"))
    assert [each["sk"] for each in table.query_all(Key("pk").eq("p"))] == list("12345")


def test_an_index_is_sparse_ordered_and_shows_what_it_includes(table: Table) -> None:
    shard = {"due_shard": "DUE#01", "kind": "low", "owner": "acme#main"}
    table.put(item(ItemKey("later", "HEAD"), wake_at=200, seq=7, **shard))
    table.put(item(ItemKey("sooner", "HEAD"), wake_at=100, seq=7, blocked_until=50, **shard))
    table.put(item(ItemKey("never", "HEAD"), seq=7, **shard))
    table.put(item(ItemKey("elsewhere", "HEAD"), wake_at=100, **(shard | {"due_shard": "DUE#02"})))
    due = Key("due_shard").eq("DUE#01") & Key("wake_at").lte(200)

    assert table.query(due, index="due").items == [
        item(ItemKey("sooner", "HEAD"), wake_at=100, blocked_until=50, **shard),
        item(ItemKey("later", "HEAD"), wake_at=200, **shard),
    ]
    assert table.query(Key("due_shard").eq("DUE#01") & Key("wake_at").lte(199), index="due").items == [
        item(ItemKey("sooner", "HEAD"), wake_at=100, blocked_until=50, **shard)
    ]

    table.update(Update(ItemKey("sooner", "HEAD"), remove=("wake_at",)))
    assert [each["pk"] for each in table.query(due, index="due").items] == ["later"]


# -- queues ---------------------------------------------------------------------------------------------------------


class Receiver:
    """A queue with a receiving side: what was received, by the text of its body."""

    def __init__(self, queue: FifoQueue) -> None:
        self.queue = queue

    def send(self, text: str, group: str) -> None:
        self.queue.send(FifoMessage(body={"text": text}, group=group, deduplication_id=text))

    def receive(self) -> tuple[str, str] | None:
        """Text and receipt handle."""
        if isinstance(self.queue, InMemoryQueue):
            received = self.queue.receive(30_000)
            return (received.message.body["text"], received.receipt or "") if received else None
        answer = boto.sqs().receive_message(QueueUrl=self.queue.url).get("Messages")
        return (answer[0]["Body"].split('"')[3], answer[0]["ReceiptHandle"]) if answer else None

    def received(self) -> str | None:
        found = self.receive()
        return found[0] if found else None

    def delete(self, receipt: str) -> None:
        if isinstance(self.queue, InMemoryQueue):
            self.queue.delete(receipt)
        else:
            boto.sqs().delete_message(QueueUrl=self.queue.url, ReceiptHandle=receipt)


@pytest.fixture(params=["in memory", "moto"])
def receiver(request: pytest.FixtureRequest) -> Receiver:
    if request.param == "in memory":
        return Receiver(InMemoryQueue("low", SettableClock(NOON)))
    queues: dict[LineKind, FifoQueue] = request.getfixturevalue("queues")
    return Receiver(queues[LineKind.LOW])


def test_a_group_is_closed_while_one_of_its_messages_is_in_hand(receiver: Receiver) -> None:
    receiver.send("a1", "a")
    receiver.send("a2", "a")
    receiver.send("b1", "b")

    first = receiver.receive()
    assert first is not None
    assert (first[0], receiver.received(), receiver.received()) == ("a1", "b1", None)

    receiver.delete(first[1])
    assert receiver.received() == "a2"


def test_a_message_given_back_comes_first_again(receiver: Receiver) -> None:
    receiver.send("a1", "a")
    receiver.send("a2", "a")
    first = receiver.receive()
    assert first is not None

    receiver.queue.hold(first[1], 60)
    assert receiver.received() is None
    receiver.queue.hold(first[1], 0)

    assert receiver.received() == "a1"


def test_a_message_that_is_done_with_cannot_be_held(receiver: Receiver) -> None:
    receiver.send("a1", "a")
    first = receiver.receive()
    assert first is not None
    receiver.delete(first[1])

    with pytest.raises(StaleReceipt):
        receiver.queue.hold(first[1], 60)


def test_a_message_that_has_slipped_out_of_hand_cannot_be_held() -> None:
    """As SQS has it for FIFO queues, where moto is lax: neither while it is visible, nor in other hands."""
    receiver = Receiver(InMemoryQueue("low", SettableClock(NOON)))
    receiver.send("a1", "a")
    first = receiver.receive()
    assert first is not None
    receiver.queue.hold(first[1], 0)

    with pytest.raises(StaleReceipt):
        receiver.queue.hold(first[1], 60)
    assert receiver.received() == "a1"
    with pytest.raises(StaleReceipt):
        receiver.queue.hold(first[1], 60)


def test_a_batch_is_sent_in_order(receiver: Receiver) -> None:
    receiver.queue.send_batch([FifoMessage({"text": f"a{n}"}, "a", f"a{n}") for n in range(3)])

    for text in ("a0", "a1", "a2"):
        found = receiver.receive()
        assert found is not None
        assert found[0] == text
        receiver.delete(found[1])
