"""What repeated measurements amount to: medians, spread, and ratios within rounds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import UsageError


@dataclass(frozen=True)
class Spread:
    """Median, least and greatest of repeated measurements."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Spread of some numbers.

        Raises
        ------
        UsageError
            If there is none.
        """
        if not values:
            raise UsageError("a benchmark needs at least one round")
        return cls(statistics.median(values), min(values), max(values))

    def text(self, digits: int = 3) -> str:
        """Such as ``1.23 (1.10-1.31)``, with so many significant digits."""
        return f"{figure(self.median, digits)} ({figure(self.low, digits)}-{figure(self.high, digits)})"

    def to_dict(self) -> dict[str, float]:
        """Plain numbers, for JSON."""
        return {"median": self.median, "min": self.low, "max": self.high}


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Spread of the quotients of two measurements taken in the same rounds.

    Whatever slows a machine down for minutes slows both down, so that quotients within rounds
    spread less than the quotient of medians errs.
    """
    return Spread.of([a / b for a, b in zip(above, below, strict=True)])


def figure(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, never in powers of ten."""
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e" in text else text
