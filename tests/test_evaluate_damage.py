"""Damaged tables, lists, manifests and arrays of reference sets: one line that names the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers_evaluate import (
    random_codes,
    tortilla,
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
from helpers_models import write_model
from helpers_safe import make_safe

from cloudmask.cli import main
from cloudmask.errors import InputError
from cloudmask.evaluate.references.registry import Selection, open_reference
from cloudmask.evaluate.references.tables import read_table

RNG = np.random.default_rng(7)
TILE = "T35VLF_20200520T094041_tile_0_512"
Edit = Callable[[str], "str | bytes"]


@pytest.fixture
def refused(tmp_path, capsys):
    """Run ``cloudmask evaluate`` with a mask that reads the images, and give its one line on stderr."""
    model = write_model(tmp_path, gsd=10)

    def run(folder: Path, kind: str, *more: str) -> str:
        given = ["--kind", kind, "--masks", f"cloudmask:{model}", "-o", str(tmp_path / "out"), "-q"]
        assert main(["evaluate", str(folder), *given, "--bootstrap", "0", *more]) == 3
        said: str = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    return run


def edit(path: Path, how: Edit) -> None:
    changed = how(path.read_text("utf-8"))
    path.write_bytes(changed if isinstance(changed, bytes) else changed.encode())


def cut_last_row(text: str) -> str:
    return text.rstrip().rsplit(",", 3)[0]


def in_last_row(column: int, value: str) -> Edit:
    def change(text: str) -> str:
        lines = text.split()
        cells = lines[-1].split(",")
        cells[column] = value
        return "\n".join([*lines[:-1], ",".join(cells)])

    return change


@pytest.fixture(scope="module")
def products(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("products")
    make_safe(folder, size10=120)
    return folder


@pytest.mark.parametrize(
    ("how", "text"),
    [
        (
            lambda t: t.encode().replace(b"SEASON", b"SAISON\xe9"),
            "expected text in UTF-8, found the byte 0xe9",
        ),
        (cut_last_row, "line 11: expected 11 columns as in the head, found 8; is the file whole?"),
        (lambda t: t.replace("SHADOW_ID", "SHADE"), "lacking SHADOW_ID"),
        (lambda t: "", "lacking PIXEL_X"),
        (lambda t: t[: t.index("\n")], "found the head of a table and no rows"),
        (lambda t: t + '"', "cannot be read as a table"),
        (in_last_row(2, "nan"), "line 11: column PIXEL_X: expected a number, found 'nan'"),
        (in_last_row(4, ""), "line 11: column LATITUDE: expected a number, found ''"),
        (in_last_row(7, "7.5"), "line 11: column CLOUD_CHARACTERISTICS_ID: expected a whole number"),
        (in_last_row(10, "../x"), "line 11: column SCENE: expected a Sentinel-2 product name"),
        (in_last_row(10, ""), "line 11: unknown PRODUCT_ID '1'"),
        (in_last_row(10, "S2A_MSIL1C_20201520T094031_N0500_R007_T35VLG_x"), "column SCENE"),
    ],
)
def test_damaged_pixbox_tables(tmp_path, refused, products, how, text):
    scene = next(products.iterdir()).stem
    write_pixbox(tmp_path / "set", scene, 10, 120, RNG)
    edit(tmp_path / "set" / "pixbox_s2.csv", how)
    said = refused(tmp_path / "set", "pixbox", "--products", str(products))
    assert "pixbox_s2.csv" in said
    assert text in said


@pytest.mark.parametrize(
    "names", [[], {"SURFACE_ID": ["a"]}, {"SURFACE_ID": {"32": 1}}, {"SURFACE_ID": None}]
)
def test_damaged_names_of_pixbox_codes(tmp_path, refused, products, names):
    write_pixbox(tmp_path / "set", next(products.iterdir()).stem, 10, 120, RNG)
    (tmp_path / "set" / "pixbox_names.json").write_text(json.dumps(names), "utf-8")
    said = refused(tmp_path / "set", "pixbox", "--products", str(products))
    assert "pixbox_names.json: expected a JSON object of objects" in said


def test_a_table_with_a_byte_order_mark_and_semicolons_is_read(tmp_path):
    (tmp_path / "t.csv").write_bytes("\ufeffA;B\r\n1;é\r\n\r\n2;\r\n".encode())
    assert read_table(tmp_path / "t.csv", ("A",)) == [(2, {"A": "1", "B": "é"}), (4, {"A": "2", "B": ""})]


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("test.txt", f"{TILE}.nc\n\xe9".encode("latin-1"), "expected text in UTF-8"),
        ("test.json", b'["x\xe9"]', "expected text in UTF-8"),
        ("test.json", b"[" * 100_000, "expected a list of file names, found no JSON"),
        ("test.json", b"", "expected a list of file names, found no JSON"),
    ],
)
def test_damaged_lists_of_kappaset(tmp_path, refused, name, content, text):
    write_kappaset(tmp_path / "set", TILE, random_codes(RNG, (64, 64), [1, 2, 3, 4]))
    (tmp_path / "set" / name).write_bytes(content)
    assert f"{name}: {text}" in refused(tmp_path / "set", "kappaset")


@pytest.mark.parametrize(
    ("variable", "change", "text"),
    [
        ("Label", lambda a: a[0], "variable Label: expected numbers (rows, cols)"),
        ("Label", lambda a: np.array(3), "variable Label: expected numbers (rows, cols)"),
        ("Label", lambda a: np.full(a.shape, b"x"), "variable Label: expected numbers (rows, cols)"),
        ("Label", lambda a: None, "variable Label: expected numbers (rows, cols)"),
        ("B02", lambda a: np.full(a.shape, b"x"), "variable B02: expected numbers (rows, cols)"),
        ("B02", lambda a: np.stack([a, a]), "variable B02: expected numbers (rows, cols)"),
        ("B02", lambda a: a[:10], "expected bands of the label's size (64, 64), found (10, 64), (64, 64)"),
        ("B02", lambda a: a * 600, "as shares of it up to 1, found values up to 30.0023; get"),
        ("B02", lambda a: np.full(a.shape, 300_000), "numbers up to 65535, found values up to 300000;"),
    ],
)
def test_damaged_variables_of_kappaset(tmp_path, refused, variable, change, text):
    h5py = pytest.importorskip("h5py")
    path = write_kappaset(tmp_path / "set", TILE, random_codes(RNG, (64, 64), [1, 2, 3, 4]))
    with h5py.File(path, "a") as data:
        changed = change(data[variable][...])
        del data[variable]
        if changed is None:
            data.create_group(variable)
        else:
            data[variable] = changed
    said = refused(tmp_path / "set", "kappaset", "--split", "all")
    assert f"{TILE}.nc: " in said
    assert text in said


@pytest.mark.parametrize("how", ["empty", "text", "cut", "head"])
# What a destructor raises Python prints with a traceback, after the line for the user.
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_damaged_netcdf_files(tmp_path, refused, how):
    pytest.importorskip("h5py")
    path = write_kappaset(tmp_path / "set", TILE, random_codes(RNG, (64, 64), [1, 2, 3, 4]))
    data = bytearray(path.read_bytes())
    data[108] ^= 0x5A  # in the list of variables
    path.write_bytes({"empty": b"", "text": b"no", "cut": data[: len(data) // 2]}.get(how, data))
    assert f"{TILE}.nc: cannot be read as NetCDF-4" in refused(tmp_path / "set", "kappaset", "--split", "all")


@pytest.mark.parametrize(
    ("how", "text"),
    [
        (lambda t: t.encode().replace(b"forest", b"for\xeat"), "expected text in UTF-8, found the byte 0xea"),
        (cut_last_row, "expected 5 columns as in the head, found"),
        (lambda t: t.replace("s2_id_gee", "s2"), "lacking s2_id_gee"),
        (lambda t: "", "lacking roi_id"),
        (in_last_row(2, "yes"), "line 3: column test: expected 0, 1, found 'yes'"),
    ],
)
def test_damaged_tables_of_cloudsen12(tmp_path, refused, how, text):
    rows = []
    for i in range(2):
        roi, s2 = f"ROI_000{i}", f"2019010{i}T101031_2019010{i}T101030_T32TQR_and_a_long_tail_of_a_name"
        write_cloudsen12(tmp_path / "set", roi, s2, random_codes(RNG, (64, 64), [0, 1, 2, 3]))
        rows.append((roi, s2, 1, "high"))
    write_cloudsen12_table(tmp_path / "set", rows)
    edit(tmp_path / "set" / "cloudsen12_metadata.csv", how)
    said = refused(tmp_path / "set", "cloudsen12")
    assert "cloudsen12_metadata.csv" in said
    assert text in said


def test_splits_of_cloudsen12_written_with_a_point(tmp_path):
    write_cloudsen12(tmp_path, "ROI_1", "a", np.zeros((8, 8), np.uint8))
    write_cloudsen12_table(tmp_path, [("ROI_1", "a", 1.0, "high")])  # type: ignore[list-item]
    assert len(open_reference(tmp_path, "cloudsen12", Selection())) == 1


def test_an_image_of_cloudsen12_of_another_size_than_its_labels(tmp_path, refused):
    patch = write_cloudsen12(tmp_path / "set", "ROI_1", "a", np.zeros((64, 64), np.uint8))
    write_tif(patch / "S2L1C.tif", np.zeros((13, 60, 64), np.int16))
    said = refused(tmp_path / "set", "cloudsen12", "--split", "all")
    assert "S2L1C.tif: labels of (64, 64) do not fit an image of (60, 64)" in said


FACTS: dict[str, Any] = {
    "tortilla:id": "sample",
    "tortilla:data_split": "test",
    "label_type": "high",
    "real_proj_shape": 60,
    "roi_id": "ROI_1",
}


@pytest.mark.parametrize(
    ("change", "labels", "text"),
    [
        ({"real_proj_shape": "x"}, 0, "sample sample: expected real_proj_shape in pixels, found 'x'"),
        ({"real_proj_shape": -5}, 0, "sample sample: expected real_proj_shape in pixels, found -5"),
        ({"real_proj_shape": float("nan")}, 0, "expected real_proj_shape in pixels, found nan"),
        ({"tortilla:id": None}, 0, "table: tortilla:id: expected text, found None"),
        ({"tortilla:id": 5}, 0, "table: tortilla:id: expected text, found 5"),
        ({}, 256, "holds codes [256]"),  # cut to a byte it was clear
    ],
)
def test_damaged_facts_of_taco_files(tmp_path, refused, change, labels, text):
    pytest.importorskip("pyarrow")
    facts = {k: v for k, v in {**FACTS, **change}.items() if v is not None}
    image, codes = np.full((13, 64, 64), 2500, np.uint16), np.full((64, 64), labels, np.uint16)
    path = write_taco(tmp_path / "set" / "cloudsen12-l1c.0000.part.taco", [(facts, image, codes)])
    said = refused(path, "cloudsen12")
    assert f"{path.name}: " in said
    assert text in said


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda b: b[:-100], "ends within its table"),
        (lambda b: b[:9], "ends within its table"),
        (lambda b: b[:2] + b"\xff" * 16 + b[18:], "ends within its table"),
        (lambda b: b[:-8] + b"\0" * 8, "the table of the TACO file cannot be read"),
        (
            lambda b: tortilla([({"tortilla:id": "a", "tortilla:file_format": "GTiff"}, b"")], b"WX"),
            "expected tortilla:offset and tortilla:length in bytes, found 200 and 0",
        ),
        (
            lambda b: tortilla([({"tortilla:id": "a"}, b"x")], b"WX"),
            "table: tortilla:file_format: expected text",
        ),
    ],
)
def test_damaged_taco_files(tmp_path, refused, damage, text):
    pytest.importorskip("pyarrow")
    image, codes = np.full((13, 64, 64), 2500, np.uint16), np.zeros((64, 64), np.uint8)
    path = write_taco(tmp_path / "set" / "cloudsen12-l1c.0000.part.taco", [(FACTS, image, codes)])
    path.write_bytes(damage(path.read_bytes()))
    said = refused(path, "cloudsen12")
    assert f"{path.name}: " in said
    assert text in said


def test_damaged_rasters_of_mlstac_files(tmp_path, refused):
    path = write_mlstac(
        tmp_path / "set" / "test_64_high.mlstac", {"ROI_1__a": np.zeros((14, 64, 64), np.uint16)}
    )
    data = bytearray(path.read_bytes())
    start = data.index(b"II*\0")
    data[start : start + 4] = b"none"
    path.write_bytes(data)
    said = refused(path, "cloudsen12")
    assert "test_64_high.mlstac: an image in it cannot be read" in said
    assert "permissions" not in said


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"level": ""}, "a.npz: 'level': expected text or a number, found ''"),
        ({"level": ["L1C"]}, "a.npz: 'level': expected text or a number, found ['L1C']"),
        ({"level": "L3"}, "a.npz: unknown processing level 'L3'"),
        ({"label_counts": [1]}, "MANIFEST.json: a.npz: label_counts: expected an object"),
        ({"gsd_m": 0}, "a.npz: 'gsd_m': expected a spacing in metres above 0, found '0'"),
        ({"gsd_m": "-10"}, "a.npz: 'gsd_m': expected a spacing in metres above 0, found '-10'"),
        ({"gsd_m": "1e3"}, "a.npz: 'gsd_m': expected a spacing in metres above 0, found '1e3'"),
        ({"label_kind": {}}, "a.npz: 'label_kind': expected text or a number, found {}"),
        ({"file": ["a.npz"]}, "MANIFEST.json: expected a JSON list of objects with 'file'"),
    ],
)
def test_damaged_manifests_of_pairs(tmp_path, refused, change, text):
    write_npz(tmp_path / "set" / "a.npz", random_codes(RNG, (64, 64), [0, 1, 2, 3]))
    entry = {"file": "a.npz", "level": "L1C", "gsd_m": 10, "label_kind": "human"}
    write_manifest(tmp_path / "set", [{**entry, **change}])
    assert text in refused(tmp_path / "set", "pairs")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'[{"file": "\xe9"}]', "expected text in UTF-8"),
        (b"[" * 100_000, "expected a JSON list of objects with 'file', found no JSON"),
        (b"[[]]", "expected a JSON list of objects with 'file', found []"),
        (b"7", "expected a JSON list of objects with 'file', found 7"),
    ],
)
def test_manifests_of_pairs_that_are_none(tmp_path, refused, content, text):
    write_npz(tmp_path / "set" / "a.npz", random_codes(RNG, (64, 64), [0, 1, 2, 3]))
    (tmp_path / "set" / "MANIFEST.json").write_bytes(content)
    assert f"MANIFEST.json: {text}" in refused(tmp_path / "set", "pairs")


def test_a_spacing_in_words_is_read(tmp_path):
    write_npz(tmp_path / "a.npz", np.zeros((8, 8), np.uint8))
    entry = {"file": "a.npz", "level": "L2A (PB05.10)", "gsd_m": "~20 (EPSG:4326)", "label_kind": "human"}
    write_manifest(tmp_path, [entry])
    (scene,) = open_reference(tmp_path, "pairs", Selection())
    assert (scene.grid.gsd, scene.level) == (20.0, "L2A")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"x": np.full((8, 8, 1), "0.1")}, "expected x of floats or whole numbers, found <U3"),
        ({"x": np.zeros((8, 8, 1), bool)}, "expected x of floats or whole numbers, found bool"),
        ({"x": np.zeros((8, 8, 1), complex)}, "expected x of floats or whole numbers, found complex128"),
        ({"x": np.array(0.0)}, "expected x of (rows, cols, bands)"),
        ({"y": np.full((8, 8), "0")}, "expected integers, found <U1"),
        ({"y": np.array(0)}, "labels of () do not fit an image of (8, 8, 1)"),
        ({"bands": np.array(2)}, "unknown band '2'"),
        ({"bands": np.array([["B02"], ["B03"]])}, "expected 2 bands as named, found an image of (8, 8, 1)"),
        ({"level": np.array(["L1C", "L2A"])}, "'level': expected text or a number"),
        ({"gsd": np.zeros(3)}, "'gsd_m': expected text or a number"),
    ],
)
def test_damaged_arrays_of_pairs(tmp_path, change, text):
    whole = {
        "x": np.zeros((8, 8, 1)),
        "y": np.zeros((8, 8), np.uint8),
        "bands": np.array(["B02"]),
        "level": "L1C",
    }
    np.savez(tmp_path / "a.npz", label_kind="human", **{**whole, **change})
    with pytest.raises(InputError) as caught:
        open_reference(tmp_path, "pairs", Selection())
    assert f"{tmp_path / 'a.npz'}: " in str(caught.value)
    assert text in str(caught.value)


def test_bands_of_geotiff_pairs_name_the_file(tmp_path):
    write_tif(tmp_path / "s.tif", np.zeros((2, 8, 8), np.uint16), names=("B02", "red"))
    write_tif(tmp_path / "s_label.tif", np.ones((8, 8), np.uint8))
    (tmp_path / "MANIFEST.json").write_text(
        '[{"file": "s.tif", "level": "L1C", "label_kind": "human"}]', "utf-8"
    )
    with pytest.raises(InputError, match=r"s\.tif: unknown band 'red'"):
        open_reference(tmp_path, "pairs", Selection())


def test_a_folder_of_products_that_is_not_there(tmp_path, refused):
    write_npz(tmp_path / "set" / "a.npz", np.zeros((64, 64), np.uint8), level="L1C", label_kind="human")
    said = refused(tmp_path / "set", "pairs", "--products", str(tmp_path / "nowhere"))
    assert "nowhere: no such folder; --products" in said
