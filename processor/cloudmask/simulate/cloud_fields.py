"""Fields of cloud optical thickness, one function for each kind of cloud.

Each is a recipe over power-law Gaussian fields (`fields.power_law`): ``(rng, shape, km a pixel, cover)``
gives float32 (rows, cols) of vertical optical thickness at .55 um. Cloud sizes and spectra follow Wood and
Field 2011 (J. Climate 24:4800) and Davis et al. 1997 (J. Atmos. Sci. 54:241), thicknesses the ISCCP classes
(Rossow and Schiffer 1999, BAMS 80:2261); shapes were then compared with cloudy Sentinel-2 scenes.
"""

from __future__ import annotations

import numpy as np

from .fields import Array, power_law, quantile, smoothstep

RADIATIVE = 0.1
"""Scale in km below which cloud pictures are smoother than cloud water, since light wanders sideways
(Marshak et al. 1995, J. Geophys. Res. 100:26247: 200 to 400 m). Sentinel-2 scenes show it: the slope of the
B02 power spectrum goes from 3 above 300 m to 3.5 to 4.4 below 100 m."""


def _octaves(rng: np.random.Generator, shape: tuple[int, int], pixel: float, scale: float) -> Array:
    """Logarithm of the multiplicative small-scale variation inside a cloud, standard deviation 1."""
    return power_law(rng, shape, 2.9, outer=scale / pixel, inner=0.5 * RADIATIVE / pixel)


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw from the range with a logarithmic scale."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _heaps(field: Array, cover: float) -> tuple[Array, float]:
    """How far a field rises above the level that `cover` of it exceeds, about 1 at most; and the level."""
    level = quantile(field, 1 - cover)
    reach = max(quantile(field, 0.995) - level, 0.4)
    excess: Array = np.maximum(field - np.float32(level), 0) / np.float32(reach)
    return excess, level


def cumulus(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """Heaps: excess of a field over a threshold, from compact to ragged, with shreds and haze around."""
    # From scattered puffs of a few hundred metres to fields organised over the whole scene.
    scale = _between(rng, 0.6, 15.0)
    field = power_law(rng, shape, float(rng.uniform(3.2, 3.8)), outer=scale / pixel, inner=RADIATIVE / pixel)
    detail = _octaves(rng, shape, pixel, 0.5 * scale)
    field += np.float32(rng.uniform(0.0, 0.2)) * detail
    excess, level = _heaps(field, cover)
    # The thicker the heaps, the steeper the rise, so that flanks stay as soft as they are in pictures.
    # Fair-weather heaps for the most part; one in six has grown tall.
    peak = _between(rng, 3, 24) if rng.random() < 5 / 6 else _between(rng, 24, 90)
    power = float(rng.uniform(0.9, 1.5)) + 0.35 * np.log(peak / 5)
    tau: Array = np.float32(peak) * excess ** np.float32(power)
    tau *= np.exp(np.float32(rng.uniform(0.2, 0.5)) * detail)
    # Moist shreds and haze in the neighbourhood of heaps (Koren et al. 2007, Geophys. Res. Lett. 34).
    halo = smoothstep(field, level - _between(rng, 0.1, 1.5), level + 0.5)
    tau += halo * np.exp(np.float32(1.0) * detail) * np.float32(_between(rng, 0.02, 2.5))
    return tau


def cloud_streets(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """Heaps in rows along the wind (cumulus radiatus), .4 to 4 km apart, thickness 3 to 30 in their cores."""
    field = power_law(
        rng,
        shape,
        float(rng.uniform(3.1, 3.6)),
        outer=_between(rng, 0.4, 4.0) / pixel,
        inner=RADIATIVE / pixel,
        stretch=_between(rng, 2.5, 12),
        angle=float(rng.uniform(0, 180)),
    )
    detail = _octaves(rng, shape, pixel, 0.6)
    field += np.float32(rng.uniform(0.2, 0.5)) * detail
    excess, _ = _heaps(field, cover)
    peak = _between(rng, 3, 30)
    tau: Array = np.float32(peak) * excess ** np.float32(rng.uniform(0.9, 1.6))
    tau *= np.exp(np.float32(0.3) * detail)
    return tau


def stratocumulus(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """A lumpy deck: lognormal thickness of mean 2.5 to 11, cells of .8 to 10 km, gaps as cover asks."""
    scale = _between(rng, 0.8, 10.0)
    field = power_law(
        rng,
        shape,
        3.5,
        outer=scale / pixel,
        inner=RADIATIVE / pixel,
        stretch=float(rng.uniform(1, 2.5)),
        angle=float(rng.uniform(0, 180)),
    )
    detail = _octaves(rng, shape, pixel, 0.5 * scale)
    mean = _between(rng, 2.5, 11)
    tau: Array = np.float32(mean) * np.exp(
        np.float32(rng.uniform(0.3, 0.8)) * field + np.float32(0.25) * detail
    )
    if cover < 0.98:
        field += np.float32(0.25) * detail
        level = quantile(field, 1 - cover)
        tau *= smoothstep(field, level - 0.2, level + float(rng.uniform(0.4, 1.5)))
    return tau


def stratus(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """A smooth sheet of thickness 4 to 30 with soft, wide edges where it ends."""
    field = power_law(rng, shape, 3.3, outer=float(rng.uniform(5, 20)) / pixel, inner=0.5 / pixel)
    detail = _octaves(rng, shape, pixel, 2.0)
    mean = _between(rng, 4, 30)
    tau: Array = np.float32(mean) * np.exp(np.float32(0.3) * field + np.float32(0.12) * detail)
    if cover < 0.98:
        field += np.float32(0.08) * detail
        level = quantile(field, 1 - cover)
        tau *= smoothstep(field, level - 0.05, level + float(rng.uniform(0.2, 0.8)))
    return tau


def fog(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """Sheets that lie in hollows: smooth inside, thin at the border, thickness 2 to 15."""
    field = power_law(rng, shape, 3.6, outer=float(rng.uniform(3, 10)) / pixel, inner=0.6 / pixel)
    level = quantile(field, 1 - cover)
    mean = _between(rng, 2, 15)
    rise = np.maximum(field - np.float32(level), 0) / np.float32(rng.uniform(0.2, 0.8))
    tau: Array = np.float32(mean) * (1 - np.exp(-rise))
    tau *= np.exp(np.float32(0.1) * _octaves(rng, shape, pixel, 1.0))
    return tau


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
    tau: Array = np.float32(peak) * smoothstep(field, level - 0.3, level + float(rng.uniform(0.8, 2.0)))
    tau *= np.exp(np.float32(0.4) * _octaves(rng, shape, pixel, scale))
    return tau


def altostratus(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """A sheet of middle height, translucent to grey, thickness 1 to 16, with wide bands along the wind."""
    angle = float(rng.uniform(0, 180))
    field = power_law(
        rng,
        shape,
        3.2,
        outer=float(rng.uniform(3, 15)) / pixel,
        inner=0.3 / pixel,
        stretch=float(rng.uniform(1, 4)),
        angle=angle,
    )
    detail = _octaves(rng, shape, pixel, 1.5)
    mean = _between(rng, 1, 16)
    tau: Array = np.float32(mean) * np.exp(
        np.float32(rng.uniform(0.3, 0.9)) * field + np.float32(0.2) * detail
    )
    if cover < 0.98:
        field += np.float32(0.15) * detail
        level = quantile(field, 1 - cover)
        tau *= smoothstep(field, level - 0.2, level + float(rng.uniform(0.3, 1.2)))
    return tau


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
    tau: Array = np.float32(median) * np.exp(
        np.float32(0.8) * veil + np.float32(rng.uniform(0.2, 0.6)) * fibres
    )
    tau *= smoothstep(field, level - float(rng.uniform(0.1, 0.8)), level + float(rng.uniform(0.3, 1.5)))
    return tau


def cirrostratus(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """A veil without features of thickness .3 to 4, that ends softly if it does not cover all."""
    field = power_law(rng, shape, 3.2, outer=float(rng.uniform(5, 30)) / pixel, inner=0.6 / pixel)
    median = _between(rng, 0.3, 4.0)
    tau: Array = np.float32(median) * np.exp(np.float32(0.35) * field)
    if cover < 0.98:
        level = quantile(field, 1 - cover)
        tau *= smoothstep(field, level - 0.4, level + float(rng.uniform(0.3, 1.0)))
    return tau


def cirrocumulus(rng: np.random.Generator, shape: tuple[int, int], pixel: float, cover: float) -> Array:
    """Grains and ripples of .1 to .4 km within a patchy veil, thickness .1 to 1.5."""
    angle = float(rng.uniform(0, 180))
    grains = power_law(
        rng,
        shape,
        3.4,
        outer=_between(rng, 0.1, 0.4) / pixel,
        stretch=float(np.exp(rng.uniform(0, np.log(6)))),
        angle=angle,
    )
    veil = power_law(rng, shape, 3.0, outer=float(rng.uniform(3, 12)) / pixel, stretch=1.5, angle=angle)
    level = quantile(veil, 1 - cover)
    median = _between(rng, 0.15, 1.5)
    tau: Array = np.float32(median) * np.exp(np.float32(rng.uniform(0.3, 0.9)) * grains)
    tau *= smoothstep(veil, level - 0.3, level + float(rng.uniform(0.5, 1.5)))
    return tau


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
