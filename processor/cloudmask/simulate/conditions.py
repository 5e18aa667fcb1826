"""Draws what a scene leaves open: sun, sensor, air, season, and which cloud layers there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .atmosphere import Atmosphere, Geometry
from .clouds import cloud_kind
from .fields import stream
from .sensor import TRACK_AZIMUTH
from .spec import SceneSpec
from .spectra import SEASONS, Season

SKIES: tuple[tuple[float, tuple[str, ...]], ...] = (
    # Weights of skies: about the frequency of kinds in ISCCP, with more of what masks find hard.
    (0.10, ()),
    (0.24, ("cumulus",)),
    (0.08, ("stratocumulus",)),
    (0.04, ("stratus",)),
    (0.03, ("fog",)),
    (0.06, ("altocumulus",)),
    (0.12, ("cirrus",)),
    (0.05, ("cirrostratus",)),
    (0.03, ("contrails",)),
    (0.10, ("cumulus", "cirrus")),
    (0.04, ("cumulus", "altocumulus")),
    (0.03, ("stratocumulus", "cirrus")),
    (0.03, ("cumulus", "contrails")),
    (0.02, ("cirrus", "contrails")),
    (0.03, ("cumulus", "stratocumulus")),
)


@dataclass(frozen=True)
class LayerPlan:
    """Kind, base and depth (km) and cover (0 to 1) of a layer to be drawn."""

    kind: str
    base: float
    depth: float
    cover: float


@dataclass(frozen=True)
class Conditions:
    """All that holds for the whole scene.

    Attributes
    ----------
    geometry : Geometry
        Sun and sensor.
    air : Atmosphere
        State of the clear air.
    season : str
        Key of :data:`cloudmask.simulate.spectra.CROPS`.
    forward : float
        +1 or -1: order in which the detector sees the bands (odd and even detectors differ).
    layers : tuple of LayerPlan
        From the lowest to the highest.
    """

    geometry: Geometry
    air: Atmosphere
    season: Season
    forward: float
    layers: tuple[LayerPlan, ...]


def draw_conditions(spec: SceneSpec) -> Conditions:
    """Draw all that `spec` leaves open, from its seed."""
    rng = stream(spec.seed, "conditions")
    season = SEASONS[int(rng.integers(len(SEASONS)))]
    season = spec.season or season
    # At 10:30 local time the sun stands 20 to 75 degrees from the zenith where Sentinel-2 observes.
    typical = {"winter": 60.0, "spring": 42.0, "summer": 32.0, "autumn": 50.0}[season]
    zenith = float(np.clip(rng.normal(typical, 11.0), 12, 78))
    side = rng.random()
    # Northern middle latitudes, southern ones, tropics.
    azimuth = float(
        rng.uniform(135, 172) if side < 0.65 else rng.uniform(25, 75) if side < 0.85 else rng.uniform(45, 140)
    )
    view = float(abs(rng.uniform(-11.5, 11.5)))
    across = TRACK_AZIMUTH + (90 if rng.random() < 0.5 else -90)
    geometry = Geometry(
        zenith if spec.sun_zenith is None else spec.sun_zenith,
        azimuth if spec.sun_azimuth is None else spec.sun_azimuth,
        view,
        across % 360,
    )
    aerosol = float(np.clip(np.exp(rng.normal(np.log(0.12), 0.6)), 0.02, 0.8))
    vapour = float(np.clip(np.exp(rng.normal(np.log(2.2), 0.6)), 0.2, 6.5))
    air = Atmosphere(
        aerosol if spec.aerosol is None else spec.aerosol,
        float(rng.uniform(0.4, 1.6)),
        vapour if spec.vapour is None else spec.vapour,
        float(rng.uniform(0.26, 0.42)),
    )
    forward = 1.0 if rng.random() < 0.5 else -1.0
    weights = np.array([w for w, _ in SKIES])
    kinds = SKIES[int(rng.choice(len(SKIES), p=weights / weights.sum()))][1]
    layers = [_plan(rng, kind, spec.cover) for kind in (kinds if spec.clouds is None else spec.clouds)]
    return Conditions(geometry, air, season, forward, tuple(sorted(layers, key=lambda p: p.base)))


def _plan(rng: np.random.Generator, kind: str, cover: float | None) -> LayerPlan:
    recipe = cloud_kind(kind)
    base, depth = float(rng.uniform(*recipe.base)), float(np.exp(rng.uniform(*np.log(recipe.depth))))
    drawn = float(rng.uniform(*recipe.cover))
    return LayerPlan(kind, base, depth, drawn if cover is None else cover)
