"""Patches to draw from: pools of simulated ones on disk, and samples held in memory."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..errors import InputError, OutputError
from ..onnx_model import file_hash
from ..processes import map_ahead
from .recipe import Recipe, SourceSpec
from .sample import Sample
from .simulation import Job, fingerprint, simulate_patch

Progress = Callable[[int, int], None]

_AHEAD = 4
"""Patches that a process is asked for before its last ones are taken: a slow one does not stop the others."""


class PatchSet(Protocol):
    """A sequence of samples; :meth:`get` may read from disk.

    Attributes
    ----------
    odds : float (n,) or None
        How likely each is to be drawn: as its pixels are among all. None where all have the same.
    """

    odds: npt.NDArray[np.float64] | None

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def get(self, index: int) -> Sample:
        """One sample; its arrays are not the caller's to change."""
        ...


class MemorySet:
    """Samples in memory."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = list(samples)
        areas = np.array([s.labels.size for s in self._samples], float)
        self.odds: npt.NDArray[np.float64] | None = areas / max(1.0, areas.sum())

    def __len__(self) -> int:
        return len(self._samples)

    def get(self, index: int) -> Sample:
        """See :class:`PatchSet`."""
        return self._samples[index]


class DiskPool:
    """Simulated patches, one ``.npz`` file each, named by its seed.

    A file holds ``values`` float16 (bands, rows, cols) reflectance, ``labels`` uint8 and ``azimuth``
    in degrees. Files appear whole or not at all, so a half-made pool is continued, a larger one grows
    from a smaller, and several processes may fill one.
    """

    def __init__(self, folder: Path, seeds: range, gsd: float) -> None:
        self.folder, self.seeds, self.gsd = folder, seeds, gsd
        self.odds: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.seeds)

    def path(self, seed: int) -> Path:
        """File of one patch."""
        return self.folder / f"{seed}.npz"

    def get(self, index: int) -> Sample:
        """See :class:`PatchSet`."""
        path = self.path(self.seeds[index])
        try:
            with np.load(path, allow_pickle=False) as data:
                values, labels = data["values"], data["labels"]
                return Sample(f"simulated:{path.stem}", values, labels, self.gsd, float(data["azimuth"]))
        except (zipfile.BadZipFile, zlib.error) as error:
            raise InputError(f"{path}: a damaged patch ({error}); delete it and --resume") from error
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise InputError(f"{path}: not a simulated patch ({error}); delete it and --resume") from error

    def put(self, sample: Sample, seed: int) -> None:
        """Write one patch."""
        path = self.path(seed)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                np.savez(
                    file,
                    values=sample.values.astype(np.float16),
                    labels=sample.labels,
                    azimuth=np.float32(sample.sun_azimuth),
                )
            os.replace(part, path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise OutputError(f"{path}: cannot write the simulated patch: {error.strerror}") from error


def pool_folder(root: Path, recipe: Recipe, spec: SourceSpec) -> Path:
    """Where the pool of a simulation lies: named by everything but the seed that pixels depend on.

    Raises
    ------
    InputError
        If a clear scene is not there.
    """
    key = {
        "bands": recipe.bands,
        "level": recipe.level,
        "gsd": recipe.gsd,
        "patch": recipe.patch,
        "path": spec.path,
        "files": [_content(Path(spec.path) / f.partition(":")[0], f) for f in spec.files],
        "options": dict(spec.options),
        "simulator": fingerprint(),
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    return root / f"pool-{digest}"


def _content(path: Path, named: str) -> list[str]:
    try:
        return [named, file_hash(path)]
    except OSError as error:
        raise InputError(f"{path}: cannot read the clear scene: {error.strerror}") from error


def jobs_of(recipe: Recipe, spec: SourceSpec) -> list[Job]:
    """All patches of a simulation."""
    return [
        Job(
            seed=seed,
            size=recipe.patch,
            gsd=recipe.gsd,
            level=recipe.level,
            bands=recipe.bands,
            surfaces=tuple(str(Path(spec.path) / f) for f in spec.files) if spec.path else (),
            options=tuple(sorted(spec.options.items())),
        )
        for seed in range(spec.seed, spec.seed + spec.count)
    ]


def simulated_pool(
    root: Path, recipe: Recipe, spec: SourceSpec, *, workers: int, progress: Progress | None = None
) -> DiskPool:
    """Open the pool of a simulation, simulating what is not there yet with `workers` processes.

    Raises
    ------
    OutputError
        If the pool cannot be written.
    """
    folder = pool_folder(root, recipe, spec)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot make the pool of patches: {error.strerror}") from error
    pool = DiskPool(folder, range(spec.seed, spec.seed + spec.count), recipe.gsd)
    jobs = [job for job in jobs_of(recipe, spec) if not pool.path(job.seed).is_file()]
    workers = 0 if len(jobs) < 2 or workers < 2 else min(workers, len(jobs))
    with closing(map_ahead(simulate_patch, jobs, workers=workers, ahead=_AHEAD)) as samples:
        for done, (job, sample) in enumerate(zip(jobs, samples, strict=True), 1):
            pool.put(sample, job.seed)
            if progress is not None:
                progress(spec.count - len(jobs) + done, spec.count)
    return pool
