"""The MultiSpectral Instrument: noise, sharpness, band timing, quantisation, saturation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from scipy import ndimage

from ..bands import BANDS
from .fields import Array, block_mean, spread

SNR: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        # (reference reflectance at 45 degrees, signal-to-noise at it): reference radiances and measured
        # SNR of S2A (Sentinel-2 L1C Data Quality Report; Gascon et al. 2017, Remote Sens. 9:584),
        # radiances turned into reflectance with the solar irradiance of each band.
        "B01": (0.303, 1355), "B02": (0.295, 214), "B03": (0.307, 249), "B04": (0.317, 230),
        "B05": (0.234, 253), "B06": (0.239, 220), "B07": (0.253, 227), "B08": (0.443, 221),
        "B8A": (0.242, 221), "B09": (0.050, 222), "B10": (0.073, 390), "B11": (0.073, 159),
        "B12": (0.080, 167),
    }
)  # fmt: skip

DELAY: Mapping[str, float] = MappingProxyType(
    {
        # Seconds after B02 at which the same ground is seen (focal-plane layout; Heiselberg 2019,
        # Remote Sens. 11:2873, table 1). Odd and even detectors see the bands in opposite order.
        "B02": 0.0, "B08": 0.264, "B03": 0.527, "B10": 0.851, "B04": 1.005, "B05": 1.269, "B11": 1.468,
        "B06": 1.525, "B07": 1.790, "B8A": 2.055, "B12": 2.085, "B01": 2.314, "B09": 2.586,
    }
)  # fmt: skip

GROUND_SPEED = 6.64  # km/s, of the sub-satellite point at 786 km height
ORBIT_HEIGHT = 786.0  # km
REFERENCE_BAND = "B04"
"""The band whose view of a cloud defines the truth's geometry (near the middle of the delays)."""

TRACK_AZIMUTH = 193.0
"""Direction of flight, degrees clockwise from north, on the day side at middle latitudes (98.6 degrees
inclination)."""


def parallax(band: str) -> float:
    """Tangent of the along-track view angle of `band` against the reference band.

    A cloud at height h appears displaced along the track by h times this: 0.0218 from B02 to B09, the
    base-to-height ratio of 0.022 given in the Sentinel-2 handbook.
    """
    return (DELAY[band] - DELAY[REFERENCE_BAND]) * GROUND_SPEED / ORBIT_HEIGHT


class Sharpness:
    """Blur of one band's optics and detectors, for images at a sampling distance of `gsd` metres.

    A band that is coarser than the image by two or more is sampled on its own grid and interpolated back,
    as whoever brings it to the image's resolution does. Otherwise its modulation transfer function of .15
    to .3 at the Nyquist frequency (Gascon et al. 2017) is a Gaussian of .45 native pixels.
    """

    def __init__(self, band: str, gsd: float) -> None:
        ratio = BANDS[band].gsd / gsd
        self._block = round(ratio) if ratio >= 1.5 else 0
        self._sigma = 0.45 * ratio

    def __call__(self, image: Array) -> Array:
        """Return the image as the band sees it, float32 (rows, cols)."""
        if self._block:
            return spread(block_mean(image, self._block), (image.shape[0], image.shape[1]), self._block)
        if self._sigma < 0.3:
            return image
        result: Array = ndimage.gaussian_filter(image, self._sigma, mode="nearest", truncate=2.5)
        return result


def saturation(cosine: float) -> float:
    """Reflectance at which the analogue chain clips: 1.8 under a sun 45 degrees high, a radiance limit."""
    return 1.8 * 0.707 / max(cosine, 0.2)


def noise_level(band: str, reflectance: Array, cosine: float, gsd: float) -> Array:
    """Return the standard deviation of the instrument's noise in reflectance, per pixel.

    Shot noise grows with the square root of the signal, read noise is constant: half of the variance at
    the reference each. Averaging to a coarser `gsd` lowers it, no lower than a single sample's quantum.
    """
    reference, snr = SNR[band]
    ratio = np.clip(reflectance, 0, None) * np.float32(cosine / (reference * 0.707))
    average = max(gsd / BANDS[band].gsd, 1.0)
    sigma = reference / snr * 0.707 / cosine / average
    result: Array = (np.sqrt(0.5 + 0.5 * ratio) * sigma).astype(np.float32)
    return result


STRAY = 0.001
"""Reflectance that B10 shows where nothing reaches it: dark-level and crosstalk residue, .001 to .0015 over
humid lowland in products of all years."""


def observe(rng: np.random.Generator, band: str, reflectance: Array, cosine: float, gsd: float) -> Array:
    """Add noise, clip at saturation and quantise to the products' 1/10000.

    Parameters
    ----------
    reflectance : numpy.ndarray
        float32, noise-free, at `gsd` metres; not changed.
    cosine : float
        Cosine of the sun's zenith angle.

    Returns
    -------
    numpy.ndarray
        float32 reflectance.
    """
    if band == "B10":
        reflectance = reflectance + np.float32(STRAY)
    noisy = reflectance + noise_level(band, reflectance, cosine, gsd) * rng.standard_normal(
        reflectance.shape, dtype=np.float32
    )
    np.minimum(noisy, np.float32(saturation(cosine)), out=noisy)
    np.rint(noisy * np.float32(1e4), out=noisy)
    result: Array = noisy * np.float32(1e-4)
    return result
