"""The reader, against full-resolution images read by rasterio and averaged here."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import dataclass

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from helpers_safe import TinyScene, find_image, make_safe

from cloudmask import open_product
from cloudmask.bands import BANDS
from cloudmask.errors import InputError
from cloudmask.simulate import safe_jp2
from cloudmask.simulate.safe_writer import write_safe

FOUR = ("B02", "B03", "B08", "B11")


@dataclass(frozen=True)
class SwathEdge(TinyScene):
    """Observed left of a diagonal that lies differently for each band, but for two gaps."""

    def truth(self, gsd):
        return np.full((self.size10 * 10 // gsd,) * 2, 1, np.uint8)

    def valid(self, name):
        gsd = BANDS[name].gsd
        side = self.size10 * 10 // gsd
        row, col = np.mgrid[:side, :side] * gsd + gsd / 2
        seen = col + 0.3 * row < 10 * self.size10 * 0.9 - 25 * BANDS[name].index
        if self.seed:
            seen[: side // 3, : side // 2] = False
        return seen


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    """Products with a swath edge and images of many small tiles, with and without an offset."""
    with pytest.MonkeyPatch.context() as patch:
        for gsd in (10, 20, 60):
            patch.setitem(safe_jp2._TILE, gsd, 64)
        return {
            baseline: write_safe(
                SwathEdge(360, level, seed), tmp_path_factory.mktemp("edge"), baseline=baseline
            )
            for seed, (level, baseline) in enumerate((("L1C", "05.11"), ("L1C", "02.05"), ("L2A", "04.00")))
        }


def full_image(root, band, offset):
    with rasterio.open(find_image(root, band)) as image:
        dn = image.read(1)
    return np.where(dn == 0, np.nan, (dn + float(offset)) / 10000)


def blocks(array, factor):
    """Means over what is not NaN, and whether anything is; by definition."""
    side = math.ceil(len(array) / factor)
    padded = np.full((side * factor,) * 2, np.nan)
    padded[: len(array), : len(array)] = array
    cut = padded.reshape(side, factor, side, factor)
    count = (~np.isnan(cut)).sum(axis=(1, 3))
    with np.errstate(invalid="ignore"):
        return np.nansum(cut, axis=(1, 3)) / count, count > 0


def expected_missing(root, bands, out_gsd):
    missing = None
    for band in bands:
        image, gsd = full_image(root, band, 0), BANDS[band].gsd
        if gsd > out_gsd:
            image = image.repeat(gsd // out_gsd, 0).repeat(gsd // out_gsd, 1)
            gsd = out_gsd
        here = ~blocks(image, out_gsd // gsd)[1]
        missing = here if missing is None else missing | here
    return missing


@pytest.mark.parametrize("baseline", ["05.11", "02.05", "04.00"])
@pytest.mark.parametrize("work", [20, 40, 60])
@pytest.mark.parametrize("out", [10, 20, 60])
def test_no_data_at_wavelet_levels_is_that_of_full_resolution(edge, baseline, work, out):
    with open_product(edge[baseline], threads=2) as product:
        strip = product.read(FOUR, work, (0, product.grid.at(work).rows), out)
    np.testing.assert_array_equal(strip.missing, expected_missing(edge[baseline], FOUR, out))


@pytest.mark.parametrize(("baseline", "offset"), [("05.11", -1000), ("02.05", 0), ("04.00", -1000)])
@pytest.mark.parametrize("work", [20, 40])
def test_no_data_does_not_bleed_into_samples_beside_it(edge, baseline, offset, work):
    with open_product(edge[baseline]) as product:
        strip = product.read(("B02",), work, (0, product.grid.at(work).rows), work)
    image = full_image(edge[baseline], "B02", offset)
    mean, known = blocks(image, work // 10)
    np.testing.assert_array_equal(np.isnan(strip.values[0]), ~known)
    # Samples of which some pixels are missing are the exact mean of the others.
    partly = known & ~np.isfinite(np.pad(image, 0)).reshape(len(mean), work // 10, len(mean), -1).all((1, 3))
    assert partly.sum() > 20
    np.testing.assert_allclose(strip.values[0][partly], mean[partly], atol=1e-6)
    # Anywhere else a sample differs from the mean by the wavelet's own filter alone, that is noise.
    np.testing.assert_allclose(strip.values[0][known], mean[known], atol=0.012)


@pytest.mark.parametrize("baseline", ["05.11", "02.05"])
def test_samples_do_not_depend_on_the_window(edge, baseline):
    with open_product(edge[baseline]) as product:
        whole = product.read(FOUR, 20, (0, 180), 20)
        for step in (7, 32, 100):
            parts = [product.read(FOUR, 20, (r, min(r + step, 180)), 20) for r in range(0, 180, step)]
            values = np.concatenate([p.values for p in parts], axis=1)
            np.testing.assert_array_equal(values, whole.values)
            np.testing.assert_array_equal(np.concatenate([p.missing for p in parts]), whole.missing)
        part = product.subset(120, 60, 150, 204).read(FOUR, 20, (0, 75), 20)
        np.testing.assert_array_equal(part.values, whole.values[:, 60:135, 30:132])


def test_bands_are_read_at_the_level_that_is_enough(safe):
    with open_product(safe) as product:
        spacings = {b: product.layout(b, 30).spacing for b in ("B02", "B11", "B09")}
        assert spacings == {"B02": 20, "B11": 20, "B09": 60}
        assert product.layout("B02", 10).spacing == 10


def test_deeper_levels(edge):
    with open_product(edge["05.11"]) as product:
        assert [product.layout("B02", gsd).spacing for gsd in (20, 30, 40, 60)] == [20, 20, 40, 40]


def test_grid_is_that_of_the_product(safe):
    with rasterio.open(find_image(safe, "B02")) as image, open_product(safe) as product:
        assert product.grid.transform == tuple(image.transform)[:6]
        assert product.grid.crs == image.crs.to_string()
        assert product.grid.shape == image.shape
        assert (product.level, product.stem) == ("L1C", safe.name[:-5])
        assert product.bands == tuple(BANDS)


def test_saturated_is_flagged_and_bounded(safe):
    with open_product(safe) as product:
        for work in (10, 20):
            strip = product.read(("B02", "B11"), work, (0, product.grid.at(work).rows), 20)
            assert strip.saturated[:11, :11].all()
            assert not strip.saturated[14:, 14:].any()
            assert not strip.missing[:12, :12].any()
            assert np.nanmax(strip.values) <= 1.5


# Radiometry


@pytest.mark.parametrize(
    ("level", "baseline"), [("L1C", "05.11"), ("L2A", "05.11"), ("L1C", "02.05"), ("L2A", "02.14")]
)
def test_offsets_of_every_baseline_give_the_reflectance_that_was_written(tmp_path, level, baseline):
    scene = TinyScene(60, level)
    with open_product(write_safe(scene, tmp_path, baseline=baseline)) as product:
        for band, gsd in (("B02", 10), ("B11", 20)):
            rows = 600 // gsd
            found = product.read((band,), gsd, (0, rows), gsd).values[0]
            seen = scene.valid(band)
            np.testing.assert_allclose(found[seen], scene.band(band)[seen].clip(1e-4 - 0.1), atol=1.1e-4)


def test_offset_override(tmp_path):
    root = make_safe(tmp_path, size10=60)
    with open_product(root) as own, open_product(root, offset=0) as harmonised:
        difference = (
            harmonised.read(("B02",), 10, (0, 60), 10).values - own.read(("B02",), 10, (0, 60), 10).values
        )
    np.testing.assert_allclose(np.nanmean(difference), 0.1, atol=1e-6)


@pytest.mark.parametrize("offset", ["-30000", "1e9", "nan", "minus one thousand", ""])
def test_absurd_offsets_of_the_product(tmp_path, offset):
    with pytest.raises(InputError, match=r"MTD_MSIL1C\.xml: .*(offset|RADIO_ADD_OFFSET): expected"):
        open_product(make_safe(tmp_path, size10=60, offset=offset))


def test_absurd_offset_of_the_user(tmp_path):
    product = open_product(make_safe(tmp_path, size10=60), offset=1e6)
    with product, pytest.raises(InputError, match="expected -20000 to 20000"):
        product.read(("B02",), 10, (0, 60), 10)


# Level 2A


def test_level_2a_reads_each_band_at_its_finest(safe_l2a):
    with open_product(safe_l2a) as product:
        assert "B10" not in product.bands
        assert product._paths["B02"][0].endswith("R10m/" + find_image(safe_l2a, "B02").name)
        assert product._paths["B11"][1] == 20


def test_level_2a_without_its_10_m_images(tmp_path):
    root = make_safe(tmp_path, level="L2A", size10=60)
    shutil.rmtree(next(root.glob("GRANULE/*/IMG_DATA/R10m")))
    with open_product(root) as product:
        assert (product.grid.gsd, product.grid.shape) == (20, (30, 30))
        assert product.read(("B02", "B11"), 20, (0, 30), 10).missing.shape == (60, 60)


# Broken products


def read_all(path):
    with open_product(path) as product:
        product.read(("B02", "B04", "B11"), 20, (0, product.grid.at(20).rows), 20)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ({"truncated": "B04"}, r"_B04\.jp2: .*(truncated|cannot be)"),
        ({"missing": "B04"}, "no band B04; the product has B01, B02, B03, B05"),
        (
            {"wrong_size": "B04"},
            r"_B04\.jp2: expected to cover the same ground as B02 .*the image has the wrong size",
        ),
        ({"without": "product"}, r"expected .*MTD_MSIL1C\.xml or MTD_MSIL2A\.xml"),
        ({"entity": "external"}, "declares a document type"),
        ({"entity": "bomb"}, "declares a document type|expected well-formed XML"),
    ],
    ids=["truncated", "missing", "size", "metadata", "external", "bomb"],
)
def test_broken_products(tmp_path, broken, text, zipped):
    path = make_safe(tmp_path, size10=120, zipped=zipped, **broken)
    with pytest.raises(InputError, match=text) as error:
        read_all(path)
    assert "\n" not in str(error.value)


def test_truncated_image_in_a_stored_zip(tmp_path):
    """Nothing is unpacked from there, so the image is judged inside the archive."""
    import zipfile

    root = make_safe(tmp_path, size10=120, truncated="B04")
    path = tmp_path / "stored.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for item in root.rglob("*"):
            archive.write(item, item.relative_to(tmp_path).as_posix())
    with pytest.raises(InputError, match=r"_B04\.jp2: the image cannot be decoded"):
        read_all(path)


@pytest.mark.parametrize("keep", [0, 1, 11, 40, 200, 0.9, -1, -2])
def test_truncated_anywhere(tmp_path, keep):
    root = make_safe(tmp_path, size10=120)
    image = find_image(root, "B04")
    whole = image.read_bytes()
    image.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(InputError, match=r"_B04\.jp2: ") as error:
        read_all(root)
    assert "\n" not in str(error.value)


def test_image_of_noise(tmp_path):
    root = make_safe(tmp_path, size10=120)
    image = find_image(root, "B04")
    data = bytearray(image.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 600] = np.random.default_rng(0).bytes(600)
    image.write_bytes(data)
    try:
        read_all(root)  # a damaged code stream may still decode to something
    except InputError as error:
        assert "_B04.jp2" in str(error)  # noqa: PT017


@pytest.mark.parametrize("kind", ["empty", "text", "directory"])
def test_images_that_are_none(tmp_path, kind):
    root = make_safe(tmp_path, size10=120)
    image = find_image(root, "B04")
    image.unlink()
    if kind == "directory":
        image.mkdir()
    else:
        image.write_text("" if kind == "empty" else "<html>not found</html>")
    with pytest.raises(InputError, match="B04"):
        read_all(root)


def test_an_image_cannot_draw_in_other_files(tmp_path):
    """A VRT under the name of an image would have GDAL open whatever path or address it names."""
    root = make_safe(tmp_path, size10=120)
    secret = tmp_path / "secret.tif"
    with rasterio.open(find_image(root, "B04")) as image:
        rasterio.shutil.copy(image, secret, driver="GTiff")
    find_image(root, "B04").write_text(
        '<VRTDataset rasterXSize="120" rasterYSize="120"><VRTRasterBand dataType="UInt16" band="1">'
        f'<SimpleSource><SourceFilename relativeToVRT="0">{secret}</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(InputError, match=r"_B04\.jp2: expected a JPEG 2000 image"):
        read_all(root)


def test_metadata_without_images(tmp_path):
    root = make_safe(tmp_path, size10=120)
    shutil.rmtree(next(root.glob("GRANULE/*/IMG_DATA")))
    with pytest.raises(InputError, match="the product has metadata but no band images"):
        open_product(root)


def test_other_images_are_no_bands(safe):
    with open_product(safe) as product:
        names = {name for name, _ in product._paths.values()}
        assert not any("TCI" in n or "QI_DATA" in n or "PVI" in n for n in names)


# Real products


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("*N0206*.zip", (439, 439)),
        ("*N0205*.zip", (172, 172)),
        ("*N0301*.zip", (20, 20)),
        ("*N0510*.SAFE", (30, 30)),
    ],
)
def test_real_products_can_be_read(data, name, shape):
    with open_product(next(data.glob(name))) as product:
        assert product.grid.shape == shape
        rows = product.grid.at(20).rows
        strip = product.read(("B02", "B03", "B04", "B08", "B11", "B12"), 20, (0, rows), 20)
        known = strip.values[:, ~strip.missing]
        assert known.size > 0
        assert 0 < np.nanmedian(known) < 1.2


@pytest.mark.data
def test_real_metadata_without_images(data):
    products = [p for p in (data / "metadata_only").rglob("MTD_MSIL*.xml")]
    assert products
    for path in products:
        with pytest.raises(InputError, match="no band images") as error:
            open_product(path)
        assert "\n" not in str(error.value)
        json.dumps(str(error.value))
