"""Doubles of the Java side of SNAP: they do what SNAP 13 was seen to do, traps included.

Every object refuses to be touched from a thread that is not SNAP's: a real virtual machine would
let it, and then never end.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from types import ModuleType

import numpy as np
from lxml import etree

TYPES = {
    "int8": 10,
    "int16": 11,
    "int32": 12,
    "uint8": 20,
    "uint16": 21,
    "uint32": 22,
    "float32": 30,
    "float64": 31,
}
DTYPES = {code: np.dtype(name) for name, code in TYPES.items()}

_java_threads: set[int] = set()


@contextmanager
def java_thread():
    """What runs inside counts as called by SNAP."""
    ident = threading.get_ident()
    _java_threads.add(ident)
    try:
        yield
    finally:
        _java_threads.discard(ident)


class JavaObject:
    """Base of all doubles: calls from a thread that Python made are errors."""

    def __getattribute__(self, name):
        if not name.startswith("_") and threading.get_ident() not in _java_threads:
            raise AssertionError(f"{type(self).__name__}.{name}: Java was called from a Python thread")
        return super().__getattribute__(name)

    def getClass(self):  # noqa: N802
        return _Class(type(self))


class _Class(JavaObject):
    def __init__(self, kind):
        self._kind = kind

    def getSimpleName(self):  # noqa: N802
        return self._kind.__name__


def java_array(values):
    """A Java array: signed whatever it holds, a buffer, and not to be written to."""
    signed = {"uint8": "int8", "uint16": "int16", "uint32": "int32"}.get(values.dtype.name, values.dtype.name)
    return memoryview(np.ascontiguousarray(values).reshape(-1).view(signed)).toreadonly()


class Rectangle(JavaObject):
    def __init__(self, x, y, width, height):
        self.x, self.y, self.width, self.height = x, y, width, height


class Dimension(JavaObject):
    def __init__(self, width, height):
        self.width, self.height = width, height


class Color(JavaObject):
    def __init__(self, *rgb):
        self.rgb = rgb


class PixelPos(JavaObject):
    def __init__(self, x, y):
        self.x, self.y = x, y


class GeoPos(JavaObject):
    def __init__(self):
        self.lat = self.lon = 0.0

    def getLat(self):  # noqa: N802
        return self.lat

    def getLon(self):  # noqa: N802
        return self.lon


class GeoCoding(JavaObject):
    """Pixels of a size in metres around 58 degrees north."""

    def __init__(self, across, down=None):
        self._steps = (across, across if down is None else down)

    def getGeoPos(self, pixel, geo):  # noqa: N802
        geo.lat = 58.0 - pixel.y * self._steps[1] / 111_320.0
        geo.lon = 27.0 + pixel.x * self._steps[0] / (111_320.0 * np.cos(np.radians(58.0)))
        return geo


class MetadataElement(JavaObject):
    def __init__(self, name):
        self.name, self.attributes, self.elements = name, {}, {}

    def setAttributeString(self, name, value):  # noqa: N802
        assert isinstance(value, str)
        self.attributes[name] = value

    def addElement(self, element):  # noqa: N802
        self.elements[element.name] = element

    def containsElement(self, name):  # noqa: N802
        return name in self.elements


class Group(JavaObject):
    def __init__(self):
        self.nodes = {}

    def add(self, node):
        self.nodes[node.name] = node

    def contains(self, name):
        return name in self.nodes


class IndexCoding(JavaObject):
    def __init__(self, name):
        self.name, self.indices = name, {}

    def addIndex(self, name, value, description):  # noqa: N802
        self.indices[name] = (value, description)


class Point(JavaObject):
    def __init__(self, sample, color, label):
        self.sample, self.color, self.label = sample, color, label


class ColorPaletteDef(JavaObject):
    def __init__(self, points):
        self.points = points


class ImageInfo(JavaObject):
    def __init__(self, palette):
        self.palette = palette


class Mask(JavaObject):
    def __init__(self, name, expression, description, color, transparency):
        self.name, self.expression, self.description = name, expression, description
        self.color, self.transparency = color, transparency


class Band(JavaObject):
    """A band; `raw` holds its samples where it is a source's."""

    def __init__(self, name, data_type, width, height, raw=None, factor=1.0, offset=0.0, nodata=None):
        self.name, self.data_type, self.width, self.height = name, data_type, width, height
        self.raw, self.factor, self.offset, self.nodata = raw, factor, offset, nodata
        self.nodata_used = nodata is not None
        self.unit = self.description = self.coding = self.image_info = None

    def getName(self):  # noqa: N802
        return self.name

    def getDataType(self):  # noqa: N802
        return self.data_type

    def getRasterWidth(self):  # noqa: N802
        return self.width

    def getRasterHeight(self):  # noqa: N802
        return self.height

    def getScalingFactor(self):  # noqa: N802
        return self.factor

    def getScalingOffset(self):  # noqa: N802
        return self.offset

    def isNoDataValueUsed(self):  # noqa: N802
        return self.nodata_used

    def getNoDataValue(self):  # noqa: N802
        return 0.0 if self.nodata is None else self.nodata

    def setNoDataValue(self, value):  # noqa: N802
        self.nodata = value

    def setNoDataValueUsed(self, used):  # noqa: N802
        self.nodata_used = used

    def setDescription(self, text):  # noqa: N802
        self.description = text

    def setUnit(self, unit):  # noqa: N802
        self.unit = unit

    def setSampleCoding(self, coding):  # noqa: N802
        self.coding = coding

    def setImageInfo(self, info):  # noqa: N802
        self.image_info = info

    def getSourceImage(self):  # noqa: N802
        return Image()


class Image(JavaObject):
    """The image of a band; its tiles need not be of the product's preferred size."""

    def getTileWidth(self):  # noqa: N802
        return 512

    def getTileHeight(self):  # noqa: N802
        return 512


class VirtualBand(Band):
    """An expression; it has no samples of its own to pass through."""


class Product(JavaObject):
    def __init__(self, name, product_type, width, height):
        self.name, self.product_type, self.size = name, product_type, (width, height)
        self.bands, self.masks, self.index_codings = {}, Group(), Group()
        self.metadata = MetadataElement("metadata")
        self.tile_size = None  # as of a file that was read without a graph around it
        self.geocoding = None
        self.times = None

    def getName(self):  # noqa: N802
        return self.name

    def getProductType(self):  # noqa: N802
        return self.product_type

    def getBandNames(self):  # noqa: N802
        return list(self.bands)

    def getBand(self, name):  # noqa: N802
        return self.bands.get(name)

    def addBand(self, name, data_type):  # noqa: N802
        self.bands[name] = Band(name, data_type, *self.size)
        return self.bands[name]

    def isMultiSize(self):  # noqa: N802
        return any((b.width, b.height) != self.size for b in self.bands.values())

    def getSceneRasterWidth(self):  # noqa: N802
        return self.size[0]

    def getSceneRasterHeight(self):  # noqa: N802
        return self.size[1]

    def getSceneGeoCoding(self):  # noqa: N802
        return self.geocoding

    def getMetadataRoot(self):  # noqa: N802
        return self.metadata

    def getPreferredTileSize(self):  # noqa: N802
        return self.tile_size

    def setPreferredTileSize(self, size):  # noqa: N802
        if size is None:
            raise RuntimeError("java.lang.NullPointerException")
        self.tile_size = size

    def getIndexCodingGroup(self):  # noqa: N802
        return self.index_codings

    def getMaskGroup(self):  # noqa: N802
        return self.masks

    def addMask(self, name, expression, description, color, transparency):  # noqa: N802
        self.masks.add(Mask(name, expression, description, color, transparency))


class _ProductUtils(JavaObject):
    def copyGeoCoding(self, source, target):  # noqa: N802
        # SNAP copies it for any size and gives a wrong georeference.
        assert source.size == target.size, "geocoding of another size"
        target.geocoding = source.geocoding

    def copyMetadata(self, source, target):  # noqa: N802
        target.metadata.elements.update(source.metadata.elements)

    def copyTimeInformation(self, source, target):  # noqa: N802
        target.times = source.times

    def copyBand(self, name, source, target, copy_image):  # noqa: N802
        assert copy_image is True, "without its image a copied band is computed, and asked of the operator"
        assert not isinstance(source.bands[name], VirtualBand)
        target.bands[name] = source.bands[name]

    def copyVirtualBand(self, target, band, name):  # noqa: N802
        target.bands[name] = band

    def copyProductNodes(self, source, target):  # noqa: N802
        self.copyGeoCoding(source, target)
        self.copyMetadata(source, target)
        self.copyTimeInformation(source, target)
        regular = [n for n, b in source.bands.items() if not isinstance(b, VirtualBand)]
        assert set(regular) <= set(target.bands), "masks are copied for bands that are there: bands first"
        target.masks.nodes.update(source.masks.nodes)


class _AnyJavaType:
    """Stands for a class with static methods only."""

    def __init__(self, instance):
        self._instance = instance

    def __getattr__(self, name):
        return getattr(self._instance, name)


_DATAMODEL = "org.esa.snap.core.datamodel."
_CLASSES = {
    "java.awt.Rectangle": Rectangle,
    "java.awt.Color": Color,
    _DATAMODEL + "Product": Product,
    _DATAMODEL + "PixelPos": PixelPos,
    _DATAMODEL + "GeoPos": GeoPos,
    _DATAMODEL + "IndexCoding": IndexCoding,
    _DATAMODEL + "MetadataElement": MetadataElement,
    _DATAMODEL + "ColorPaletteDef": ColorPaletteDef,
    _DATAMODEL + "ColorPaletteDef$Point": Point,
    _DATAMODEL + "ImageInfo": ImageInfo,
    "org.esa.snap.core.util.ProductUtils": _AnyJavaType(_ProductUtils()),
}


@contextmanager
def fake_jpy(monkeypatch):
    """The module ``jpy`` as operators find it."""
    module = ModuleType("jpy")

    def get_type(name):
        if threading.get_ident() not in _java_threads:
            raise AssertionError(f"jpy.get_type({name}): Java was called from a Python thread")
        return _CLASSES[name]

    module.get_type = get_type
    module.array = lambda name, items: list(items)
    monkeypatch.setitem(sys.modules, "jpy", module)
    yield module


class _Elems(JavaObject):
    def __init__(self, values):
        self._values = values

    def getElems(self):  # noqa: N802
        return java_array(self._values)


class SourceTile(JavaObject):
    def __init__(self, band, rectangle):
        r = rectangle
        self._samples = band.raw[r.y : r.y + r.height, r.x : r.x + r.width]

    def getRawSamples(self):  # noqa: N802
        return _Elems(self._samples)


class TargetTile(JavaObject):
    """Takes samples as TileImpl does, silent corruption included."""

    def __init__(self, band, rectangle):
        self.band = band
        self.data = np.zeros((rectangle.height, rectangle.width), DTYPES[band.data_type])

    def setSamples(self, samples):  # noqa: N802
        if not isinstance(samples, np.ndarray):
            raise RuntimeError("ambiguous Java method call, too many matching method overloads found")
        if not samples.flags.c_contiguous:
            raise RuntimeError("no matching Java method overloads found")
        if not samples.dtype.isnative:
            raise RuntimeError("ambiguous Java method call, too many matching method overloads found")
        flat = samples.reshape(-1)
        if flat.size < self.data.size:
            raise RuntimeError("java.lang.ArrayIndexOutOfBoundsException")
        flat = flat[: self.data.size]
        kind = flat.dtype.name
        if kind in ("int64", "uint64"):
            flat = np.zeros_like(flat)  # taken for double[]: denormal numbers
        elif kind == "float16":
            flat = flat.view(np.int16)  # taken for short[]
        elif kind == "bool":
            flat = flat.view(np.int8)
        elif kind.startswith("uint") and flat.dtype.itemsize != self.data.dtype.itemsize:
            flat = flat.view(kind[1:])  # Java has no unsigned types
        with np.errstate(invalid="ignore"):
            self.data[:] = flat.astype(self.data.dtype).reshape(self.data.shape)


class TileMap(JavaObject):
    """java.util.Map with bands as keys: a name finds nothing."""

    def __init__(self, tiles):
        self._tiles = [(t.band, t) for t in tiles]

    def get(self, key):
        return next((tile for band, tile in self._tiles if band is key), None)


class Logger(JavaObject):
    def __init__(self):
        self.lines = []

    def severe(self, text):
        self.lines.append(("SEVERE", text))

    def info(self, text):
        self.lines.append(("INFO", text))


class Monitor(JavaObject):
    def __init__(self, cancel_after=None):
        self.begun, self.steps, self.ended, self._cancel_after = None, 0, False, cancel_after

    def beginTask(self, name, total):  # noqa: N802
        self.begun = total

    def worked(self, steps):
        assert isinstance(steps, int)
        self.steps += steps

    def isCanceled(self):  # noqa: N802
        return self._cancel_after is not None and self.steps >= self._cancel_after

    def done(self):
        self.ended = True


class Context(JavaObject):
    """PyOperator as Python sees it: the public methods of Operator, no others."""

    def __init__(self, product, parameters=None, tag="sourceProduct", descriptor=None):
        self._sources = {} if product is None else {tag: product}
        self._parameters = dict(_defaults(descriptor)) if descriptor is not None else {}
        self._parameters.update(parameters or {})
        self._logger = Logger()
        self._target = None
        self._reads = []
        self._in_tile = False
        self._failure = None

    def getSourceProduct(self, name=None):  # noqa: N802
        if name is None:
            return next(iter(self._sources.values()), None)
        return self._sources.get(name)

    def getParameter(self, name):  # noqa: N802
        return self._parameters.get(name)

    def setTargetProduct(self, product):  # noqa: N802
        self._target = product

    def getLogger(self):  # noqa: N802
        return self._logger

    def getSourceTile(self, band, rectangle):  # noqa: N802
        r = rectangle
        assert not self._in_tile, "a source was read inside a tile callback: SNAP deadlocks"
        if r.x < 0 or r.y < 0 or r.x + r.width > band.width or r.y + r.height > band.height:
            raise AssertionError("rectangle outside the scene: SNAP would make samples up")
        if self._failure is not None:
            raise RuntimeError(self._failure)
        self._reads.append((band.name, r.x, r.y, r.width, r.height))
        return SourceTile(band, rectangle)


def _defaults(descriptor):
    """Defaults that SNAP takes from the descriptor, converted to the parameter's type."""
    convert = {"boolean": lambda t: t == "true", "int": int, "double": float}
    for parameter in etree.parse(str(descriptor)).iterfind("parameters/parameter"):
        kind, text = parameter.findtext("dataType"), parameter.findtext("defaultValue")
        if text is not None:
            yield parameter.findtext("name"), convert.get(kind, str)(text)
        elif kind == "int":
            yield parameter.findtext("name"), 0  # a primitive cannot be null


def run_node(operator, context, *, monitor=None, execute=True, tile=300, per_band=False, threads=1):
    """Run one node as a graph does; returns the computed bands by name.

    Parameters
    ----------
    execute : bool
        Whether ``doExecute`` is announced before the first tile.
    per_band : bool
        Ask for each position once a band, as SNAP does without a tile cache.
    threads : int
        Tile threads; calls never overlap, but come from any of them.
    """
    operator.initialize(context)
    if execute:
        operator.doExecute(monitor)
    target = context._target
    computed = [b for b in target.bands.values() if b.raw is None and not isinstance(b, VirtualBand)]
    width, height = target.size
    out = {b.name: np.zeros((height, width), DTYPES[b.data_type]) for b in computed}
    positions = [(x, y) for y in range(0, height, tile) for x in range(0, width, tile)]
    positions = [p for p in positions for _ in range(len(computed) if per_band else 1)]
    lock = threading.Lock()
    errors = []

    def work(part):
        with java_thread():
            for x, y in part:
                rectangle = Rectangle(x, y, min(tile, width - x), min(tile, height - y))
                tiles = [TargetTile(b, rectangle) for b in computed]
                with lock:
                    context._in_tile = execute
                    try:
                        operator.computeTileStack(context, TileMap(tiles), rectangle)
                    except Exception as error:
                        errors.append(error)
                        return
                    finally:
                        context._in_tile = False
                for t in tiles:
                    out[t.band.name][y : y + rectangle.height, x : x + rectangle.width] = t.data

    workers = [threading.Thread(target=work, args=(positions[i::threads],)) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if errors:
        raise errors[0]
    operator.dispose(context)
    return out


def sentinel2_product(
    raw, *, level="L1C", resolution=20, offset=-0.1, name=None, data_type="uint16", factor=1e-4
):
    """A resampled product as S2Resampling leaves it.

    Parameters
    ----------
    raw : mapping of str to array (rows, cols)
        Raw samples by SNAP's band names, ``"B2"``.
    """
    height, width = next(iter(raw.values())).shape
    name = name or f"S2A_MSI{level}_20240601T094041_N0510_R036_T35VLF_20240601T101820_resampled"
    product = Product(name, f"S2_MSI_Level-{level[1:]}", width, height)
    product.geocoding = GeoCoding(resolution)
    product.times = ("2024-06-01T09:40:41Z", "2024-06-01T09:40:41Z")
    product.metadata.addElement(MetadataElement(f"Level-{level[1:]}_User_Product"))
    for band, samples in raw.items():
        values = samples.astype(data_type)
        product.bands[band] = Band(band, TYPES[data_type], width, height, values, factor, offset)
    # What else a reader gives: its names begin like those of spectral bands.
    for band in ("B_opaque_clouds", "view_zenith_B1", "sun_zenith"):
        product.bands[band] = Band(band, TYPES["uint8"], width, height, np.zeros((height, width), np.uint8))
    product.masks.add(Mask("opaque_clouds", "B_opaque_clouds == 1", "", None, 0.5))
    return product
