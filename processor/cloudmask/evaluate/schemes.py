"""Comparisons by name: which classes are told apart, and which masks can be asked to.

A mask that knows clouds but no shadow is judged on clouds; one that knows thin cloud is also judged
on that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from ..classes import CloudClass
from ..metrics import N_CODES


def _indicator(
    groups: Sequence[frozenset[CloudClass]], dtype: np.dtype[np.generic]
) -> npt.NDArray[np.generic]:
    """1 where a class (row) belongs to a group (column)."""
    out = np.zeros((N_CODES, len(groups)), dtype)
    for column, members in enumerate(groups):
        for member in members:
            out[int(member), column] = 1
    return out


@dataclass(frozen=True)
class Scheme:
    """Which classes a comparison tells apart.

    Attributes
    ----------
    name : str
        Short name, e.g. ``"three-class"``.
    title : str
        For people.
    groups : tuple of (str, frozenset of CloudClass)
        Names and members in order. Reference pixels in no group are left out of the comparison;
        mask pixels in no group (undefined, missing) are counted apart, not scored.
    target : str
        In a two-group scheme the group that is looked for, else empty.
    needs : frozenset of CloudClass
        Classes a mask must have to be judged so, beyond one of each group.
    columns : tuple of frozenset of CloudClass
        Mask classes that count for each group, where they are not the group's own members.
    """

    name: str
    title: str
    groups: tuple[tuple[str, frozenset[CloudClass]], ...]
    target: str = ""
    needs: frozenset[CloudClass] = frozenset()
    columns: tuple[frozenset[CloudClass], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Group names in order."""
        return tuple(name for name, _ in self.groups)

    def fold(self, matrix: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Sum class counts ``(..., 6, 6)`` to group counts ``(..., k, k)``."""
        rows = _indicator([members for _, members in self.groups], matrix.dtype)
        columns = _indicator(self.columns, matrix.dtype) if self.columns else rows
        return np.asarray(rows.T @ matrix @ columns)

    def unobserved(self, matrix: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Count reference pixels of the scheme on which the mask says nothing, ``(...,)``."""
        inside = sorted({int(c) for _, members in self.groups for c in members})
        silent = [int(CloudClass.UNDEFINED), int(CloudClass.MISSING)]
        counts: npt.NDArray[np.generic] = matrix[..., inside, :][..., silent].sum(axis=(-1, -2))
        return counts

    def claimed_by(self, claims: frozenset[CloudClass]) -> bool:
        """Whether a mask with these classes can tell every group from the others."""
        return self.needs <= claims and all(members & claims for _, members in self.groups)


_CLEAR, _SHADOW = frozenset({CloudClass.CLEAR}), frozenset({CloudClass.CLOUD_SHADOW})
_SEMI, _CLOUD = frozenset({CloudClass.SEMI_TRANSPARENT_CLOUD}), frozenset({CloudClass.CLOUD})
_ANY = _SEMI | _CLOUD

SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        s.name: s
        for s in (
            Scheme(
                "four-class",
                "Clear, cloud shadow, semi-transparent cloud, cloud",
                (
                    ("clear", _CLEAR),
                    ("cloud_shadow", _SHADOW),
                    ("semi_transparent_cloud", _SEMI),
                    ("cloud", _CLOUD),
                ),
            ),
            Scheme(
                "three-class",
                "Clear, cloud shadow, cloud of either kind",
                (("clear", _CLEAR), ("cloud_shadow", _SHADOW), ("cloud", _ANY)),
            ),
            Scheme(
                "cloud",
                "Cloud of either kind against everything else (shadow counts as no cloud)",
                (("no_cloud", _CLEAR | _SHADOW), ("cloud", _ANY)),
                "cloud",
            ),
            Scheme(
                "thick-cloud",
                "Cloud against no cloud, semi-transparent reference pixels left out",
                (("no_cloud", _CLEAR | _SHADOW), ("cloud", _CLOUD)),
                "cloud",
                columns=(_CLEAR | _SHADOW, _ANY),
            ),
            Scheme(
                "cloud-shadow",
                "Cloud shadow against everything else",
                (("no_shadow", _CLEAR | _ANY), ("cloud_shadow", _SHADOW)),
                "cloud_shadow",
            ),
            Scheme(
                "valid",
                "Clear against cloud and shadow together",
                (("contaminated", _SHADOW | _ANY), ("clear", _CLEAR)),
                "clear",
                needs=_SHADOW,
            ),
        )
    }
)
"""The comparisons by name. In ``thick-cloud`` a mask pixel called semi-transparent counts as cloud."""
