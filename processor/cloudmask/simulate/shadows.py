"""Geometry of light and clouds: what the sun's beam meets on its way down, and where.

A point of the image looks through a cloud at height h at the point ``h tan(view zenith)`` towards the
sensor, and its ground is lit through the point ``h tan(sun zenith)`` towards the sun. Both are windows on
the layer's domain, moved by that much. Columns with depth are marched through in slices, so tall heaps
cast long shadows, shade their own far sides, and their lit sides stay bright. This is the tilted
independent column approximation (Varnai and Davies 1999, J. Atmos. Sci. 56:4206; Wapler and Mayer
2008, J. Appl. Meteorol. Climatol. 47:3061).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .atmosphere import Geometry
from .fields import Array, shifted

SUN_RADIUS = 0.00465
"""Half of the sun's angular diameter, radians; half of a penumbra's width is this by the slant height."""

LEVELS = 512
"""Steps of the logarithmic scale of optical thickness on which all optics are tabulated."""
_LOW, _HIGH = 0.003, 120.0
_STEP = np.log(_HIGH / _LOW) / (LEVELS - 2)

ADIABATIC = 5 / 3
"""Optical thickness of an adiabatic column grows with its depth to this power (Brenguier et al. 2000,
J. Atmos. Sci. 57:803)."""


def thickness_scale() -> npt.NDArray[np.float64]:
    """Optical thickness of each step: 0, then logarithmic from .003 to 120."""
    return np.concatenate([[0.0], _LOW * np.exp(_STEP * np.arange(LEVELS - 1))])


def thickness_index(thickness: Array) -> npt.NDArray[np.uint16]:
    """Step of each pixel on :func:`thickness_scale` (2 % apart, finer than the eye and the noise)."""
    with np.errstate(divide="ignore"):
        index: Array = np.log(thickness * np.float32(1 / _LOW), dtype=np.float32)
    index *= np.float32(1 / _STEP)
    index += np.float32(1.5)
    np.clip(index, 0, LEVELS - 1, out=index)
    return index.astype(np.uint16)


def offset(height: float, zenith: float, azimuth: float, gsd: float) -> tuple[float, float]:
    """Rows and columns from a pixel to the point above which its ray reaches `height`.

    Parameters
    ----------
    height : float
        km above the ground.
    zenith, azimuth : float
        Direction of the ray upwards, degrees; azimuth clockwise from north. Row 0 is in the north.
    gsd : float
        Metres a pixel.
    """
    distance = height * 1000 * float(np.tan(np.radians(zenith))) / gsd
    return -distance * float(np.cos(np.radians(azimuth))), distance * float(np.sin(np.radians(azimuth)))


@dataclass(frozen=True)
class Lighting:
    """How the sun meets one layer; arrays on the layer's domain, float32.

    Attributes
    ----------
    path : numpy.ndarray
        Optical thickness, as if seen vertically, that the beam passes which leaves the layer's base here.
    relief : numpy.ndarray or None
        Light on the visible top of the column relative to a flat cloud of the same thickness; None: 1.
    side : float
        Share of the beam stopped by the layer that meets sides rather than tops.
    """

    path: Array
    relief: Array | None
    side: float = 0.0


def light_layer(
    index: npt.NDArray[np.uint16],
    depth: float,
    geometry: Geometry,
    gsd: float,
    *,
    asymmetry: float,
    convective: bool,
    slices: int = 24,
) -> Lighting:
    """March the beam through a layer.

    Parameters
    ----------
    index : numpy.ndarray
        uint16 (rows, cols), steps of :func:`thickness_scale`.
    depth : float
        Depth in km of the column with the greatest optical thickness.
    geometry : Geometry
        Sun and sensor.
    gsd : float
        Metres a pixel.
    asymmetry : float
        Of the particles; light scattered forward counts as still in the beam.
    convective : bool
        False treats the layer as flat.
    slices : int
        Most slices to march.
    """
    scale = thickness_scale()
    if not convective:
        return Lighting(scale.astype(np.float32)[index], None)
    thickest = scale[int(index.max())]
    if thickest <= 0:
        return Lighting(np.zeros(index.shape, np.float32), None)
    shift = np.hypot(*offset(depth, geometry.sun_zenith, geometry.sun_azimuth, gsd))
    count = int(np.clip(np.ceil(shift / 1.5), 2, slices))
    heights = depth * (scale / thickest) ** (1 / ADIABATIC)
    path = np.zeros(index.shape, np.float32)
    bright = np.zeros(index.shape, np.float32)
    flat = np.zeros(LEVELS)
    above = np.zeros(LEVELS)
    soft = 1 - asymmetry
    step = offset(depth / count, geometry.sun_zenith, geometry.sun_azimuth, gsd)
    moved = (0, 0)
    for k in range(count - 1, -1, -1):
        share = np.clip((k + 1) / count * depth / np.maximum(heights, 1e-9), 0, 1) ** ADIABATIC
        share -= np.clip(k / count * depth / np.maximum(heights, 1e-9), 0, 1) ** ADIABATIC
        slab = scale * share
        # Rays come down from the side of the sun: what is above a point lies one step towards it.
        target = (round((count - 1 - k) * step[0]), round((count - 1 - k) * step[1]))
        path = shifted(path, target[0] - moved[0], target[1] - moved[1])
        moved = target
        here = slab.astype(np.float32)[index]
        seen = slab * np.exp(-soft * above)
        bright += seen.astype(np.float32)[index] * np.exp(np.float32(-soft / geometry.mu0) * path)
        flat += seen * np.exp(-soft / geometry.mu0 * above)
        above = above + slab
        path += here
    relief = bright / np.maximum(flat, 1e-6).astype(np.float32)[index]
    # Light from all sides fills what the beam does not reach: about half in thick cloud.
    relief = np.clip(np.float32(0.45) + np.float32(0.55) * relief, 0.4, 1.2)
    relief[index == 0] = 1
    # The slices' own edges are an artefact: blend them over one step of the march.
    relief = ndimage.gaussian_filter(relief, max(0.5, shift / count / 2), mode="wrap", truncate=2)
    # What slanted columns stop beyond what they would lying flat, they stop with their sides.
    opaque = np.float32(-(1 - asymmetry**2) / geometry.mu0)
    stopped = float(np.mean(1 - np.exp(opaque * path)))
    tops = float(np.mean((1 - np.exp(opaque * scale)).astype(np.float32)[index]))
    side = max(0.0, 1 - tops / stopped) if stopped > 0 else 0.0
    return Lighting(path, relief.astype(np.float32, copy=False), side)


def penumbra(field: Array, height: float, depth: float, geometry: Geometry, gsd: float) -> Array:
    """Soften a transmittance by the sun's width at the slant distance and by unresolved vertical extent.

    The sun's disc seen from the ground has a standard deviation of half its radius, about.
    """
    slant = (height * 1000) / geometry.mu0
    across = SUN_RADIUS * slant / 2 / gsd
    smear = depth * 1000 * np.tan(np.radians(geometry.sun_zenith)) / 12**0.5 / gsd
    sigma = float(np.hypot(across, smear))
    if sigma < 0.25:
        return field
    result: Array = ndimage.gaussian_filter(field, sigma, mode="nearest", truncate=2.5)
    return result
