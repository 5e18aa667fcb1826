"""The pixels that every contender gets: one array in a file, simulated or cut from a product."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from ..bands import Level
from ..errors import UsageError
from ..safe import open_product
from ..simulate.ground import WHOLE, read_square
from ..simulate.scene import Scene, simulate_scene
from ..simulate.spec import SceneSpec

_SEED = 5
_CLOUDS = ("cumulus", "cirrus")
_COVER = 0.3
_GSD = 20.0


@dataclass(frozen=True)
class Pixels:
    """Reflectance in a file.

    Attributes
    ----------
    path : Path
        ``.npy``, float32 (bands, rows, cols), NaN where missing.
    bands : tuple of str
        Names of the planes.
    level : {"L1C", "L2A"}
        Level of the pixels.
    size : int
        Rows and columns.
    text : str
        What they are, for people.
    """

    path: Path
    bands: tuple[str, ...]
    level: Level
    size: int
    text: str

    def load(self) -> npt.NDArray[np.float32]:
        """Map the array into memory."""
        array: npt.NDArray[np.float32] = np.load(self.path, mmap_mode="r")
        return array

    def to_json(self) -> str:
        """For another process."""
        return json.dumps([str(self.path), self.bands, self.level, self.size, self.text])

    @classmethod
    def from_json(cls, text: str) -> Pixels:
        """What :meth:`to_json` gave."""
        path, bands, level, size, words = json.loads(text)
        return cls(Path(path), tuple(bands), level, size, words)


def benchmark_scene(size: int) -> Scene:
    """The simulated scene of every benchmark, `size` pixels a side, at 20 m."""
    return simulate_scene(SceneSpec(_SEED, "L1C", size, _GSD, clouds=_CLOUDS, cover=_COVER))


@contextmanager
def benchmark_pixels(size: int, product: Path | None, threads: int) -> Iterator[Pixels]:
    """Make the pixels in a temporary folder that lasts as long as the context.

    Parameters
    ----------
    size : int
        Rows and columns.
    product : Path or None
        Cut from the middle of this product at 20 m; None simulates a scene, always the same.
    threads : int
        For decoding.

    Raises
    ------
    UsageError
        If the product is smaller than `size`.
    InputError
        If it cannot be read.
    """
    with TemporaryDirectory(prefix="cloudmask-bench-") as folder:
        path = Path(folder) / "pixels.npy"
        if product is None:
            scene = benchmark_scene(size)
            np.save(path, scene.reflectance)
            text = f"simulated scene, {size} x {size} px, {' and '.join(_CLOUDS)}, seed {_SEED}"
            found = Pixels(path, scene.bands, "L1C", size, text)
            del scene
        else:
            found = _cut(product, path, size, threads)
        yield found


def _cut(product: Path, path: Path, size: int, threads: int) -> Pixels:
    with open_product(product, threads=threads) as source:
        grid = source.grid.at(_GSD)
        if size > min(grid.shape):
            raise UsageError(
                f"--size {size}: {source.name} has {grid.rows} x {grid.cols} px at {_GSD:g} m; choose less"
            )
        top, left = ((n - size) // 2 // WHOLE * WHOLE for n in grid.shape)
        np.save(path, read_square(source, top, left, size, _GSD))
        text = f"middle of {source.name}, {size} x {size} px of {_GSD:g} m"
        return Pixels(path, source.bands, source.level, size, text)
