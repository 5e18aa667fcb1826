"""Every reference set from files in its real format, scored and compared with scikit-learn to 1e-9."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from helpers_evaluate import (
    DAMAGES,
    damage_npz,
    random_codes,
    write_baetens,
    write_cloudsen12,
    write_cloudsen12_table,
    write_kappaset,
    write_manifest,
    write_mlstac,
    write_npz,
    write_pixbox,
    write_taco,
    write_tif,
)
from helpers_safe import TinyScene, find_image, make_safe

from cloudmask.classes import CloudClass
from cloudmask.cli import main
from cloudmask.errors import InputError, UsageError
from cloudmask.evaluate.bootstrap import BootstrapSettings
from cloudmask.evaluate.evaluate import Request, evaluate
from cloudmask.evaluate.labels import LabelKind
from cloudmask.evaluate.raster import read_raster
from cloudmask.evaluate.references.registry import Selection, open_reference
from cloudmask.evaluate.scene import Scene

sk = pytest.importorskip("sklearn.metrics")
RNG = np.random.default_rng(11)
NONE = BootstrapSettings(0)


def score(path: Path, kind: str, masks: str, protocol: str, **selection: object) -> dict:
    """Scores of the only group of scenes."""
    request = Request(
        path,
        kind,
        masks,
        protocol=protocol,
        selection=Selection(**selection),
        bootstrap=NONE,
        pictures=0,
        threads=1,
    )
    document, _ = evaluate(request)
    assert len(document["groups"]) == 1
    return document["groups"][0]


def agrees(scores: dict, truth: np.ndarray, guess: np.ndarray, classes: list[str]) -> None:
    """Pooled scores of a row equal scikit-learn's on the same pixels, labelled 0, 1, ... in order."""
    labels = list(range(len(classes)))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        truth, guess, labels=labels, zero_division=np.nan
    )
    jaccard = sk.jaccard_score(truth, guess, labels=labels, average=None, zero_division=0)
    for i, name in enumerate(classes):
        got = scores["pooled"]["classes"][name]
        assert got["users_accuracy"]["value"] == pytest.approx(precision[i], abs=1e-9)
        assert got["producers_accuracy"]["value"] == pytest.approx(recall[i], abs=1e-9)
        assert got["dice"]["value"] == pytest.approx(f1[i], abs=1e-9)
        assert got["iou"]["value"] == pytest.approx(jaccard[i], abs=1e-9)
        rest = sk.balanced_accuracy_score(truth == i, guess == i)
        assert got["balanced_accuracy"]["value"] == pytest.approx(rest, abs=1e-9)
    assert scores["pooled"]["overall_accuracy"]["value"] == pytest.approx(
        sk.accuracy_score(truth, guess), abs=1e-9
    )
    assert scores["pooled"]["kappa"]["value"] == pytest.approx(sk.cohen_kappa_score(truth, guess), abs=1e-9)


def median_dice(pairs: list[tuple[np.ndarray, np.ndarray]], label: int) -> float:
    """Median over patches of scikit-learn's F1 of one label."""
    return float(np.nanmedian([sk.f1_score(t == label, g == label, zero_division=np.nan) for t, g in pairs]))


def test_kappaset_by_its_file_list(tmp_path):
    pytest.importorskip("h5netcdf")
    pairs, names = [], [f"T35VLF_2020052{i}T094041_tile_{i}_512" for i in range(3)]
    for name in names:
        labels, guess = (
            random_codes(RNG, (48, 40), [0, 1, 1, 2, 3, 4, 5]),
            random_codes(RNG, (48, 40), [1, 2, 3, 4]),
        )
        write_kappaset(tmp_path / "set", name, labels)
        write_tif(tmp_path / "masks" / f"{name}.tif", guess, origin=None)
        pairs.append((labels, guess))
    (tmp_path / "set" / "test_files.txt").write_text("\n".join(f"data/{n}.nc" for n in names[:2]), "utf-8")
    (tmp_path / "set" / "train_files.txt").write_text(f"{names[2]}.nc\n", "utf-8")
    group = score(tmp_path / "set", "kappaset", f"kappamask={tmp_path / 'masks'}", "kappamask")
    assert group["scenes"] == sorted(names[:2])
    assert group["labels"] == "human"
    keep = [np.isin(labels, (1, 2, 3, 4)) for labels, _ in pairs[:2]]
    chosen = [(labels[k] - 1, guess[k] - 1) for (labels, guess), k in zip(pairs[:2], keep, strict=True)]
    truth, guess = (np.concatenate([c[i] for c in chosen]).astype(int) for i in range(2))
    scheme = group["common"]["schemes"]["four-class"]
    agrees(scheme["masks"]["kappamask"], truth, guess, scheme["classes"])
    per_patch = scheme["masks"]["kappamask"]["median_per_patch"]["classes"]["cloud"]["dice"]["value"]
    assert per_patch == pytest.approx(median_dice(chosen, 3), abs=1e-9)
    mean = np.mean(sk.f1_score(truth, guess, average=None))
    assert scheme["masks"]["kappamask"]["pooled"]["mean_dice"]["value"] == pytest.approx(mean, abs=1e-9)


def test_kappaset_reads_reflectance_with_the_offset_of_its_date(tmp_path):
    pytest.importorskip("h5netcdf")
    for name, expected in (
        ("T35VLF_20200529T094041_tile_0_0", 0.3277),
        ("T35VLF_20230529T094041_tile_0_0", 0.2277),
    ):
        write_kappaset(tmp_path / name, name, np.ones((8, 8), np.uint8), dn=3277)
        (scene,) = open_reference(tmp_path / name, "kappaset", Selection(split="all"))
        assert scene.image is not None
        image = scene.image()
        np.testing.assert_allclose(image.values, expected, rtol=1e-5)
        assert (scene.level, len(image.bands), scene.product) == ("L1C", 13, name.split("_tile")[0])


def test_kappaset_without_a_list_says_so(tmp_path):
    pytest.importorskip("h5netcdf")
    write_kappaset(tmp_path, "T35VLF_20200529T094041_tile_0_0", np.ones((8, 8), np.uint8))
    with pytest.raises(InputError, match="no list of test files"):
        open_reference(tmp_path, "kappaset", Selection())


def test_cloudsen12_geotiff_official_split(tmp_path):
    root, masks, pairs, table = tmp_path / "set", tmp_path / "masks", [], []
    for i, (test, quality) in enumerate([(1, "high"), (1, "high"), (0, "high"), (1, "scribble")]):
        roi, s2 = f"ROI_000{i}", f"2019010{i}T101031_2019010{i}T101030_T32TQ{'RSTU'[i]}"
        labels, guess = (
            random_codes(RNG, (36, 36), [0, 0, 1, 2, 3]),
            random_codes(RNG, (36, 36), [0, 1, 2, 3]),
        )
        write_cloudsen12(root, roi, s2, labels)
        write_tif(masks / f"{roi}__{s2}.tif", guess)
        table.append((roi, s2, test, quality))
        pairs.append((labels, guess))
    write_cloudsen12_table(root, table)
    group = score(root, "cloudsen12", f"cloudsen12={masks}", "cloudsen12")
    assert len(group["scenes"]) == 2
    cloud = [np.array([0, 1, 1, 0])[p] for pair in pairs[:2] for p in pair]
    scheme = group["common"]["schemes"]["cloud"]
    row = scheme["masks"]["cloudsen12"]
    agrees(row, np.concatenate(cloud[::2]).ravel(), np.concatenate(cloud[1::2]).ravel(), scheme["classes"])
    expected = np.median([sk.balanced_accuracy_score(cloud[i].ravel(), cloud[i + 1].ravel()) for i in (0, 2)])
    got = row["median_per_patch"]["classes"]["cloud"]["balanced_accuracy"]["value"]
    assert got == pytest.approx(expected, abs=1e-9)
    shares = row["patch_shares"]["producers_accuracy"]
    assert shares["patches"] == 2
    assert shares["low"] + shares["middle"] + shares["high"] == pytest.approx(1)
    assert set(group["breakdown"]["surface"]) == {"forest"}


def test_cloudsen12_later_tables_number_the_splits_otherwise(tmp_path):
    rows = []
    for i, test in enumerate([0, 1, 2]):
        roi, s2 = f"ROI_000{i}", f"2019010{i}T101031_2019010{i}T101030_T32TQR"
        write_cloudsen12(tmp_path, roi, s2, np.zeros((8, 8), np.uint8))
        rows.append((roi, s2, test, "high"))
    write_cloudsen12_table(tmp_path, rows)
    names = {
        s: open_reference(tmp_path, "cloudsen12", Selection(split=s))[0].name[:8]
        for s in ("train", "val", "test")
    }
    assert names == {"train": "ROI_0000", "val": "ROI_0001", "test": "ROI_0002"}


def test_cloudsen12_without_its_table_says_so(tmp_path):
    write_cloudsen12(tmp_path, "ROI_0001", "20190101T101031_x_T32TQR", np.zeros((8, 8), np.uint8))
    with pytest.raises(InputError, match=r"cloudsen12_metadata\.csv"):
        open_reference(tmp_path, "cloudsen12", Selection())


def test_cloudsen12_companion_masks_need_no_folder(tmp_path):
    labels = random_codes(RNG, (16, 16), [0, 1, 3])
    patch = write_cloudsen12(tmp_path, "ROI_0001", "20190101T101031_x_T32TQR", labels)
    write_tif(patch / "labels" / "fmask.tif", np.array([0, 4, 4, 2], np.uint8)[labels])
    group = score(tmp_path, "cloudsen12", "fmask", "cloudsen12", split="all")
    row = group["common"]["schemes"]["cloud"]["masks"]["fmask"]
    assert row["pooled"]["overall_accuracy"]["value"] == 1.0


def test_cloudsen12_plus_taco(tmp_path):
    pytest.importorskip("pyarrow")
    samples, kept = [], np.zeros((16, 16), np.uint8)
    for i, (split, quality) in enumerate([("test", "high"), ("train", "high"), ("test", "nolabel")]):
        facts = {
            "tortilla:id": f"sample{i}",
            "tortilla:data_split": split,
            "label_type": quality,
            "real_proj_shape": 13,
            "roi_id": "ROI_1",
        }
        labels = random_codes(RNG, (16, 16), [0, 1, 2, 3])
        if i == 0:
            kept = labels
        samples.append((facts, np.full((13, 16, 16), 2500, np.uint16), labels))
    path = write_taco(tmp_path / "cloudsen12-l1c.0000.part.taco", samples)
    (scene,) = open_reference(path, "cloudsen12", Selection())
    assert scene.name == "sample0"
    assert scene.image is not None
    np.testing.assert_allclose(scene.image().values, 0.25)
    # 13 of 16 pixels are real: zeros pad the left and the bottom.
    assert (scene.labels[13:] == int(CloudClass.UNDEFINED)).all()
    assert (scene.labels[:, :3] == int(CloudClass.UNDEFINED)).all()
    decoded = np.array([1, 4, 3, 2], np.uint8)[kept]
    assert np.array_equal(scene.labels[:13, 3:], decoded[:13, 3:])
    more = [(facts, np.full((15, 16, 16), 2500, np.uint16), labels) for facts, _, labels in samples]
    write_taco(tmp_path / "cloudsen12-l2a.0000.part.taco", more)
    both = open_reference(tmp_path, "cloudsen12", Selection())
    assert sorted((s.name, s.level) for s in both) == [("sample0_L1C", "L1C"), ("sample0_L2A", "L2A")]
    assert [s.name for s in open_reference(tmp_path, "cloudsen12", Selection(level="L2A"))] == ["sample0"]


def test_cloudsen12_plus_mlstac(tmp_path):
    labels = random_codes(RNG, (512, 512), [0, 1, 2, 3])
    image = np.full((13, 512, 512), 2500, np.uint16)
    other = np.full((1, 512, 512), 1, np.uint16)
    name = "ROI_0007__20190101T101031"
    patches = {name: np.concatenate([image, labels[None].astype(np.uint16)])}
    write_mlstac(tmp_path / "test" / "test_509_high.mlstac", patches)
    write_mlstac(tmp_path / "train" / "train_509_high.mlstac", {"ROI_0008__a": patches[name]})
    write_mlstac(tmp_path / "test" / "test_509_scribble.mlstac", {"ROI_0009__a": patches[name]})
    (scene,) = open_reference(tmp_path, "cloudsen12", Selection())
    assert (scene.name, scene.product, scene.level) == (name, "ROI_0007", "L1C")
    assert scene.image is not None
    assert scene.image().values.shape == (13, 512, 512)
    np.testing.assert_allclose(scene.image().values, 0.25)
    decoded = np.array([1, 4, 3, 2], np.uint8)[labels]
    assert np.array_equal(scene.labels[:509, 3:], decoded[:509, 3:])
    assert (scene.labels[509:] == int(CloudClass.UNDEFINED)).all()
    assert (scene.labels[:, :3] == int(CloudClass.UNDEFINED)).all()

    two = write_mlstac(tmp_path / "val_509_high.mlstac", {name: np.concatenate([patches[name], other])})
    with pytest.raises(InputError, match=r"13 bands and a label, found 15 .*--label-band"):
        open_reference(two, "cloudsen12", Selection(split="val"))
    (scene,) = open_reference(two, "cloudsen12", Selection(split="val", label_band=14))
    assert np.array_equal(scene.labels[:509, 3:], decoded[:509, 3:])


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda b: b"WX" + b[2:], "no ML-STAC file"),
        (lambda b: b[:7], "ends within its table"),
        (lambda b: b[:20], "ends within its table"),
        (lambda b: b[:-1], "ends within 'ROI_1__a'"),
        (lambda b: b[:10] + b"[]" + b[12:], "expected a table of names"),
    ],
)
def test_a_damaged_mlstac_is_refused(tmp_path, damage, text):
    path = write_mlstac(tmp_path / "test_509_high.mlstac", {"ROI_1__a": np.zeros((14, 8, 8), np.uint16)})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=text):
        open_reference(path, "cloudsen12", Selection())


def test_a_file_that_is_no_taco_is_refused(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "x.taco").write_bytes(b"PK\x03\x04" + b"\0" * 40)
    with pytest.raises(InputError, match="no TACO file of version 1"):
        open_reference(tmp_path, "cloudsen12", Selection())


def test_baetens_against_scikit_learn(tmp_path):
    product = "S2A_MSIL1C_20170205T105221_N0204_R051_T31TCJ_20170205T105426"
    codes, guess = (
        random_codes(RNG, (40, 36), [0, 2, 3, 4, 5, 6, 7]),
        random_codes(RNG, (120, 108), [0, 1, 2, 3, 4, 255]),
    )
    write_baetens(tmp_path / "set", product, codes)
    # Fmask at 20 m: the pixel under the centre of each 60 m pixel counts.
    write_tif(tmp_path / "masks" / "L1C_T31TCJ_A008500_20170205T105221_Fmask4.tif", guess, gsd=20.0)
    group = score(tmp_path / "set", "baetens", f"fmask={tmp_path / 'masks'}", "default")
    at = guess[1::3, 1::3]
    keep = (codes > 0) & (at != 255)
    truth = np.array([9, 9, 2, 2, 1, 0, 0, 0])[codes[keep]]
    said = np.array([0, 0, 1, 0, 2])[at[keep]]
    scheme = group["common"]["schemes"]["three-class"]
    agrees(scheme["masks"]["fmask"], truth, said, scheme["classes"])
    assert scheme["masks"]["fmask"]["unobserved_pixels"] == 0  # left out of the shared pixels
    own = group["own"]["schemes"]["three-class"]["masks"]["fmask"]
    assert own["unobserved_pixels"] == int(((codes > 0) & (at == 255)).sum())
    assert group["common"]["schemes"]["four-class"]["masks"] == {}  # Fmask does not claim thin cloud


def test_simulated_products_with_their_truth(tmp_path):
    product = make_safe(tmp_path, size10=120)
    truth = TinyScene(120).truth(20)
    with rasterio.open(find_image(product, "B05")) as band:
        origin = (band.transform.c, band.transform.f)
        epsg = band.crs.to_epsg()
    name = product.name.removesuffix(".SAFE")
    write_tif(tmp_path / f"{name}_truth.tif", truth, origin=origin, gsd=20.0, epsg=epsg)
    (scene,) = open_reference(tmp_path, "simulated", Selection())
    assert (scene.kind, scene.safe) == (LabelKind.SIMULATED, product)
    group = score(tmp_path, "simulated", "esa-l1c", "default")
    row = group["common"]["schemes"]["cloud"]["masks"]["esa-l1c"]
    assert row["pooled"]["overall_accuracy"]["value"] == 1.0
    assert row["pixels"] == int((truth != int(CloudClass.MISSING)).sum())
    with pytest.raises(InputError, match=r"no <product>_truth\.tif found"):
        open_reference(product, "simulated", Selection())


def test_pixbox_pixels_in_a_product(tmp_path):
    product = make_safe(tmp_path / "products", size10=120)
    scene = product.name.removesuffix(".SAFE")
    rows = write_pixbox(tmp_path / "set", scene, 300, 120, RNG)
    guess = random_codes(RNG, (60, 60), [1, 2, 3, 4])
    write_tif(tmp_path / "masks" / f"{scene}_cloudmask.tif", guess, origin=None)
    group = score(
        tmp_path / "set",
        "pixbox",
        f"raster:cloudmask={tmp_path / 'masks'}",
        "cmix",
        products=tmp_path / "products",
    )
    sky = np.array([int(r["CLOUD_CHARACTERISTICS_ID"]) for r in rows])
    shadow = np.array([int(r["SHADOW_ID"]) for r in rows])
    at = guess[[int(r["PIXEL_Y"]) // 2 for r in rows], [int(r["PIXEL_X"]) // 2 for r in rows]]
    cloud = np.isin(sky, (2, 4, 5, 6, 10))
    keep = cloud | np.isin(sky, (1, 7)) | (shadow == 3)
    scheme = group["common"]["schemes"]["cloud"]
    name = next(iter(scheme["masks"]))
    agrees(
        scheme["masks"][name],
        cloud[keep].astype(int),
        np.isin(at[keep], (3, 4)).astype(int),
        scheme["classes"],
    )
    three = group["common"]["schemes"]["three-class"]
    truth = np.where(cloud, 2, np.where(shadow == 3, 1, 0))[keep]
    agrees(three["masks"][name], truth, np.array([9, 0, 1, 2, 2])[at[keep]], three["classes"])
    # Breakdowns partition the pixels; names of codes are those that were verified.
    for title in ("surface", "season", "cloud type", "sun"):
        pixels = sum(v[name]["pixels"] for v in group["breakdown"][title].values())
        assert pixels == int(keep.sum())
    assert set(group["breakdown"]["season"]) == {"spring", "summer", "autumn", "winter"}
    assert "thick semi-transparent cloud" in group["breakdown"]["cloud type"]
    assert set(group["breakdown"]["surface"]) == {"SURFACE_ID 21", "SURFACE_ID 32"}
    summer = keep & (np.array([r["SEASON_ID"] for r in rows]) == "1")
    got = group["breakdown"]["season"]["summer"][name]["overall_accuracy"]["value"]
    assert got == pytest.approx(np.mean(cloud[summer] == np.isin(at[summer], (3, 4))), abs=1e-9)


def test_pixbox_errors(tmp_path):
    product = make_safe(tmp_path / "products", size10=60)
    scene = product.name.removesuffix(".SAFE")
    write_pixbox(tmp_path / "set", scene, 20, 5000, RNG)
    with pytest.raises(InputError, match="give the folder of its L1C products"):
        open_reference(tmp_path / "set", "pixbox", Selection())
    with pytest.raises(InputError, match="lie outside the product's 60 x 60"):
        open_reference(tmp_path / "set", "pixbox", Selection(products=tmp_path / "products"))
    with pytest.raises(InputError, match="none of the 1 products"):
        open_reference(tmp_path / "set", "pixbox", Selection(products=tmp_path))
    (tmp_path / "bad.csv").write_text("A,B\n1,2\n", "utf-8")
    with pytest.raises(InputError, match="lacking PIXEL_X"):
        open_reference(tmp_path / "bad.csv", "pixbox", Selection(products=tmp_path))


@pytest.mark.data
def test_pixbox_real_table():
    table = Path(__file__).parents[1] / "../shared/data/pixbox/pixbox_s2.csv"
    if not table.exists():
        pytest.skip(f"the real table is not there: {table}")
    import csv

    from cloudmask.evaluate.references.pixbox import CLOUD_CLASSES, _by_scene

    scenes = _by_scene(table)
    assert len(scenes) == 29
    assert sum(map(len, scenes.values())) == 17351
    with table.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            ours = CLOUD_CLASSES[int(row["CLOUD_CHARACTERISTICS_ID"])]
            if row["CLASS4"] in ("thin", "cloud", "fog_haze"):
                assert ours.key == ("cloud" if row["CLASS4"] == "cloud" else "semi_transparent_cloud")


def labelled(scenes: list[Scene]) -> dict[str, tuple[LabelKind, int]]:
    return {s.name: (s.kind, s.labelled) for s in scenes}


def test_pairs_with_a_manifest(tmp_path):
    labels = random_codes(RNG, (16, 20), [0, 1, 2, 3, 255])
    write_npz(tmp_path / "a.npz", labels)
    write_npz(tmp_path / "stack.npz", np.stack([labels, np.full_like(labels, 255), labels]))
    write_npz(tmp_path / "clear.npz", np.zeros((8, 8), np.uint8))
    np.savez(tmp_path / "unlabelled.npz", x=np.zeros((8, 8, 1), np.float32), bands=np.array(["B02"]))
    draft = {"level": "L1C", "gsd_m": "10", "label_kind": "draft: thresholds"}
    write_manifest(
        tmp_path,
        [
            {"file": "a.npz", **draft},
            {"file": "stack.npz", **draft},
            {
                "file": "clear.npz",
                **draft,
                "label_kind": "HUMAN water",
                "label_counts": {"clear": 64, "cloud": 0},
            },
        ],
    )
    scenes = open_reference(tmp_path, "pairs", Selection())
    n = int((labels != 255).sum())
    draft_kind, clear = LabelKind.DRAFT, LabelKind.CLEAR
    assert labelled(scenes) == {
        "a": (draft_kind, n),
        "clear": (clear, 64),  # people labelled water there, not clouds: it measures false alarms
        "stack[0]": (draft_kind, n),
        "stack[2]": (draft_kind, n),
    }
    image = scenes[0].image
    assert image is not None
    assert image().values.shape == (13, 16, 20)


def test_pairs_of_geotiffs_and_integer_reflectance(tmp_path):
    image = np.full((4, 12, 12), 2500, np.uint16)
    image[:, 0, 0] = 0
    write_tif(tmp_path / "s.tif", image, names=("B02", "B03", "B04", "B08"))
    write_tif(tmp_path / "s_label.tif", random_codes(RNG, (12, 12), [0, 1, 2]))
    selection = Selection(level="L1C", labels=LabelKind.SIMULATED, classes="cloudsen12")
    (scene,) = open_reference(tmp_path, "pairs", selection)
    assert (scene.kind, scene.grid.crs) == (LabelKind.SIMULATED, "EPSG:32631")
    assert scene.image is not None
    values = scene.image().values
    assert np.isnan(values[:, 0, 0]).all()
    np.testing.assert_allclose(values[:, 1:, 1:], 0.25)


def test_reference_errors(tmp_path):
    with pytest.raises(InputError, match="no such file or folder; get it from"):
        open_reference(tmp_path / "nowhere", "kappaset", Selection())
    with pytest.raises(UsageError, match="unknown reference kind 'x'"):
        open_reference(tmp_path, "x", Selection())
    with pytest.raises(InputError, match="no labelled scenes"):
        open_reference(tmp_path, "pairs", Selection())
    empty = tmp_path / "empty"
    write_npz(empty / "a.npz", np.full((8, 8), 255, np.uint8), level="L1C", label_kind="human")
    with pytest.raises(InputError, match="the reference is empty"):
        open_reference(empty, "pairs", Selection())
    strange = tmp_path / "strange"
    write_npz(strange / "a.npz", np.full((8, 8), 7, np.uint8), level="L1C", label_kind="human")
    with pytest.raises(InputError, match=r"a\.npz: .*holds codes \[7\]"):
        open_reference(strange, "pairs", Selection())
    unsaid = tmp_path / "unsaid"
    write_npz(unsaid / "a.npz", np.zeros((8, 8), np.uint8), level="L1C")
    with pytest.raises(
        InputError, match=r"'label_kind' is neither in MANIFEST\.json nor in the file; give --labels"
    ):
        open_reference(unsaid, "pairs", Selection())
    sizes = tmp_path / "sizes"
    sizes.mkdir()
    np.savez(
        sizes / "a.npz",
        x=np.zeros((8, 8, 1), np.float32),
        y=np.zeros((8, 9), np.uint8),
        bands=np.array(["B02"]),
        level="L1C",
        label_kind="human",
    )
    with pytest.raises(InputError, match=r"labels of \(8, 9\) do not fit an image of \(8, 8, 1\)"):
        open_reference(sizes, "pairs", Selection())


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("whole_folder", [True, False])
def test_damaged_pairs_are_named(tmp_path, capsys, how, whole_folder):
    folder, out = tmp_path / "pairs", tmp_path / "out"
    write_npz(folder / "a.npz", np.zeros((16, 16), np.uint8), level="L1C", label_kind="human")
    write_npz(folder / "b.npz", np.zeros((16, 16), np.uint8), level="L1C", label_kind="human")
    damage_npz(folder / "b.npz", how)
    given = folder if whole_folder else folder / "b.npz"
    assert main(["evaluate", str(given), "--kind", "pairs", "-o", str(out), "-q"]) == 3
    assert "b.npz: cannot be read as .npz" in capsys.readouterr().err
    assert not list(out.iterdir())


def test_arrays_of_objects_are_not_read(tmp_path):
    x = np.zeros((4, 4, 1), np.float32)
    objects = np.array([[None] * 4] * 4, dtype=object)
    np.savez(tmp_path / "a.npz", x=x, y=objects, bands=np.array(["B02"]), level="L1C", label_kind="human")
    with pytest.raises(InputError, match=r"a\.npz: cannot be read as \.npz: Object arrays"):
        open_reference(tmp_path, "pairs", Selection())


@pytest.mark.parametrize("where", ["set", "masks"])
def test_folders_that_may_not_be_looked_at(tmp_path, capsys, monkeypatch, where):
    write_npz(tmp_path / "set" / "a.npz", np.zeros((8, 8), np.uint8), level="L1C", label_kind="human")
    (tmp_path / "masks").mkdir()

    def refuse(method):
        def look(self, *more, **options):
            if self.name == where:
                raise PermissionError(errno.EACCES, "Permission denied", str(self))
            return method(self, *more, **options)

        return look

    for name in ("exists", "is_dir"):  # root may look at everything
        monkeypatch.setattr(Path, name, refuse(getattr(Path, name)))
    arguments = ["--kind", "pairs", "--masks", f"fmask={tmp_path / 'masks'}", "-o", str(tmp_path / "out")]
    assert main(["evaluate", str(tmp_path / "set"), *arguments, "-q"]) == 3
    assert f"{where}: cannot be read: Permission denied" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_folder_whose_name_is_not_utf_8(tmp_path, capsys):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/se\xe9t"))
    write_npz(folder / "a.npz", np.zeros((8, 8), np.uint8), level="L1C", label_kind="human")
    out = tmp_path / "out"
    assert main(["evaluate", str(folder), "--kind", "pairs", "-o", str(out), "-q"]) == 3
    assert r"se\udce9t: expected a path in UTF-8" in capsys.readouterr().err
    assert not list(out.iterdir())
    labels = write_tif(tmp_path / "b.tif", np.zeros((8, 8), np.uint8)).rename(folder / "b.tif")
    with pytest.raises(InputError, match="expected a path in UTF-8"):
        read_raster(labels)


def test_limit_spreads_over_the_set(tmp_path):
    for i in range(10):
        write_npz(tmp_path / f"s{i}.npz", np.zeros((4, 4), np.uint8), level="L1C", label_kind="human")
    names = [s.name for s in open_reference(tmp_path, "pairs", Selection(limit=3))]
    assert names == ["s0", "s3", "s6"]
