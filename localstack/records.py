"""An append-only list shared by threads, on which a test can wait: what a local peer has received."""

import threading
from collections.abc import Callable, Sequence


class Records[T]:
    """Things in the order of their arrival, numbered from 1 over the list's life."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._changed = threading.Condition()
        self._items: list[T] = []
        self._order = 0

    def add(self, make: Callable[[int], T]) -> T:
        """Append what `make` builds from the next order number, and return it."""
        with self._changed:
            self._order += 1
            item = make(self._order)
            self._items.append(item)
            self._changed.notify_all()
            return item

    def all(self) -> list[T]:
        """Return everything, oldest first."""
        with self._changed:
            return list(self._items)

    def clear(self) -> None:
        """Forget everything; numbering goes on."""
        with self._changed:
            self._items.clear()

    def wait_for(self, count: int, *, timeout: float) -> list[T]:
        """Wait until at least `count` are there, and return all; raises `TimeoutError` as `wait_until`."""
        return self.wait_until(lambda items: len(items) >= count, timeout=timeout, waiting_for=f"{count} {self._name}")

    def wait_until(self, condition: Callable[[Sequence[T]], bool], *, timeout: float, waiting_for: str) -> list[T]:
        """Wait until `condition` holds for what is there, and return it.

        Raises `TimeoutError`, saying what was waited for and how many came, after `timeout` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self._items), timeout):
                arrived = f"{len(self._items)} {self._name} arrived"
                raise TimeoutError(f"no {waiting_for} within {timeout:g} s; {arrived}")
            return list(self._items)
