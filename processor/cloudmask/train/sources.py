"""From the sources of a recipe to sets of patches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from .arrays import read_arrays
from .pool import MemorySet, PatchSet, Progress, simulated_pool
from .recipe import Recipe, SourceSpec
from .references import ReferencePatches
from .sample import Sample
from .teachers import add_soft_labels


def open_source(
    spec: SourceSpec,
    recipe: Recipe,
    cache: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    teach: bool = True,
) -> PatchSet:
    """The patches of one source.

    Parameters
    ----------
    spec : SourceSpec
        The source.
    recipe : Recipe
        Bands, level, resolution and teachers.
    cache : Path
        Folder for pools of simulated patches.
    workers : int
        Processes that simulate.
    progress : callable, optional
        Called with patches done and in all.
    teach : bool
        Whether to ask the teachers for soft labels; not for validation.
    """
    if spec.kind == "simulation":
        return simulated_pool(cache, recipe, spec, workers=workers, progress=progress)
    if spec.kind == "reference":
        return ReferencePatches(spec, recipe)
    samples = read_arrays(spec, recipe.bands, recipe.gsd)
    if teach and spec.teach and recipe.teachers:
        samples = add_soft_labels(samples, recipe.bands, recipe.level, recipe.teachers)
    return MemorySet(samples)


class Joined:
    """Several sets one after the other."""

    def __init__(self, sets: list[PatchSet]) -> None:
        self._sets = sets
        self.odds: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return sum(len(s) for s in self._sets)

    def get(self, index: int) -> Sample:
        """See :class:`PatchSet`."""
        for part in self._sets:
            if index < len(part):
                return part.get(index)
            index -= len(part)
        raise IndexError(index)
