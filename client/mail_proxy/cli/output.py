"""How the command line shows things: tables for people, JSON and CSV for programs."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text


class Format(StrEnum):
    """What to write."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Column[T]:
    """A column of a table and of CSV."""

    title: str
    value: Callable[[T], object]


class Output:
    """Writes to standard output what was asked for, and to standard error what is said about it."""

    def __init__(self, format_: Format = Format.TABLE) -> None:
        self._format = format_
        self._out = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._err = Console(file=sys.stderr, highlight=False, soft_wrap=True)

    @property
    def for_people(self) -> bool:
        return self._format is Format.TABLE

    @property
    def console(self) -> Console:
        return self._out

    def say(self, text: str) -> None:
        """To people only, and not into what programs read."""
        self._err.print(Text(printable(text)))

    def text(self, text: str) -> None:
        """As it is."""
        sys.stdout.write(text)

    def rows[T: BaseModel](self, items: Iterable[T], columns: Sequence[Column[T]]) -> None:
        """A list: as a table, an array of whole objects, or CSV of the columns."""
        if self._format is Format.JSON:
            self.json([each.model_dump(mode="json", by_alias=True) for each in items])
        elif self._format is Format.CSV:
            self._csv([column.title for column in columns], ([c.value(each) for c in columns] for each in items))
        else:
            table = Table(*(column.title for column in columns), box=None, pad_edge=False, header_style="bold")
            for each in items:
                table.add_row(*(Text(shown(column.value(each))) for column in columns))
            self._out.print(table)

    def one(self, item: BaseModel) -> None:
        """One thing: its fields as a table, an object, or CSV of one line."""
        fields = item.model_dump(mode="json", by_alias=True)
        if self._format is Format.JSON:
            self.json(fields)
        elif self._format is Format.CSV:
            self._csv(list(fields), [list(fields.values())])
        else:
            table = Table(box=None, show_header=False, pad_edge=False)
            table.add_column(style="bold")
            for name, value in fields.items():
                table.add_row(name, Text(shown(value)))
            self._out.print(table)

    def json(self, value: object) -> None:
        """Indented, for `jq` and for people alike."""
        sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def _csv(self, titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        written = io.StringIO(newline="")
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow(titles)
        writer.writerows([shown(value) for value in row] for row in rows)
        sys.stdout.write(written.getvalue())


def shown(value: object) -> str:
    """A value in a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str) if value else ""
    return printable(str(value))


def printable(text: str) -> str:
    """Without the characters by which a relay's reply or a subject could steer a terminal."""
    return "".join(each if each.isprintable() else "�" for each in text)
