"""Open water: sun glint from waves."""

from __future__ import annotations

import numpy as np

from .atmosphere import Geometry


def glint(geometry: Geometry, wind: float) -> float:
    """Reflectance of sun glint after Cox and Munk 1954 (J. Opt. Soc. Am. 44:838).

    Parameters
    ----------
    geometry : Geometry
        Sun and sensor.
    wind : float
        Wind speed, m/s; mean square slope of the waves is .003 + .00512 wind.

    Returns
    -------
    float
        Reflectance, alike in all bands (Fresnel reflection of water hardly depends on wavelength here).
    """
    omega = np.radians(180 - geometry.scattering_angle) / 2  # angle of incidence on the facet
    zenith, view = np.radians(geometry.sun_zenith), np.radians(geometry.view_zenith)
    cosine = (np.cos(zenith) + np.cos(view)) / (2 * np.cos(omega))  # of the facet's tilt
    tangent2 = 1 / cosine**2 - 1
    slope2 = 0.003 + 0.00512 * wind
    density = np.exp(-tangent2 / slope2) / (np.pi * slope2)
    refracted = np.arcsin(np.sin(omega) / 1.34)
    if omega < 1e-4:
        fresnel = ((1.34 - 1) / (1.34 + 1)) ** 2
    else:
        fresnel = 0.5 * (
            (np.sin(omega - refracted) / np.sin(omega + refracted)) ** 2
            + (np.tan(omega - refracted) / np.tan(omega + refracted)) ** 2
        )
    value = np.pi * density * fresnel / (4 * np.cos(zenith) * np.cos(view) * cosine**4)
    return float(min(value, 0.6))
