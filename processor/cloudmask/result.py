"""The result: classes, probabilities, where they lie, and what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .bands import Level
from .card import ModelCard
from .classes import SURFACE_CLASSES, CloudClass
from .grid import Grid
from .options import Options


@dataclass(frozen=True)
class Mask:
    """A cloud mask and its provenance.

    Attributes
    ----------
    classes : uint8 (rows, cols)
        Codes of :class:`CloudClass`, 1 to 5.
    probabilities : float32 (4, rows, cols) or None
        Planes in the order of ``SURFACE_CLASSES``, 0 to 1, NaN where missing; before thresholds,
        minimum area and buffers. None unless asked for.
    saturated : bool (rows, cols)
        Where a band the model uses is saturated; such pixels are classified all the same.
    grid : Grid
        Where the pixels lie.
    name : str
        Product name.
    level : {"L1C", "L2A"}
        Processing level.
    options : Options
        As given.
    model : ModelCard
        The network's card.
    device : str
        Where it ran.
    timing : mapping of str to float
        Seconds spent waiting for input, in the network, in post-processing, and in all; and what
        went on beside that: loading and resampling bands, all threads together.
    preview : uint8 (rows, cols, 3) or None
        A small true-colour picture for the quicklook, if one was asked for.
    """

    classes: npt.NDArray[np.uint8]
    probabilities: npt.NDArray[np.float32] | None
    saturated: npt.NDArray[np.bool_]
    grid: Grid
    name: str
    level: Level
    options: Options
    model: ModelCard
    device: str
    timing: Mapping[str, float] = field(default_factory=dict)
    preview: npt.NDArray[np.uint8] | None = None

    @property
    def statistics(self) -> dict[str, Any]:
        """Pixel counts and shares.

        ``percent`` holds each of the four classes' share of valid pixels (0 to 100; None where no
        pixel is valid), ``valid_percent`` the share of valid pixels in all, ``pixels`` the counts.
        """
        # A comparison a class: counting by bincount would first copy the mask into 64-bit numbers.
        counts = {int(c): np.count_nonzero(self.classes == int(c)) for c in CloudClass}
        valid = int(sum(counts[int(c)] for c in SURFACE_CLASSES))
        total = int(self.classes.size)
        return {
            "percent": {
                c.key: round(100.0 * int(counts[int(c)]) / valid, 4) if valid else None
                for c in SURFACE_CLASSES
            },
            "valid_percent": round(100.0 * valid / total, 4),
            "pixels": {c.key: int(counts[int(c)]) for c in (*SURFACE_CLASSES, CloudClass.MISSING)},
            "saturated_pixels": int(np.count_nonzero(self.saturated)),
        }

    def save(
        self,
        path: str | Path,
        *,
        format: str = "geotiff",  # noqa: A002
        overwrite: bool = False,
        quicklook: bool = False,
        probability_type: str = "uint8",
    ) -> list[Path]:
        """Write the mask, its record, and probabilities if it has them; returns the files.

        Takes the arguments of :func:`cloudmask.output.save_mask`.
        """
        from .output import save_mask  # the one door from a result to file formats

        return save_mask(
            self,
            Path(path),
            format=format,
            overwrite=overwrite,
            quicklook=quicklook,
            probability_type=probability_type,
        )
