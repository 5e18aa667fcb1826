"""One simulated scene: what to draw (:class:`SceneSpec`), how, and what comes out (:class:`Scene`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..bands import LEVEL_BANDS, Level, parse_level
from ..classes import CloudClass
from ..errors import InputError, UsageError
from .clouds import CLOUD_KINDS
from .conditions import Conditions, draw_conditions
from .fields import Array
from .landcover import BIOMES, draw_surface
from .render import Stage
from .spectra import SEASONS
from .surfaces import Surface
from .truth import Thresholds, classify


@dataclass(frozen=True)
class SceneSpec:
    """What to simulate; whatever is None is drawn, plausibly and from the seed alone.

    Attributes
    ----------
    seed : int
        Not negative. Same specification, same scene, to the bit on one machine.
    level : {"L1C", "L2A"}
        Reflectance at the top of the atmosphere, or at the ground as a processor finds it.
    size : int
        Rows and columns at `gsd`.
    gsd : float
        Ground sampling distance, metres.
    biome : str or None
        Procedural ground, key of :data:`cloudmask.simulate.landcover.BIOMES`.
    season : str or None
        winter, spring, summer or autumn.
    clouds : tuple of str or None
        Kinds of cloud layers, keys of :data:`cloudmask.simulate.clouds.CLOUD_KINDS`; () is a clear sky.
    cover : float or None
        Share of the scene under each layer, 0 to 1.
    sun_zenith, sun_azimuth : float or None
        Degrees; azimuth clockwise from north.
    aerosol : float or None
        Optical depth at 550 nm.
    vapour : float or None
        Column of water vapour, g/cm2.

    Raises
    ------
    UsageError
        On construction, if a value is outside its range.
    """

    seed: int
    level: Level = "L1C"
    size: int = 256
    gsd: float = 20.0
    biome: str | None = None
    season: str | None = None
    clouds: tuple[str, ...] | None = None
    cover: float | None = None
    sun_zenith: float | None = None
    sun_azimuth: float | None = None
    aerosol: float | None = None
    vapour: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "level", parse_level(self.level))
        if self.seed < 0:
            raise UsageError(f"seed must be 0 or more, found {self.seed}")
        if self.size < 16:
            raise UsageError(f"size must be at least 16 pixels, found {self.size}")
        _check("gsd", self.gsd, 5, 120)
        _check("cover", self.cover, 0, 1)
        _check("sun_zenith", self.sun_zenith, 0, 85)
        _check("sun_azimuth", self.sun_azimuth, 0, 360)
        _check("aerosol", self.aerosol, 0, 3)
        _check("vapour", self.vapour, 0, 8)
        if self.season is not None and self.season not in SEASONS:
            raise UsageError(f"season '{self.season}' is unknown; expected one of {', '.join(SEASONS)}")
        if self.biome is not None and self.biome not in BIOMES:
            raise UsageError(f"biome '{self.biome}' is unknown; expected one of {', '.join(BIOMES)}")
        for kind in self.clouds or ():
            if kind not in CLOUD_KINDS:
                raise UsageError(f"cloud kind '{kind}' is unknown; expected {', '.join(CLOUD_KINDS)}")


def _check(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise UsageError(f"{name} must be {low} to {high}, found {value}")


@dataclass(frozen=True)
class Scene:
    """A simulated scene and its truth.

    Attributes
    ----------
    spec : SceneSpec
        What was asked for.
    conditions : Conditions
        What was drawn: sun, air, season, layers.
    bands : tuple of str
        Names of the first axis of `reflectance`.
    reflectance : numpy.ndarray
        float32 (bands, rows, cols); top of atmosphere for L1C, ground for L2A; NaN where the surface
        given had no value.
    classes : numpy.ndarray
        uint8 (rows, cols), codes of :class:`cloudmask.classes.CloudClass`.
    optical_thickness : numpy.ndarray
        float32 (rows, cols), vertical, of all cloud layers seen in the pixel.
    direct_transmittance : numpy.ndarray
        float32 (rows, cols), share of the sun's beam that reaches the ground through the clouds.
    """

    spec: SceneSpec
    conditions: Conditions
    bands: tuple[str, ...]
    reflectance: Array
    classes: npt.NDArray[np.uint8]
    optical_thickness: Array
    direct_transmittance: Array

    @property
    def sun_zenith(self) -> float:
        """Degrees."""
        return self.conditions.geometry.sun_zenith

    @property
    def sun_azimuth(self) -> float:
        """Degrees clockwise from north."""
        return self.conditions.geometry.sun_azimuth


def simulate_scene(
    spec: SceneSpec, surface: Surface | None = None, *, thresholds: Thresholds | None = None
) -> Scene:
    """Simulate a scene over procedural ground or over the clear scene given.

    Parameters
    ----------
    spec : SceneSpec
        What to simulate.
    surface : Surface, optional
        Ground, ``spec.size`` pixels square at ``spec.gsd``. Bands that it lacks are left out of the
        scene, except B10, which sees no ground.
    thresholds : Thresholds, optional
        Limits between the classes.

    Raises
    ------
    InputError
        If the surface has another size or no band of the level.
    """
    shape = (spec.size, spec.size)
    conditions = draw_conditions(spec)
    if surface is None:
        surface = draw_surface(spec.seed, shape, spec.gsd, conditions.season, conditions.geometry, spec.biome)
    if surface.shape != shape:
        raise InputError(
            f"surface has {surface.shape[0]} x {surface.shape[1]} pixels, the scene {spec.size} x {spec.size}"
        )
    stage = Stage(spec, conditions, surface)
    bands = tuple(b for b in LEVEL_BANDS[spec.level] if stage.has(b))
    if not bands:
        raise InputError(f"surface has no band of level {spec.level}; it has {', '.join(surface.bands)}")
    reflectance = np.empty((len(bands), *shape), np.float32)
    for i, band in enumerate(bands):
        reflectance[i] = stage.observed(band)
    gaps = surface.missing()
    if gaps is not None:
        for i, band in enumerate(bands):
            if band in surface.bands:
                reflectance[i][gaps[surface.bands.index(band)]] = np.nan
    classes = classify(
        stage.contribution(), stage.contrast(), stage.illumination("B8A"), thresholds or Thresholds()
    )
    if gaps is not None:
        classes[gaps.all(axis=0)] = int(CloudClass.MISSING)
    return Scene(
        spec, conditions, bands, reflectance, classes, stage.optical_thickness(), stage.direct_transmittance
    )
