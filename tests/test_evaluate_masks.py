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
from cloudmask.evaluate.bootstrap import BootstrapSettings
from cloudmask.evaluate.evaluate import Request, evaluate
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


def pair(path: Path, labels: np.ndarray, *, kind: str = "human", bands: tuple[str, ...] = L1C_BANDS) -> Path:
    """An image of level L1C and its labels, which are of a kind."""
    return write_npz(path, labels, bands=bands, level="L1C", label_kind=kind)


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
        ({"codes": {"1": "clear"}, "files": 5}, "files: expected a list of names"),
        ({"codes": {"1": "clear"}, "files": ["/m.tif"]}, r"files: expected a list of names.*found '/m\.tif'"),
        ({"codes": {"1": "clear"}, "files": ["../m.tif"]}, "files: expected a list of names"),
        ({"codes": {"1": "clear"}, "files": [""]}, "files: expected a list of names"),
        ({"codes": {"1": "clear"}, "files": ["a**.tif"]}, "files: expected a list of names"),
        ({"bits": [[-1, "cloud"]]}, r"bits: expected numbers from 0 to 62, found \[-1\]"),
    ],
)
def test_bad_class_maps_are_refused(data, message):
    with pytest.raises(InputError, match=message):
        parse_class_map(data, "mine.json")


def test_a_class_map_may_give_one_name_without_a_list():
    assert parse_class_map({"codes": {"1": "clear"}, "files": "{scene}.tif"}, "m").files == ("{scene}.tif",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"codes": {"1": "h\xe9"}}', "expected text in UTF-8"),
        (b"[" * 100_000, "expected a class map, found no JSON"),
        (b"{}", "expected a JSON object with 'codes' or 'bits'"),
    ],
)
def test_files_that_are_no_class_map(tmp_path, content, said):
    (tmp_path / "mine.json").write_bytes(content)
    with pytest.raises(InputError, match=rf"mine\.json: {said}") as caught:
        find_class_map(str(tmp_path / "mine.json"))
    assert str(caught.value).count("mine.json") == 1


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


SEED = "S2A_MSIL1C_20240615T094031_N0511_R007_T35VLG_20240615T114031"


def alike(tmp_path: Path, *seeds: int) -> list[Scene]:
    """Scenes of simulated products that share their name, and a mask of each in ``masks``."""
    for seed in seeds:
        where = f"seed{seed}"
        product = make_safe(tmp_path / "set" / where, seed=seed)
        assert product.stem == SEED
        write_tif(tmp_path / "set" / where / f"{SEED}_truth.tif", np.ones((120, 120), np.uint8), origin=None)
        codes = np.full((120, 120), 1 + seed % 4, np.uint8)
        write_tif(tmp_path / "masks" / where / f"{SEED}_cloudmask.tif", codes, origin=None)
    return open_reference(tmp_path / "set", "simulated", Selection())


def test_products_of_one_name_get_the_masks_in_folders_of_their_names(tmp_path):
    scenes = alike(tmp_path, 1, 2)
    assert [s.folder for s in scenes] == ["seed1", "seed2"]
    mask = one(f"raster:cloudmask={tmp_path / 'masks'}")
    for seed, scene in enumerate(scenes, start=1):
        assert (at_labels(mask, scene) == 1 + seed % 4).all()
    shutil.rmtree(tmp_path / "masks" / "seed2")
    mask = one(f"raster:cloudmask={tmp_path / 'masks'}")
    assert (at_labels(mask, scenes[0]) == SHADOW).all()
    with pytest.raises(Unavailable, match=r"several products of this name.*masks/seed2, which is not there"):
        at_labels(mask, scenes[1])
    (tmp_path / "masks" / "seed2").mkdir()
    with pytest.raises(Unavailable, match=r"no file like .* in masks/seed2"):
        at_labels(mask, scenes[1])


def test_one_mask_is_not_taken_for_two_products_of_one_name(tmp_path):
    scenes = alike(tmp_path, 1, 2)
    mask = one(f"raster:cloudmask={tmp_path / 'masks' / 'seed1'}")
    for scene in scenes:
        with pytest.raises(Unavailable, match="several products of this name"):
            at_labels(mask, scene)


def test_a_product_whose_name_is_its_own_may_have_its_mask_anywhere(tmp_path):
    (scene,) = alike(tmp_path, 1)
    assert scene.folder == ""
    assert (at_labels(one(f"raster:cloudmask={tmp_path}"), scene) == SHADOW).all()
    write_tif(tmp_path / "more" / f"{SEED}_cloudmask.tif", np.ones((120, 120), np.uint8), origin=None)
    listed = f"masks/seed1/{SEED}_cloudmask.tif, more/{SEED}_cloudmask.tif; keep one"
    with pytest.raises(InputError, match=listed):
        at_labels(one(f"raster:cloudmask={tmp_path}"), scene)


def test_a_set_of_one_product_gets_no_mask_of_another_seed(tmp_path):
    alike(tmp_path, 1, 2)
    (scene,) = open_reference(tmp_path / "set" / "seed1", "simulated", Selection())
    masks = tmp_path / "masks"
    assert (at_labels(one(f"raster:cloudmask={masks}"), scene) == SHADOW).all()
    assert (at_labels(one(f"raster:cloudmask={masks / 'seed1'}"), scene) == SHADOW).all()
    (masks / "seed1" / f"{SEED}_cloudmask.tif").unlink()
    with pytest.raises(Unavailable, match=r"in masks, folders of other products of its name \(seed2\) left"):
        at_labels(one(f"raster:cloudmask={masks}"), scene)
    with pytest.raises(Unavailable, match="seed2 is the name of a folder beside the scene's"):
        at_labels(one(f"raster:cloudmask={masks / 'seed2'}"), scene)
    make_safe(tmp_path / "l2a" / "seed2", level="L2A", seed=2)
    for folder in (tmp_path / "l2a", tmp_path / "l2a" / "seed2"):
        with pytest.raises(Unavailable, match="seed2"):
            at_labels(one(f"sen2cor={folder}"), scene)


def test_sen2cor_of_products_of_one_name(tmp_path):
    scenes = alike(tmp_path, 1, 2)
    make_safe(tmp_path / "l2a" / "seed2", level="L2A", seed=2)
    mask = one(f"sen2cor={tmp_path / 'l2a'}")
    with pytest.raises(Unavailable, match="l2a/seed1, which is not there"):
        at_labels(mask, scenes[0])
    truth = TinyScene(120, seed=2).truth(10)
    assert (at_labels(mask, scenes[1])[truth == CLOUD] == CLOUD).all()


def test_a_truth_whose_product_is_gone_gets_no_other(tmp_path):
    alike(tmp_path, 1)
    product = tmp_path / "set" / "seed1" / f"{SEED}.SAFE"
    product.rename(product.with_name(SEED.replace("N0511", "N0500") + ".SAFE"))
    with pytest.raises(InputError, match=f"_truth.tif: its product {SEED}.SAFE is not beside it"):
        open_reference(tmp_path / "set", "simulated", Selection())


def named(name: str, product: str = "") -> Scene:
    grid = Grid(None, 0.0, 0.0, 10.0, 10.0, 4, 4)
    return Scene(name, product or name, LabelKind.HUMAN, np.ones((4, 4), np.uint8), "L1C", grid)


def put(folder: Path, **files: int) -> None:
    """Masks of one class each; two underscores stand for what no keyword may have."""
    for name, code in files.items():
        write_tif(folder / f"{name.replace('__', '-')}.tif", np.full((4, 4), code, np.uint8), origin=None)


def test_masks_of_names_that_share_a_beginning(tmp_path):
    put(tmp_path, s10=4, s1=0, s1_b=2)
    mask = one(f"fmask={tmp_path}")
    assert (at_labels(mask, named("s1")) == CLEAR).all()
    assert (at_labels(mask, named("s10")) == CLOUD).all()
    assert (at_labels(mask, named("s1_b")) == SHADOW).all()
    (tmp_path / "s1.tif").unlink()
    (tmp_path / "s1_b.tif").unlink()
    with pytest.raises(Unavailable, match="no file like"):
        at_labels(one(f"fmask={tmp_path}"), named("s1"))


def test_masks_of_parts_of_a_product(tmp_path):
    """Several patches of one region or product: a mask of another patch, or of all, is not theirs."""
    put(tmp_path, R_1__a=4, R_1__b=2, R_1=0)
    mask = one(f"fmask={tmp_path}")
    assert (at_labels(mask, named("R_1-a", "R_1")) == CLOUD).all()
    assert (at_labels(mask, named("R_1-b", "R_1")) == SHADOW).all()
    with pytest.raises(Unavailable, match="no file like"):
        at_labels(mask, named("R_1-c", "R_1"))
    write_tif(tmp_path / "R_1[0].tif", np.full((4, 4), 4, np.uint8), origin=None)
    write_tif(tmp_path / "R_1[1].tif", np.full((4, 4), 2, np.uint8), origin=None)
    assert (at_labels(mask, named("R_1[1]", "R_1")) == SHADOW).all()


def test_one_file_for_two_scenes_is_an_error_that_names_both(tmp_path):
    put(tmp_path, s1_b=2)
    mask = one(f"fmask={tmp_path}")
    at_labels(mask, named("s1_b"))
    at_labels(mask, named("s1_b"))
    with pytest.raises(InputError, match=r"s1_b\.tif: expected the mask of one scene.* fits s1_b and s1;"):
        at_labels(mask, named("s1"))


def test_a_mask_named_after_another_product_of_the_tile_is_not_taken(tmp_path):
    """In a product's name the time of processing follows the tile, where a pattern looks for the day."""
    earlier = "S2A_MSIL1C_20240613T094031_N0510_R007_T35VLG_20240615T114031"
    put(tmp_path, **{f"{earlier}_Fmask4": 4})
    with pytest.raises(Unavailable, match="no file like"):
        at_labels(one(f"fmask={tmp_path}"), named(SEED))
    put(tmp_path, **{f"{SEED}_Fmask4": 2, f"{SEED.replace('L1C', 'L2A')}_Fmask4": 4})
    assert (at_labels(one(f"fmask={tmp_path}"), named(SEED)) == SHADOW).all()


def test_of_two_acquisitions_of_a_day_the_time_decides(tmp_path):
    put(tmp_path, L1C_T35VLG_A1_20240615T094031_Fmask4=4, L1C_T35VLG_A2_20240615T100031_Fmask4=2)
    assert (at_labels(one(f"fmask={tmp_path}"), named(SEED)) == CLOUD).all()


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


@pytest.mark.parametrize("spec", ["sen2cor", "raster:sen2cor"])
def test_sen2cor_from_a_product_that_lies_deeper(tmp_path, spec):
    """Its R20m and its R60m both hold a scene classification: the finest is read, of one product alone."""
    scene = product_scene(make_safe(tmp_path / "l1c"))
    l2a = make_safe(tmp_path / "archive" / "2024", level="L2A")
    assert len(list(l2a.rglob("*_SCL_*.jp2"))) == 2
    with Pixels(scene) as pixels:
        prediction = one(f"{spec}={tmp_path / 'archive'}").predict(pixels)
    assert np.array_equal(prediction.classes, TinyScene(120).truth(20))
    shutil.copytree(l2a, tmp_path / "archive" / "again" / l2a.name)
    with pytest.raises(InputError, match=r"2 files in .*: 2024/.*_SCL_20m\.jp2, again/.*_20m\.jp2; keep"):
        at_labels(one(f"{spec}={tmp_path / 'archive'}"), scene)


def test_sen2cor_from_rasters_at_two_spacings(tmp_path):
    put(tmp_path, T35VLG_20240615T094031_SCL_20m=9, T35VLG_20240615T094031_SCL_60m=4)
    assert (at_labels(one(f"sen2cor={tmp_path}"), named(SEED)) == CLOUD).all()


def test_own_mask_equals_the_pipelines(tmp_path, tiny):
    from cloudmask.api import mask_array

    labels = random_codes(RNG, (40, 44), [0, 3])
    pair(tmp_path / "a.npz", labels)
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


def test_own_mask_claims_what_the_model_of_the_scene_tells_apart(tmp_path, monkeypatch):
    """By default other bands mean another model; a model of the other level has no part in the claims."""
    models = tmp_path / "models"
    models.mkdir()
    write_model(models, "all", level="L2A", bands=("B02", "B03"), rank=900)
    two = {"bands": ("B02", "B03"), "classes": ("clear", "cloud"), "kind": "constant"}
    write_model(models, "two", rank=900, planes=2, **two)
    write_model(models, "four", rank=901, gsd=10, bands=("B02", "B03", "B04", "B08"))
    monkeypatch.setenv("CLOUDMASK_MODEL_PATH", str(models))
    labels = random_codes(RNG, (64, 64), [0, 1, 2, 3])
    pair(tmp_path / "set" / "a.npz", labels, bands=("B02", "B03"))
    four = ("B02", "B03", "B04", "B08")
    b = pair(tmp_path / "set" / "b.npz", labels, kind="draft", bands=four)
    assert own_claims(tmp_path / "set") == {"human": 2, "draft": 4, "cloudmask": 4}
    b.unlink()
    assert own_claims(tmp_path / "set") == {"human": 2, "cloudmask": 2}
    # Pooled over scenes of both models it is judged on what both tell apart.
    pair(b, labels, bands=four)
    assert own_claims(tmp_path / "set") == {"human": 2, "cloudmask": 2}


def own_claims(folder: Path) -> dict[str, int]:
    """Classes that our mask is judged on by kind of label, and those the report says it tells apart."""
    settings = BootstrapSettings(0)
    document, _ = evaluate(Request(folder, "pairs", "cloudmask", bootstrap=settings, threads=1))
    (mask,) = document["masks"]
    out = {g["labels"]: 4 if g["common"]["schemes"]["four-class"]["masks"] else 2 for g in document["groups"]}
    return {**out, mask["name"]: len(mask["claims"])}


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
        ("cloudmask@10.5", r"'cloudmask@10\.5': expected one of 10, 20, 60 metres after '@', found 10\.5"),
        ("cloudmask@0", "expected one of 10, 20, 60 metres after '@', found 0"),
        ("s2cloudless@0", "'s2cloudless@0': expected metres above 0 after '@', found 0"),
        ("ukis-csmask@0.0", "expected metres above 0 after '@', found 0"),
        ("fmask@0=x", "fmask does not take that"),
    ],
)
def test_bad_mask_lists(text, message):
    with pytest.raises(UsageError, match=message):
        parse_masks(text)


@pytest.mark.parametrize("kind", ["fmask", "sen2cor", "esa-l1c", "raster:fmask"])
def test_a_folder_that_is_not_there(tmp_path, kind):
    with pytest.raises(InputError, match="x: no such folder"):
        parse_masks(f"{kind}={tmp_path / 'x'}")
    (tmp_path / "x").touch()
    with pytest.raises(InputError, match="x: expected a folder, found a file"):
        parse_masks(f"{kind}={tmp_path / 'x'}")


def test_every_class_map_can_be_asked_for():
    assert set(class_maps()) - {"baetens"} <= set(mask_names())
