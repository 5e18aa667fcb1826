"""Simulated patches for training: one job, one seed, one sample, in whichever process it runs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .. import simulate
from ..bands import BAND_NAMES, LEVEL_BANDS, Level, parse_level
from ..errors import UsageError
from ..simulate.scene import simulate_scene
from ..simulate.spec import SceneSpec
from ..simulate.surfaces import ArraySurface, Surface
from .arrays import read_arrays
from .recipe import SourceSpec
from .sample import FloatArray, Sample, labels_from_codes
from .turns import possible_turns

_PROCEDURAL = "procedural"
_CLEAR = "clear"
_SKIES = "skies"
_GROUND = "surface_level"
_DRAWING = ("arrays.py", "sample.py", "turns.py", "../bands.py")
"""Other modules that pixels and labels depend on: they draw the ground, average and label it."""
_SCENE_KEYS = ("clouds", "cover", "season", "aerosol")


@dataclass(frozen=True)
class Job:
    """One patch to simulate.

    Attributes
    ----------
    seed : int
        Of the patch; everything drawn depends on it alone.
    size : int
        Rows and columns.
    gsd : float
        Metres.
    level : "L1C" or "L2A"
        Of the patch, and of the surfaces unless the options say otherwise.
    bands : tuple of str
        Bands in order.
    surfaces : tuple of str
        Files of clear scenes, ``path.npz`` or ``path.npz:key``.
    options : tuple of (str, object)
        ``procedural``: share of patches over procedural ground where there are surfaces (0.5);
        ``clear``: share of patches without any cloud, beyond those the simulator draws (0);
        ``skies``: lists of cloud kinds, one of which is taken, each as likely as the others;
        ``surface_level``: L1C or L2A, level of the surfaces; from L1C the simulator's processor makes L2A;
        ``clouds``, ``cover``, ``season``, ``aerosol``: passed to the simulator.
    """

    seed: int
    size: int
    gsd: float
    level: Level
    bands: tuple[str, ...]
    surfaces: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()


def draw_patch(job: Job) -> tuple[SceneSpec, Surface | None]:
    """What to simulate for one patch, and over which clear scene; None is procedural ground.

    Raises
    ------
    UsageError
        For an option that is not one of :class:`Job`'s.
    InputError
        If a surface cannot be read.
    """
    options = dict(job.options)
    known = (_PROCEDURAL, _CLEAR, _SKIES, _GROUND, *_SCENE_KEYS)
    strange = sorted(set(options) - set(known))
    if strange:
        raise UsageError(f"simulation option '{strange[0]}' is unknown; known are {', '.join(known)}")
    rng = np.random.default_rng([job.seed, 0x51])
    scene: dict[str, Any] = {k: options[k] for k in _SCENE_KEYS if k in options}
    if _SKIES in options:
        skies = options[_SKIES]
        scene["clouds"] = skies[int(rng.integers(len(skies)))]
    if "clouds" in scene:
        scene["clouds"] = tuple(scene["clouds"])
    if rng.random() < float(options.get(_CLEAR, 0.0)):
        scene["clouds"] = ()
    surface: Surface | None = None
    if job.surfaces and rng.random() >= float(options.get(_PROCEDURAL, 0.5)):
        surface = _surface(rng, job, parse_level(options.get(_GROUND, job.level)))
    return SceneSpec(job.seed, job.level, job.size, job.gsd, **scene), surface


def simulate_patch(job: Job) -> Sample:
    """Simulate one patch; raises what :func:`draw_patch` does."""
    made = simulate_scene(*draw_patch(job))
    values = np.full((len(job.bands), job.size, job.size), np.nan, np.float32)
    for place, band in enumerate(job.bands):
        if band in made.bands:
            values[place] = made.reflectance[made.bands.index(band)]
    return Sample(f"simulated:{job.seed}", values, labels_from_codes(made.classes), job.gsd, made.sun_azimuth)


def _surface(rng: np.random.Generator, job: Job, level: Level) -> Surface:
    """A turned square of one of the clear scenes, mirrored where it is too small."""
    pieces = _clear_scenes(job.surfaces, level, job.gsd)
    values = pieces[int(rng.integers(len(pieces)))]
    turns = possible_turns(float("nan"))
    values = np.asarray(turns[int(rng.integers(len(turns)))].apply(values), np.float32)
    rows, cols = values.shape[1:]
    pads = [(0, max(0, job.size - n)) for n in (rows, cols)]
    values = np.pad(values, [(0, 0), *pads], "symmetric")
    top, left = (int(rng.integers(n - job.size + 1)) for n in values.shape[1:])
    values = values[:, top : top + job.size, left : left + job.size]
    names = [b for b in BAND_NAMES if b in LEVEL_BANDS[level]]
    there = [i for i in range(len(names)) if np.isfinite(values[i]).any()]
    return ArraySurface(values[there], [names[i] for i in there], level=level)


@lru_cache(maxsize=4)
def _clear_scenes(files: tuple[str, ...], level: Level, gsd: float) -> list[FloatArray]:
    bands = LEVEL_BANDS[level]
    out = []
    for file in files:
        path = Path(file)
        spec = SourceSpec("arrays", path=str(path.parent), files=(path.name,), labels="clear")
        out += [s.values for s in read_arrays(spec, bands, gsd)]
    return out


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Hash of the code that makes pixels, so that no pool outlives the physics in it."""
    folder, here = Path(simulate.__file__).parent, Path(__file__)
    digest = hashlib.sha256()
    for path in (*sorted(folder.glob("*.py")), here, *(here.parent / name for name in _DRAWING)):
        if not path.name.startswith("safe_"):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]
