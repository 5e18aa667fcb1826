"""Class maps: how the codes of other programs correspond to ours. They are data, not code.

A map is a JSON object::

    {"name": "fmask", "title": "Fmask 4", "source": "where the codes are documented",
     "claims": ["clear", "cloud_shadow", "cloud"],
     "codes": {"0": "clear", "2": "cloud_shadow", "4": "cloud", "255": "missing"},
     "files": ["{product}*Fmask4.tif"]}

``"codes"`` may also name one of :data:`cloudmask.classes.CLASS_MAPS`. For bit masks ``"bits"`` takes the
place of ``"codes"``: a list of ``[bit, class]``, the first set bit decides, and ``"otherwise"`` is the
class of a pixel with none of them. ``claims`` lists the classes the program sets out to tell apart: it is
judged on no others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from ...classes import CLASS_MAPS, ClassMap, CloudClass, parse_class
from ...errors import CloudMaskError, InputError
from ..references.tables import read_json

_BITS = 63  # of a whole number with a sign


@dataclass(frozen=True)
class MaskMap:
    """One program's codes.

    Attributes
    ----------
    name, title, source : str
        For people.
    claims : frozenset of CloudClass
        What the program sets out to tell apart.
    codes : mapping of int to CloudClass
        Empty for bit masks.
    bits : tuple of (int, CloudClass)
        The first bit that is set decides; empty for codes.
    otherwise : CloudClass
        Class of a pixel with none of the bits.
    files : tuple of str
        File name patterns; ``{product}`` stands for the product's name without ``.SAFE``,
        ``{tile}`` and ``{date}`` for its parts, ``{scene}`` for the scene's name.
    """

    name: str
    title: str
    source: str
    claims: frozenset[CloudClass]
    codes: Mapping[int, CloudClass]
    bits: tuple[tuple[int, CloudClass], ...]
    otherwise: CloudClass
    files: tuple[str, ...]

    def decode(self, raster: npt.NDArray[np.generic], where: str) -> npt.NDArray[np.uint8]:
        """Translate codes or bits (any shape, integers) to our classes.

        Raises
        ------
        InputError
            If the raster holds a code the map does not know; the message names file and codes.
        """
        try:
            if not self.bits:
                return ClassMap(self.name, self.source, self.codes, {}).decode(raster)
            if raster.dtype.kind not in "iu":
                raise InputError(f"expected integers with bit flags, found {raster.dtype}")
        except CloudMaskError as error:
            raise InputError(f"{where}: {error}") from error
        out = np.full(raster.shape, int(self.otherwise), np.uint8)
        whole = raster.astype(np.int64)
        for bit, target in reversed(self.bits):
            out[(whole >> bit) & 1 == 1] = int(target)
        return out


def parse_class_map(data: Any, where: str) -> MaskMap:
    """Check a JSON object and make a map of it.

    Raises
    ------
    InputError
        If a key is missing or a class or code is unknown.
    """
    if not isinstance(data, dict) or not ({"codes", "bits"} & set(data)):
        raise InputError(f"{where}: expected a JSON object with 'codes' or 'bits'")
    try:
        codes = _codes(data.get("codes", {}))
        bits = tuple((int(bit), parse_class(str(name))) for bit, name in data.get("bits", []))
        if not all(0 <= bit < _BITS for bit, _ in bits):
            raise InputError(f"bits: expected numbers from 0 to {_BITS - 1}, found {[b for b, _ in bits]}")
        otherwise = parse_class(str(data.get("otherwise", "clear")))
        known = {*codes.values(), *(c for _, c in bits), *([otherwise] if bits else [])}
        claims = frozenset(parse_class(str(c)) for c in data.get("claims", [])) or frozenset(
            known - {CloudClass.UNDEFINED, CloudClass.MISSING}
        )
    except (CloudMaskError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where}: {error}") from error
    if not claims <= known:
        absent = ", ".join(c.key for c in sorted(claims - known))
        raise InputError(f"{where}: claims {absent}, which no code stands for")
    files = data.get("files", [])
    files = files if isinstance(files, list) else [files]
    for pattern in files:
        if not isinstance(pattern, str) or not _usable(pattern):
            raise InputError(
                f"{where}: files: expected a list of names such as '{{product}}_mask.tif', below the "
                f"folder of masks, found {pattern!r:.60}"
            )
    name = str(data.get("name", Path(where).stem))
    return MaskMap(
        name=name,
        title=str(data.get("title", name)),
        source=str(data.get("source", where)),
        claims=claims,
        codes=MappingProxyType(codes),
        bits=bits,
        otherwise=otherwise,
        files=tuple(files),
    )


def _usable(pattern: str) -> bool:
    """Whether a file name pattern can be looked for below a folder."""
    parts = PurePosixPath(pattern).parts
    return (
        bool(parts)
        and not {"/", ".."} & set(parts)
        and "\0" not in pattern
        and not any("**" in part and part != "**" for part in parts)
    )


def _codes(given: Any) -> dict[int, CloudClass]:
    if isinstance(given, str):
        if given not in CLASS_MAPS:
            raise InputError(f"unknown codes '{given}'; expected an object or one of {', '.join(CLASS_MAPS)}")
        return dict(CLASS_MAPS[given].codes)
    return {int(code): parse_class(str(name)) for code, name in dict(given).items()}


@cache
def class_maps() -> Mapping[str, MaskMap]:
    """Read the maps that come with the package, by name."""
    text = resources.files("cloudmask.evaluate").joinpath("data/class_maps.json").read_text("utf-8")
    maps = [parse_class_map(entry, f"class_maps.json: {entry.get('name')}") for entry in json.loads(text)]
    return MappingProxyType({m.name: m for m in maps})


def find_class_map(name: str) -> MaskMap:
    """Find a map by name, or in a JSON file.

    Raises
    ------
    InputError
        If there is none of that name and no such file.
    """
    if name in class_maps():
        return class_maps()[name]
    path = Path(name)
    if path.suffix == ".json":
        return parse_class_map(read_json(path, "a class map"), str(path))
    raise InputError(
        f"no class map '{name}'; expected one of {', '.join(class_maps())}, or a .json file with one"
    )
