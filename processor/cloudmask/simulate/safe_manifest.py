"""The product's inventory, manifest.safe, and its INSPIRE record."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

from lxml import etree

from ..bands import BAND_NAMES, BANDS
from ..errors import OutputError
from .safe_naming import ProductNames, iso
from .safe_tile import TileGrid
from .safe_xml import element, write_xml

_XFDU = "urn:ccsds:schema:xfdu:1"
_SAFE = "http://www.esa.int/safe/sentinel/1.1"
_GML = "http://www.opengis.net/gml"
_GMD = "http://www.isotc211.org/2005/gmd"
_GCO = "http://www.isotc211.org/2005/gco"
_NSSDC = {"S2A": "2015-000A", "S2B": "2017-013A", "S2C": "2024-157A"}
_MASKS = {
    "DEFECT": "DefectivePixelsMask",
    "DETFOO": "DetectorFootprintMask",
    "NODATA": "NodataPixelsMask",
    "SATURA": "SaturatedPixelsMask",
    "TECQUA": "TechQualityMask",
    "QUALIT": "QualitPixelsMask",
}
_CHUNK = 1 << 20


def write_manifest(root: Path, names: ProductNames, grid: TileGrid) -> None:
    """List every file of a product with size and checksum.

    Parameters
    ----------
    root : Path
        The product's folder, complete but for the manifest.
    names : ProductNames
        Names and identifiers.
    grid : TileGrid
        Grid of the tile, for the footprint.

    Raises
    ------
    OutputError
        If a file cannot be read back or the manifest not be written.
    """
    files = sorted(p for p in root.rglob("*") if p.is_file())
    number = names.level[1:]
    xfdu = f"{{{_XFDU}}}"
    document = etree.Element(xfdu + "XFDU", nsmap={"gml": _GML, "safe": _SAFE, "xfdu": _XFDU})
    document.set("version", f"esa/safe/sentinel/1.1/sentinel-2/msi/archive_l{number.lower()}_user_product")
    units, objects = element("informationPackageMap"), element("dataObjectSection")
    top = element(
        xfdu + "contentUnit",
        dmdID="acquisitionPeriod platform",
        pdiID="processing",
        textInfo=f"SENTINEL-2 MSI Level-{number} User Product",
        unitType=f"Product_Level-{number}",
    )
    units.append(top)
    pointers: list[etree._Element] = []
    for path in files:
        relative = path.relative_to(root).as_posix()
        identifier = _identifier(relative, names)
        kind = "Metadata Unit" if "Metadata" in identifier else "Measurement Data Unit"
        pointer = element("dataObjectPointer", dataObjectID=identifier)
        unit = identifier.removesuffix("_Data") + "_Unit"
        top.append(element(xfdu + "contentUnit", pointer, ID=unit, unitType=kind))
        objects.append(_data_object(path, relative, identifier, names.baseline.checksum))
        if kind == "Metadata Unit":
            pointers.append(
                element(
                    "metadataObject",
                    element("dataObjectPointer", dataObjectID=identifier),
                    ID=identifier + "_Information",
                    category="DMD",
                    classification="DESCRIPTION",
                )
            )
    document.append(units)
    document.append(element("metadataSection", *_description(names, grid), *pointers))
    document.append(objects)
    write_xml(root / "manifest.safe", document)


def _identifier(relative: str, names: ProductNames) -> str:
    """Return the identifier of a file in the manifest, as operational products form it."""
    path = PurePosixPath(relative)
    if relative == f"MTD_MSI{names.level}.xml":
        return f"S2_Level-{names.level[1:]}_Product_Metadata"
    if relative == "INSPIRE.xml":
        return "INSPIRE_Metadata"
    part = "Datastrip1" if relative.startswith("DATASTRIP") else "Tile1"
    if path.name in ("MTD_TL.xml", "MTD_DS.xml"):
        return f"S2_Level-{names.level[1:]}_{part}_Metadata"
    words = path.stem.split("_")
    if path.suffix == ".xml":
        return f"{words[0].capitalize() if words[0] != 'L2A' else 'L2A'}_OLQC_Report_{part}_InformationData"
    if words[0] == "MSK":
        return f"{_mask_identifier(words[1], words[2])}_Tile1_Data"
    if words[-1] == "PVI":
        return "Preview_0_Tile1_Data"
    if names.level == "L1C" and words[-1] in BANDS:
        return f"IMG_DATA_Band_{_position(words[-1])}_Tile1_Data"
    return f"IMG_DATA_Band_{'_'.join(words[2:])}_Tile1_Data"


def _mask_identifier(kind: str, band: str) -> str:
    if kind == "CLASSI":
        return "ClassiPixelsMask_Band_00m_0"
    if kind == "CLOUDS":
        return "FineCloudMask"
    if band not in BANDS:  # probability masks carry a resolution
        return f"Preview_{kind}_{band}"
    order = sorted(BAND_NAMES, key=lambda name: (name == "B8A", BANDS[name].index)).index(band)
    return f"{_MASKS[kind]}_Band_{_position(band)}" + (f"_{order}" if order else "")


def _position(band: str) -> str:
    """Resolution of a band and its place among the bands of that resolution, ``"20m_4"``."""
    peers = [name for name, other in BANDS.items() if other.gsd == BANDS[band].gsd]
    return f"{BANDS[band].gsd}m_{peers.index(band) + 1}"


def _data_object(path: Path, relative: str, identifier: str, algorithm: str) -> etree._Element:
    xml = path.suffix in (".xml", ".gml")
    return element(
        "dataObject",
        element(
            "byteStream",
            element("fileLocation", href=f"./{relative}", locatorType="URL"),
            element("checksum", _checksum(path, algorithm), checksumName=algorithm),
            mimeType="application/xml" if xml else "application/octet-stream",
            size=path.stat().st_size,
        ),
        ID=identifier,
    )


def _checksum(path: Path, algorithm: str) -> str:
    """Checksum of a file, spelt as in operational products: MD5 in lower, SHA3 in upper case."""
    md5 = algorithm == "MD5"
    digest = hashlib.md5(usedforsecurity=False) if md5 else hashlib.sha3_256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise OutputError(f"{path}: cannot read back what was written ({error})") from error
    return digest.hexdigest() if md5 else digest.hexdigest().upper()


def _description(names: ProductNames, grid: TileGrid) -> list[etree._Element]:
    """Metadata objects about acquisition, orbit, platform, processing and footprint."""
    safe, gml = f"{{{_SAFE}}}", f"{{{_GML}}}"
    ring = " ".join(f"{lat:.14g} {lon:.14g}" for lat, lon in grid.footprint())
    orbit = element(
        safe + "orbitReference",
        element(
            safe + "orbitNumber",
            f"{names.absolute_orbit:06d}",
            groundTrackDirection="descending",
            type="start",
        ),
        element(safe + "relativeOrbitNumber", f"{names.relative_orbit:03d}", type="start"),
    )
    platform = element(
        safe + "platform",
        element(safe + "nssdcIdentifier", _NSSDC[names.mission]),
        element(safe + "familyName", "SENTINEL"),
        element(safe + "number", names.mission[1:]),
        element(
            safe + "instrument", element(safe + "familyName", "Multi-Spectral Instrument", abbreviation="MSI")
        ),
    )
    processing = element(
        safe + "processing",
        name=f"Generation of Level-{names.level[1:]} User Product",
        start=iso(names.created),
    )
    footprint = element(
        safe + "footPrint",
        element(gml + "coordinates", ring),
        srsName="http://www.opengis.net/gml/srs/epsg.xml#4326",
    )
    period = element(safe + "acquisitionPeriod", element(safe + "startTime", iso(names.start)))
    frame = element(safe + "frameSet", footprint)
    return [
        _wrap("acquisitionPeriod", "Acquisition Period", period),
        _wrap("measurementOrbitReference", "Orbit Reference", orbit),
        _wrap("platform", "Platform Description", platform),
        _wrap("processing", "Processing", processing, "PDI", "PROVENANCE"),
        _wrap("measurementFrameSet", "Frame Set", frame),
    ]


def _wrap(
    identifier: str, text: str, content: etree._Element, category: str = "DMD", kind: str = "DESCRIPTION"
) -> etree._Element:
    wrapped = element(
        "metadataWrap",
        element("xmlData", content),
        mimeType="text/xml",
        textInfo=text,
        vocabularyName="Sentinel-SAFE",
    )
    return element("metadataObject", wrapped, ID=identifier, category=category, classification=kind)


def inspire_metadata(names: ProductNames, grid: TileGrid) -> etree._Element:
    """Root of the INSPIRE record: identifier, date, title, extent."""
    gmd, gco = f"{{{_GMD}}}", f"{{{_GCO}}}"
    corners = grid.footprint()
    lats, lons = [lat for lat, _ in corners], [lon for _, lon in corners]
    box = element(gmd + "EX_GeographicBoundingBox")
    sides = [("westBoundLongitude", min(lons)), ("eastBoundLongitude", max(lons))]
    sides += [("southBoundLatitude", min(lats)), ("northBoundLatitude", max(lats))]
    for side, value in sides:
        box.append(element(gmd + side, element(gco + "Decimal", f"{value:.6f}")))
    extent = element(gmd + "EX_Extent", element(gmd + "geographicElement", box))
    title = element(gmd + "title", element(gco + "CharacterString", names.product))
    identification = element(
        gmd + "MD_DataIdentification",
        element(gmd + "citation", element(gmd + "CI_Citation", title)),
        element(gmd + "abstract", element(gco + "CharacterString", "Simulated Sentinel-2 MSI product")),
        element(gmd + "extent", extent),
    )
    root = etree.Element(gmd + "MD_Metadata", nsmap={"gmd": _GMD, "gco": _GCO})
    root.append(element(gmd + "fileIdentifier", element(gco + "CharacterString", names.product)))
    root.append(element(gmd + "dateStamp", element(gco + "Date", names.created.strftime("%Y-%m-%d"))))
    root.append(element(gmd + "identificationInfo", identification))
    return root
