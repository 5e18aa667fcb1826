"""The result: classes, probabilities, where they lie, and what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    aoi : str or None
        File of the area of interest, if there was one.
    outside : bool (rows, cols) or None
        Pixels outside the area of interest; they are MISSING and not part of the statistics.
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
    aoi: str | None = None
    outside: npt.NDArray[np.bool_] | None = None

    def within(self, window: tuple[int, int, int, int], outside: npt.NDArray[np.bool_], aoi: str) -> Mask:
        """The part of the mask that was asked for.

        Parameters
        ----------
        window : tuple of int
            First row, first column, rows, columns.
        outside : bool (rows, cols)
            Pixels of the window that become MISSING and do not count.
        aoi : str
            Where the area came from, for the record.
        """
        row, col, rows, cols = window
        cut = np.s_[..., row : row + rows, col : col + cols]
        classes = self.classes[cut].copy()
        classes[outside] = int(CloudClass.MISSING)
        probabilities = None
        if self.probabilities is not None:
            probabilities = self.probabilities[cut].copy()
            probabilities[:, outside] = np.nan
        return replace(
            self,
            classes=classes,
            probabilities=probabilities,
            saturated=self.saturated[cut] & ~outside,
            grid=self.grid.subset(row, col, rows, cols),
            aoi=aoi,
            outside=outside,
        )

    @property
    def statistics(self) -> dict[str, Any]:
        """Pixel counts and shares.

        ``percent`` holds each of the four classes' share of valid pixels (0 to 100; None where no
        pixel is valid), ``valid_percent`` the share of valid pixels in all, ``pixels`` the counts;
        all of them of the area of interest, if there was one.
        """
        # A comparison a class: counting by bincount would first copy the mask into 64-bit numbers.
        counts = {int(c): np.count_nonzero(self.classes == int(c)) for c in CloudClass}
        if self.outside is not None:
            counts[int(CloudClass.MISSING)] -= np.count_nonzero(self.outside)
        valid = int(sum(counts[int(c)] for c in SURFACE_CLASSES))
        total = valid + int(counts[int(CloudClass.MISSING)])
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
