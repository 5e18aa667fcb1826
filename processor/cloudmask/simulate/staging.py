"""A cloud layer put in its place: the parts of its field that the sun and each band look through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from . import sensor
from .atmosphere import AEROSOL_HEIGHT, Atmosphere, BandAtmosphere, band_atmosphere, gas_transmittance
from .clouds import CloudLayer, cloud_kind, draw_layer
from .conditions import Conditions
from .fields import Array, stream
from .optics import Fluxes, anisotropy, particle, two_stream
from .shadows import Lighting, light_layer, offset, penumbra, thickness_index, thickness_scale
from .spec import SceneSpec

_Kind = TypeVar("_Kind", bound=np.generic)


@dataclass(frozen=True)
class Window:
    """Part of a layer's domain that one set of rays crosses, as first row and column."""

    row: int
    col: int


class StagedLayer:
    """A layer in place: its domain, light, and windows for sun and bands."""

    def __init__(self, spec: SceneSpec, conditions: Conditions, number: int) -> None:
        plan = conditions.layers[number]
        geometry, n = conditions.geometry, spec.size
        recipe = cloud_kind(plan.kind)
        self._size = n
        middle = plan.base + 0.6 * plan.depth
        seen = offset(middle, geometry.view_zenith, geometry.view_azimuth, spec.gsd)
        lit_height = plan.base if recipe.convective else plan.base + 0.5 * plan.depth
        sun = offset(lit_height, geometry.sun_zenith, geometry.sun_azimuth, spec.gsd)
        move = [round(sun[0] - seen[0]), round(sun[1] - seen[1])]
        track = offset(middle, 45.0, sensor.TRACK_AZIMUTH, spec.gsd)
        reach = max(abs(sensor.parallax(b)) for b in sensor.DELAY)
        pad = int(np.ceil(reach * max(abs(track[0]), abs(track[1])))) + 2
        if max(abs(move[0]), abs(move[1])) >= n:
            # The clouds that shade the frame are all outside it: any other part of the field will do.
            move = [0, n + pad]
        # Light enters tall columns further towards the sun than it leaves their base.
        climb = offset(
            plan.depth if recipe.convective else 0.0, geometry.sun_zenith, geometry.sun_azimuth, spec.gsd
        )
        more = [int(np.clip(np.ceil(abs(v)), 0, n // 2)) * (1 if v > 0 else -1) for v in climb]
        self._track = (track[0] * conditions.forward, track[1] * conditions.forward)
        self._home = Window(
            pad + max(0, -move[0]) + max(0, -more[0]), pad + max(0, -move[1]) + max(0, -more[1])
        )
        self._sunny = Window(self._home.row + move[0], self._home.col + move[1])
        shape = (n + 2 * pad + abs(move[0]) + abs(more[0]), n + 2 * pad + abs(move[1]) + abs(more[1]))
        rng = stream(spec.seed, "layer", number, plan.kind)
        self.layer: CloudLayer = draw_layer(
            rng, plan.kind, shape, spec.gsd, plan.base, plan.depth, plan.cover
        )
        self.index = thickness_index(self.layer.thickness)
        self._optics: dict[str, tuple[Fluxes, Array]] = {}
        self._geometry = geometry
        self.asymmetry = particle(self.layer.phase, self.layer.radius, "B04").asymmetry
        self.light: Lighting = light_layer(
            self.index,
            plan.depth,
            geometry,
            spec.gsd,
            asymmetry=self.asymmetry,
            convective=recipe.convective,
        )
        smear = plan.depth / 12 if recipe.convective else plan.depth
        self.sun_path = self._cut(self.light.path, self._sunny)
        beam = np.exp(np.float32(-(1 - self.asymmetry**2) / geometry.mu0) * self.sun_path)
        self.beam = penumbra(beam, lit_height, smear, geometry, spec.gsd)
        self.sun_index = thickness_index(self.sun_path)

    def _cut(self, field: npt.NDArray[_Kind], window: Window) -> npt.NDArray[_Kind]:
        return field[window.row : window.row + self._size, window.col : window.col + self._size]

    def view(self, band: str, field: npt.NDArray[_Kind]) -> npt.NDArray[_Kind]:
        """Part of `field` that the band sees; moved along the track by the layer's parallax."""
        t = sensor.parallax(band)
        window = Window(
            self._home.row + round(t * self._track[0]), self._home.col + round(t * self._track[1])
        )
        return self._cut(field, window)

    def optics(self, band: str) -> tuple[Fluxes, Array]:
        """Fluxes and reflectance towards the sensor, on the scale of optical thickness."""
        if band not in self._optics:
            scale = thickness_scale()
            kind = particle(self.layer.phase, self.layer.radius, band)
            fluxes = two_stream(scale, self._geometry.mu0, kind)
            bend = anisotropy(scale, self._geometry.mu0, self._geometry.scattering_angle, self.layer.phase)
            self._optics[band] = (fluxes, (fluxes.reflected * bend).astype(np.float32))
        return self._optics[band]

    def air_above(self, band: str, air: Atmosphere) -> BandAtmosphere:
        """Clear air above the layer, with the vapour that its light passes.

        Light wanders through the saturated air of droplet clouds, as if it had gone down below their base by
        their depth (oxygen A-band studies find paths of 2 to 4 times the geometrical depth: Pfeilsticker et
        al. 1998, J. Geophys. Res. 103:11483), but no further than half way to the ground; ice clouds are dry.
        """
        height = self.layer.middle
        thinner = replace(
            air, altitude=air.altitude + height, aerosol=air.aerosol * float(np.exp(-height / AEROSOL_HEIGHT))
        )
        above = band_atmosphere(band, self._geometry, thinner)
        layer = self.layer
        wet = max(0.5 * layer.base, layer.base - layer.depth)
        depth = height if layer.phase == "ice" else wet
        return replace(above, gas=gas_transmittance(band, self._geometry.airmass, air, depth))
