"""PixBox-S2-CMIX: single pixels that experts labelled in whole L1C products.

The table has one row a pixel: ``PIXEL_X`` is the column and ``PIXEL_Y`` the row on the 10 m grid.
Cloud and shadow are separate attributes; a pixel that has both counts as cloud, because a mask gives
one class. Fog and haze count as semi-transparent cloud, pixels of none of the classes, mixed pixels
and cloud borders are not scored.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...classes import CloudClass
from ...errors import InputError
from ..labels import LabelKind
from ..products import find_product, label_grid, product_facts
from ..scene import Points, Scene
from ..sun import elevation_bin, sun_elevation
from .registry import Selection, spread
from .tables import Row, number, read_json, read_table, whole

_C = CloudClass
CLOUD_CLASSES: Mapping[int, CloudClass] = {
    0: _C.UNDEFINED,
    1: _C.CLEAR,
    2: _C.CLOUD,
    3: _C.SEMI_TRANSPARENT_CLOUD,
    4: _C.SEMI_TRANSPARENT_CLOUD,
    5: _C.SEMI_TRANSPARENT_CLOUD,
    6: _C.SEMI_TRANSPARENT_CLOUD,
    7: _C.CLEAR,
    8: _C.UNDEFINED,
    9: _C.SEMI_TRANSPARENT_CLOUD,
    10: _C.SEMI_TRANSPARENT_CLOUD,
    11: _C.SEMI_TRANSPARENT_CLOUD,
    12: _C.UNDEFINED,
}
"""Class of each CLOUD_CHARACTERISTICS_ID."""
CLOUD_SHADOW = 3
"""SHADOW_ID of a shadow cast by a cloud; 2 (relief) and 4 (above cloud) are none."""

BREAKDOWNS: Mapping[str, str] = {
    "surface": "SURFACE_ID",
    "surface type": "SURFACE_TYPE_ID",
    "climate zone": "CLIMATE_ZONE_ID",
    "season": "SEASON_ID",
    "cloud type": "CLOUD_CHARACTERISTICS_ID",
    "shadow": "SHADOW_ID",
    "glint": "GLINT_ID",
    "ice": "ICE TYPE_ID",
}
_NEEDED = ("PIXEL_X", "PIXEL_Y", "LATITUDE", "LONGITUDE", "CLOUD_CHARACTERISTICS_ID", "SHADOW_ID")


def read(path: Path, selection: Selection) -> Iterator[Scene]:
    """Scenes of the table that have their product in ``selection.products``."""
    table = _table(path)
    if selection.products is None:
        raise InputError(
            f"{table}: PixBox holds labels only; give the folder of its L1C products with --products"
        )
    names = _names(table)
    scenes = _by_scene(table)
    if not scenes:
        raise InputError(f"{table}: expected labelled pixels, found the head of a table and no rows")
    found = {name: find_product(selection.products, name) for name in scenes}
    there = [Path(name) for name, product in found.items() if product is not None]
    if not there:
        raise InputError(
            f"{selection.products}: none of the {len(scenes)} products of {table.name} is there, "
            f"e.g. {next(iter(scenes))}.SAFE"
        )
    for entry in spread(there, selection.limit):
        product = found[entry.name]
        assert product is not None  # by the filter above
        yield _scene(entry.name, scenes[entry.name], product, names, table)


def _table(path: Path) -> Path:
    if path.is_file():
        return path
    tables = sorted(path.glob("*pixbox*.csv")) or sorted(path.glob("*.csv"))
    if len(tables) != 1:
        raise InputError(f"{path}: expected one .csv table, found {len(tables)}; name the file itself")
    return tables[0]


def _names(table: Path) -> dict[str, dict[str, str]]:
    """Names of codes: the verified ones, and a user's own from ``pixbox_names.json`` beside the table."""
    names: dict[str, dict[str, str]] = {k: dict(v) for k, v in _package_data()["names"].items()}
    own = table.with_name("pixbox_names.json")
    if own.exists():
        expected = "a JSON object of objects, column to code to name"
        given = read_json(own, expected)
        for column, values in given.items() if isinstance(given, dict) else [("", given)]:
            if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
                raise InputError(f"{own}: expected {expected}, found {values!r:.60} under '{column:.40}'")
            names.setdefault(column, {}).update(values)
    return names


@cache
def _package_data() -> Any:
    return json.loads(resources.files("cloudmask.evaluate").joinpath("data/pixbox.json").read_text("utf-8"))


def _by_scene(table: Path) -> dict[str, list[tuple[str, Row]]]:
    """By product, each pixel's row and where it is."""
    products: Mapping[str, str] = _package_data()["products"]
    out: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    for line, row in read_table(table, _NEEDED):
        where = f"{table}, line {line}"
        if not {"SCENE", "PRODUCT_ID"} & set(row):
            raise InputError(f"{table}: expected a column SCENE or PRODUCT_ID, found neither")
        scene = row.get("SCENE") or products.get(row.get("PRODUCT_ID", ""), "")
        if not scene:
            raise InputError(f"{where}: unknown PRODUCT_ID '{row.get('PRODUCT_ID', '')[:40]}'")
        name = re.sub(r"\.SAFE$", "", scene)
        product_facts(name, f"{where}: column SCENE")
        out[name].append((where, row))
    return dict(out)


def _scene(
    name: str,
    places: list[tuple[str, Row]],
    product: Path,
    names: dict[str, dict[str, str]],
    table: Path,
) -> Scene:
    def column(key: str) -> npt.NDArray[np.int64]:
        return np.array([whole(row, key, where) for where, row in places], np.int64)

    def place(key: str) -> npt.NDArray[np.float64]:
        return np.array([number(row, key, where) for where, row in places])

    rows = [row for _, row in places]
    cloud, shadow = column("CLOUD_CHARACTERISTICS_ID"), column("SHADOW_ID")
    strange = sorted(set(cloud.tolist()) - set(CLOUD_CLASSES))
    if strange:
        raise InputError(f"{table}: {name}: unknown CLOUD_CHARACTERISTICS_ID {strange}; known are 0 to 12")
    labels = np.array([int(CLOUD_CLASSES[c]) for c in cloud.tolist()], np.uint8)
    # A pixel of no sky class is a shadow all the same; cloud wins over a shadow on it.
    labels[(shadow == CLOUD_SHADOW) & np.isin(labels, (int(_C.CLEAR), int(_C.UNDEFINED)))] = int(
        _C.CLOUD_SHADOW
    )
    facts = product_facts(name, table)
    grid = label_grid(product)
    points = Points(column("PIXEL_Y"), column("PIXEL_X"))
    outside = (points.rows >= grid.rows) | (points.cols >= grid.cols) | (points.rows < 0) | (points.cols < 0)
    if outside.any():
        raise InputError(
            f"{table}: {name}: {int(outside.sum())} pixels lie outside the product's "
            f"{grid.rows} x {grid.cols} at {grid.gsd:g} m; is {product} the full product?"
        )
    sun = sun_elevation(facts.sensed, place("LATITUDE"), place("LONGITUDE"))
    breakdown: dict[str, str | npt.NDArray[np.str_]] = {"sun": elevation_bin(sun)}
    for title, key in BREAKDOWNS.items():
        if key in rows[0]:
            known = names.get(key, {})
            breakdown[title] = np.array([known.get(row[key], f"{key} {row[key]}") for row in rows])
    return Scene(
        name=name,
        product=name,
        kind=LabelKind.HUMAN,
        labels=labels,
        level=facts.level,
        grid=grid,
        safe=product,
        points=points,
        breakdown=breakdown,
    )
