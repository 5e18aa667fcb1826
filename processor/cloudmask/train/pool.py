"""Patches to draw from: pools of simulated ones on disk, and samples held in memory."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..errors import OutputError
from .recipe import Recipe, SourceSpec
from .sample import Sample
from .simulation import Job, fingerprint, simulate_patch

Progress = Callable[[int, int], None]


class PatchSet(Protocol):
    """A sequence of samples; :meth:`get` may read from disk."""

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def get(self, index: int) -> Sample:
        """One sample; its arrays may be changed by the caller."""
        ...


class MemorySet:
    """Samples in memory."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = list(samples)

    def __len__(self) -> int:
        return len(self._samples)

    def get(self, index: int) -> Sample:
        """See :class:`PatchSet`."""
        return self._samples[index]


class DiskPool:
    """Simulated patches in memory-mapped files.

    ``values.npy`` float16 (n, bands, rows, cols) reflectance, ``labels.npy`` uint8, ``azimuth.npy``
    float32 degrees and ``done.npy`` bool. A half-made pool is continued, not made again.
    """

    def __init__(self, folder: Path, gsd: float) -> None:
        self.folder, self.gsd = folder, gsd
        self._values = np.load(folder / "values.npy", mmap_mode="r")
        self._labels = np.load(folder / "labels.npy", mmap_mode="r")
        self._azimuth = np.load(folder / "azimuth.npy")

    def __len__(self) -> int:
        return len(self._values)

    def get(self, index: int) -> Sample:
        """See :class:`PatchSet`."""
        return Sample(
            f"simulated:{index}",
            self._values[index].astype(np.float32),
            np.array(self._labels[index]),
            self.gsd,
            float(self._azimuth[index]),
        )


def pool_folder(root: Path, recipe: Recipe, spec: SourceSpec) -> Path:
    """Where the pool of a simulation lies: named by everything its pixels depend on."""
    key = {
        "bands": recipe.bands,
        "level": recipe.level,
        "gsd": recipe.gsd,
        "patch": recipe.patch,
        "path": spec.path,
        "files": spec.files,
        "seed": spec.seed,
        "count": spec.count,
        "options": dict(spec.options),
        "simulator": fingerprint(),
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    return root / f"pool-{digest}"


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
    shape = (spec.count, len(recipe.bands), recipe.patch, recipe.patch)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        values = _open(folder / "values.npy", np.float16, shape)
        labels = _open(folder / "labels.npy", np.uint8, (spec.count, recipe.patch, recipe.patch))
        azimuth = _open(folder / "azimuth.npy", np.float32, (spec.count,))
        done = _open(folder / "done.npy", np.bool_, (spec.count,))
    except OSError as error:
        raise OutputError(f"{folder}: cannot write the pool of patches: {error}") from error
    todo = [int(i) for i in np.flatnonzero(~np.asarray(done))]
    jobs = {
        i: Job(
            seed=spec.seed + i,
            size=recipe.patch,
            gsd=recipe.gsd,
            level=recipe.level,
            bands=recipe.bands,
            surfaces=tuple(str(Path(spec.path) / f) for f in spec.files) if spec.path else (),
            options=tuple(sorted(spec.options.items())),
        )
        for i in todo
    }

    def keep(i: int, sample: Sample) -> None:
        values[i], labels[i], azimuth[i] = sample.values, sample.labels, sample.sun_azimuth
        done[i] = True
        if progress is not None:
            progress(int(np.count_nonzero(done)), spec.count)

    if workers <= 1:
        for i, job in jobs.items():
            keep(i, simulate_patch(job))
    elif jobs:
        # Forking a process that runs threads of PyTorch can lock up; a fresh one cannot.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, len(jobs)), context, initializer=_single_thread) as pool:
            running = {pool.submit(simulate_patch, job): i for i, job in jobs.items()}
            for future in as_completed(running):
                keep(running[future], future.result())
    for array in (values, labels, azimuth, done):
        array.flush()
    return DiskPool(folder, recipe.gsd)


def _open(path: Path, dtype: Any, shape: tuple[int, ...]) -> Any:
    if path.is_file():
        return np.lib.format.open_memmap(path, mode="r+")
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)


def _single_thread() -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
