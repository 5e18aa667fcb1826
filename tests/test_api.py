from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from helpers_masks import leftovers
from helpers_models import BANDS, ArrayModel, card, write_model
from helpers_safe import TinyScene, make_safe

import cloudmask
from cloudmask import mask, mask_array
from cloudmask.classes import CloudClass
from cloudmask.errors import DeviceError, InputError, ModelError, UsageError


def image(rows=40, cols=30):
    return np.random.default_rng(0).random((4, rows, cols), np.float32)


# Products


@pytest.mark.parametrize("resolution", [10, 20, 60])
def test_mask_of_a_product(safe, tiny, resolution):
    result = mask(safe, model=tiny, resolution=resolution)
    side = 2400 // resolution
    assert result.classes.shape == (side, side)
    assert result.classes.dtype == np.uint8
    assert result.probabilities.shape == (4, side, side)
    missing = TinyScene(240).truth(resolution) == CloudClass.MISSING
    np.testing.assert_array_equal(result.classes == CloudClass.MISSING, missing)
    assert result.grid.gsd == resolution
    assert result.name == safe.name[:-5]
    assert result.statistics["saturated_pixels"] > 0


def test_save_of_a_product(safe, tiny, tmp_path):
    files = mask(safe, model=tiny, probabilities=False, preview=True).save(tmp_path, quicklook=True)
    assert [p.suffix for p in files] == [".tif", ".xml", ".png", ".json"]
    facts = json.loads(files[-1].read_text())
    assert facts["options"]["model"] == str(tiny)
    assert facts["product"] == safe.name[:-5]
    with rasterio.open(files[0]) as written, rasterio.open(next(safe.rglob("*_B05.jp2"))) as band:
        assert written.transform == band.transform
        assert written.crs == band.crs
        assert written.shape == band.shape
    assert leftovers(tmp_path) == []


def test_all_forms_of_a_product_give_one_mask(tiny, tmp_path):
    root = make_safe(tmp_path / "a", size10=120)
    zipped = make_safe(tmp_path / "b", size10=120, zipped=True)
    masks = [mask(p, model=tiny).classes for p in (root, str(root / "MTD_MSIL1C.xml"), zipped)]
    np.testing.assert_array_equal(masks[0], masks[1])
    np.testing.assert_array_equal(masks[0], masks[2])


def test_the_level_chooses_the_model(safe_l2a, dlr):
    result = mask(safe_l2a, device="cpu", threads=2)
    assert result.model.level == "L2A"
    assert set(np.unique(result.classes)) <= {1, 2, 3, 4, 5}


def test_model_of_another_level(safe_l2a, tiny):
    with pytest.raises(ModelError, match="is L2A but model tiny is for L1C; leave --model out"):
        mask(safe_l2a, model=tiny)


def test_harmonised_data(tiny, tmp_path):
    root = make_safe(tmp_path, size10=120)
    own, harmonised = mask(root, model=tiny), mask(root, model=tiny, radiometric_offset=0)
    difference = harmonised.probabilities - own.probabilities
    assert np.nanmean(difference) == pytest.approx(0.1, abs=1e-4)


def test_area_of_interest(safe, tiny, tmp_path):
    whole = mask(safe, model=tiny, resolution=10)
    grid = whole.grid
    window = [grid.left + 515, grid.top - 1310, grid.left + 1204, grid.top - 488]
    area = write_area(tmp_path / "a.geojson", window, grid.crs)
    part = mask(safe, model=tiny, resolution=10, aoi=area)
    row, col = round((grid.top - part.grid.top) / 10), round((part.grid.left - grid.left) / 10)
    assert (row % 6, col % 6) == (0, 0)
    rows, cols = part.classes.shape
    there = whole.classes[row : row + rows, col : col + cols]
    y, x = np.mgrid[:rows, :cols]
    east, north = part.grid.left + x * 10 + 5, part.grid.top - y * 10 - 5
    inside = (east > window[0]) & (east < window[2]) & (north > window[1]) & (north < window[3])
    # Polygons of longitude and latitude have no exact sides in metres: leave pixels at the rim out.
    rim = inside & ~(
        (east > window[0] + 10)
        & (east < window[2] - 10)
        & (north > window[1] + 10)
        & (north < window[3] - 10)
    )
    assert (part.classes[inside & ~rim] == there[inside & ~rim]).all()
    assert (part.classes[~inside] == CloudClass.MISSING).mean() > 0.95
    assert np.isnan(part.probabilities[:, part.classes == CloudClass.MISSING]).all()
    assert inside.sum() > 4000


@pytest.mark.parametrize(
    "options",
    [{}, {"cloud_buffer": 200, "shadow_buffer": 200}, {"min_area": 60000}],
    ids=["", "buffer", "area"],
)
def test_a_field_has_the_classes_of_the_whole_product(safe, tmp_path, options):
    whole = mask(safe, **options)
    for number, (left, top) in enumerate([(300, 400), (900, 1500), (1700, 700)]):
        bounds = [whole.grid.left + left, whole.grid.top - top - 300]
        bounds += [bounds[0] + 300, bounds[1] + 300]
        area = write_area(tmp_path / f"{number}.geojson", bounds, whole.grid.crs)
        part = mask(safe, aoi=area, **options)
        row, col = (
            round((whole.grid.top - part.grid.top) / 20),
            round((part.grid.left - whole.grid.left) / 20),
        )
        rows, cols = part.classes.shape
        inside = part.classes != CloudClass.MISSING
        assert inside.sum() > 150
        assert (part.classes == whole.classes[row : row + rows, col : col + cols])[inside].all()
        assert part.statistics["valid_percent"] == 100


def test_an_area_without_a_pixel_centre_is_the_pixels_it_touches(safe, tiny, tmp_path):
    grid = mask(safe, model=tiny).grid
    bounds = [grid.left + 402, grid.top - 408, grid.left + 408, grid.top - 402]
    part = mask(safe, model=tiny, aoi=write_area(tmp_path / "a.geojson", bounds, grid.crs))
    assert 1 <= (part.classes != CloudClass.MISSING).sum() <= 4
    assert part.statistics["valid_percent"] == 100


def test_absent_bands_are_told_of(tiny, tmp_path, caplog):
    root = make_safe(tmp_path, size10=120)
    mask(root, model=tiny)
    assert not caplog.records
    for file in root.rglob("*_B09.jp2"):
        file.unlink()
    mask(root, model=tiny)
    assert "expected all bands of L1C, found none of B09; tiny does without" in caplog.text


def test_bands_named_are_all_that_is_read(tmp_path, caplog):
    few = ("B02", "B03", "B04", "B08", "B10", "B11")
    root = make_safe(tmp_path, size10=240)
    every = mask(root, device="cpu")
    for file in root.rglob("IMG_DATA/*_B*.jp2"):
        if file.stem[-3:] not in few:
            file.write_bytes(file.read_bytes()[:-2])  # whoever opens it to read pixels finds it truncated
    with pytest.raises(InputError, match="truncated"):
        mask(root, device="cpu")
    part = mask(root, device="cpu", bands=few)
    assert not caplog.records  # the product is complete, as far as anybody asked
    assert (part.model.name, part.model.bands) == (every.model.name, few)
    assert part.options.bands == "B02,B03,B04,B08,B10,B11"
    assert not np.array_equal(part.probabilities, every.probabilities)


def test_bands_choose_the_model(safe, tiny, dlr):
    assert mask(safe, bands="B02,B03,B04,B08").model.name == "dlr-unet-4b-l1c"
    with pytest.raises(UsageError, match="option bands: model tiny cannot do without B08"):
        mask(safe, model=tiny, bands="B02,B03,B04")


def test_bands_that_the_product_lacks(safe_l2a):
    with pytest.raises(InputError, match=r"S2.*: option bands names B10, found B01, B02"):
        mask(safe_l2a, bands="B02,B03,B04,B08,B10,B11")


def write_area(path, bounds, crs, **more):
    from rasterio.warp import transform_geom

    left, bottom, right, top = bounds
    ring = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]
    geometry = transform_geom(crs, "EPSG:4326", {"type": "Polygon", "coordinates": [ring]})
    path.write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": geometry} | more))
    return path


# Arrays


def test_mask_of_an_array(tiny):
    pixels = image()
    pixels[:, :5, :5] = np.nan
    result = mask_array(pixels, BANDS, gsd=20, level="l1c", model=tiny)
    np.testing.assert_allclose(result.probabilities, pixels, atol=1e-6)
    assert (result.classes[:5, :5] == CloudClass.MISSING).all()
    assert result.grid.gsd == 20
    assert result.statistics["pixels"]["missing"] == 25


def test_other_spacings_keep_the_grid_of_the_array(tiny):
    for gsd in (10, 15, 30, 60, 7.5):
        assert mask_array(image(), BANDS, gsd=gsd, level="L1C", model=tiny).classes.shape == (40, 30)


def test_a_loaded_model_can_be_used_again():
    net = ArrayModel(card())
    for _ in range(2):
        mask_array(image(), BANDS, gsd=20, level="L1C", model=net)
    assert net.tiles == 2


def test_a_loaded_model_says_how_it_can_do_without_bands():
    six = ["B02", "B03", "B04", "B08", "B11", "B12"]
    pixels = np.full((6, 64, 64), 0.1, np.float32)
    net = cloudmask.load_model("cloudmask-l1c", device="cpu")
    with pytest.raises(InputError, match=r"needs band B01.*load_model\(..., bands=\[...\]\)"):
        mask_array(pixels, six, gsd=20, level="L1C", model=net)
    net = cloudmask.load_model("cloudmask-l1c", device="cpu", bands=six)
    assert mask_array(pixels, six, gsd=20, level="L1C", model=net).classes.shape == (64, 64)


def test_bands_in_any_order_and_more_than_needed(tiny):
    pixels = image()
    straight = mask_array(pixels, BANDS, gsd=20, level="L1C", model=tiny)
    mixed = np.concatenate([pixels[::-1], np.zeros((1, 40, 30), np.float32)])
    other = mask_array(mixed, [*BANDS[::-1], "B12"], gsd=20, level="L1C", model=tiny)
    np.testing.assert_array_equal(straight.classes, other.classes)


def test_a_model_that_does_without_is_chosen(dlr):
    result = mask_array(image(), BANDS, gsd=30, level="L1C", device="cpu", threads=2)
    assert result.model.name == "dlr-unet-4b-l1c"
    with pytest.raises(ModelError, match=r"no L1C model does with the bands B02; these would do: cloudmask-"):
        mask_array(image()[:1], ["B02"], gsd=30, level="L1C")


def test_the_array_is_not_changed(tiny):
    pixels = image()
    pixels[0, 0, 0] = np.nan
    before = pixels.copy()
    mask_array(pixels, BANDS, gsd=20, level="L1C", model=tiny)
    np.testing.assert_array_equal(pixels, before)


def test_wrong_arguments(tiny):
    pixels = image()
    with pytest.raises(DeviceError, match="device cuda"):
        mask_array(pixels, BANDS, gsd=20, level="L1C", model=tiny, device="cuda")
    with pytest.raises(UsageError, match="option device: expected one of"):
        mask_array(pixels, BANDS, gsd=20, level="L1C", model=tiny, device="tpu")
    with pytest.raises(UsageError, match="unknown option 'treads'"):
        mask_array(pixels, BANDS, gsd=20, level="L1C", model=tiny, treads=1)
    with pytest.raises(UsageError, match="option threads"):
        mask_array(pixels, BANDS, gsd=20, level="L1C", model=tiny, threads=-1)
    with pytest.raises(InputError, match="unknown processing level"):
        mask_array(pixels, BANDS, gsd=20, level="L9", model=tiny)
    with pytest.raises(ModelError, match="array is L2A but model tiny is for L1C"):
        mask_array(pixels, BANDS, gsd=20, level="L2A", model=tiny)
    with pytest.raises(UsageError, match="unknown option 'buffer'"):
        mask("nowhere", buffer=3)


def test_errors_are_also_pythons_own():
    with pytest.raises(ValueError, match="no such file"):
        mask("nowhere.SAFE")


def test_array_users_need_no_gdal(tmp_path):
    path = write_model(tmp_path)
    code = (
        "import sys\nfor name in ('rasterio', 'lxml', 'click', 'PIL', 'tqdm'):\n"
        "    sys.modules[name] = None\n"
        "import numpy as np\nfrom cloudmask import mask_array\n"
        f"m = mask_array(np.zeros((4, 9, 9), 'f4'), {BANDS!r}, gsd=20, level='L1C', model={str(path)!r})\n"
        "print(m.classes.shape, m.statistics['valid_percent'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(9, 9) 100.0", done.stderr


# The package


def test_everything_announced_is_there():
    for name in cloudmask.__all__:
        assert getattr(cloudmask, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'masks'"):
        _ = cloudmask.masks


def test_package_is_typed():
    assert (Path(cloudmask.__file__).parent / "py.typed").exists()
