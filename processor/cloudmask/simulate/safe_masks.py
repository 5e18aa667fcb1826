"""Quality masks: rasters from baseline 04.00 on, polygons before."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
from lxml import etree
from rasterio.features import shapes

from ..bands import BAND_NAMES, BANDS
from ..classes import CloudClass
from .safe_detectors import detector_map
from .safe_jp2 import write_jp2
from .safe_naming import ProductNames
from .safe_source import SATURATED_DN, ProductSource
from .safe_tile import TileGrid
from .safe_xml import element, write_xml

GML_KINDS = ("DEFECT", "DETFOO", "NODATA", "SATURA", "TECQUA")
RASTER_KINDS = ("DETFOO", "QUALIT")
# Components of MSK_QUALIT (PSD 14.8): lost and degraded ancillary data, lost and degraded image
# data, defective, no data, partially corrected cross-talk, saturated.
_QUALITY_PLANES = 8
_QUALITY_NODATA = 5
_QUALITY_SATURATED = 7
_POLYGON_GSD = 60  # outlines follow 60 m pixels, as the cloud polygons of real products do

Bool = npt.NDArray[np.bool_]
_EOP = "http://www.opengis.net/eop/2.0"
_GML = "http://www.opengis.net/gml/3.2"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"


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
            features = [("OPAQUE", "OPAQUE", opaque), ("CIRRUS", "CIRRUS", cirrus)]
            self._gml(self._names.mask("CLOUDS", "B00"), features)

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
        step = _POLYGON_GSD // gsd
        coarse = footprint[step // 2 :: step, step // 2 :: step]
        numbers = [int(n) for n in np.unique(coarse) if n]
        features = [
            ("DETECTOR_FOOTPRINT", f"detector_footprint-{name}-{n:02d}", coarse == n) for n in numbers
        ]
        self._gml(self._names.mask("DETFOO", name), features)
        self._gml(
            self._names.mask("NODATA", name),
            [("QT_NODATA_PIXELS", "QT_NODATA_PIXELS", _any(~observed, step))],
        )
        hot = (
            []
            if saturated is None
            else [("QT_SATURATED_PIXELS", "QT_SATURATED_PIXELS", _any(saturated, step))]
        )
        self._gml(self._names.mask("SATURA", name), hot)
        for kind in ("DEFECT", "TECQUA"):
            self._gml(self._names.mask(kind, name), [])

    def _gml(self, name: str, features: list[tuple[str, str, Bool]]) -> None:
        """Write polygons of features given as (mask type, identifier, raster at 60 m)."""
        grid, eop, gml = self._grid, f"{{{_EOP}}}", f"{{{_GML}}}"
        kind, band = Path(name).stem.removeprefix("MSK_").split("_")
        names = self._names
        title = (
            f"{names.mission}_OPER_MSK_{kind}_{names.tile_id().split('_TL_')[1].rsplit('_', 1)[0]}"
            f"_{band}_MSI{names.level}"
        )
        root = etree.Element(eop + "Mask", {gml + "id": title}, nsmap={"eop": _EOP, "gml": _GML, "xsi": _XSI})
        root.append(element(gml + "name", f"MSK_{kind} pixels mask from data-strip {title}"))
        members = element(eop + "maskMembers")
        for mask_type, identifier, raster in features:
            outlines = shapes(raster.view(np.uint8), mask=raster, transform=grid.transform(_POLYGON_GSD))
            for index, (outline, _) in enumerate(outlines):
                members.append(_feature(mask_type, f"{identifier}-{index}", outline["coordinates"]))
        if len(members):
            side = grid.size10 * 10
            root.append(
                element(
                    gml + "boundedBy",
                    element(
                        gml + "Envelope",
                        element(gml + "lowerCorner", f"{grid.ulx} {grid.uly - side}"),
                        element(gml + "upperCorner", f"{grid.ulx + side} {grid.uly}"),
                        srsName=f"urn:ogc:def:crs:EPSG:8.7:{grid.epsg}",
                    ),
                )
            )
        root.append(members)
        write_xml(self._root / name, root)


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


def _feature(mask_type: str, identifier: str, rings: list[list[tuple[float, float]]]) -> etree._Element:
    """One mask polygon: outer ring first, then holes."""
    eop, gml = f"{{{_EOP}}}", f"{{{_GML}}}"
    polygon = element(gml + "Polygon", **{gml + "id": f"{identifier}_Polygon"})
    for index, ring in enumerate(rings):
        positions = " ".join(f"{x:.0f} {y:.0f}" for x, y in ring)
        line = element(gml + "LinearRing", element(gml + "posList", positions, srsDimension="2"))
        polygon.append(element(gml + ("interior" if index else "exterior"), line))
    return element(
        eop + "MaskFeature",
        element(eop + "maskType", mask_type, codeSpace="urn:gs2:S2PDGS:maskType"),
        element(eop + "extentOf", polygon),
        **{gml + "id": identifier},
    )
