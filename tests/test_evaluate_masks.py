"""Masks of other programs: class maps, files, SAFE products, packages, and what can go wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers_evaluate import L1C_BANDS, random_codes, write_npz, write_tif
from helpers_models import write_model
from helpers_safe import TinyScene, make_safe

from cloudmask.classes import CloudClass
from cloudmask.errors import InputError, ModelError, UsageError
from cloudmask.evaluate.labels import LabelKind
from cloudmask.evaluate.masks.base import MaskSource, Pixels, Unavailable
from cloudmask.evaluate.masks.maps import class_maps, find_class_map, parse_class_map
from cloudmask.evaluate.masks.registry import mask_names, parse_masks
from cloudmask.evaluate.products import find_product, label_grid
from cloudmask.evaluate.references.registry import Selection, open_reference
from cloudmask.evaluate.scene import Image, Prediction, Scene, on_labels
from cloudmask.grid import Grid

RNG = np.random.default_rng(5)
CLEAR, SHADOW, SEMI, CLOUD, MISSING = 1, 2, 3, 4, 5


def one(spec: str) -> MaskSource:
    (mask,) = parse_masks(spec, threads=1)
    return mask


def scene_of(shape: tuple[int, int], crs: str | None = None, **more: object) -> Scene:
    grid = Grid(crs, 300000.0, 4900020.0, 10.0, 10.0, *shape)
    labels = np.full(shape, CLEAR, np.uint8)
    return Scene("s", "s", LabelKind.HUMAN, labels, "L1C", grid, **more)  # type: ignore[arg-type]


def product_scene(product: Path) -> Scene:
    grid = label_grid(product)
    labels = np.full(grid.shape, CLEAR, np.uint8)
    return Scene(product.stem, product.stem, LabelKind.HUMAN, labels, "L1C", grid, safe=product)


def at_labels(mask: MaskSource, scene: Scene) -> np.ndarray:
    with Pixels(scene) as pixels:
        return on_labels(mask.predict(pixels), scene, mask.name)


def test_class_maps_cover_what_the_programs_document():
    expected = {
        "fmask": {0: CLEAR, 1: CLEAR, 2: SHADOW, 3: CLEAR, 4: CLOUD, 255: MISSING},
        "python-fmask": {0: MISSING, 1: CLEAR, 2: CLOUD, 3: SHADOW, 4: CLEAR, 5: CLEAR},
        "sen2cor": {0: 5, 1: 5, 2: 1, 3: 2, 4: 1, 5: 1, 6: 1, 7: 1, 8: 4, 9: 4, 10: 3, 11: 1},
        "kappamask": {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5},
        "omnicloudmask": {0: CLEAR, 1: CLOUD, 2: SEMI, 3: SHADOW},
        "baetens": {0: 0, 1: 0, 2: CLOUD, 3: CLOUD, 4: SHADOW, 5: CLEAR, 6: CLEAR, 7: CLEAR},
    }
    for name, codes in expected.items():
        raster = np.array(list(codes), np.uint8)
        assert find_class_map(name).decode(raster, "x").tolist() == list(codes.values()), name
    for class_map in class_maps().values():
        assert class_map.source
        assert class_map.files
        assert CloudClass.CLEAR in class_map.claims


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("idepix", 0, CLEAR),
        ("idepix", 1 << 0 | 1 << 1, MISSING),
        ("idepix", 1 << 1 | 1 << 3, CLOUD),
        ("idepix", 1 << 1 | 1 << 11, SEMI),
        ("idepix", 1 << 4, CLEAR),  # the buffer is no cloud
        ("idepix", 1 << 5, SHADOW),
        ("idepix", 1 << 6, CLEAR),  # snow
        ("maja", 0b00000011, CLOUD),
        ("maja", 0b10000011, SEMI),
        ("maja", 0b00100001, SHADOW),
        ("maja", 0b01000001, SHADOW),
        ("maja", 0b00010000, SEMI),
        ("maja-native", 0b00000111, CLOUD),
        ("maja-native", 0b00000101, SHADOW),
    ],
)
def test_bit_masks(name, value, expected):
    assert find_class_map(name).decode(np.array([value], np.uint16), "x").tolist() == [expected]


def test_unknown_codes_name_the_file(tmp_path):
    write_tif(tmp_path / "s.tif", np.full((8, 8), 9, np.uint8), origin=None)
    with pytest.raises(InputError, match=r"s\.tif: .*codes \[9\] that its class map does not know"):
        at_labels(one(f"fmask={tmp_path}"), scene_of((8, 8)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "expected a JSON object with 'codes' or 'bits'"),
        ({"codes": {"1": "haze"}}, "unknown class 'haze'"),
        ({"codes": {"one": "clear"}}, "invalid literal"),
        ({"codes": {"1": "clear"}, "claims": ["cloud"]}, "claims cloud, which no code stands for"),
        ({"codes": "nobody"}, "unknown codes 'nobody'"),
    ],
)
def test_bad_class_maps_are_refused(data, message):
    with pytest.raises(InputError, match=message):
        parse_class_map(data, "mine.json")


def test_anybodys_raster_with_a_class_map_of_ones_own(tmp_path):
    (tmp_path / "mine.json").write_text(
        json.dumps({"name": "mine", "codes": {"10": "clear", "20": "cloud"}, "files": ["{scene}_m.tif"]}),
        "utf-8",
    )
    write_tif(tmp_path / "deep" / "s_m.tif", np.array([[10, 20]] * 2, np.uint8), origin=None)
    mask = one(f"raster:{tmp_path / 'mine.json'}={tmp_path}")
    assert (mask.name, mask.claims) == ("mine", {CloudClass.CLEAR, CloudClass.CLOUD})
    assert at_labels(mask, scene_of((2, 2))).tolist() == [[CLEAR, CLOUD]] * 2


def test_files_are_found_by_tile_and_date_and_must_be_one(tmp_path):
    product = "S2A_MSIL1C_20170205T105221_N0204_R051_T31TCJ_20170205T105426"
    grid = Grid(None, 0, 0, 10.0, 10.0, 4, 4)
    scene = Scene(product, product, LabelKind.HUMAN, np.ones((4, 4), np.uint8), "L1C", grid)
    masks = tmp_path / "masks"
    write_tif(masks / "L1C_T31TCJ_A1_20170205T105221_Fmask4.tif", np.full((4, 4), 4, np.uint8), origin=None)
    write_tif(masks / "L1C_T31TCJ_A1_20170305T105221_Fmask4.tif", np.zeros((4, 4), np.uint8), origin=None)
    assert (at_labels(one(f"fmask={masks}"), scene) == CLOUD).all()
    write_tif(
        masks / "again" / "L1C_T31TCJ_A2_20170205T105221_Fmask4.tif", np.zeros((4, 4), np.uint8), origin=None
    )
    shutil.move(masks / "again" / "L1C_T31TCJ_A2_20170205T105221_Fmask4.tif", masks)
    with pytest.raises(InputError, match=r"2 files in .* fit"):
        at_labels(one(f"fmask={masks}"), scene)
    with pytest.raises(Unavailable, match="no file like"):
        at_labels(one(f"maja={masks}"), scene)


@pytest.mark.parametrize("kind", ["sen2cor", "maja", "maja-native", "fmask", "kappamask", "binary"])
def test_labels_and_other_masks_beside_a_product_are_no_masks(tmp_path, kind):
    """A truth read as a scene classification gives scores that look like those of a bad mask."""
    name = "S2A_MSIL1C_20170205T105221_N0204_R051_T31TCJ_20170205T105426"
    product = make_safe(tmp_path / "made").rename(tmp_path / f"{name}.SAFE")
    write_tif(tmp_path / f"{name}_truth.tif", np.ones((120, 120), np.uint8), origin=None)
    write_tif(tmp_path / f"{name}_label.tif", np.ones((120, 120), np.uint8), origin=None)
    if kind in ("sen2cor", "maja", "maja-native"):
        write_tif(tmp_path / f"{name}_cloudmask.tif", np.ones((120, 120), np.uint8), origin=None)
    scene = product_scene(product)
    with pytest.raises(Unavailable, match="no file like"):
        at_labels(one(f"{kind}={tmp_path}"), scene)
    write_tif(tmp_path / f"{name}.tif", np.ones((120, 120), np.uint8), origin=None)
    assert at_labels(one(f"{kind}={tmp_path}"), scene).shape == scene.labels.shape


def test_a_class_map_may_name_labels(tmp_path):
    data = {"name": "mine", "codes": {"0": "clear", "1": "cloud"}, "files": ["{scene}_truth.tif"]}
    (tmp_path / "mine.json").write_text(json.dumps(data), "utf-8")
    write_tif(tmp_path / "s_truth.tif", np.ones((2, 2), np.uint8), origin=None)
    assert (at_labels(one(f"raster:{tmp_path / 'mine.json'}={tmp_path}"), scene_of((2, 2))) == CLOUD).all()


def test_masks_on_other_grids_are_read_under_each_pixels_centre():
    scene = scene_of((6, 6))
    coarse = np.array([[CLEAR, CLOUD], [SHADOW, SEMI]], np.uint8)
    got = on_labels(Prediction(coarse, Grid(None, 0, 0, 30.0, 30.0, 2, 2)), scene, "m")
    assert np.array_equal(got, coarse.repeat(3, 0).repeat(3, 1))
    # 7 pixels at 10 m make 3 at 30 m, the last reaching beyond the scene.
    ragged = on_labels(
        Prediction(np.arange(9, dtype=np.uint8).reshape(3, 3) % 6, Grid(None, 0, 0, 30, 30, 3, 3)),
        scene_of((7, 7)),
        "m",
    )
    assert ragged[0].tolist() == [0, 0, 0, 1, 1, 1, 2]
    fine = random_codes(RNG, (12, 12), [1, 2, 3, 4])
    assert np.array_equal(
        on_labels(Prediction(fine, Grid(None, 0, 0, 5.0, 5.0, 12, 12)), scene, "m"), fine[1::2, 1::2]
    )


def test_georeferenced_masks_are_read_by_coordinates():
    scene = scene_of((4, 4), "EPSG:32631")
    whole = random_codes(RNG, (20, 20), [1, 2, 3, 4])
    grid = Grid("EPSG:32631", 299960.0, 4900080.0, 20.0, 20.0, 20, 20)
    got = on_labels(Prediction(whole, grid), scene, "m")
    assert np.array_equal(got, whole[3:5, 2:4].repeat(2, 0).repeat(2, 1))
    part = Grid("EPSG:32631", 300020.0, 4900020.0, 10.0, 10.0, 4, 4)
    edge = on_labels(Prediction(np.full((4, 4), CLOUD, np.uint8), part), scene, "m")
    assert edge[0].tolist() == [MISSING, MISSING, CLOUD, CLOUD]


def test_grids_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"expected the reference's size \(6, 6\).*found \(5, 5\)"):
        on_labels(
            Prediction(np.ones((5, 5), np.uint8), Grid(None, 0, 0, 10, 10, 5, 5)), scene_of((6, 6)), "m"
        )
    wrong = Grid("EPSG:32632", 300000.0, 4900020.0, 10.0, 10.0, 6, 6)
    with pytest.raises(InputError, match="is in EPSG:32632, the reference in EPSG:32631"):
        on_labels(Prediction(np.ones((6, 6), np.uint8), wrong), scene_of((6, 6), "EPSG:32631"), "m")
    away = Grid("EPSG:32631", 900000.0, 4900020.0, 10.0, 10.0, 6, 6)
    with pytest.raises(InputError, match="covers other ground"):
        on_labels(Prediction(np.ones((6, 6), np.uint8), away), scene_of((6, 6), "EPSG:32631"), "m")


def test_equal_reference_systems_may_be_written_differently():
    from rasterio.crs import CRS

    grid = Grid(CRS.from_epsg(32631).to_wkt(), 300000.0, 4900020.0, 10.0, 10.0, 6, 6)
    assert (
        on_labels(Prediction(np.ones((6, 6), np.uint8), grid), scene_of((6, 6), "EPSG:32631"), "m") == 1
    ).all()


@pytest.mark.parametrize("baseline", ["02.09", "05.11"])
def test_esa_mask_in_polygons_and_in_a_raster(tmp_path, baseline):
    product = make_safe(tmp_path, baseline=baseline)
    truth = TinyScene(120).truth(10)
    got = at_labels(one("esa-l1c"), product_scene(product))
    assert (got[truth == CLOUD] == CLOUD).all()
    assert (got[truth == SEMI] == SEMI).all()
    assert (got[truth == CLEAR] == CLEAR).all()
    assert (got[truth == SHADOW] == CLEAR).all()  # the mask knows no shadows


def test_esa_mask_from_a_folder_and_its_absence(tmp_path):
    product = make_safe(tmp_path)
    scene = product_scene(product)
    bare = Scene(scene.name, scene.product, scene.kind, scene.labels, "L1C", scene.grid)
    assert (at_labels(one(f"esa-l1c={tmp_path}"), bare) == CLOUD).any()
    with pytest.raises(Unavailable, match="esa-l1c=DIR"):
        at_labels(one("esa-l1c"), bare)


def test_sen2cor_from_the_l2a_product_of_the_same_acquisition(tmp_path):
    l1c = make_safe(tmp_path / "l1c")
    l2a = make_safe(tmp_path / "l2a", level="L2A")
    assert find_product(tmp_path / "l2a", l1c.name.replace("L1C", "L2A")) == l2a
    got = at_labels(one(f"sen2cor={tmp_path / 'l2a'}"), product_scene(l1c))
    truth = TinyScene(120).truth(10)
    for code in (CLEAR, SHADOW, SEMI, CLOUD):
        assert (got[truth == code] == code).all()
    with pytest.raises(Unavailable):
        at_labels(one(f"sen2cor={tmp_path / 'l1c'}"), product_scene(l1c))


def test_own_mask_equals_the_pipelines(tmp_path, tiny):
    from cloudmask.api import mask_array

    labels = random_codes(RNG, (40, 44), [0, 3])
    write_npz(tmp_path / "a.npz", labels, level="L1C", label_kind="human")
    (scene,) = open_reference(tmp_path, "pairs", Selection())
    assert scene.image is not None
    mask = one(f"cloudmask:{tiny}")
    got = at_labels(mask, scene)
    assert (mask.name, mask.title) == (f"cloudmask:{tiny.stem}", f"cloudmask ({tiny.stem})")
    assert str(tiny.parent) not in mask.setting
    expected = mask_array(scene.image().values, L1C_BANDS, gsd=10, level="L1C", model=tiny, threads=1)
    assert np.array_equal(got, expected.classes)


def test_own_mask_on_a_product_at_a_resolution(tmp_path, tiny):
    scene = product_scene(make_safe(tmp_path))
    with Pixels(scene) as pixels:
        prediction = one(f"cloudmask:{tiny}@60").predict(pixels)
    assert prediction.classes.shape == (20, 20)


def test_own_mask_says_when_no_model_fits(tmp_path):
    model = write_model(tmp_path, bands=("B02", "B12"))
    image = Image(np.zeros((1, 64, 64), np.float32), ("B02",))
    scene = scene_of((64, 64), image=lambda: image)
    with pytest.raises(Unavailable, match="B12"):
        at_labels(one(f"cloudmask:{model}"), scene)


@pytest.mark.parametrize(("mask", "device"), [("cloudmask:cloudmask-l1cc", "cpu"), ("cloudmask", "cuda")])
def test_own_mask_that_was_asked_for_wrongly_is_no_mask_left_out(mask, device):
    image = Image(np.zeros((4, 64, 64), np.float32), ("B02", "B03", "B04", "B08"))
    (own,) = parse_masks(mask, device=device)
    with pytest.raises(ModelError, match=r"cloudmask-l1cc|pip install '\.\[gpu\]'"):
        at_labels(own, scene_of((64, 64), image=lambda: image))


def bright_square(bands: tuple[str, ...], side: int = 300) -> Scene:
    image = np.full((len(bands), side, side), 0.08, np.float32)
    image[:, 90:210, 90:210] = 0.7
    image[:, :, :6] = np.nan
    shown = Image(image, bands)
    return scene_of((side, side), image=lambda: shown)


@pytest.mark.slow
def test_ukis_csmask_equals_its_package_run_as_its_authors_do():
    csmask = pytest.importorskip("ukis_csmask.mask", reason="ukis-csmask is not installed")
    bands = ("B02", "B03", "B04", "B08", "B11", "B12")
    scene = bright_square(bands)
    got = at_labels(one("ukis-csmask"), scene)
    with Pixels(scene) as pixels:
        values, _ = pixels.read(bands, 30.0)
    image = np.ascontiguousarray(np.moveaxis(np.nan_to_num(values), 0, -1))
    names = ["blue", "green", "red", "nir", "swir16", "swir22"]
    direct = csmask.CSmask(image, band_order=names, product_level="l1c", intra_op_num_threads=1).csm[..., 0]
    expected = np.array([CLEAR, CLOUD, SHADOW], np.uint8)[direct].repeat(3, 0).repeat(3, 1)
    assert np.array_equal(got[:, 6:], expected[:, 6:])
    assert (got[:, :6] == MISSING).all()


@pytest.mark.slow
def test_s2cloudless_equals_its_package_with_the_usual_radii():
    package = pytest.importorskip("s2cloudless", reason="s2cloudless is not installed")
    bands = ("B01", "B02", "B04", "B05", "B08", "B8A", "B09", "B10", "B11", "B12")
    scene = bright_square(bands, 120)
    mask = one("s2cloudless")
    got = at_labels(mask, scene)
    assert scene.image is not None
    detector = package.S2PixelCloudDetector(threshold=0.4, average_over=22, dilation_size=11)
    direct = detector.get_cloud_masks(np.moveaxis(np.nan_to_num(scene.image().values), 0, -1)[None])[0]
    assert np.array_equal(got[:, 6:] == CLOUD, direct[:, 6:] == 1)
    assert (got[:, :6] == MISSING).all()
    assert "averaged over 22 px, dilated by 11 px" in mask.setting
    with pytest.raises(Unavailable, match="the scene lacks B10"):
        at_labels(mask, bright_square(tuple(b for b in bands if b != "B10"), 60))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected at least one of cloudmask"),
        ("nomask", "unknown mask 'nomask'"),
        ("cloudmask,cloudmask", "cloudmask is given more than once"),
        ("fmask@20=x", "fmask does not take that"),
        ("raster=x", "expected raster:MAP=FOLDER"),
        ("Cloud Mask", "cannot read 'Cloud Mask'"),
    ],
)
def test_bad_mask_lists(text, message):
    with pytest.raises(UsageError, match=message):
        parse_masks(text)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        parse_masks(f"fmask={tmp_path / 'x'}")


def test_every_class_map_can_be_asked_for():
    assert set(class_maps()) - {"baetens"} <= set(mask_names())
