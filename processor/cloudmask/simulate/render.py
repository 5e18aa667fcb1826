"""Composes one band of a scene: ground, light, clouds, air, sensor, and for L2A the processor's inverse."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from . import sensor
from .atmosphere import BandAtmosphere, band_atmosphere, scatterers
from .conditions import Conditions
from .fields import Array, block_mean, spread, stream
from .processor import Processor
from .shadows import offset, thickness_scale
from .spec import SceneSpec
from .staging import StagedLayer
from .surfaces import Surface

BLOCK = 8
"""Side in pixels of the blocks on which smooth quantities (sky light, surroundings) are computed."""

ADJACENCY = 0.6
"""Reach in km (standard deviation) of light that air scatters into a pixel from around it; most comes from
within 1 km (Tanre et al. 1981; Sen2Cor's default range of adjacency is 1 km)."""

_SLICES = 24
"""Most heights at which the light on a line of sight is looked up."""

BRIGHTEST = 1.0
"""Light that leaves the brightest ground under a cloud, as a share of what falls on it."""


def _table(values: npt.NDArray[np.float64]) -> Array:
    return values.astype(np.float32)


class Stage:
    """A scene with everything in place, rendered band by band.

    Parameters
    ----------
    spec : SceneSpec
        Size, sampling distance, level and seed.
    conditions : Conditions
        Sun, air and layers.
    surface : Surface
        Ground of the same size.
    """

    def __init__(self, spec: SceneSpec, conditions: Conditions, surface: Surface) -> None:
        self._spec, self._conditions, self._surface = spec, conditions, surface
        self._shape = (spec.size, spec.size)
        self.layers = [StagedLayer(spec, conditions, i) for i in range(len(conditions.layers))]
        beam = np.ones(self._shape, np.float32)
        for layer in self.layers:
            beam *= layer.beam
        self.direct_transmittance: Array = beam
        self._clear: dict[str, BandAtmosphere] = {}

    def has(self, band: str) -> bool:
        """Whether the band can be rendered: its ground is known or, for B10, does not matter."""
        return band in self._surface.bands or (band == "B10" and "B11" in self._surface.bands)

    def air(self, band: str) -> BandAtmosphere:
        """Clear atmosphere of the scene in one band."""
        if band not in self._clear:
            self._clear[band] = band_atmosphere(band, self._conditions.geometry, self._conditions.air)
        return self._clear[band]

    def _blur(self, field: Array, distance: float) -> Array:
        """Smooth a field with a Gaussian of standard deviation `distance` (km), on blocks."""
        coarse = block_mean(field, BLOCK)
        coarse = ndimage.gaussian_filter(coarse, distance * 1000 / self._spec.gsd / BLOCK, mode="nearest")
        return spread(coarse, self._shape, BLOCK)

    def _ground(self, band: str) -> Array:
        """Light that leaves clear, evenly lit ground: r / (1 - sphere r)."""
        air = self.air(band)
        source = band if band in self._surface.bands else "B11"
        values = self._surface.band(source)
        if self._surface.shade is not None:
            # A slope away from the sun still has the light of the sky.
            direct = np.float32(air.direct)
            values = values * (direct * self._surface.shade + (1 - direct))
        if self._surface.level == "L2A" or source != band:
            light: Array = values / (1 - np.float32(air.sphere) * values)
        else:
            light = values * np.float32(1 / air.gas) - np.float32(air.path)
            light *= np.float32(1 / (air.down * air.up))
        return light

    def illumination(self, band: str) -> Array:
        """Light on the ground relative to clear sky, float32 (rows, cols)."""
        if not self.layers:
            return np.ones(self._shape, np.float32)
        share = self.air(band).direct
        total = np.ones(self._shape, np.float32)
        sky = np.ones(self._shape, np.float32)
        for layer in self.layers:
            fluxes, _ = layer.optics(band)
            # Light that a heap's lit side throws back goes down as often as up.
            down = fluxes.direct + fluxes.diffuse + 0.5 * layer.light.side * fluxes.reflected
            total *= _table(down)[layer.sun_index]
            sky *= _table(fluxes.transmitted_diffuse)[layer.view(band, layer.index)]
        scattered = (
            np.float32(share) * np.maximum(total - self.direct_transmittance, 0) + np.float32(1 - share) * sky
        )
        base = max(self._conditions.layers[0].base, 0.1)
        light: Array = np.float32(share) * self.direct_transmittance + self._blur(scattered, 0.6 * base)
        return light

    def _air_light(self, band: str, light: Array) -> Array:
        """Light on the air below the clouds that a pixel is seen through, relative to clear sky.

        A shadow lies slanted and is seen from above: the line of sight leaves it unless the shadow is wide,
        and lit air makes narrow shadows bluer. Means of the `light` on the ground where the beams arrive that
        cross the line of sight.
        """
        geometry = self._conditions.geometry
        base = self._conditions.layers[0].base
        rows, cols = (
            d / BLOCK for d in offset(base, geometry.sun_zenith, geometry.sun_azimuth, self._spec.gsd)
        )
        coarse = block_mean(light, BLOCK)
        count = int(np.clip(np.ceil(np.hypot(rows, cols)), 2, _SLICES))
        heights = (np.arange(count) + 0.5) / count
        weights = scatterers(band, self._conditions.air, base * heights)
        weights /= weights.sum()
        mean = np.zeros_like(coarse)
        for height, weight in zip(heights, weights, strict=True):
            move = (height * rows, height * cols)
            mean += np.float32(weight) * ndimage.shift(coarse, move, order=1, mode="nearest")
        return spread(mean, self._shape, BLOCK)

    def contribution(self) -> Array:
        """Reflectance that clouds alone add in B02 over a black ground."""
        out = np.zeros(self._shape, np.float32)
        for layer in self.layers:
            _, brf = layer.optics("B02")
            out += brf[layer.view(sensor.REFERENCE_BAND, layer.index)]
        return out

    def optical_thickness(self) -> Array:
        """Vertical optical thickness seen in each pixel, all layers."""
        out = np.zeros(self._shape, np.float32)
        for layer in self.layers:
            out += layer.view(sensor.REFERENCE_BAND, layer.layer.thickness)
        return out

    def contrast(self, band: str = sensor.REFERENCE_BAND) -> Array:
        """Share of the ground's contrast that passes the clouds to the sensor."""
        out = np.ones(self._shape, np.float32)
        for layer in self.layers:
            table = np.exp(-(1 - layer.asymmetry**2) / self._conditions.geometry.mu * thickness_scale())
            out *= _table(table)[layer.view(band, layer.index)]
        return out

    def toa(self, band: str) -> Array:
        """Top-of-atmosphere reflectance without noise, float32 (rows, cols)."""
        air = self.air(band)
        ground = self._ground(band)
        clear: Array = np.float32(air.gas * air.path) + np.float32(air.gas * air.down * air.up) * ground
        blur = sensor.Sharpness(band, self._spec.gsd)
        if not self.layers:
            return clear if self._surface.observed else blur(clear)
        # Where the air lets nearly nothing through, as in B10, what a clear scene holds is noise and not
        # ground: it stays in the scene as it is, but light that clouds throw back is not multiplied by it.
        change = self._clouds(band, np.clip(ground, 0, BRIGHTEST))
        if self._surface.observed:
            return clear + blur(change)
        return blur(clear + change)

    def _clouds(self, band: str, ground: Array) -> Array:
        """Change of the top-of-atmosphere reflectance by clouds and shadows over `ground`."""
        air = self.air(band)
        scale = np.float32(air.gas * air.down * air.up)
        cloud = np.zeros(self._shape, np.float32)
        spread_out = np.zeros(self._shape, np.float32)
        veil = np.full(self._shape, -air.gas * air.path, np.float32)
        passed: Array = np.ones(self._shape, np.float32)  # light through the layers so far, down and up
        upward: Array = np.ones(self._shape, np.float32)
        mirror: Array = np.zeros(self._shape, np.float32)
        path_above = 0.0
        for layer in reversed(self.layers):
            fluxes, brf = layer.optics(band)
            index = layer.view(band, layer.index)
            above = layer.air_above(band, self._conditions.air)
            veil += np.float32(air.gas * (above.path - path_above)) * passed
            path_above = above.path
            lit = brf[index]
            if layer.light.relief is not None:
                lit *= layer.view(band, layer.light.relief)
            # Air above the cloud throws part of its light back on it.
            lit /= 1 - np.float32(above.sphere) * lit
            lit *= passed
            lit *= np.float32(above.gas * above.down * above.up)
            cloud += np.float32(above.up_direct) * lit
            spread_out += np.float32(1 - above.up_direct) * lit
            up = _table(fluxes.transmitted_diffuse)[index]
            upward *= up
            passed *= up * _table(fluxes.direct + fluxes.diffuse)[index]
            mirror = np.maximum(mirror, _table(fluxes.reflected_diffuse)[index])
        light = self.illumination(band)
        veil += np.float32(air.gas * (air.path - path_above)) * upward * self._air_light(band, light)
        base = max(self._conditions.layers[0].base, 0.1)
        around = self._blur(ground, base)
        light = light / (1 - around * self._blur(mirror, base))
        sharp = self.contrast(band)
        leaving: Array = light * (sharp * ground + (upward - np.minimum(sharp, upward)) * around) - ground
        leaving *= scale
        spread_out += np.float32(1 - air.up_direct) * leaving
        cloud += np.float32(air.up_direct) * leaving
        cloud += self._blur(spread_out, ADJACENCY)
        cloud += veil
        return cloud

    def observed(self, band: str) -> Array:
        """What the product holds: noise, quantisation, and for L2A the atmosphere taken off."""
        rng = stream(self._spec.seed, "noise", band)
        toa = sensor.observe(rng, band, self.toa(band), self._conditions.geometry.mu0, self._spec.gsd)
        if self._spec.level == "L1C":
            return toa
        return self._processor.correct(band, toa, self.toa)

    @cached_property
    def _processor(self) -> Processor:
        return Processor(self._spec, self._conditions, self._surface)
