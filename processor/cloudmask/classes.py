"""The class schema: the one place for codes, names, colours and maps to other masks.

Codes are those of KappaMask's output rasters (Domnich et al. 2021, Remote Sensing 13:4100), so
that a chain that reads KappaMask can read this mask unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InputError


class CloudClass(IntEnum):
    """Class codes in every raster the package reads or writes."""

    UNDEFINED = 0
    """Not labelled; for reference labels only, never written by the mask."""
    CLEAR = 1
    CLOUD_SHADOW = 2
    SEMI_TRANSPARENT_CLOUD = 3
    CLOUD = 4
    MISSING = 5
    """No data: outside the swath, lost or never observed."""

    @property
    def label(self) -> str:
        """Name for people, e.g. ``"semi-transparent cloud"``."""
        return self.name.lower().replace("_", " ").replace("semi transparent", "semi-transparent")

    @property
    def key(self) -> str:
        """Name for machines: JSON keys, ``--threshold KEY=P``, SNAP bands, e.g. ``"cloud_shadow"``."""
        return self.name.lower()


SURFACE_CLASSES: tuple[CloudClass, ...] = (
    CloudClass.CLEAR,
    CloudClass.CLOUD_SHADOW,
    CloudClass.SEMI_TRANSPARENT_CLOUD,
    CloudClass.CLOUD,
)
"""The four classes of an observed pixel, in the order of probability planes."""

COLOURS: Mapping[CloudClass, tuple[int, int, int]] = MappingProxyType(
    {
        CloudClass.UNDEFINED: (0, 0, 0),
        CloudClass.CLEAR: (70, 140, 70),
        CloudClass.CLOUD_SHADOW: (60, 60, 150),
        CloudClass.SEMI_TRANSPARENT_CLOUD: (170, 200, 235),
        CloudClass.CLOUD: (255, 255, 255),
        CloudClass.MISSING: (110, 110, 110),
    }
)
"""RGB, 0 to 255, of each class in colour tables, quicklooks and SNAP."""

NODATA = int(CloudClass.MISSING)
"""The value declared as no-data in rasters."""


def parse_class(text: str) -> CloudClass:
    """Return the class for a name such as ``"cloud"``, ``"shadow"``, ``"thin"`` or a code.

    Raises
    ------
    InputError
        For a name that is none of a class's key, label, short name or code.
    """
    token = text.strip().lower().replace("-", "_").replace(" ", "_")
    short = {
        "shadow": CloudClass.CLOUD_SHADOW,
        "thin": CloudClass.SEMI_TRANSPARENT_CLOUD,
        "thin_cloud": CloudClass.SEMI_TRANSPARENT_CLOUD,
        "semi": CloudClass.SEMI_TRANSPARENT_CLOUD,
        "semi_transparent": CloudClass.SEMI_TRANSPARENT_CLOUD,
    }
    for member in CloudClass:
        if token in (member.key, str(int(member))):
            return member
    if token in short:
        return short[token]
    names = ", ".join(c.key for c in CloudClass)
    raise InputError(f"unknown class '{text}'; expected one of {names}")


@dataclass(frozen=True)
class ClassMap:
    """How another mask's codes correspond to ours.

    Attributes
    ----------
    name : str
        Short name used in reports and on the command line.
    source : str
        Where the codes are documented.
    codes : mapping of int to CloudClass
        Every code that the other mask documents, to ours. A code that says nothing about cloud
        (unclassified, dark feature) maps to UNDEFINED and is left out of scores.
    inverse : mapping of CloudClass to int
        The code written for each of ours where the other schema has one.
    """

    name: str
    source: str
    codes: Mapping[int, CloudClass]
    inverse: Mapping[CloudClass, int]

    def decode(self, raster: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Translate the other mask's codes (any shape, integers) to ours (uint8, same shape).

        Raises
        ------
        InputError
            If the raster holds a code the map does not know; the message names the codes.
        """
        array = np.asarray(raster)
        return _translate(array, {int(k): int(v) for k, v in self.codes.items()}, self.name)

    def encode(self, classes: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Translate our codes (any shape, uint8) to the other mask's (uint8, same shape)."""
        array = np.asarray(classes)
        return _translate(array, {int(k): int(v) for k, v in self.inverse.items()}, self.name)


def _translate(array: npt.NDArray[Any], table: dict[int, int], name: str) -> npt.NDArray[np.uint8]:
    if array.dtype.kind == "f":
        whole = np.isfinite(array) & (array == np.round(array))
        if not bool(whole.all()):
            raise InputError(f"class raster '{name}': expected whole numbers, found fractions or NaN")
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise InputError(f"class raster '{name}': expected integers, found {array.dtype}")
    out = np.zeros(array.shape, dtype=np.uint8)
    known = np.zeros(array.shape, dtype=bool)
    for code, target in table.items():
        hit = array == code
        out[hit] = target
        known |= hit
    if not bool(known.all()):
        strange = sorted({int(v) for v in np.unique(array[~known])})[:8]
        raise InputError(
            f"class raster '{name}' holds codes {strange} that its class map does not know; "
            f"known are {sorted(table)}"
        )
    return out


_C = CloudClass

SEN2COR_SCL = ClassMap(
    name="sen2cor",
    source="Sen2Cor scene classification (L2A PSD, S2-PDGS-TAS-DI-PSD, SCL codes 0 to 11)",
    codes=MappingProxyType(
        {
            0: _C.MISSING,  # no data
            1: _C.MISSING,  # saturated or defective
            2: _C.CLEAR,  # dark feature; topographic and cast shadow from baseline 04.00
            3: _C.CLOUD_SHADOW,
            4: _C.CLEAR,  # vegetation
            5: _C.CLEAR,  # not vegetated
            6: _C.CLEAR,  # water
            7: _C.CLEAR,  # unclassified; KappaMask's comparison counts it as clear too
            8: _C.CLOUD,  # cloud, medium probability
            9: _C.CLOUD,  # cloud, high probability
            10: _C.SEMI_TRANSPARENT_CLOUD,  # thin cirrus
            11: _C.CLEAR,  # snow or ice
        }
    ),
    inverse=MappingProxyType(
        {
            _C.UNDEFINED: 7,
            _C.CLEAR: 5,
            _C.CLOUD_SHADOW: 3,
            _C.SEMI_TRANSPARENT_CLOUD: 10,
            _C.CLOUD: 9,
            _C.MISSING: 0,
        }
    ),
)

CLOUDSEN12 = ClassMap(
    name="cloudsen12",
    source="CloudSEN12 (Aybar et al. 2022, Scientific Data 9:782): 0 clear, 1 thick, 2 thin, 3 shadow",
    codes=MappingProxyType(
        {
            0: _C.CLEAR,
            1: _C.CLOUD,
            2: _C.SEMI_TRANSPARENT_CLOUD,
            3: _C.CLOUD_SHADOW,
            99: _C.UNDEFINED,  # CloudSEN12+ marks patches padded beyond their labels with 99
            255: _C.MISSING,
        }
    ),
    inverse=MappingProxyType(
        {
            _C.UNDEFINED: 99,
            _C.CLEAR: 0,
            _C.CLOUD: 1,
            _C.SEMI_TRANSPARENT_CLOUD: 2,
            _C.CLOUD_SHADOW: 3,
            _C.MISSING: 255,
        }
    ),
)

KAPPASET = ClassMap(
    name="kappaset",
    source="KappaSet (Zenodo 7100327): 0 undefined, 1 clear, 2 shadow, 3 thin, 4 cloud, 5 missing",
    codes=MappingProxyType({int(c): c for c in CloudClass}),
    inverse=MappingProxyType({c: int(c) for c in CloudClass}),
)

OWN = ClassMap(
    name="cloudmask",
    source="this package",
    codes=KAPPASET.codes,
    inverse=KAPPASET.inverse,
)

CLASS_MAPS: Mapping[str, ClassMap] = MappingProxyType(
    {m.name: m for m in (OWN, SEN2COR_SCL, CLOUDSEN12, KAPPASET)}
)
