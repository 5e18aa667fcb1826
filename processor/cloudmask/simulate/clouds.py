"""Fields of cloud optical thickness, by kind of cloud.

Each kind is a recipe over power-law Gaussian fields (`fields.power_law`): where the cloud is, how thick,
at what height, of what particles. Heights and optical thicknesses follow the ISCCP classes (Rossow and
Schiffer 1999, BAMS 80:2261), cloud sizes and spectra Wood and Field 2011 (J. Climate 24:4800) and Davis et
al. 1997; particle sizes the MODIS climatology (King et al. 2013, IEEE TGRS 51:3826).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy import ndimage

from .fields import Array, power_law, quantile, smoothstep
from .optics import Phase

MAX_DEPTH = 120.0
"""Optical thickness at which columns are cut off; reflectance no longer changes there."""


@dataclass(frozen=True)
class CloudKind:
    """Ranges from which one layer of a kind is drawn.

    Attributes
    ----------
    base : tuple of float
        Height of the base above ground, km.
    depth : tuple of float
        Geometrical depth of the thickest column, km.
    phase : {"water", "ice"}
        Particles.
    radius : tuple of float
        Effective radius, micrometres.
    convective : bool
        Whether columns differ in height so much that their sides and shadows on each other show.
    cover : tuple of float
        Share of the sky that is usual.
    thickness : callable
        ``(rng, shape, pixel in km, cover) -> optical thickness`` float32.
    """

    base: tuple[float, float]
    depth: tuple[float, float]
    phase: Phase
    radius: tuple[float, float]
    convective: bool
    cover: tuple[float, float]
    thickness: Callable[[np.random.Generator, tuple[int, int], float, float], Array]


@dataclass(frozen=True)
class CloudLayer:
    """One layer of cloud over a domain that is larger than the scene.

    Attributes
    ----------
    kind : str
        Key of :data:`CLOUD_KINDS`.
    phase : {"water", "ice"}
        Particles.
    radius : float
        Effective radius, micrometres.
    base, depth : float
        Height of the base above ground and depth of the thickest column, km.
    thickness : numpy.ndarray
        float32 (rows, cols) vertical optical thickness at .55 um, 0 or more.
    """

    kind: str
    phase: Phase
    radius: float
    base: float
    depth: float
    thickness: Array

    @property
    def middle(self) -> float:
        """Height in km at which the layer is seen."""
        return self.base + 0.6 * self.depth


RADIATIVE = 0.15
"""Scale in km below which cloud pictures are smoother than cloud water, since light wanders sideways
(Marshak et al. 1995, J. Geophys. Res. 100:26247: 200 to 400 m). Sentinel-2 scenes show it: the slope of the
B02 power spectrum goes from 3 above 300 m to 3.5 to 4.4 below 100 m."""


def _octaves(rng: np.random.Generator, shape: tuple[int, int], pixel: float, scale: float) -> Array:
    """Logarithm of the multiplicative small-scale variation inside a cloud, standard deviation 1."""
    return power_law(rng, shape, 2.8, outer=scale / pixel, inner=0.5 * RADIATIVE / pixel)


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw from the range with a logarithmic scale."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def cumulus(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """Heaps: excess of a field over a threshold, from compact to ragged, with shreds and haze around."""
    scale = _between(rng, 1.2, 12.0)
    field = power_law(rng, shape, float(rng.uniform(2.9, 3.5)), outer=scale / pixel, inner=RADIATIVE / pixel)
    detail = _octaves(rng, shape, pixel, 0.5 * scale)
    field += np.float32(rng.uniform(0.0, 0.2)) * detail
    level = quantile(field, 1 - cover)
    excess = np.maximum(field - np.float32(level), 0)
    reach = max(quantile(field, 0.995) - level, 0.4)
    # The thicker the heaps, the steeper the rise, so that flanks stay as soft as they are in pictures.
    peak = _between(rng, 5, 60)
    power = float(rng.uniform(0.9, 1.5)) + 0.35 * np.log(peak / 5)
    tau = np.float32(peak) * (excess / np.float32(reach)) ** np.float32(power)
    tau *= np.exp(np.float32(rng.uniform(0.2, 0.5)) * detail)
    # Moist shreds and haze in the neighbourhood of heaps (Koren et al. 2007, Geophys. Res. Lett. 34).
    halo = smoothstep(field, level - _between(rng, 0.1, 1.5), level + 0.5)
    tau += halo * np.exp(np.float32(1.0) * detail) * np.float32(_between(rng, 0.02, 2.5))
    return tau.astype(np.float32, copy=False)


def stratocumulus(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """A lumpy deck: lognormal thickness of mean 4 to 25, cells of .5 to 5 km, gaps as cover asks."""
    scale = _between(rng, 0.5, 5.0)
    field = power_law(
        rng,
        shape,
        3.0,
        outer=scale / pixel,
        inner=RADIATIVE / pixel,
        stretch=float(rng.uniform(1, 2.5)),
        angle=float(rng.uniform(0, 180)),
    )
    detail = _octaves(rng, shape, pixel, 0.5 * scale)
    mean = _between(rng, 4, 25)
    tau = np.float32(mean) * np.exp(np.float32(rng.uniform(0.3, 0.8)) * field + np.float32(0.25) * detail)
    if cover < 0.98:
        field += np.float32(0.25) * detail
        level = quantile(field, 1 - cover)
        tau *= smoothstep(field, level - 0.2, level + float(rng.uniform(0.4, 1.5)))
    return tau.astype(np.float32, copy=False)


def stratus(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """A smooth sheet of thickness 4 to 30 with soft, wide edges where it ends."""
    field = power_law(rng, shape, 3.3, outer=float(rng.uniform(5, 20)) / pixel, inner=0.5 / pixel)
    detail = _octaves(rng, shape, pixel, 2.0)
    mean = _between(rng, 4, 30)
    tau = np.float32(mean) * np.exp(np.float32(0.3) * field + np.float32(0.12) * detail)
    if cover < 0.98:
        field += np.float32(0.08) * detail
        level = quantile(field, 1 - cover)
        tau *= smoothstep(field, level - 0.05, level + float(rng.uniform(0.2, 0.8)))
    return tau.astype(np.float32, copy=False)


def fog(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """Sheets that lie in hollows: smooth inside, thin at the border, thickness 2 to 15."""
    field = power_law(rng, shape, 3.6, outer=float(rng.uniform(3, 10)) / pixel, inner=0.6 / pixel)
    level = quantile(field, 1 - cover)
    mean = _between(rng, 2, 15)
    rise = np.maximum(field - np.float32(level), 0) / np.float32(rng.uniform(0.2, 0.8))
    tau = np.float32(mean) * (1 - np.exp(-rise))
    tau *= np.exp(np.float32(0.1) * _octaves(rng, shape, pixel, 1.0))
    return tau.astype(np.float32, copy=False)


def altocumulus(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """Fields of small flakes or rolls, .15 to .8 km, thickness 1 to 12, in patches."""
    scale = _between(rng, 0.15, 0.8)
    cells = power_law(
        rng,
        shape,
        3.2,
        outer=scale / pixel,
        stretch=float(np.exp(rng.uniform(0, np.log(5)))),
        angle=float(rng.uniform(0, 180)),
    )
    region = power_law(rng, shape, 3.0, outer=float(rng.uniform(4, 15)) / pixel)
    field = cells + np.float32(rng.uniform(0.8, 2.0)) * region
    level = quantile(field, 1 - cover)
    peak = _between(rng, 1.5, 12)
    tau = np.float32(peak) * smoothstep(field, level - 0.3, level + float(rng.uniform(0.8, 2.0)))
    tau *= np.exp(np.float32(0.4) * _octaves(rng, shape, pixel, scale))
    return tau.astype(np.float32, copy=False)


def cirrus(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """Fibres along the wind over a wide veil; lognormal thickness, median .1 to 1.5 inside."""
    angle = float(rng.uniform(0, 180))
    veil = power_law(rng, shape, 3.0, outer=float(rng.uniform(3, 20)) / pixel, stretch=2.0, angle=angle)
    fibres = power_law(
        rng,
        shape,
        2.4,
        outer=float(rng.uniform(0.5, 3)) / pixel,
        inner=0.3 / pixel,
        stretch=float(rng.uniform(3, 14)),
        angle=angle,
    )
    field = veil + np.float32(rng.uniform(0.3, 0.9)) * fibres
    level = quantile(field, 1 - cover)
    median = _between(rng, 0.15, 2.0)
    tau = np.float32(median) * np.exp(np.float32(0.8) * veil + np.float32(rng.uniform(0.2, 0.6)) * fibres)
    tau *= smoothstep(field, level - float(rng.uniform(0.1, 0.8)), level + float(rng.uniform(0.3, 1.5)))
    return tau.astype(np.float32, copy=False)


def cirrostratus(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """A veil without features of thickness .3 to 4, that ends softly if it does not cover all."""
    field = power_law(rng, shape, 3.2, outer=float(rng.uniform(5, 30)) / pixel, inner=0.6 / pixel)
    median = _between(rng, 0.3, 4.0)
    tau = np.float32(median) * np.exp(np.float32(0.35) * field)
    if cover < 0.98:
        level = quantile(field, 1 - cover)
        tau *= smoothstep(field, level - 0.4, level + float(rng.uniform(0.3, 1.0)))
    return tau.astype(np.float32, copy=False)


def contrails(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """One to five lines, .08 to 1.5 km wide by age, thickness .1 to .9, frayed by wind shear."""
    rows, cols = shape
    y = np.arange(rows, dtype=np.float32)[:, None] * np.float32(pixel)
    x = np.arange(cols, dtype=np.float32)[None, :] * np.float32(pixel)
    bend = power_law(rng, shape, 3.5, outer=4.0 / pixel, inner=0.5 / pixel)
    fray = power_law(rng, shape, 2.4, outer=0.6 / pixel)
    tau = np.zeros(shape, np.float32)
    for _ in range(1 + int(rng.integers(0, max(2, int(cover * 12))))):
        angle = rng.uniform(0, np.pi)
        row, col = rng.uniform(0, rows * pixel), rng.uniform(0, cols * pixel)
        distance = (x - np.float32(col)) * np.float32(np.sin(angle)) - (y - np.float32(row)) * np.float32(
            np.cos(angle)
        )
        width = _between(rng, 0.04, 0.7)
        distance += np.float32(0.6 * width) * bend + np.float32(0.25 * width) * fray
        profile = np.exp(-0.5 * (distance / np.float32(width)) ** 2)
        tau += np.float32(rng.uniform(0.12, 0.9)) * profile * np.exp(np.float32(0.35) * fray)
    return tau


DIFFUSION = 0.009
"""Standard deviation in km of the sideways walk of light that shows at the edges of droplet clouds; steeper
edges than this gives (about .065 reflectance in 10 m) are not seen in Sentinel-2 scenes of heaps."""


def _wander(thickness: Array, sigma: float) -> Array:
    """Smooth a field in the measure in which reflectance is linear, a = tau / (tau + 7)."""
    share = ndimage.gaussian_filter(thickness / (thickness + np.float32(7)), sigma, mode="wrap", truncate=2.5)
    result: Array = np.float32(7) * share / (1 - share)
    return result


CLOUD_KINDS: Mapping[str, CloudKind] = MappingProxyType(
    {
        "cumulus": CloudKind((0.5, 2.6), (0.3, 2.2), "water", (7, 14), True, (0.05, 0.7), cumulus),
        "stratocumulus": CloudKind((0.4, 1.8), (0.2, 0.6), "water", (8, 15), True, (0.5, 1.0), stratocumulus),
        "stratus": CloudKind((0.2, 1.2), (0.2, 0.7), "water", (7, 12), False, (0.4, 1.0), stratus),
        "fog": CloudKind((0.0, 0.02), (0.05, 0.3), "water", (6, 12), False, (0.1, 0.8), fog),
        "altocumulus": CloudKind((2.5, 5.5), (0.1, 0.5), "water", (7, 12), False, (0.2, 0.8), altocumulus),
        "cirrus": CloudKind((6.5, 11.5), (0.3, 2.0), "ice", (15, 40), False, (0.15, 0.9), cirrus),
        "cirrostratus": CloudKind((7.0, 11.0), (0.5, 2.0), "ice", (20, 40), False, (0.4, 1.0), cirrostratus),
        "contrails": CloudKind((8.5, 11.5), (0.1, 0.5), "ice", (8, 20), False, (0.05, 0.4), contrails),
    }
)
"""All kinds by name."""


def draw_layer(
    rng: np.random.Generator,
    kind: str,
    shape: tuple[int, int],
    gsd: float,
    base: float,
    depth: float,
    cover: float,
) -> CloudLayer:
    """Draw particles and the field of one layer whose heights are already known.

    Parameters
    ----------
    rng : numpy.random.Generator
        The layer's own stream.
    kind : str
        Key of :data:`CLOUD_KINDS`.
    shape : tuple of int
        Rows and columns of the domain.
    gsd : float
        Metres.
    base, depth : float
        km.
    cover : float
        Share of the domain under cloud, 0 to 1.
    """
    recipe = CLOUD_KINDS[kind]
    radius = float(rng.uniform(*recipe.radius))
    thickness = recipe.thickness(rng, shape, gsd / 1000, cover)
    np.clip(thickness, 0, MAX_DEPTH, out=thickness)
    if recipe.phase == "water":
        thickness = _wander(thickness, DIFFUSION * 1000 / gsd)
    return CloudLayer(kind, recipe.phase, radius, base, depth, thickness)
