"""Finding SAFE products and what their names say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..bands import Level, parse_level
from ..errors import InputError
from ..grid import Grid
from ..safe import open_product

_NAME = re.compile(
    r"^(?P<unit>S2[A-D])_MSI(?P<level>L1C|L2A)_(?P<date>\d{8}T\d{6})_N\d{4}_R\d{3}_(?P<tile>T\d{2}[A-Z]{3})_"
)


@dataclass(frozen=True)
class ProductFacts:
    """What a product's name says.

    Attributes
    ----------
    level : {"L1C", "L2A"}
    tile : str
        ``"T31TCJ"``.
    date : str
        Sensing time as in the name, ``"20240120T105341"``.
    """

    level: Level
    tile: str
    date: str

    @property
    def sensed(self) -> datetime:
        """Start of sensing, UTC."""
        return datetime.strptime(self.date, "%Y%m%dT%H%M%S")


def product_facts(name: str) -> ProductFacts:
    """Parse a product's name.

    Raises
    ------
    InputError
        If it is no Sentinel-2 product name in the form used since December 2016.
    """
    found = _NAME.match(name)
    if found is None:
        raise InputError(f"{name}: expected a Sentinel-2 product name such as S2A_MSIL1C_20240120T105341_...")
    return ProductFacts(parse_level(found["level"]), found["tile"], found["date"])


def find_product(folder: Path, name: str) -> Path | None:
    """Find a product in a folder, as a SAFE folder or zip; also a reprocessed one of the same acquisition."""
    stem = re.sub(r"\.SAFE$", "", name)
    for candidate in (f"{stem}.SAFE", f"{stem}.zip", f"{stem}.SAFE.zip", stem):
        if (folder / candidate).exists():
            return folder / candidate
    found = _NAME.match(stem)
    if found is None:
        return None
    same = f"{found['unit']}_MSI{found['level']}_{found['date']}_N*_{found['tile']}_*"
    matches = sorted(p for p in folder.glob(same) if p.suffix in (".SAFE", ".zip"))
    return matches[-1] if matches else None


def label_grid(product: Path) -> Grid:
    """Give the 10 m grid of a product, on which reference pixels are counted."""
    with open_product(product) as opened:
        return opened.grid.at(10)
