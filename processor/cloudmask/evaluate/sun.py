"""Sun elevation from time and place, for breakdowns by sun height."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_EDGES = (20.0, 30.0, 45.0, 60.0)  # degrees


def sun_elevation(when: datetime, latitude: FloatArray, longitude: FloatArray) -> FloatArray:
    """Solar elevation in degrees, about half a degree right.

    Declination and equation of time by Spencer's Fourier series (Spencer 1971, Search 2:172).

    Parameters
    ----------
    when : datetime
        UTC.
    latitude, longitude : float (n,)
        Degrees north and east.
    """
    hour = when.hour + when.minute / 60 + when.second / 3600
    g = 2 * np.pi / 365 * (when.timetuple().tm_yday - 1 + (hour - 12) / 24)
    declination = (
        0.006918
        - 0.399912 * np.cos(g)
        + 0.070257 * np.sin(g)
        - 0.006758 * np.cos(2 * g)
        + 0.000907 * np.sin(2 * g)
        - 0.002697 * np.cos(3 * g)
        + 0.00148 * np.sin(3 * g)
    )
    minutes = 229.18 * (
        0.000075
        + 0.001868 * np.cos(g)
        - 0.032077 * np.sin(g)
        - 0.014615 * np.cos(2 * g)
        - 0.040849 * np.sin(2 * g)
    )
    hour_angle = np.radians((hour - 12) * 15 + minutes / 4 + longitude)
    phi = np.radians(latitude)
    sine = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle)
    elevation: FloatArray = np.degrees(np.arcsin(np.clip(sine, -1, 1)))
    return elevation


def elevation_bin(elevation: FloatArray) -> npt.NDArray[np.str_]:
    """Names of the elevation classes, ``"below 20 deg"`` to ``"above 60 deg"``."""
    names = [f"below {_EDGES[0]:g}°"]
    names += [f"{a:g}° to {b:g}°" for a, b in pairwise(_EDGES)]
    names += [f"above {_EDGES[-1]:g}°"]
    return np.array(names)[np.digitize(elevation, _EDGES)]
