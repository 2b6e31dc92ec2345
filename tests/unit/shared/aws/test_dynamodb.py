"""One DynamoDB table as the project uses it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.aws import dynamodb
from shared.aws.attributes import Item, from_attributes, to_attribute, to_attributes
from shared.aws.dynamodb import Attr, Check, Delete, ItemKey, Key, Put, Table, Update
from shared.aws.service import Service
from shared.errors import ConditionFailed, StorageError, StorageUnavailable, TransactionRefused

A, B = ItemKey("p", "a"), ItemKey("p", "b")

plain: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.text(), st.integers(-(10**30), 10**30), st.booleans(), st.none(), st.binary()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)


def unfinished(table: Table, times: int) -> Table:
    """The table through a service that leaves part of each batch undone, so many times."""
    return Table(Unfinished(table._service, times), table.name)


class Unfinished(Service):
    """Leaves part of each batch undone, so many times."""

    def __init__(self, service: Service, times: int) -> None:
        self._service = service
        self._left = times

    def call(self, operation: str, request: Any, shape: Any) -> Any:
        if not self._left or not operation.startswith("Batch"):
            return self._service.call(operation, request, shape)
        ((name, asked),) = request["RequestItems"].items()
        wanted = asked["Keys"] if operation == "BatchGetItem" else asked
        if len(wanted) <= 1:
            return self._service.call(operation, request, shape)
        self._left -= 1

        def part(of: Any) -> Any:
            return {name: asked | {"Keys": of} if operation == "BatchGetItem" else of}

        answer = self._service.call(operation, {"RequestItems": part(wanted[:1])}, shape)
        left = "UnprocessedKeys" if operation == "BatchGetItem" else "UnprocessedItems"
        return {**answer, left: part(wanted[1:])}


def an_item(key: ItemKey, **fields: Any) -> Item:
    return key.item | fields


class TestValues:
    @given(plain)
    def test_come_back_as_they_went(self, value: Any) -> None:
        assert from_attributes(to_attributes({"v": value})) == {"v": value}

    @pytest.mark.parametrize("value", [1.5, object(), {1, 2}, (1, 2)])
    def test_of_types_that_are_not_used_are_refused(self, value: Any) -> None:
        with pytest.raises(TypeError):
            to_attribute(value)

    def test_that_are_not_used_are_not_read_either(self) -> None:
        with pytest.raises(TypeError):
            from_attributes({"v": {"SS": ["a"]}})  # type: ignore[list-item]

    def test_that_are_true_stay_booleans(self) -> None:
        assert to_attribute(True) == {"BOOL": True}


class TestOneItem:
    def test_is_read_as_it_was_put(self, messages: Table) -> None:
        item = an_item(A, text="ü", number=7, octets=b"\0\xff", flag=False, nothing=None, entries=["x", {"y": 1}])
        messages.put(item)

        assert messages.get(A) == item
        assert messages.get(B) is None

    def test_is_put_on_a_condition_or_the_one_that_stands_is_told(self, messages: Table) -> None:
        messages.put(an_item(A, n=1), condition=Attr("pk").not_exists())

        with pytest.raises(ConditionFailed) as refused:
            messages.put(an_item(A, n=2), condition=Attr("pk").not_exists())
        assert refused.value.item == an_item(A, n=1)
        assert messages.get(A) == an_item(A, n=1)

    def test_a_condition_on_an_absent_item_tells_none(self, messages: Table) -> None:
        with pytest.raises(ConditionFailed) as refused:
            messages.update(Update(A, set={"n": 1}, condition=Attr("pk").exists()))
        assert refused.value.item is None

    def test_is_updated_in_parts_and_told_as_it_is_then(self, messages: Table) -> None:
        messages.put(an_item(A, n=1, old="x", kept="y"))

        after = messages.update(
            Update(A, set={"text": "new"}, remove=("old",), add={"n": 4}, condition=Attr("n").eq(1))
        )

        assert after == messages.get(A) == an_item(A, n=5, kept="y", text="new")

    def test_comes_into_being_by_an_update(self, messages: Table) -> None:
        messages.update(Update(A, add={"seq": 1}))

        assert messages.get(A) == an_item(A, seq=1)

    def test_is_deleted_on_a_condition_and_deleting_an_absent_one_is_no_error(self, messages: Table) -> None:
        messages.put(an_item(A, n=1))
        with pytest.raises(ConditionFailed):
            messages.delete(A, condition=Attr("n").eq(2))

        messages.delete(A, condition=Attr("n").eq(1))
        messages.delete(A)
        assert messages.get(A) is None

    def test_too_large_is_refused(self, messages: Table) -> None:
        with pytest.raises(StorageError) as refused:
            messages.put(an_item(A, octets=b"x" * 500_000))
        assert not isinstance(refused.value, StorageUnavailable | ConditionFailed)


class TestQueries:
    def test_go_in_order_of_keys_either_way_and_page_by_page(self, messages: Table) -> None:
        for number in range(5):
            messages.put(an_item(ItemKey("p", f"{number}"), n=number))

        first = messages.query(Key("pk").eq("p"), limit=2)
        second = messages.query(Key("pk").eq("p"), limit=2, resume=first.resume)
        backward = messages.query(Key("pk").eq("p") & Key("sk").lt("3"), forward=False)

        assert [item["n"] for item in first.items + second.items] == [0, 1, 2, 3]
        assert [item["n"] for item in backward.items] == [2, 1, 0]
        assert backward.resume is None
        assert [item["n"] for item in messages.query_all(Key("pk").eq("p"))] == [0, 1, 2, 3, 4]

    def test_read_everything_however_much_it_is(self, messages: Table) -> None:
        for number in range(9):
            messages.put(an_item(ItemKey("p", f"{number}"), octets=b"x" * 300_000))

        assert messages.query(Key("pk").eq("p")).resume is not None
        assert len(list(messages.query_all(Key("pk").eq("p")))) == 9


class TestBatches:
    def test_take_any_number_of_items(self, messages: Table) -> None:
        keys = [ItemKey("p", f"{number:03}") for number in range(230)]
        messages.batch_write(puts=[an_item(key, n=1) for key in keys])

        assert set(messages.batch_get([*keys, *keys, ItemKey("q", "absent")])) == set(keys)

        messages.batch_write(deletes=keys)
        assert messages.batch_get(keys) == {}

    def test_of_nothing_are_no_calls(self, messages: Table) -> None:
        messages.batch_write()

        assert messages.batch_get([]) == {}

    def test_that_are_left_unfinished_are_gone_on_with(self, messages: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dynamodb, "_FIRST_PAUSE_SECONDS", 0)
        slow = unfinished(messages, 3)
        keys = [ItemKey("p", f"{number}") for number in range(10)]

        slow.batch_write(puts=[an_item(key) for key in keys])
        assert set(messages.batch_get(keys)) == set(keys)
        assert set(unfinished(messages, 3).batch_get(keys)) == set(keys)

    def test_that_never_end_are_given_up(self, messages: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dynamodb, "_FIRST_PAUSE_SECONDS", 0)
        stuck = unfinished(messages, 1_000)
        keys = [ItemKey("p", f"{number}") for number in range(10)]

        with pytest.raises(StorageUnavailable):
            stuck.batch_write(puts=[an_item(key) for key in keys])
        with pytest.raises(StorageUnavailable):
            stuck.batch_get(keys)


class TestTransactions:
    def test_do_all(self, messages: Table) -> None:
        messages.put(an_item(A, n=1))
        messages.put(an_item(ItemKey("p", "gone")))

        messages.transact(
            [
                Update(A, set={"n": 2}, condition=Attr("n").eq(1)),
                Put(an_item(B)),
                Delete(ItemKey("p", "gone")),
                Check(ItemKey("p", "absent"), Attr("pk").not_exists()),
            ]
        )

        assert messages.get(A) == an_item(A, n=2)
        assert messages.get(B) == an_item(B)
        assert messages.get(ItemKey("p", "gone")) is None

    def test_or_nothing_and_tell_which_did_not_hold(self, messages: Table) -> None:
        other = ItemKey("q", "a")
        messages.batch_write(puts=[an_item(A, n=1), an_item(other)])

        with pytest.raises(TransactionRefused) as refused:
            messages.transact(
                [
                    Put(an_item(B)),
                    Update(A, set={"n": 9}, condition=Attr("n").eq(5)),
                    Put(an_item(other), condition=Attr("pk").not_exists()),
                ]
            )

        assert refused.value.failed == (1, 2)
        assert messages.get(B) is None


def test_a_table_that_is_not_there_is_no_passing_failure(messages: Table) -> None:
    with pytest.raises(StorageError) as refused:
        Table(messages._service, "elsewhere").get(A)
    assert not isinstance(refused.value, StorageUnavailable)
