"""Random fields with power-law spectra, and the few array operations that all of the simulator shares."""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft

Array = npt.NDArray[np.float32]


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return a random generator of its own for one part of a scene.

    Every part draws from its own stream, so a change in one (say, another surface) leaves the others
    (the clouds) as they were.

    Parameters
    ----------
    seed : int
        The scene's seed, not negative.
    names : str or int
        What the stream is for.
    """
    keys = [n if isinstance(n, int) else zlib.crc32(n.encode()) for n in names]
    return np.random.default_rng([seed, *keys])


def power_law(
    rng: np.random.Generator,
    shape: tuple[int, int],
    slope: float,
    *,
    outer: float,
    inner: float = 0.0,
    stretch: float = 1.0,
    angle: float = 0.0,
) -> Array:
    """Gaussian random field whose power falls as ``k**-slope`` between two scales.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of int
        Rows and columns.
    slope : float
        Exponent of the two-dimensional spectral density. Turbulence, k^-5/3 along a line, is 8/3 in the
        plane; Landsat cloud fields are near that (Davis et al. 1997, J. Atmos. Sci. 54:241).
    outer : float
        Scale in pixels beyond which power is constant.
    inner : float
        Scale in pixels below which the field is smoother: its power falls faster, by a factor of
        ``(1 + (k inner)^2)^-0.8``; 0 leaves it rough.
    stretch : float
        Ratio of the scales along and across `angle` (streaks, cloud streets).
    angle : float
        Direction of the stretch in degrees from the column axis towards the row axis.

    Returns
    -------
    numpy.ndarray
        float32 (rows, cols), mean 0, standard deviation 1 over the array.
    """
    rows, cols = (fft.next_fast_len(n, real=True) for n in shape)
    amplitude = _amplitude(rows, cols, slope, outer, inner, stretch, angle)
    spectrum = rng.standard_normal((*amplitude.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    spectrum *= amplitude
    field: Array = fft.irfft2(spectrum, s=(rows, cols), overwrite_x=True, workers=1 + (rows * cols > 1 << 22))
    field = np.ascontiguousarray(field[: shape[0], : shape[1]])
    field -= field.mean(dtype=np.float64).astype(np.float32)
    power = np.einsum("ij,ij->i", field, field).sum(dtype=np.float64) / field.size
    field *= np.float32(1 / max(float(np.sqrt(power)), 1e-12))
    return field


@lru_cache(maxsize=16)
def _amplitude(
    rows: int, cols: int, slope: float, outer: float, inner: float, stretch: float, angle: float
) -> Array:
    """Square root of the spectral density on the grid of ``rfft2``, float32."""
    ky = fft.fftfreq(rows).astype(np.float32)[:, None]
    kx = fft.rfftfreq(cols).astype(np.float32)[None, :]
    if stretch != 1.0:
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        root = np.sqrt(stretch)
        along, across = (c * kx + s * ky) * root, (-s * kx + c * ky) / root
        k2 = (along * along + across * across).astype(np.float32)
    else:
        k2 = kx * kx + ky * ky
    density = (k2 + np.float32(1.0 / outer**2)) ** np.float32(-slope / 4)
    if inner > 0:
        density *= (1 + k2 * np.float32(inner**2)) ** np.float32(-0.4)
    density[0, 0] = 0
    result: Array = density.astype(np.float32)
    return result


def quantile(field: Array, share: float) -> float:
    """Value below which a share of the field lies, from a sample of at most 65,536 of its pixels."""
    step = max(1, int(np.sqrt(field.size / 65536)))
    return float(np.quantile(field[::step, ::step], min(max(share, 0.0), 1.0)))


def smoothstep(x: Array, low: float, high: float) -> Array:
    """Rise smoothly from 0 at `low` to 1 at `high` (3t^2 - 2t^3)."""
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1).astype(np.float32, copy=False)
    result: Array = t * t * (3 - 2 * t)
    return result


def block_mean(field: Array, block: int) -> Array:
    """Mean over square blocks; a remainder at the far edges is folded into the last block's neighbours.

    Returns
    -------
    numpy.ndarray
        float32 (ceil(rows / block), ceil(cols / block)).
    """
    rows, cols = field.shape
    pad = (-rows % block, -cols % block)
    if any(pad):
        field = np.pad(field, ((0, pad[0]), (0, pad[1])), mode="edge")
    r, c = field.shape[0] // block, field.shape[1] // block
    result: Array = field.reshape(r, block, c, block).mean(axis=(1, 3), dtype=np.float32)
    return result


@lru_cache(maxsize=32)
def _taps(n: int, block: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Array]:
    """Blocks before and after each pixel, and the weight of the one after."""
    count = -(-n // block)
    position = np.clip((np.arange(n) + 0.5) / block - 0.5, 0, count - 1)
    before = np.floor(position).astype(np.intp)
    return before, np.minimum(before + 1, count - 1), (position - before).astype(np.float32)


def spread(coarse: Array, shape: tuple[int, int], block: int) -> Array:
    """Interpolate block values linearly to pixels; the inverse direction of :func:`block_mean`."""
    before, after, weight = _taps(shape[0], block)
    tall = coarse[before]
    tall += (coarse[after] - tall) * weight[:, None]
    before, after, weight = _taps(shape[1], block)
    # Gathered by columns of the small array: matrix products would start BLAS threads in every worker.
    step = np.diff(tall, axis=1, append=tall[:, -1:])
    out = np.take(step, before, axis=1)
    out *= weight
    out += np.take(tall, before, axis=1)
    return out


def shifted(field: Array, rows: int, cols: int) -> Array:
    """Return ``out[r, c] = field[r + rows, c + cols]`` with periodic continuation."""
    return np.roll(field, (-rows, -cols), axis=(0, 1))
