"""A finished benchmark: what was measured, and the figures that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .contenders import Contender
from .product import ProductTimes
from .statistics import Spread, ratios


@dataclass(frozen=True)
class Lap:
    """All rounds of one contender.

    Attributes
    ----------
    contender : Contender
        Who.
    rounds : sequence of dict
        Results of the task ``contend``.
    """

    contender: Contender
    rounds: Sequence[dict[str, Any]]

    def pixels_a_second(self, *, cpu: bool = False) -> list[float]:
        """Throughput of each round: on the wall, or a second of one core."""
        key = "cpu_seconds" if cpu else "seconds"
        return [r["pixels"] / r[key] for r in self.rounds]

    @property
    def peak_mib(self) -> float:
        """Peak memory of the process, MiB."""
        return max(r["peak_mib"] or 0.0 for r in self.rounds)

    @property
    def product_seconds(self) -> float:
        """Seconds for a product, extrapolated from the median."""
        return self.contender.product_seconds(Spread.of(self.pixels_a_second()).median)


@dataclass(frozen=True)
class Comparison:
    """One of ours against one of the others, round by round.

    Attributes
    ----------
    ours, other : Lap
        Who.
    agreement : float or None
        Share of pixels with the same class, where both have the same weights.
    """

    ours: Lap
    other: Lap
    agreement: float | None

    def ratio(self, *, cpu: bool = False) -> Spread:
        """How many times as many pixels a second."""
        return ratios(self.ours.pixels_a_second(cpu=cpu), self.other.pixels_a_second(cpu=cpu))


@dataclass(frozen=True)
class Limits:
    """The network's share of what the machine can do.

    Attributes
    ----------
    model : str
        Name.
    macs_per_pixel : float
        Multiply-accumulates a pixel of a tile.
    infer : dict
        Result of the task ``infer`` for the benchmark's pixels.
    pixels : int
        Pixels of the scene that these tiles cover.
    peaks : mapping of str to dict
        Results of the task ``multiply`` by precision.
    """

    model: str
    macs_per_pixel: float
    infer: dict[str, Any]
    pixels: int
    peaks: dict[str, dict[str, Any]]

    @property
    def macs_per_second(self) -> float:
        """What the network alone reaches on the wall, all tile pixels counted."""
        return float(self.macs_per_pixel * self.infer["tiled_pixels"] / self.infer["seconds"])

    def share(self, precision: str) -> float | None:
        """Of the matrix throughput, 0 to 1, both by seconds of the processor; None if not measured."""
        peak = self.peaks[precision].get("macs_per_cpu_second")
        if peak is None:
            return None
        return float(self.macs_per_pixel * self.infer["tiled_pixels"] / self.infer["cpu_seconds"] / peak)

    def ceiling(self, precision: str) -> float | None:
        """Pixels a second if the network ran at the matrix throughput and no tiles overlapped."""
        peak = self.peaks[precision].get("macs_per_second")
        return None if peak is None else float(peak / self.macs_per_pixel)


@dataclass(frozen=True)
class Benchmark:
    """Everything a run measured."""

    machine: dict[str, Any]
    pixels: str
    rounds: int
    laps: Sequence[Lap]
    comparisons: Sequence[Comparison]
    limits: Limits
    product: ProductTimes | None = None
    notes: Sequence[str] = field(default_factory=tuple)
