"""BEAM-DIMAP, as GDAL's ENVI driver and an XML parser see it."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from helpers_masks import leftovers, make_mask
from lxml import etree
from rasterio.crs import CRS

from cloudmask.classes import COLOURS, SURFACE_CLASSES, CloudClass


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dim")
    mask = make_mask(70, 50, probabilities=True)
    mask.save(folder, format="dimap", quicklook=True)
    return mask, folder, etree.parse(folder / "S2A_TEST_cloudmask.dim").getroot()


def test_files(written):
    _, folder, _ = written
    stem = "S2A_TEST_cloudmask"
    assert sorted(p.name for p in folder.iterdir()) == [f"{stem}.{e}" for e in ("data", "dim", "json", "png")]
    names = ["cloudmask", *(f"cm_prob_{c.key}" for c in SURFACE_CLASSES)]
    listed = sorted(p.name for p in (folder / f"{stem}.data").iterdir())
    assert listed == sorted(f"{n}.{e}" for n in names for e in ("hdr", "img"))


def test_pixels_are_read_back_by_gdal(written):
    mask, folder, root = written
    for i, band in enumerate(root.findall(".//Spectral_Band_Info")):
        name = band.findtext("BAND_NAME")
        assert band.findtext("BAND_INDEX") == str(i)
        href = root.findall(".//Data_File/DATA_FILE_PATH")[i].get("href")
        with rasterio.open((folder / href).with_suffix(".img"), driver="ENVI") as image:
            assert band.findtext("DATA_TYPE") == image.dtypes[0]
            expected = mask.classes if i == 0 else mask.probabilities[i - 1]
            np.testing.assert_array_equal(image.read(1), expected, err_msg=name)


def test_size_and_georeference(written):
    mask, _, root = written
    assert [root.findtext(f".//{k}") for k in ("NCOLS", "NROWS", "NBANDS")] == ["50", "70", "5"]
    assert CRS.from_wkt(root.findtext(".//WKT")).to_epsg() == 32635
    affine = [float(v) for v in root.findtext(".//IMAGE_TO_MODEL_TRANSFORM").split(",")]
    a, b, c, d, e, f = mask.grid.transform
    assert affine == [a, d, b, e, c, f]


def test_index_coding_masks_and_colours(written):
    _, _, root = written
    shown = (*SURFACE_CLASSES, CloudClass.MISSING)
    coding = [(e.findtext("INDEX_NAME"), int(e.findtext("INDEX_VALUE"))) for e in root.findall(".//Index")]
    assert coding == [(c.key, int(c)) for c in shown]
    assert root.find(".//Index_Coding").get("name") == root.findtext(".//INDEX_CODING_NAME")
    masks = {m.find("NAME").get("value"): m.find("EXPRESSION").get("value") for m in root.findall(".//Mask")}
    assert masks == {f"cm_{c.key}": f"cloudmask == {int(c)}" for c in SURFACE_CLASSES}
    points = root.findall(".//Color_Palette_Point")
    assert [float(p.findtext("SAMPLE")) for p in points] == [float(c) for c in shown]
    colours = [tuple(int(p.find("COLOR").get(k)) for k in ("red", "green", "blue")) for p in points]
    assert colours == [COLOURS[c] for c in shown]


def test_no_data_values(written):
    _, _, root = written
    values = [b.findtext("NO_DATA_VALUE") for b in root.findall(".//Spectral_Band_Info")]
    assert values == ["5.0", *["NaN"] * 4]


def test_record_is_in_the_metadata(written):
    _, _, root = written
    found = root.find(".//MDElem[@name='CloudMask']")
    assert found.findtext("MDATTR[@name='product']") == "S2A_TEST"
    assert found.find("MDElem[@name='options']/MDATTR[@name='resolution']").text == "20"


def test_without_georeference_or_probabilities(tmp_path):
    make_mask(crs=None).save(tmp_path / "x.dim", format="dimap")
    root = etree.parse(tmp_path / "x.dim").getroot()
    assert root.find(".//Coordinate_Reference_System") is None
    assert root.find(".//Geoposition") is None
    assert root.findtext(".//NBANDS") == "1"


def test_overwriting(tmp_path):
    make_mask(probabilities=True).save(tmp_path / "x.dim", format="dimap")
    make_mask().save(tmp_path / "x.dim", format="dimap", overwrite=True)
    assert sorted(p.name for p in (tmp_path / "x.data").iterdir()) == ["cloudmask.hdr", "cloudmask.img"]
    assert leftovers(tmp_path) == []
