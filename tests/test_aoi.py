from __future__ import annotations

import json
import math

import numpy as np
import pytest
from rasterio.warp import transform_geom

from cloudmask.aoi import read_area
from cloudmask.errors import InputError
from cloudmask.grid import Grid

GRID = Grid("EPSG:32635", 300000, 6600000, 10, 10, 121, 100)


def polygon(left, bottom, right, top):
    ring = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]
    return transform_geom(GRID.crs, "EPSG:4326", {"type": "Polygon", "coordinates": [ring]}, precision=9)


def area(tmp_path, data, crs=GRID.crs):
    path = tmp_path / "a.geojson"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return read_area(path, crs)


SQUARE = polygon(300205, 6599305, 300395, 6599495)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda g: g,
        lambda g: {"type": "Feature", "geometry": g},
        lambda g: {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": g}]},
        lambda g: {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [0, 0]}, g]},
        lambda g: {"type": "MultiPolygon", "coordinates": [g["coordinates"]]},
    ],
)
def test_all_kinds_of_geojson(tmp_path, wrap):
    found = area(tmp_path, wrap(SQUARE))
    row, col, rows, cols = found.window(GRID, 6)
    assert (row, col) == (48, 18)
    assert row + rows == 72
    assert col + cols == 42
    outside = found.outside(GRID.subset(row, col, rows, cols))
    assert 18 * 18 <= (~outside).sum() <= 20 * 20


def test_several_polygons_and_a_hole(tmp_path):
    hole = polygon(300255, 6599355, 300345, 6599445)["coordinates"][0]
    ring = {"type": "Polygon", "coordinates": [SQUARE["coordinates"][0], hole]}
    both = {"type": "GeometryCollection", "geometries": [ring, polygon(300505, 6599305, 300595, 6599395)]}
    found = area(tmp_path, both)
    outside = found.outside(GRID)
    assert outside[60, 30]
    assert not outside[52, 22]
    assert not outside[65, 55]
    assert found.window(GRID, 6)[1] == 18


def test_windows_end_with_the_grid(tmp_path):
    found = area(tmp_path, polygon(299000, 6598000, 302000, 6601000))
    assert found.window(GRID, 6) == (0, 0, 121, 100)
    assert not found.outside(GRID).any()
    corner = area(tmp_path, polygon(300985, 6598795, 301500, 6598799))
    assert corner.window(GRID, 6) == (120, 96, 1, 4)


def test_window_lies_on_the_steps(tmp_path):
    rng = np.random.default_rng(0)
    for _ in range(20):
        left, top = 300000 + rng.uniform(0, 900), 6600000 - rng.uniform(0, 1100)
        found = area(tmp_path, polygon(left, top - 60, left + 60, top))
        row, col, rows, cols = found.window(GRID, 6)
        assert (row % 6, col % 6) == (0, 0)
        assert row <= (6600000 - top) / 10 + 1e-3
        assert (row + rows) * 10 >= min(6600000 - top + 60, 1210) - 1e-3
        assert col * 10 <= left - 300000 + 1e-3
        assert cols <= math.ceil(60 / 10) + 12


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("", "expected GeoJSON, found"),
        ("[" * 100000, "expected GeoJSON, found"),
        ("[]", "expected at least one Polygon or MultiPolygon, found none"),
        ({"type": "Point", "coordinates": [24, 59]}, "found none"),
        ({"type": "FeatureCollection", "features": None}, "found none"),
        ({"type": "FeatureCollection", "features": [3, None]}, "found none"),
        ({"type": "FeatureCollection", "features": 7}, "found none|expected"),
        (
            '{"type":"GeometryCollection","geometries":[' * 950 + "]}" * 950,
            "nested too deep|expected GeoJSON",
        ),
        ({"type": "Polygon"}, "expected polygons of longitude and latitude"),
        ({"type": "Polygon", "coordinates": []}, "expected polygons of longitude and latitude"),
        ({"type": "Polygon", "coordinates": [[]]}, "expected polygons of longitude and latitude"),
        ({"type": "Polygon", "coordinates": [[["a", "b"]]]}, "expected polygons of longitude and latitude"),
        ({"type": "Polygon", "coordinates": 5}, "expected polygons of longitude and latitude"),
        ({"type": "Polygon", "coordinates": [[[1e9, 1e9], [2e9, 1e9], [1e9, 2e9], [1e9, 1e9]]]}, "expected"),
        ({"type": "Polygon", "coordinates": [[[None, 1], [2, 1], [1, 2], [None, 1]]]}, "expected"),
    ],
)
def test_no_area(tmp_path, data, text):
    with pytest.raises(InputError, match=text) as error:
        area(tmp_path, data).window(GRID, 6)
    assert "a.geojson" in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"no\.geojson: cannot be read"):
        read_area(tmp_path / "no.geojson", GRID.crs)
    (tmp_path / "b.geojson").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="expected GeoJSON"):
        read_area(tmp_path / "b.geojson", GRID.crs)


def test_outside_and_without_georeference(tmp_path):
    found = area(tmp_path, polygon(500000, 6500000, 500100, 6500100))
    with pytest.raises(InputError, match="lies outside the product"):
        found.window(GRID, 6)
    with pytest.raises(InputError, match="the product has no georeference"):
        area(tmp_path, SQUARE, None)
