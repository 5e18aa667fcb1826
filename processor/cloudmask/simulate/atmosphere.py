"""The clear atmosphere: what it adds and takes in each band, for a sensor near nadir.

Each quantity is a closed formula with its source; accuracy is a few thousandths of reflectance, which is
what natural variation of aerosol from scene to scene exceeds many times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from ..bands import BANDS
from .optics import Particle, two_stream

RAYLEIGH_HEIGHT = 8.0  # km, scale height of air
AEROSOL_HEIGHT = 2.0  # km, scale height of aerosol (Elterman 1968 as used in 6S)
VAPOUR_HEIGHT = 2.0  # km, scale height of water vapour (Reitan 1963, J. Appl. Meteorol. 2:776)

OZONE: Mapping[str, float] = MappingProxyType(
    {
        # Absorption of the Chappuis band, optical depth per atm-cm (Serdyuchenko et al. 2014,
        # Atmos. Meas. Tech. 7:625), averaged over each band.
        "B01": 0.003, "B02": 0.021, "B03": 0.102, "B04": 0.051, "B05": 0.021, "B06": 0.009, "B07": 0.004,
    }
)  # fmt: skip

VAPOUR: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        # Optical depth a * (airmass * g/cm2) ** b of the band mean, fitted by eye to MODTRAN-type band
        # transmittances; B09's is a .35 to .45 at 2 g/cm2 and B10 sees next to nothing below 5 km.
        "B04": (0.0010, 0.8), "B05": (0.0060, 0.7), "B06": (0.0045, 0.7), "B07": (0.0020, 0.7),
        "B08": (0.0350, 0.6), "B8A": (0.0012, 0.8), "B09": (0.50, 0.55), "B10": (5.0, 0.65),
        "B11": (0.0025, 0.8), "B12": (0.0110, 0.7),
    }
)  # fmt: skip

WELL_MIXED: Mapping[str, float] = MappingProxyType(
    # Vertical optical depth of CO2, CH4 and O2 at the mean pressure of the ground (6S gas model).
    {"B11": 0.008, "B12": 0.014}
)


@dataclass(frozen=True)
class Geometry:
    """Directions of sun and sensor, degrees; azimuths clockwise from north, towards sun and sensor."""

    sun_zenith: float
    sun_azimuth: float
    view_zenith: float = 0.0
    view_azimuth: float = 0.0

    @property
    def mu0(self) -> float:
        """Cosine of the sun's zenith angle."""
        return float(np.cos(np.radians(self.sun_zenith)))

    @property
    def mu(self) -> float:
        """Cosine of the view zenith angle."""
        return float(np.cos(np.radians(self.view_zenith)))

    @property
    def airmass(self) -> float:
        """Airmass down and up."""
        return 1 / max(self.mu0, 0.05) + 1 / self.mu

    @property
    def scattering_angle(self) -> float:
        """Angle between the solar beam and the direction to the sensor, degrees (180: backwards)."""
        zenith, view = np.radians(self.sun_zenith), np.radians(self.view_zenith)
        relative = np.radians(self.sun_azimuth - self.view_azimuth)
        cosine = -np.cos(zenith) * np.cos(view) - np.sin(zenith) * np.sin(view) * np.cos(relative)
        return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


@dataclass(frozen=True)
class Atmosphere:
    """State of the cloud-free air.

    Attributes
    ----------
    aerosol : float
        Aerosol optical depth at 550 nm.
    angstrom : float
        Angstrom exponent: 1.3 continental, 0.4 desert dust or sea salt.
    vapour : float
        Column of water vapour, g/cm2.
    ozone : float
        Column of ozone, atm-cm (1 = 1000 Dobson units).
    altitude : float
        Height of the ground, km.
    """

    aerosol: float = 0.12
    angstrom: float = 1.2
    vapour: float = 1.5
    ozone: float = 0.32
    altitude: float = 0.0


@dataclass(frozen=True)
class BandAtmosphere:
    """What the clear atmosphere does in one band and geometry.

    The top-of-atmosphere reflectance over a surface of reflectance r with surroundings of the same is
    ``gas * (path + down * up * r / (1 - sphere * r))``.

    Attributes
    ----------
    path : float
        Reflectance of the air itself.
    down, up : float
        Total (direct and diffuse) transmittance of scattering, sun to ground and ground to sensor.
    direct : float
        Share of the light on clear ground that comes straight from the sun.
    up_direct : float
        Share of the upward transmittance that comes straight from the pixel (the rest is blurred).
    sphere : float
        Spherical albedo of the air.
    gas : float
        Two-way transmittance of gases.
    """

    path: float
    down: float
    up: float
    direct: float
    up_direct: float
    sphere: float
    gas: float


def rayleigh_depth(band: str) -> float:
    """Optical depth of air at sea level (Hansen and Travis 1974, Space Sci. Rev. 16:527, eq. 2.30)."""
    um = BANDS[band].wavelength / 1000
    return float(0.008569 * um**-4 * (1 + 0.0113 * um**-2 + 0.00013 * um**-4))


def scatterers(band: str, air: Atmosphere, height: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Optical depth of air and aerosol per km, `height` in km above the ground."""
    aerosol = air.aerosol * (BANDS[band].wavelength / 550) ** -air.angstrom
    gas = rayleigh_depth(band) / RAYLEIGH_HEIGHT
    depth: npt.NDArray[np.float64] = gas * np.exp(-(height + air.altitude) / RAYLEIGH_HEIGHT)
    depth += aerosol / AEROSOL_HEIGHT * np.exp(-height / AEROSOL_HEIGHT)
    return depth


def gas_transmittance(band: str, airmass: float, air: Atmosphere, height: float = 0.0) -> float:
    """Two-way transmittance of the gases above `height` (km above the ground)."""
    depth = OZONE.get(band, 0.0) * air.ozone * airmass
    base = air.altitude + height
    if band in VAPOUR:
        a, b = VAPOUR[band]
        vapour = air.vapour * np.exp(-height / VAPOUR_HEIGHT)
        depth += a * (airmass * vapour) ** b
    depth += WELL_MIXED.get(band, 0.0) * airmass * np.exp(-base / RAYLEIGH_HEIGHT)
    return float(np.exp(-depth))


AEROSOL_ALBEDO = 0.94
"""Single-scattering albedo of aerosol; .89 (urban) to .96 (continental background) in 6S."""
AEROSOL_ASYMMETRY = 0.66
"""Asymmetry of aerosol; .64 to .68 for the continental models of 6S."""


def band_atmosphere(band: str, geometry: Geometry, air: Atmosphere) -> BandAtmosphere:
    """Evaluate the clear atmosphere in one band.

    Air and aerosol are one scattering layer with the fluxes of `optics.two_stream`: total transmittance down,
    the same towards the sensor by reciprocity, and spherical albedo. Path reflectance is the flux
    that leaves upwards, times the ratio that single scattering has in the direction of the sensor; the
    ratio fades to 1 as light forgets where it came from.
    """
    mu0, mu = max(geometry.mu0, 0.05), geometry.mu
    um = BANDS[band].wavelength / 1000
    rayleigh = rayleigh_depth(band) * float(np.exp(-air.altitude / RAYLEIGH_HEIGHT))
    aerosol = air.aerosol * (um / 0.55) ** -air.angstrom
    depth = rayleigh + aerosol
    scattering = rayleigh + AEROSOL_ALBEDO * aerosol
    mixture = Particle(scattering / depth, AEROSOL_ALBEDO * aerosol * AEROSOL_ASYMMETRY / scattering)
    g = AEROSOL_ASYMMETRY
    cosine = float(np.cos(np.radians(geometry.scattering_angle)))
    rayleigh_phase = 0.75 * (1 + cosine**2)
    aerosol_phase = (1 - g * g) / (1 + g * g - 2 * g * cosine) ** 1.5  # Henyey-Greenstein
    phase = (rayleigh * rayleigh_phase + AEROSOL_ALBEDO * aerosol * aerosol_phase) / scattering
    down = two_stream(np.array([depth, 1e-4]), mu0, mixture)
    up = two_stream(depth, mu, mixture)
    single = mixture.albedo * phase * 1e-4 / (4 * mu0 * mu) / float(down.reflected[1])
    memory = float(np.exp(-(1 - mixture.asymmetry) * depth * geometry.airmass / 2))
    total_down = float(down.direct[0] + down.diffuse[0])
    total_up = float(up.direct + up.diffuse)
    return BandAtmosphere(
        path=float(down.reflected[0]) * (1 + (single - 1) * memory),
        down=total_down,
        up=total_up,
        direct=float(down.direct[0]) / total_down,
        up_direct=float(up.direct) / total_up,
        sphere=float(down.reflected_diffuse[0]),
        gas=gas_transmittance(band, geometry.airmass, air),
    )


def to_surface(toa: npt.NDArray[np.float32], clear: BandAtmosphere) -> npt.NDArray[np.float32]:
    """Surface reflectance from top-of-atmosphere reflectance, the inverse of the clear composition."""
    y = (toa / clear.gas - clear.path) / (clear.down * clear.up)
    result: npt.NDArray[np.float32] = y / (1 + clear.sphere * y)
    return result
