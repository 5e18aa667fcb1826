"""Score a model against the other masks on the real scenes that training never saw, and draw them all.

    python benchmarks/kept_apart.py MODEL.onnx -o FOLDER [--split kept|development|training] [--level L1C|L2A]
        [--corrected] [--bands B02,B03,...]

The split is that of docs/training.md. Scenes are averaged to 20 m; labels are "draft" (by difference from
the clear date, sure pixels only) or "clear by eye". Writes ``evaluate``'s report, ``scenes.json`` with, for
every scene, the share of clear ground that each mask calls something else and the Dice of cloud of either
kind and of shadow, and ``sheet.png``: true colour, the model, DLR's network, the labels. Of the scenes
that were trained on there is the sheet alone: scores on them would say nothing.

There is next to no L2A among the scenes. ``--level L2A --corrected`` takes those of L1C and takes their
atmosphere off, that of usual clear air as the simulator has it, or of clearer air where the scene's dark
pixels do not allow so much: the ground and the clouds are real, the correction is not any processor's.
With ``--bands`` the model is shown these bands only; the report, in which every mask sees all, is left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio

from cloudmask import mask_array
from cloudmask.bands import BAND_NAMES, LEVEL_BANDS, Level, parse_bands
from cloudmask.classes import COLOURS, CloudClass
from cloudmask.errors import CloudMaskError
from cloudmask.simulate.atmosphere import Atmosphere, Geometry, band_atmosphere, to_surface
from cloudmask.simulate.conditions import draw_conditions
from cloudmask.simulate.fitting import fitted
from cloudmask.simulate.spec import SceneSpec
from cloudmask.simulate.surfaces import ArraySurface
from cloudmask.train.arrays import read_arrays
from cloudmask.train.recipe import SourceSpec
from cloudmask.train.sample import Sample, bands_there, codes_from_labels

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "real"
PAIRS = ("5254", "5278", "6317", "6553", "2729")
TRAINED = ("2266", "3968", "4065", "4294", "4433", "7657")
WINTER = "sen12mscr_ROIs2017_winter_112_p797_s2"
Entry = tuple[str, str]
"""File (``name.npz`` or ``name.npz:array``) and kind of labels (see cloudmask.train.arrays)."""

SPLITS: dict[tuple[str, str], list[Entry]] = {
    ("kept", "L1C"): [
        *((f"pairs/{n}.npz", "difference") for n in PAIRS),
        *((f"pairs/{n}.npz:clear", "clear") for n in PAIRS),
        (f"{WINTER}_cloudfree.npz", "clear"),
        (f"{WINTER}_cloudy.npz", "none"),
        ("sen1floods11_Spain_7370579.npz", "clear"),
    ],
    ("development", "L1C"): [
        ("openeo_icor_T31UFS.npz", "file"),
        ("sen12mscr_ROIs1868_summer_s2_cloudy_19_p30.npz", "file"),
        ("pairs/581.npz", "difference"),
        ("pairs/581.npz:clear", "clear"),
        ("dsen2_S2A_MSIL1C_20170527_T33UUB.npz", "clear"),
        ("dsen2_S2B_MSIL1C_20171022_T49JGM.npz", "clear"),
    ],
    ("training", "L1C"): [
        ("pairs/316.npz", "none"),
        *((f"pairs/{n}.npz{date}", "none") for n in TRAINED for date in ("", ":clear")),
        ("pairs/4438.npz:clear", "none"),
        ("copernicusfm_T60HWB_20201002.npz", "none"),
        ("eolearn_reference_scenes.npz", "none"),
    ],
    ("training", "L2A"): [("mdebris_limassol.npz", "none")],
    ("kept", "L2A"): [("eotdl_Boadella_20200128.npz", "clear")],
    ("development", "L2A"): [],
}
GROUPS = {
    "cloud": [int(CloudClass.SEMI_TRANSPARENT_CLOUD), int(CloudClass.CLOUD)],
    "shadow": [int(CloudClass.CLOUD_SHADOW)],
}
GSD = 20.0
SIDE = 256
Image = npt.NDArray[np.uint8]


USUAL = Geometry(45.0, 150.0), Atmosphere(aerosol=0.12)
"""Sun and air that ``--corrected`` starts from."""


def load(split: str, level: Level, gsd: float = GSD, *, corrected: bool = False) -> list[tuple[str, Sample]]:
    """Scenes of a split with the kind of their labels."""
    out = []
    read: Level = "L1C" if corrected else level
    for file, kind in SPLITS[split, read]:
        spec = SourceSpec("arrays", path=str(REAL), files=(file,), labels=kind)
        samples = read_arrays(spec, LEVEL_BANDS[read], gsd)
        out += [(kind, without_air(s) if corrected else s) for s in samples]
    return out


def without_air(sample: Sample) -> Sample:
    """An L1C sample as L2A; its labels, some of which rest on B10, stay."""
    spec = SceneSpec(0, "L2A", max(sample.labels.shape), sample.gsd)
    usual = replace(draw_conditions(spec), geometry=USUAL[0], air=USUAL[1])
    fit = fitted(spec, usual, ArraySurface(*bands_of(sample, "L1C"), "L1C"))
    places = [LEVEL_BANDS["L1C"].index(band) for band in LEVEL_BANDS["L2A"]]
    airs = [band_atmosphere(band, fit.geometry, fit.air) for band in LEVEL_BANDS["L2A"]]
    planes = [to_surface(sample.values[i], air) for i, air in zip(places, airs, strict=True)]
    return replace(sample, values=np.maximum(np.stack(planes), np.float32(1e-4)))


def bands_of(sample: Sample, level: Level) -> tuple[npt.NDArray[np.float32], list[str]]:
    """Planes that the scene has, and their names."""
    there = np.flatnonzero(bands_there(sample.values))
    return sample.values[there].astype(np.float32), [LEVEL_BANDS[level][i] for i in there]


def classes(sample: Sample, level: Level, model: str | None, shown: Sequence[str] = BAND_NAMES) -> Image:
    """Class codes of a scene, by those of its bands that are shown."""
    values, names = bands_of(sample, level)
    keep = [i for i, name in enumerate(names) if name in shown]
    bands = [names[i] for i in keep]
    return mask_array(values[keep], bands, gsd=GSD, level=level, model=model).classes


def dlr(sample: Sample, level: Level) -> str:
    """Name of DLR's network for the bands of a scene."""
    six = {"B11", "B12"} <= set(bands_of(sample, level)[1])
    return f"dlr-unet-{6 if six else 4}b-{level.lower()}"


def write_pairs(folder: Path, split: str, level: Level, *, corrected: bool = False) -> None:
    """Write what ``cloudmask evaluate --kind pairs`` reads: 10 m pixels, labels of 20 m repeated."""
    manifest = []
    coarse, full = (load(split, level, gsd, corrected=corrected) for gsd in (GSD, GSD / 2))
    for (kind, sample), (_, fine) in zip(coarse, full, strict=True):
        if kind == "none":
            continue
        labels = np.repeat(np.repeat(sample.labels, 2, 0), 2, 1)
        values, names = bands_of(fine, level)
        values = values[:, : labels.shape[0], : labels.shape[1]]
        file = f"{sample.name.replace(':', '_')}.npz"
        np.savez(folder / file, x=values.transpose(1, 2, 0), y=labels, bands=np.array(names))
        word = "clear by eye" if kind == "clear" else "draft"
        manifest.append({"file": file, "level": level, "gsd_m": str(int(GSD / 2)), "label_kind": word})
    (folder / "MANIFEST.json").write_text(json.dumps(manifest), "utf-8")


def scores(sample: Sample, masks: dict[str, Image]) -> dict[str, dict[str, float | int]]:
    """Of each mask, against the labels of 20 m: false alarms on clear ground, Dice of cloud and of shadow."""
    truth = codes_from_labels(sample.labels)
    known = truth != int(CloudClass.UNDEFINED)
    clear = truth == int(CloudClass.CLEAR)
    out: dict[str, dict[str, float | int]] = {}
    for name, mask in masks.items():
        row: dict[str, float | int] = {"pixels": int(known.sum())}
        if clear.any():
            row["clear_called_otherwise"] = round(float((mask[clear] != int(CloudClass.CLEAR)).mean()), 5)
        for word, members in GROUPS.items():
            found, there = np.isin(mask, members) & known, np.isin(truth, members)
            if there.any():
                row[f"{word}_dice"] = round(
                    2 * int((found & there).sum()) / int(found.sum() + there.sum()), 4
                )
                row[f"{word}_pixels"] = int(there.sum())
        out[name] = row
    return out


def panel(image: Image) -> Image:
    """An image of any size as one of SIDE pixels, by whole steps."""
    longest = max(image.shape[:2])
    step, repeat = -(-longest // SIDE), max(1, SIDE // longest)
    small = np.repeat(np.repeat(image[::step, ::step], repeat, 0), repeat, 1)[:SIDE, :SIDE]
    out = np.zeros((SIDE, SIDE, 3), np.uint8)
    out[: small.shape[0], : small.shape[1]] = small
    return out


def true_colour(sample: Sample, level: Level) -> Image:
    """B04, B03, B02, stretched to 0.3 with a gamma."""
    places = [LEVEL_BANDS[level].index(b) for b in ("B04", "B03", "B02")]
    rgb = np.nan_to_num(sample.values[places]).transpose(1, 2, 0)
    return (np.clip(rgb / 0.3, 0, 1) ** 0.7 * 255).astype(np.uint8)


def write_sheet(path: Path, rows: list[Image]) -> None:
    """Rows of panels in two columns as PNG."""
    rows = rows + [np.zeros_like(rows[0])] * (len(rows) % 2)
    half = len(rows) // 2
    sheet = np.concatenate([np.concatenate(rows[:half]), np.concatenate(rows[half:])], axis=1)
    shape = {"width": sheet.shape[1], "height": sheet.shape[0], "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="PNG", **shape) as file:
        file.write(sheet.transpose(2, 0, 1))


def main() -> None:
    """Evaluate and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--split", choices=["kept", "development", "training"], default="kept")
    parser.add_argument("--level", choices=["L1C", "L2A"], default="L1C")
    parser.add_argument("--corrected", action="store_true", help="L1C scenes made L2A; with --level L2A")
    parser.add_argument("--bands", help="the model is shown these only, B02,B03,...")
    arguments = parser.parse_args()
    shown = parse_bands(arguments.bands.split(",")) if arguments.bands else BAND_NAMES
    level: Level = arguments.level
    if arguments.corrected and level != "L2A":
        parser.error("--corrected takes the atmosphere off: expected --level L2A with it")
    if not SPLITS[arguments.split, "L1C" if arguments.corrected else level]:
        parser.error(
            f"--split {arguments.split} --level {level}: there is no such scene; take another split, or L1C "
            "scenes without their atmosphere with --corrected"
        )
    arguments.output.mkdir(parents=True, exist_ok=True)
    scenes = load(arguments.split, level, corrected=arguments.corrected)
    palette = np.array([COLOURS[c] for c in CloudClass], np.uint8)
    rows, table = [], []
    for kind, sample in scenes:
        masks = {}
        for name, model, bands in (
            ("ours", arguments.model, shown),
            ("dlr", dlr(sample, level), BAND_NAMES),
        ):
            try:
                masks[name] = classes(sample, level, model, bands)
            except CloudMaskError as error:  # bands that this model cannot do without
                print(f"{sample.name}: {name}: {error}", file=sys.stderr)
        if kind != "none":
            table.append({"scene": sample.name, "labels": kind, **scores(sample, masks)})
        blank = np.zeros(sample.labels.shape, np.uint8)
        codes = [masks.get("ours", blank), masks.get("dlr", blank), codes_from_labels(sample.labels)]
        pictures = [true_colour(sample, level), *(palette[c] for c in codes)]
        rows.append(np.concatenate([panel(p) for p in pictures], axis=1))
    write_sheet(arguments.output / "sheet.png", rows)
    if arguments.split == "training":
        return
    (arguments.output / "scenes.json").write_text(json.dumps(table, indent=1), "utf-8")
    if arguments.bands:
        return
    with tempfile.TemporaryDirectory() as folder:
        write_pairs(Path(folder), arguments.split, level, corrected=arguments.corrected)
        others = "ukis-csmask,s2cloudless" if level == "L1C" else "ukis-csmask"
        what = [folder, "--kind", "pairs", "--masks", f"cloudmask:{arguments.model},{others}"]
        where = [
            "-o",
            str(arguments.output / "report"),
            "--overwrite",
            "-q",
            "--title",
            f"{arguments.split} scenes",
        ]
        subprocess.run([sys.executable, "-m", "cloudmask", "evaluate", *what, *where], check=True)


if __name__ == "__main__":
    main()
