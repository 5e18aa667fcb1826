"""A labelled scene, as every reference set gives it and every mask is scored on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from ..bands import Level
from ..classes import CloudClass
from ..errors import InputError
from ..grid import Grid
from .labels import LabelKind
from .raster import same_crs

ClassArray = npt.NDArray[np.uint8]
SILENT = (int(CloudClass.UNDEFINED), int(CloudClass.MISSING))
"""Codes that say nothing about the sky."""


@dataclass(frozen=True)
class Image:
    """Reflectance of a scene on the grid of its labels.

    Attributes
    ----------
    values : float32 (bands, rows, cols)
        Reflectance, NaN where missing.
    bands : tuple of str
        Names of the planes.
    """

    values: npt.NDArray[np.float32]
    bands: tuple[str, ...]


@dataclass(frozen=True)
class Points:
    """Where single labelled pixels lie.

    Attributes
    ----------
    rows, cols : int64 (n,)
        On the scene's grid.
    """

    rows: npt.NDArray[np.int64]
    cols: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scene:
    """One labelled image.

    Attributes
    ----------
    name : str
        Unique in its reference set.
    product : str
        What scenes are resampled by: several patches of one product are not independent.
    kind : LabelKind
        What the labels are worth.
    labels : uint8 (rows, cols), or (n,) with `points`
        Codes of :class:`CloudClass`; UNDEFINED is not scored.
    level : {"L1C", "L2A"}
        Of the image.
    grid : Grid
        Of the labels; its ``crs`` is None where the set has no georeference.
    image : callable or None
        Reads the reflectance; None where masks have to come from files or the product.
    safe : Path or None
        The product the labels were drawn on.
    points : Points or None
        For sets of single pixels.
    breakdown : mapping of str to str or array of str (n,)
        What scores are broken down by: surface, season, ...
    files : mapping of str to Path
        Masks of other programs that came with the set, by name.
    folder : str
        Where it lies in its set, if that has several products of the same name; else empty. Its masks are
        looked for in a folder of that name.
    """

    name: str
    product: str
    kind: LabelKind
    labels: ClassArray
    level: Level
    grid: Grid
    image: Callable[[], Image] | None = None
    safe: Path | None = None
    points: Points | None = None
    breakdown: Mapping[str, str | npt.NDArray[np.str_]] = field(default_factory=lambda: MappingProxyType({}))
    files: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))
    folder: str = ""

    def __post_init__(self) -> None:
        if self.points is None and self.labels.shape != self.grid.shape:
            raise InputError(
                f"{self.name}: labels of {self.labels.shape} do not fit an image of {self.grid.shape}; "
                "the reference and the image must be of one size"
            )

    @property
    def labelled(self) -> int:
        """Number of pixels with a label."""
        return int(np.count_nonzero(~np.isin(self.labels, SILENT)))


@dataclass(frozen=True)
class Prediction:
    """What a mask says about a scene.

    Attributes
    ----------
    classes : uint8 (rows, cols)
        Codes of :class:`CloudClass`.
    grid : Grid
        Where they lie; of the scene's ground, at any spacing.
    claims : frozenset of CloudClass or None
        What was told apart here, for a mask that takes another model for other scenes; None where it is
        the same everywhere.
    """

    classes: ClassArray
    grid: Grid
    claims: frozenset[CloudClass] | None = None


def on_labels(prediction: Prediction, scene: Scene, mask: str) -> ClassArray:
    """Mask classes at the labelled pixels, by the mask pixel under each pixel's centre.

    Returns
    -------
    uint8, shape of ``scene.labels``
        MISSING where the mask does not reach.

    Raises
    ------
    InputError
        If coordinate reference systems differ, or sizes do not fit.
    """
    source, target = prediction.grid, scene.grid
    where = f"{scene.name}: mask '{mask}'"
    rows: npt.NDArray[np.int64] = (
        np.arange(target.rows)[:, None] if scene.points is None else scene.points.rows
    )
    cols: npt.NDArray[np.int64] = np.arange(target.cols) if scene.points is None else scene.points.cols
    if source.crs is not None and target.crs is not None:
        if not same_crs(source.crs, target.crs):
            raise InputError(
                f"{where} is in {_short(source.crs)}, the reference in {_short(target.crs)}; "
                "reproject the mask, or check that it is of this scene"
            )
        x = target.left + (cols + 0.5) * target.pixel_size
        y = target.top - (rows + 0.5) * target.pixel_size
        at_col = np.floor((x - source.left) / source.pixel_size + 1e-6).astype(np.int64)
        at_row = np.floor((source.top - y) / source.pixel_size + 1e-6).astype(np.int64)
        if not (
            np.any((at_row >= 0) & (at_row < source.rows)) and np.any((at_col >= 0) & (at_col < source.cols))
        ):
            raise InputError(f"{where} covers other ground than the reference; is it of this scene?")
    else:
        factor = _factor(source, target)
        if factor is None:
            raise InputError(
                f"{where}: expected the reference's size {target.shape} or the same ground at a whole "
                f"multiple of its spacing, found {source.shape}"
            )
        at_row = np.floor((rows + 0.5) * factor + 1e-6).astype(np.int64)
        at_col = np.floor((cols + 0.5) * factor + 1e-6).astype(np.int64)
    at_row, at_col = np.broadcast_arrays(at_row, at_col)
    inside = (at_row >= 0) & (at_row < source.rows) & (at_col >= 0) & (at_col < source.cols)
    out = np.full(at_row.shape, int(CloudClass.MISSING), np.uint8)
    out[inside] = prediction.classes[at_row[inside], at_col[inside]]
    return out


def _factor(source: Grid, target: Grid) -> float | None:
    """Source pixels a target pixel, for grids without georeference; None if they do not fit."""
    if source.shape == target.shape:
        return 1.0
    for fine, coarse, inverse in ((source, target, False), (target, source, True)):
        # Spacings say it best, but a raster without georeference has none to speak of.
        for factor in (round(coarse.gsd / fine.gsd), round(fine.rows / coarse.rows)):
            if factor > 1 and (-(-fine.rows // factor), -(-fine.cols // factor)) == coarse.shape:
                return 1 / factor if inverse else float(factor)
    return None


def _short(crs: str) -> str:
    return crs if len(crs) < 40 else crs.split('"')[1] if '"' in crs else crs[:40]
