"""Quality masks: rasters from baseline 04.00 on, polygons before."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..bands import BAND_NAMES, BANDS
from ..classes import CloudClass
from .safe_detectors import detector_map
from .safe_gml import POLYGON_GSD, Feature, write_polygons
from .safe_jp2 import write_jp2
from .safe_naming import ProductNames
from .safe_source import SATURATED_DN, ProductSource
from .safe_tile import TileGrid

GML_KINDS = ("DEFECT", "DETFOO", "NODATA", "SATURA", "TECQUA")
RASTER_KINDS = ("DETFOO", "QUALIT")
# Components of MSK_QUALIT (PSD 14.8): lost and degraded ancillary data, lost and degraded image
# data, defective, no data, partially corrected cross-talk, saturated.
_QUALITY_PLANES = 8
_QUALITY_NODATA = 5
_QUALITY_SATURATED = 7

# Clouds of fewer pixels of 60 m get no polygon: real masks are smoothed before they are outlined. A scene of
# small clouds would have a hundred thousand, and readers that take milliseconds for each.
_SMALLEST_CLOUD = 25

Bool = npt.NDArray[np.bool_]


class MaskWriter:
    """Writes the masks of a product, band by band.

    Bands of one resolution often have the same mask: an image already encoded is copied.
    """

    def __init__(self, root: Path, names: ProductNames, grid: TileGrid, threads: int) -> None:
        self._root = root
        self._names = names
        self._grid = grid
        self._threads = threads
        self._encoded: dict[bytes, Path] = {}
        self._detectors: dict[int, npt.NDArray[np.uint8]] = {}

    def band(self, name: str, observed: Bool, saturated: Bool | None) -> None:
        """Write the masks of one band.

        Parameters
        ----------
        name : str
            Band.
        observed : bool array (rows, cols)
            At the band's resolution, False = no data.
        saturated : bool array (rows, cols) or None
            None where nothing is saturated.
        """
        gsd = BANDS[name].gsd
        if gsd not in self._detectors:
            self._detectors[gsd] = detector_map(self._grid, gsd)
        footprint = self._detectors[gsd] * observed
        if not self._names.baseline.raster_masks:
            self._polygons(name, gsd, footprint, observed, saturated)
            return
        self._raster(self._names.mask("DETFOO", name), [footprint], gsd)
        planes: list[npt.NDArray[np.uint8] | None] = [None] * _QUALITY_PLANES
        planes[_QUALITY_NODATA] = (~observed).view(np.uint8)
        planes[_QUALITY_SATURATED] = None if saturated is None else saturated.view(np.uint8)
        self._raster(self._names.mask("QUALIT", name), planes, gsd)

    def clouds(self, truth: npt.NDArray[np.uint8]) -> None:
        """Write the cloud mask from classes at 60 m, (rows, cols)."""
        opaque = truth == CloudClass.CLOUD
        cirrus = truth == CloudClass.SEMI_TRANSPARENT_CLOUD
        if self._names.baseline.raster_masks:
            planes = [opaque.view(np.uint8), cirrus.view(np.uint8), None]
            self._raster(self._names.mask("CLASSI", "B00"), planes, 60)
        else:
            kinds = {"OPAQUE": opaque, "CIRRUS": cirrus}
            self._gml("CLOUDS", "B00", [Feature(k, k, large_objects(v)) for k, v in kinds.items()])

    def probabilities(self, truth: npt.NDArray[np.uint8], gsd: int) -> None:
        """Write Sen2Cor's cloud and snow probabilities, per cent, from classes at `gsd` (L2A)."""
        table = np.zeros(len(CloudClass), dtype=np.uint8)
        table[CloudClass.CLOUD] = 100
        table[CloudClass.SEMI_TRANSPARENT_CLOUD] = 50
        folder = f"{self._names.granule_dir}/QI_DATA"
        self._raster(f"{folder}/MSK_CLDPRB_{gsd}m.jp2", [table[truth]], gsd)
        self._raster(f"{folder}/MSK_SNWPRB_{gsd}m.jp2", [np.zeros_like(truth)], gsd)

    def _raster(self, name: str, planes: list[npt.NDArray[np.uint8] | None], gsd: int) -> None:
        path = self._root / name
        key = hashlib.sha256(f"{gsd} {len(planes)}".encode())
        for index, plane in enumerate(planes):
            if plane is not None:
                key.update(bytes([index]) + np.ascontiguousarray(plane).tobytes())
        if known := self._encoded.get(key.digest()):
            shutil.copyfile(known, path)
            return
        write_jp2(path, planes, self._grid, gsd, mask=True, threads=self._threads)
        self._encoded[key.digest()] = path

    def _polygons(
        self, name: str, gsd: int, footprint: npt.NDArray[np.uint8], observed: Bool, saturated: Bool | None
    ) -> None:
        step = POLYGON_GSD // gsd
        coarse = footprint[step // 2 :: step, step // 2 :: step]
        numbers = [int(n) for n in np.unique(coarse) if n]
        features = [
            Feature("DETECTOR_FOOTPRINT", f"detector_footprint-{name}-{n:02d}", coarse == n) for n in numbers
        ]
        self._gml("DETFOO", name, features)
        missing = Feature("QT_NODATA_PIXELS", "QT_NODATA_PIXELS", _any(~observed, step))
        self._gml("NODATA", name, [missing])
        hot = "QT_SATURATED_PIXELS_L1A"
        saturations = [] if saturated is None else [Feature(hot, hot, _any(saturated, step))]
        self._gml("SATURA", name, saturations)
        for kind in ("DEFECT", "TECQUA"):
            self._gml(kind, name, [])

    def _gml(self, kind: str, band: str, features: list[Feature]) -> None:
        write_polygons(self._root, self._names, self._grid, kind, band, features)


def large_objects(raster: Bool) -> Bool:
    """The objects of a mask that get a polygon."""
    labels, _ = ndimage.label(raster)
    keep: Bool = (np.bincount(labels.ravel()) >= _SMALLEST_CLOUD)[labels] & raster
    return keep


def saturation(dn: npt.NDArray[np.uint16]) -> Bool | None:
    """Where a band is saturated, None if nowhere."""
    hot: Bool = dn == SATURATED_DN
    return hot if hot.any() else None


def write_masks(
    writer: MaskWriter, source: ProductSource, saturated: dict[str, Bool], extra: tuple[int, ...]
) -> None:
    """Write all masks of a product.

    Parameters
    ----------
    writer : MaskWriter
        Where to.
    source : ProductSource
        Gives validity and truth. A band that the source lacks (B10 in L2A) takes B01's validity:
        masks come from Level-1C, which has all bands.
    saturated : dict of str to bool array
        Of the bands that have saturated pixels.
    extra : tuple of int
        Ground sampling distances at which probability masks are written.
    """
    for name in BAND_NAMES:
        observed = source.valid(name if name in source.bands else "B01")
        writer.band(name, observed, saturated.get(name))
    writer.clouds(source.truth(60))
    for gsd in extra:
        writer.probabilities(source.truth(gsd), gsd)


def _any(raster: Bool, step: int) -> Bool:
    """Return True where a block of `step` by `step` pixels has a True."""
    rows, cols = raster.shape[0] // step, raster.shape[1] // step
    return np.asarray(raster.reshape(rows, step, cols, step).any(axis=(1, 3)))
