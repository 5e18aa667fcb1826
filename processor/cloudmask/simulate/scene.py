"""One simulated scene: from what to draw (:class:`.spec.SceneSpec`) to what comes out (:class:`Scene`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..bands import LEVEL_BANDS
from ..classes import CloudClass
from ..errors import InputError
from .conditions import Conditions, draw_conditions
from .fields import Array
from .fitting import fitted
from .landcover import draw_surface
from .render import Stage
from .spec import SceneSpec
from .surfaces import Surface
from .truth import Thresholds, classify


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
    conditions = fitted(spec, conditions, surface)
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
