"""Finding SAFE products and what their names say."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..bands import Level, parse_level
from ..errors import InputError
from ..grid import Grid
from ..safe import open_product

_ANYWHERE = re.compile(
    r"(?P<unit>S2[A-D])_MSI(?P<level>L1C|L2A)_(?P<date>\d{8}T\d{6})_N\d{4}_R\d{3}_(?P<tile>T\d{2}[A-Z]{3})_"
)
_TIME = "%Y%m%dT%H%M%S"
_NAME = re.compile("^" + _ANYWHERE.pattern)


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
        return datetime.strptime(self.date, _TIME)


def product_facts(name: str, where: str | Path) -> ProductFacts:
    """Parse a product's name, which stands in or belongs to a file `where`.

    Raises
    ------
    InputError
        If it is no Sentinel-2 product name in the form used since December 2016.
    """
    found = _NAME.match(name)
    if found is not None and not {"/", "\\", "\0"} & set(name):
        with suppress(ValueError):  # a 13th month
            datetime.strptime(found["date"], _TIME)
            return ProductFacts(parse_level(found["level"]), found["tile"], found["date"])
    raise InputError(
        f"{where}: expected a Sentinel-2 product name such as S2A_MSIL1C_20240120T105341_N0510_R051_T31TCJ_"
        f"20240120T124049, found '{name[:100]}'"
    )


def acquisitions(text: str) -> list[tuple[str, str]]:
    """Tile and sensing time of every product's name in a text, a file's path for instance."""
    return [(found["tile"], found["date"]) for found in _ANYWHERE.finditer(text)]


def find_product(folder: Path, name: str, *, reprocessed: bool = True) -> Path | None:
    """Find a product in a folder, as a SAFE folder or zip; by default also a reprocessed one.

    Reprocessed is what has the acquisition in common; of several the last by name is taken.
    """
    stem = re.sub(r"\.SAFE$", "", name)
    for candidate in (f"{stem}.SAFE", f"{stem}.zip", f"{stem}.SAFE.zip", stem):
        if (folder / candidate).exists():
            return folder / candidate
    found = _NAME.match(stem)
    if found is None or not reprocessed:
        return None
    same = f"{found['unit']}_MSI{found['level']}_{found['date']}_N*_{found['tile']}_*"
    matches = sorted(p for p in folder.glob(same) if p.suffix in (".SAFE", ".zip"))
    return matches[-1] if matches else None


def label_grid(product: Path) -> Grid:
    """Give the 10 m grid of a product, on which reference pixels are counted."""
    with open_product(product) as opened:
        return opened.grid.at(10)
