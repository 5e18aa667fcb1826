"""Reference sets (KappaSet, CloudSEN12, CloudSEN12+, ...) as patches, through the readers that scores use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError, UsageError
from ..evaluate.references.registry import Selection, open_reference
from .recipe import Recipe, SourceSpec
from .sample import Sample, coarsen, labels_from_codes


class ReferencePatches:
    """Scenes of a reference set, each read when it is asked for.

    Parameters
    ----------
    spec : SourceSpec
        ``path``, ``format`` (name of the reader) and ``count`` (at most so many scenes; 0 is all);
        ``options.split`` names the split, by default ``train``.
    recipe : Recipe
        Level, bands and ground sampling distance.

    Raises
    ------
    UsageError, InputError
        If the set is unknown, not there, or its scenes have no imagery.
    """

    def __init__(self, spec: SourceSpec, recipe: Recipe) -> None:
        strange = sorted(set(spec.options) - {"split"})
        if strange:
            raise UsageError(f"{spec.path}: option '{strange[0]}' of a reference is unknown; known is split")
        split = str(spec.options.get("split", "train"))
        selection = Selection(split=split, level=recipe.level, limit=spec.count or None)
        self._scenes = open_reference(Path(spec.path), spec.format, selection)
        without = [s.name for s in self._scenes if s.image is None]
        if without:
            raise InputError(
                f"{spec.path}: {without[0]} has labels but no imagery in the set; training needs both"
            )
        other = [s.name for s in self._scenes if s.level != recipe.level]
        if other:
            raise InputError(f"{spec.path}: {other[0]} is not {recipe.level}, which the recipe trains on")
        self._bands, self._gsd = recipe.bands, recipe.gsd
        self.odds: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self._scenes)

    def get(self, index: int) -> Sample:
        """See :class:`cloudmask.train.pool.PatchSet`."""
        scene = self._scenes[index]
        assert scene.image is not None
        image = scene.image()
        values = np.full((len(self._bands), *image.values.shape[1:]), np.nan, np.float32)
        for place, band in enumerate(self._bands):
            if band in image.bands:
                values[place] = image.values[image.bands.index(band)]
        sample = Sample(scene.name, values, labels_from_codes(scene.labels), scene.grid.gsd)
        return coarsen(sample, max(1, round(self._gsd / scene.grid.gsd)))
