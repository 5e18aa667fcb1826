"""From the sources of a recipe to sets of patches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..bands import parse_level
from ..errors import CloudMaskError, UsageError
from ..evaluate.references.registry import REFERENCES
from ..npz import check_npz
from ..simulate.spec import SceneSpec
from .arrays import read_arrays
from .pool import MemorySet, PatchSet, Progress, simulated_pool
from .recipe import Recipe, SourceSpec
from .references import ReferencePatches
from .sample import Sample
from .simulation import Job, draw_patch
from .teachers import add_soft_labels


def check_sources(recipe: Recipe) -> None:
    """See that sources can be simulated and read as the recipe says, before any time is spent on them.

    Raises
    ------
    UsageError
        Naming the source and the option.
    """
    for table in ("train", "validation", "scenes"):
        for number, spec in enumerate(getattr(recipe, table), 1):
            try:
                _check_source(spec, recipe)
            except CloudMaskError as error:
                raise UsageError(f"[[{table}]] {number}: {error}") from error


def _check_source(spec: SourceSpec, recipe: Recipe) -> None:
    if spec.kind == "reference" and spec.format not in REFERENCES:
        raise UsageError(f"format: expected one of {', '.join(REFERENCES)}, found '{spec.format}'")
    if spec.kind != "simulation":
        return
    options = dict(spec.options)
    skies = options.get("skies", [options.get("clouds", [])])
    if not isinstance(skies, list) or not skies or not all(_are_texts(sky) for sky in skies):
        raise UsageError(
            "options.skies, options.clouds: expected lists of kinds of cloud, skies a list of such lists, "
            f"found {skies!r}"
        )
    for key in ("season", "surface_level"):
        if not isinstance(options.get(key, ""), str):
            raise UsageError(f"options.{key}: expected text, found {options[key]!r}")
    if "surface_level" in options:
        parse_level(options["surface_level"])
    # One option after another may be drawn only late: all skies are tried, over no ground.
    ranged = {key: options[key] for key in ("cover", "season", "aerosol") if key in options}
    for sky in skies:
        SceneSpec(spec.seed, recipe.level, recipe.patch, recipe.gsd, clouds=tuple(sky), **ranged)
    draw_patch(
        Job(
            spec.seed,
            recipe.patch,
            recipe.gsd,
            recipe.level,
            recipe.bands,
            options=tuple(sorted(options.items())),
        )
    )


def sources_to_learn_from(recipe: Recipe) -> list[SourceSpec]:
    """The recipe's ``[[train]]``, with as many simulated patches as its schedule asks for."""
    share = recipe.schedule.simulated
    return [
        replace(spec, count=max(1, round(share * spec.count))) if spec.kind == "simulation" else spec
        for spec in recipe.train
    ]


def _are_texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value)


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

    Raises
    ------
    UsageError, InputError, OutputError, ModelError
        Naming the file: if a source cannot be read, a pool not be written, or a teacher not be asked.
    """
    if spec.kind != "reference":
        _check_files(spec)
    if spec.kind == "simulation":
        return simulated_pool(cache, recipe, spec, workers=workers, progress=progress)
    if spec.kind == "reference":
        return ReferencePatches(spec, recipe)
    samples = read_arrays(spec, recipe.bands, recipe.gsd)
    if teach and spec.teach and recipe.teachers:
        samples = add_soft_labels(samples, recipe.bands, recipe.level, recipe.teachers)
    return MemorySet(samples)


def _check_files(spec: SourceSpec) -> None:
    """Refuse damaged arrays, or clear scenes to simulate over, which may be drawn only late."""
    folder = Path(spec.path)
    names = {name.partition(":")[0] for name in spec.files}
    if not names and spec.kind == "arrays":
        names = {path.name for path in folder.glob("*.npz")}
    for name in sorted(names):
        check_npz(folder / name)


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
