"""What a product says of itself in ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml``.

Element names are those of the Sentinel-2 Products Specification Document
(S2-PDGS-TAS-DI-PSD, version 14 and its successors).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .bands import BANDS, LEVEL_BANDS, Level, parse_level
from .errors import InputError
from .radiometry import Radiometry
from .xml_input import find_text, parse_xml

METADATA_FILES: Mapping[str, Level] = {"MTD_MSIL1C.xml": "L1C", "MTD_MSIL2A.xml": "L2A"}

_LEVEL_TAGS: Mapping[Level, tuple[str, str]] = {
    "L1C": ("QUANTIFICATION_VALUE", "RADIO_ADD_OFFSET"),
    "L2A": ("BOA_QUANTIFICATION_VALUE", "BOA_ADD_OFFSET"),
}


@dataclass(frozen=True)
class ProductMetadata:
    """The parts of the product metadata that masking needs.

    Attributes
    ----------
    name : str
        Product name without ``.SAFE``.
    level : {"L1C", "L2A"}
        Processing level.
    baseline : str
        Processing baseline, e.g. ``"05.11"``.
    spacecraft : str
        ``"Sentinel-2A"``, ``"Sentinel-2B"``, ``"Sentinel-2C"``.
    start_time : str
        Start of sensing, ISO 8601 UTC; empty if absent.
    radiometry : mapping of str to Radiometry
        For every band.
    """

    name: str
    level: Level
    baseline: str
    spacecraft: str
    start_time: str
    radiometry: Mapping[str, Radiometry]


def read_metadata(data: bytes, file: str) -> ProductMetadata:
    """Parse the product metadata.

    Parameters
    ----------
    data : bytes
        Content of the XML file.
    file : str
        Its name, for errors.

    Raises
    ------
    InputError
        If it is not the metadata of a Sentinel-2 product, or a value is absurd.
    """
    root = parse_xml(data, file)
    text = find_text(root, "PROCESSING_LEVEL")
    if text is None:
        raise InputError(
            f"{file}: expected the metadata of a Sentinel-2 product (PROCESSING_LEVEL), "
            f"found a document of type {root.tag.rpartition('}')[2]}"
        )
    try:
        level = parse_level(text[:8])
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    uri = find_text(root, "PRODUCT_URI") or find_text(root, "PRODUCT_URI_2A") or ""
    quantification_tag, offset_tag = _LEVEL_TAGS[level]
    quantification = find_text(root, quantification_tag) or find_text(root, "QUANTIFICATION_VALUE")
    if quantification is None:
        raise InputError(f"{file}: expected {quantification_tag}, found none; the metadata is incomplete")
    scale = _number(quantification, quantification_tag, file)
    offsets = {
        element.get("band_id", ""): _number(element.text or "", offset_tag, file)
        for element in root.iter(f"{{*}}{offset_tag}")
    }
    try:
        radiometry = {
            band.name: Radiometry(scale, offsets.get(str(band.index), 0.0)) for band in BANDS.values()
        }
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    if offsets and not {str(BANDS[name].index) for name in LEVEL_BANDS[level]} <= set(offsets):
        raise InputError(
            f"{file}: {offset_tag}: expected one for every band, found band_id {', '.join(sorted(offsets))}"
        )
    return ProductMetadata(
        name=re.sub(r"\.SAFE$", "", uri) or "unnamed",
        level=level,
        baseline=find_text(root, "PROCESSING_BASELINE") or "unknown",
        spacecraft=find_text(root, "SPACECRAFT_NAME") or "Sentinel-2",
        start_time=find_text(root, "PRODUCT_START_TIME") or "",
        radiometry=radiometry,
    )


def _number(text: str, tag: str, file: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{file}: {tag}: expected a number, found '{text[:40]}'") from error
