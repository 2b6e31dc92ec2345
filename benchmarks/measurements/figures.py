"""Several measurements of one thing as one figure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Figure:
    """The median, and how far the measurements lie apart."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Raises ValueError for none."""
        return cls(statistics.median(values), min(values), max(values))
