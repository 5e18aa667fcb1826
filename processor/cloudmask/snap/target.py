"""The operator's target product: mask and probability bands, masks, metadata, and the source passed on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import __version__
from ..card import ModelCard
from ..classes import COLOURS, SURFACE_CLASSES, CloudClass
from ..errors import InputError
from ..options import Options
from .java import DATAMODEL, java_array, java_type
from .parameters import COPY_SOURCE_BANDS, camel_case
from .sentinel2 import Scene

CLASS_BAND = "cloudmask"
SUFFIX = "_cloudmask"
# Bands and masks of this operator begin so, and can be told from the reader's own in any merge.
PREFIX = "cm_"
METADATA_ELEMENT = "CloudMask"
_PRODUCT_TYPE = "S2_MSI_CloudMask"
_TRANSPARENCY = 0.5
# What ProductData calls the types of our bands.
_UINT8, _FLOAT32 = 20, 30

CLASSES: tuple[CloudClass, ...] = (*SURFACE_CLASSES, CloudClass.MISSING)


@dataclass(frozen=True)
class Target:
    """The target product and the bands that the operator computes.

    Attributes
    ----------
    product : org.esa.snap.core.datamodel.Product
        To be given to ``context.setTargetProduct``.
    classes : org.esa.snap.core.datamodel.Band
        The class codes, uint8.
    probabilities : tuple of Band
        One a surface class, float32, in the order of ``SURFACE_CLASSES``; empty if not asked for.
    """

    product: Any
    classes: Any
    probabilities: tuple[Any, ...]


def build_target(scene: Scene, options: Options, card: ModelCard, device: str, copy: bool) -> Target:
    """Describe the result; no sample is computed.

    Raises
    ------
    InputError
        If the source has bands of our names already and passing it through would clash.
    """
    source = scene.product
    product_type = str(source.getProductType() or _PRODUCT_TYPE) if copy else _PRODUCT_TYPE
    product = java_type(DATAMODEL + "Product")(
        scene.name + SUFFIX, product_type, scene.grid.cols, scene.grid.rows
    )
    tile_size = source.getPreferredTileSize()
    if tile_size is not None:  # a product that was read without a graph around it has none
        product.setPreferredTileSize(tile_size)
    if copy:
        _copy_all(source, product, scene.name)
    else:
        _copy_frame(source, product)
    classes = _class_band(product)
    wanted = SURFACE_CLASSES if options.probabilities else ()
    probabilities = tuple(_probability_band(product, c) for c in wanted)
    _masks(product)
    _record(product, options, card, device, copy)
    return Target(product, classes, probabilities)


def _copy_frame(source: Any, product: Any) -> None:
    """Where and when: geocoding, times, metadata."""
    utils = java_type("org.esa.snap.core.util.ProductUtils")
    utils.copyGeoCoding(source, product)
    utils.copyMetadata(source, product)
    utils.copyTimeInformation(source, product)


def _copy_all(source: Any, product: Any, name: str) -> None:
    """Everything that the next node could look for."""
    ours = {CLASS_BAND, *(PREFIX + "prob_" + c.key for c in SURFACE_CLASSES)}
    names = [str(n) for n in source.getBandNames()]
    clash = sorted(ours.intersection(names))
    if clash:
        raise InputError(
            f"{name}: the source has a band {clash[0]} already, as if CloudMask had run on it; "
            "set copySourceBands to false, or leave the band out with a Subset node"
        )
    utils = java_type("org.esa.snap.core.util.ProductUtils")
    virtual = []
    for band_name in names:
        band = source.getBand(band_name)
        if str(band.getClass().getSimpleName()) == "VirtualBand":
            virtual.append(band)
        else:
            utils.copyBand(band_name, source, product, True)
    # Masks and virtual bands are expressions over bands, so those have to be there first.
    utils.copyProductNodes(source, product)
    for band in virtual:
        utils.copyVirtualBand(product, band, band.getName())


def _class_band(product: Any) -> Any:
    band = product.addBand(CLASS_BAND, _UINT8)
    band.setDescription("Cloud mask: " + ", ".join(f"{int(c)} {c.label}" for c in CLASSES))
    coding = java_type(DATAMODEL + "IndexCoding")(CLASS_BAND + "_classes")
    for member in CLASSES:
        coding.addIndex(member.key, int(member), member.label)
    product.getIndexCodingGroup().add(coding)
    band.setSampleCoding(coding)
    point = DATAMODEL + "ColorPaletteDef$Point"
    points = [java_type(point)(float(int(c)), _colour(c), c.label) for c in CLASSES]
    palette = java_type(DATAMODEL + "ColorPaletteDef")(java_array(point, points))
    band.setImageInfo(java_type(DATAMODEL + "ImageInfo")(palette))
    return band


def _probability_band(product: Any, member: CloudClass) -> Any:
    band = product.addBand(PREFIX + "prob_" + member.key, _FLOAT32)
    band.setDescription(f"Probability of {member.label}, 0 to 1, before thresholds and buffers")
    band.setUnit("1")
    band.setNoDataValue(float("nan"))
    band.setNoDataValueUsed(True)
    return band


def _masks(product: Any) -> None:
    for member in CLASSES:
        name = PREFIX + member.key
        # A source that had CloudMask run on it brings masks of these names, of the same meaning.
        if not product.getMaskGroup().contains(name):
            product.addMask(
                name,
                f"{CLASS_BAND} == {int(member)}",
                f"Cloud mask: {member.label}",
                _colour(member),
                _TRANSPARENCY,
            )


def _colour(member: CloudClass) -> Any:
    return java_type("java.awt.Color")(*COLOURS[member])


def _record(product: Any, options: Options, card: ModelCard, device: str, copy: bool) -> None:
    """Model and parameters as metadata; SNAP's own record of the graph has neither."""
    element = java_type(DATAMODEL + "MetadataElement")(METADATA_ELEMENT)
    values: dict[str, Any] = {
        "processor": "cloudmask",
        "processor_version": __version__,
        "model_name": card.name,
        "model_version": card.version,
        "model_sha256": card.sha256,
        "model_level": card.level,
        "model_gsd_m": card.gsd,
        "model_licence": card.licence,
        "device_used": device,
    }
    values |= {camel_case(name): value for name, value in options.to_dict().items()}
    values[COPY_SOURCE_BANDS.name] = copy
    for name, value in values.items():
        if value is not None and value != "":
            text = str(value).lower() if isinstance(value, bool) else str(value)
            element.setAttributeString(name, text)
    product.getMetadataRoot().addElement(element)
