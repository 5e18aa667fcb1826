"""Where a tile lies: the UTM grid of a Sentinel-2 tile from its MGRS name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from affine import Affine
from rasterio.warp import transform

from ..errors import UsageError

_LETTERS = "ABCDEFGHJKLMNPQRSTUV"  # rows of 100 km squares repeat after these 20
_COLUMNS = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")  # columns of zones 1, 4, ..; 2, 5, ..; 3, 6, ..
# Smallest northing in each latitude band, metres (NGA, GEOTRANS, MGRS latitude bands).
_BAND_NORTHING = dict(
    zip(
        "CDEFGHJKLMNPQRSTUVWX",
        (
            *(1.1e6, 2.0e6, 2.8e6, 3.7e6, 4.6e6, 5.5e6, 6.4e6, 7.3e6, 8.2e6, 9.1e6),
            *(0.0, 0.8e6, 1.7e6, 2.6e6, 3.5e6, 4.4e6, 5.3e6, 6.2e6, 7.0e6, 7.9e6),
        ),
        strict=True,
    )
)
_SQUARE = 100_000
_SOUTH = 10_000_000
_SNAP = 60  # corners lie on multiples of the coarsest pixel


@dataclass(frozen=True)
class TileGrid:
    """The upper left part of a tile's grid.

    Attributes
    ----------
    epsg : int
        EPSG code of the UTM zone.
    ulx, uly : int
        Easting and northing of the upper left corner, metres.
    size10 : int
        Side, 10 m pixels.
    """

    epsg: int
    ulx: int
    uly: int
    size10: int

    @property
    def crs(self) -> str:
        """Coordinate reference system as ``"EPSG:32635"``."""
        return f"EPSG:{self.epsg}"

    @property
    def zone(self) -> str:
        """Zone and hemisphere, ``"35N"``."""
        return f"{self.epsg % 100:02d}{'N' if self.epsg < 32700 else 'S'}"

    def size(self, gsd: int) -> int:
        """Side in pixels of `gsd` metres."""
        return self.size10 * 10 // gsd

    def transform(self, gsd: int) -> Affine:
        """Pixel (column, row) to map coordinates at `gsd` metres."""
        return Affine(gsd, 0, self.ulx, 0, -gsd, self.uly)

    def footprint(self) -> list[tuple[float, float]]:
        """Corners as (latitude, longitude) in degrees WGS 84, closed, from the upper left clockwise."""
        side = self.size10 * 10
        xs = [self.ulx, self.ulx + side, self.ulx + side, self.ulx, self.ulx]
        ys = [self.uly, self.uly, self.uly - side, self.uly - side, self.uly]
        lon, lat = transform(self.crs, "EPSG:4326", xs, ys)
        return list(zip(lat, lon, strict=True))


def tile_grid(tile: str, size10: int) -> TileGrid:
    """Grid of a tile such as ``"T35VLG"`` (the T may be left out).

    The tile begins at the upper left corner of its 100 km square, moved out to a multiple of 60 m
    (from the equator northward, from 10 000 km northward in the south): T31TCJ at 300000, 4900020.

    Raises
    ------
    UsageError
        If there is no such tile.
    """
    match = re.fullmatch(r"T?(\d{2})([C-HJ-NP-X])([A-HJ-NP-Z])([A-HJ-NP-V])", tile)
    zone = int(match[1]) if match else 0
    if match is None or not 1 <= zone <= 60 or match[3] not in _COLUMNS[(zone - 1) % 3]:
        raise UsageError(f"tile '{tile}': expected zone, latitude band and 100 km square, as in T35VLG")
    west = (_COLUMNS[(zone - 1) % 3].index(match[3]) + 1) * _SQUARE
    # Rows start at A in odd zones and at F in even ones.
    row = (_LETTERS.index(match[4]) - (0 if zone % 2 else 5)) % len(_LETTERS) * _SQUARE
    cycle = len(_LETTERS) * _SQUARE
    lowest = int(_BAND_NORTHING[match[2]])
    south = lowest - (lowest % _SQUARE) + (row - lowest) % cycle
    origin = 0 if match[2] >= "N" else _SOUTH
    top = -((-(south + _SQUARE - origin)) // _SNAP) * _SNAP + origin
    return TileGrid((32600 if origin == 0 else 32700) + zone, west // _SNAP * _SNAP, top, size10)
