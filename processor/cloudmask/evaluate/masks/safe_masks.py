"""Masks inside SAFE products: Sen2Cor's scene classification (L2A) and ESA's cloud masks (L1C)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
from lxml import etree
from rasterio.features import rasterize
from rasterio.transform import Affine

from ...classes import CloudClass
from ...errors import InputError
from ...safe import open_product
from ...safe_files import SafeFiles, open_files
from ...xml_input import parse_xml
from ..products import find_product, product_facts
from ..raster import read_raster
from ..scene import Prediction, Scene
from .base import Pixels, Unavailable
from .files import FileMask, check_folder, folder_of
from .maps import find_class_map

_SCL = re.compile(r"_SCL_20m\.jp2$|SCL_L2A_.*_20m\.jp2$")
_GML = re.compile(r"MSK_CLOUDS_B00\.gml$")
_RASTER = re.compile(r"MSK_CLASSI_B00\.jp2$")
_GML_NS = "{http://www.opengis.net/gml/3.2}"
_GML_TYPES = {"OPAQUE": CloudClass.CLOUD, "CIRRUS": CloudClass.SEMI_TRANSPARENT_CLOUD}
_OPAQUE, _CIRRUS = 0, 1  # planes of MSK_CLASSI; the third is snow


class Sen2CorMask:
    """Sen2Cor's SCL, from L2A products of the same acquisition or rasters taken out of them.

    Parameters
    ----------
    name : str
        As given by the user.
    folder : Path or None
        Folder of L2A products or SCL rasters; None takes what came with the reference set.
    """

    def __init__(self, name: str, folder: Path | None) -> None:
        self.name = name
        self._map = find_class_map("sen2cor")
        self.title, self.claims = self._map.title, self._map.claims
        self._folder = folder
        self._files = FileMask(name, self._map, folder, "sen2cor")

    @property
    def setting(self) -> str:
        """Where the classification is from."""
        return self._files.setting

    def predict(self, pixels: Pixels) -> Prediction:
        """Read the SCL raster of the scene's L2A product."""
        product = self._product(pixels.scene)
        if product is None:
            return self._files.predict(pixels)
        files = open_files(product)
        try:
            path = _one(files, _SCL, "20 m scene classification", product)
            data, grid = read_raster(files.local_path(path), gsd=20.0, bands=[1])
        finally:
            files.close()
        return Prediction(self._map.decode(data[0], f"{product}: {path}"), grid)

    def _product(self, scene: Scene) -> Path | None:
        if self._folder is None:
            return None
        name = scene.safe.name if scene.safe is not None else scene.product
        return find_product(folder_of(self._folder, scene), re.sub(r"MSIL1C", "MSIL2A", name))


class EsaL1cMask:
    """The cloud mask in L1C products: polygons before baseline 04.00, a 60 m raster since.

    Opaque clouds are cloud, cirrus is semi-transparent cloud; there are no shadows.

    Parameters
    ----------
    name : str
        As given by the user.
    folder : Path or None
        Folder of L1C products, for sets whose scenes bring none.
    """

    title = "ESA L1C mask"
    claims = frozenset({CloudClass.CLEAR, CloudClass.SEMI_TRANSPARENT_CLOUD, CloudClass.CLOUD})
    setting = (
        "MSK_CLOUDS (GML) or MSK_CLASSI (raster) of the L1C product; opaque is cloud, cirrus semi-transparent"
    )

    def __init__(self, name: str, folder: Path | None) -> None:
        check_folder(name, folder)
        self.name = name
        self._folder = folder

    def predict(self, pixels: Pixels) -> Prediction:
        """Read the mask of the scene's product."""
        product = pixels.scene.safe
        if product is None and self._folder is not None:
            product = find_product(folder_of(self._folder, pixels.scene), pixels.scene.product)
        if product is None:
            raise Unavailable("the scene has no L1C product; give their folder: esa-l1c=DIR")
        if product_facts(product.name, product).level != "L1C":
            raise Unavailable(f"{product.name} is no L1C product")
        files = open_files(product)
        try:
            if any(_RASTER.search(n) for n in files.names()):
                return self._raster(files, product)
            return self._polygons(files, product)
        finally:
            files.close()

    def _raster(self, files: SafeFiles, product: Path) -> Prediction:
        path = _one(files, _RASTER, "classification raster", product)
        data, grid = read_raster(files.local_path(path), gsd=60.0)
        if data.shape[0] < 2:
            raise InputError(
                f"{product}: {path}: expected planes opaque, cirrus, snow, found {data.shape[0]}"
            )
        classes = np.full(grid.shape, int(CloudClass.CLEAR), np.uint8)
        classes[data[_CIRRUS] > 0] = int(CloudClass.SEMI_TRANSPARENT_CLOUD)
        classes[data[_OPAQUE] > 0] = int(CloudClass.CLOUD)
        return Prediction(classes, grid)

    def _polygons(self, files: SafeFiles, product: Path) -> Prediction:
        path = _one(files, _GML, "cloud mask", product)
        root = parse_xml(files.read(path), f"{product}: {path}")
        with open_product(product) as opened:
            grid = opened.grid.at(10)
        classes: npt.NDArray[np.uint8] = np.full(grid.shape, int(CloudClass.CLEAR), np.uint8)
        for word in ("CIRRUS", "OPAQUE"):  # opaque last: it hides cirrus
            shapes = polygons(root, word)
            if shapes:
                hit = rasterize(shapes, grid.shape, transform=Affine(*grid.transform))
                classes[hit == 1] = int(_GML_TYPES[word])
        return Prediction(classes, grid)


def polygons(root: etree._Element, word: str) -> list[dict[str, object]]:
    """Polygons of one mask type (OPAQUE or CIRRUS) as GeoJSON geometries."""
    out: list[dict[str, object]] = []
    for feature in root.iter("{*}MaskFeature"):
        kind = feature.find("{*}maskType")
        if kind is None or (kind.text or "").strip().upper() != word:
            continue
        for polygon in feature.iter(f"{_GML_NS}Polygon"):
            rings = [_ring(ring) for ring in polygon.iter(f"{_GML_NS}posList")]
            if rings and len(rings[0]) >= 4:
                out.append({"type": "Polygon", "coordinates": rings})
    return out


def _ring(pos_list: etree._Element) -> list[tuple[float, float]]:
    numbers = [float(v) for v in (pos_list.text or "").split()]
    dimension = int(pos_list.get("srsDimension", "2"))
    return [(numbers[i], numbers[i + 1]) for i in range(0, len(numbers) - dimension + 1, dimension)]


def _one(files: SafeFiles, pattern: re.Pattern[str], what: str, product: Path) -> str:
    found = [n for n in files.names() if pattern.search(n)]
    if len(found) != 1:
        raise InputError(f"{product}: expected one {what}, found {len(found)}")
    return found[0]
