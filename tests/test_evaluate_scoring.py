"""What is scored together, what is not, and the words under labels that are no truth."""

from __future__ import annotations

import html
import json

import numpy as np
import pytest
from click.testing import CliRunner
from helpers_evaluate import random_codes, write_manifest, write_npz, write_tif

from cloudmask.classes import CloudClass
from cloudmask.cli import cli
from cloudmask.cli import evaluate as command_module
from cloudmask.errors import InputError, OutputError, UsageError
from cloudmask.evaluate.bootstrap import BootstrapSettings
from cloudmask.evaluate.evaluate import Request, check_folder, evaluate, write_report
from cloudmask.evaluate.labels import LabelKind, parse_label_kind
from cloudmask.evaluate.pictures import AGREE, CONFUSED, FALSE_ALARM, MISSED, UNSCORED, difference
from cloudmask.evaluate.protocols import PROTOCOLS, find_protocol
from cloudmask.evaluate.references.registry import REFERENCES
from cloudmask.evaluate.report.html import render_html
from cloudmask.evaluate.report.markdown import render_markdown, render_summary
from cloudmask.evaluate.report.words import reasons
from cloudmask.evaluate.sun import elevation_bin, sun_elevation

RNG = np.random.default_rng(3)
SETTINGS = BootstrapSettings(200, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Draft scenes, two clear ones, and masks with three, two and four classes; one lacks a scene."""
    root = tmp_path_factory.mktemp("pairs")
    entries = []
    for i in range(8):
        labels = random_codes(RNG, (32, 40), [0, 0, 1, 2, 3, 255])
        kind = "draft"
        if i >= 6:
            labels[:] = 0
            kind = "clear by eye (whole scene)"
        write_npz(root / f"s{i}.npz", labels, seed=i)
        entries.append({"file": f"s{i}.npz", "level": "L1C", "gsd_m": "10", "label_kind": kind})
        codes = np.where(labels == 255, 0, labels)
        noise = RNG.random(labels.shape) < 0.2
        ours = np.where(noise, RNG.integers(0, 4, labels.shape), codes)
        write_tif(root / "four" / f"s{i}.tif", np.array([1, 2, 3, 4], np.uint8)[ours], origin=None)
        write_tif(root / "three" / f"s{i}.tif", np.array([0, 2, 4, 4], np.uint8)[ours], origin=None)
        if i != 5:
            two = np.array([0, 0, 1, 1], np.uint8)[ours]
            two[0] = 255
            write_tif(root / "two" / f"s{i}.tif", two, origin=None)
    write_manifest(root, entries)
    return root


@pytest.fixture(scope="module")
def result(folder):
    masks = f"raster:cloudmask={folder / 'four'},fmask={folder / 'three'},binary={folder / 'two'}"
    return evaluate(Request(folder, "pairs", masks, bootstrap=SETTINGS, pictures=3, threads=1))


def groups(document):
    return {g["labels"]: g for g in document["groups"]}


def test_label_kinds_are_kept_apart(result):
    found = groups(result[0])
    assert list(found) == ["draft", "clear by eye"]
    assert len(found["draft"]["scenes"]) == 6
    assert "common" not in found["clear by eye"]
    assert found["clear by eye"]["clear_scenes"]["fmask"]["scenes"] == 2


def test_draft_numbers_are_never_called_accuracy(result):
    draft = groups(result[0])["draft"]
    assert "accuracy" not in json.dumps({k: v for k, v in draft.items() if k not in ("note", "is_accuracy")})
    assert "overall_agreement" in json.dumps(draft)
    text = render_markdown(result[0])
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert tables
    assert not [line for line in tables if "accuracy" in line.lower() and "draft" in line]
    assert "accuracy against" not in text.lower()


def test_every_row_of_numbers_names_its_labels(result):
    def walk(value, path=""):
        if isinstance(value, dict):
            if "value" in value and "labels" not in value:
                return
            if "matrix" in value or "flagged_cloud" in value or ("scheme" in value and "pixels" in value):
                assert value["labels"] in ("draft", "clear by eye"), path
            for key, inner in value.items():
                walk(inner, f"{path}/{key}")

    for group in result[0]["groups"]:
        walk({k: v for k, v in group.items() if k in ("common", "own", "away_from_borders", "clear_scenes")})
    for line in render_markdown(result[0]).splitlines():
        if line.startswith("| fmask") or "| fmask |" in line:
            assert "draft" in line or "clear by eye" in line


def test_each_mask_is_judged_on_what_it_claims(result):
    schemes = groups(result[0])["draft"]["common"]["schemes"]
    masks = {name: set(s["masks"]) for name, s in schemes.items()}
    assert masks["four-class"] == {"raster:cloudmask"}
    assert masks["three-class"] == {"raster:cloudmask", "fmask"}
    assert masks["cloud"] == {"raster:cloudmask", "fmask", "binary"}
    assert masks["valid"] == {"raster:cloudmask", "fmask"}


def test_shared_pixels_are_the_same_for_all(result):
    draft = groups(result[0])["draft"]
    assert draft["common"]["scenes"] == 5  # one mask lacks a scene
    rows = draft["common"]["schemes"]["cloud"]["masks"]
    assert len({r["pixels"] for r in rows.values()}) == 1
    own = draft["own"]["schemes"]["cloud"]["masks"]
    assert own["fmask"]["scenes"] == 6
    assert own["binary"]["scenes"] == 5
    assert own["fmask"]["pixels"] > rows["fmask"]["pixels"]
    assert own["binary"]["unobserved_pixels"] > 0
    reasons = {m["name"]: m["unavailable"] for m in result[0]["masks"]}
    assert list(reasons["binary"]) == ["s5"]


def test_the_border_band_stands_beside(result):
    draft = groups(result[0])["draft"]
    everything = draft["common"]["schemes"]["four-class"]["masks"]["raster:cloudmask"]
    inner = draft["away_from_borders"]["schemes"]["four-class"]["masks"]["raster:cloudmask"]
    assert 0 < inner["pixels"] < everything["pixels"]
    assert result[0]["border_tolerance_m"] == 20.0


def test_false_alarms_on_clear_scenes(result, folder):
    import rasterio

    rates = groups(result[0])["clear by eye"]["clear_scenes"]["fmask"]
    flags = []
    for i in (6, 7):
        with rasterio.open(folder / "three" / f"s{i}.tif") as source:
            flags.append(np.isin(source.read(1), (2, 4)))
    assert rates["flagged"]["value"] == pytest.approx(np.mean(flags), abs=1e-12)
    assert rates["worst_scene"]["flagged"] == pytest.approx(max(f.mean() for f in flags), abs=1e-12)
    assert "low" not in rates["flagged"]  # two products are too few for an interval


def test_the_same_seed_gives_the_same_document(folder, result):
    masks = f"raster:cloudmask={folder / 'four'},fmask={folder / 'three'},binary={folder / 'two'}"
    again, _ = evaluate(Request(folder, "pairs", masks, bootstrap=SETTINGS, pictures=0, threads=1))
    assert again["groups"] == result[0]["groups"]


def test_every_report_says_why_a_mask_was_left_out(result):
    """Somebody who reads but one of them takes five scenes for six."""
    document, pictures = result
    why = "1 scene: no file like s5*.tif or s5.tif in two"
    assert why in html.unescape(render_html(document, pictures))
    (row,) = [line for line in render_markdown(document).splitlines() if line.endswith("|") and why in line]
    assert row.startswith("| Cloud or not | clear, cloud | 7 | ")
    assert f"Cloud or not: not available for {why}" in render_summary(document).splitlines()


def test_of_many_reasons_the_most_frequent_are_given():
    gone = {f"s{i}": f"no file s{i}" for i in range(9)} | {f"t{i}": "the scene lacks B10" for i in range(2)}
    assert reasons({"unavailable": gone}) == (
        "2 scenes: the scene lacks B10; 1 scene: no file s0; 1 scene: no file s1; "
        "7 scenes: other reasons, in results.json"
    )
    assert reasons({"unavailable": {}}) == ""


def test_masks_of_one_title_are_told_apart_in_markdown(folder):
    masks = f"fmask={folder / 'three'},raster:fmask={folder / 'three'}"
    document, _ = evaluate(Request(folder, "pairs", masks, bootstrap=SETTINGS, pictures=0, threads=1))
    for text in (render_markdown(document), render_summary(document)):
        assert "| raster:fmask | draft |" in text
        assert "| Fmask 4 |" not in text


def test_kappamask_protocol_scores_fewer_classes_on_all_four(folder):
    masks = f"fmask={folder / 'three'},binary={folder / 'two'}"
    document, _ = evaluate(
        Request(folder, "pairs", masks, protocol="kappamask", bootstrap=SETTINGS, pictures=0, threads=1)
    )
    rows = groups(document)["draft"]["common"]["schemes"]["four-class"]["masks"]
    for name, claimed in (("fmask", 3), ("binary", 2)):
        classes = rows[name]["pooled"]["classes"]
        known = [c["dice"]["value"] for c in classes.values() if c["dice"]["value"] is not None]
        assert len(known) == claimed
        assert rows[name]["pooled"]["mean_dice"]["value"] == pytest.approx(np.mean(known))
        assert len(rows[name]["matrix"]) == 4


def test_a_reference_without_a_class_is_said_to_lack_it(tmp_path):
    labels = random_codes(RNG, (16, 16), [0, 3])
    write_npz(tmp_path / "a.npz", labels, level="L1C", label_kind="human")
    write_tif(
        tmp_path / "m" / "a.tif", np.array([1, 0, 0, 2], np.uint8)[labels], origin=None
    )  # cloud as shadow
    masks = f"fmask={tmp_path / 'm'}"
    document, _ = evaluate(Request(tmp_path, "pairs", masks, bootstrap=SETTINGS, pictures=0, threads=1))
    scheme = groups(document)["human"]["common"]["schemes"]["three-class"]
    assert scheme["absent"] == ["cloud_shadow"]
    shadow = scheme["masks"]["fmask"]["pooled"]["classes"]["cloud_shadow"]
    assert shadow["producers_accuracy"]["value"] is None
    assert shadow["users_accuracy"]["value"] == 0.0
    assert "The reference has no pixel of: cloud shadow" in render_markdown(document)


def test_nothing_to_say_is_an_error(folder, tmp_path):
    with pytest.raises(InputError, match="no mask has anything to say about any of 8 scenes"):
        evaluate(Request(folder, "pairs", f"maja={tmp_path}", threads=1))


def test_difference_does_not_blame_for_unclaimed_classes():
    reference = np.array([[1, 1, 2, 3, 4, 0, 3, 2]], np.uint8)
    predicted = np.array([[1, 4, 1, 4, 4, 4, 1, 4]], np.uint8)
    every = frozenset(
        {CloudClass.CLEAR, CloudClass.CLOUD_SHADOW, CloudClass.SEMI_TRANSPARENT_CLOUD, CloudClass.CLOUD}
    )
    assert difference(reference, predicted, every).tolist() == [
        [AGREE, FALSE_ALARM, MISSED, CONFUSED, AGREE, UNSCORED, MISSED, CONFUSED]
    ]
    two = frozenset({CloudClass.CLEAR, CloudClass.CLOUD})
    assert difference(reference, predicted, two).tolist() == [
        [AGREE, FALSE_ALARM, AGREE, AGREE, AGREE, UNSCORED, MISSED, FALSE_ALARM]
    ]


def test_label_kinds():
    assert parse_label_kind("HUMAN", "x") is LabelKind.HUMAN
    assert parse_label_kind("image-level clear (EuroSAT selection)", "x") is LabelKind.CLEAR
    with pytest.raises(InputError, match="x: unknown label kind 'good'"):
        parse_label_kind("good", "x")
    assert [k.is_accuracy for k in LabelKind] == [True, False, True, False]


def test_sun_elevation_of_a_real_product():
    from datetime import datetime

    # The L1C product S2A_MSIL1C_20240120T105341_..._T31TCJ gives a mean sun zenith of 66.46 degrees.
    got = sun_elevation(datetime(2024, 1, 20, 10, 54, 33), np.array([43.75]), np.array([1.2]))
    assert got[0] == pytest.approx(90 - 66.46, abs=0.5)
    assert elevation_bin(np.array([10.0, 25.0, 44.0, 50.0, 70.0])).tolist() == [
        "below 20°",
        "20° to 30°",
        "30° to 45°",
        "45° to 60°",
        "above 60°",
    ]


def test_command(folder, tmp_path):
    out = tmp_path / "report"
    arguments = ["evaluate", str(folder), "--kind", "pairs", "--masks", f"fmask={folder / 'three'}"]
    arguments += ["-o", str(out), "--bootstrap", "50", "--pictures", "2", "--limit", "8", "--threads", "1"]
    done = CliRunner().invoke(cli, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["format"] == "cloudmask-evaluation/1"
    assert json.loads((out / "results.json").read_text("utf-8")) == document
    assert (out / "report.md").read_text("utf-8").startswith("# Cloud masks on")
    assert sorted(p.name for p in out.iterdir()) == ["figures", "report.html", "report.md", "results.json"]
    again = CliRunner().invoke(cli, arguments)
    assert isinstance(again.exception, OutputError)
    assert "exists already" in str(again.exception)
    replaced = CliRunner().invoke(cli, [*arguments, "--overwrite"])
    assert replaced.exit_code == 0, replaced.output
    assert "Agreement with draft labels (labels: draft)" in replaced.stdout


def test_figures_for_a_paper(result, tmp_path):
    pytest.importorskip("matplotlib")
    from PIL import Image

    check_folder(tmp_path / "out", overwrite=False)
    write_report(result[0], result[1], tmp_path / "out")
    names = {p.name for p in (tmp_path / "out" / "figures").iterdir()}
    assert {"draft_cloud_dice.png", "draft_three-class_confusion.png"} <= names
    assert sum(n.startswith("scene_") for n in names) == 3
    with Image.open(tmp_path / "out" / "figures" / "draft_cloud_dice.png") as picture:
        assert picture.width > 800


def test_names_in_the_command_are_those_of_the_package():
    assert tuple(REFERENCES) == command_module.KINDS
    assert tuple(PROTOCOLS) == command_module.PROTOCOLS
    for reference in REFERENCES.values():
        assert reference.protocol in PROTOCOLS
    with pytest.raises(UsageError, match="unknown protocol 'x'"):
        find_protocol("x")
