"""Cloud optics: how droplets and ice crystals reflect and transmit each band.

Delta-Eddington two-stream fluxes (Joseph, Wiscombe and Weinman 1976, J. Atmos. Sci. 33:2452; Meador and
Weaver 1980, J. Atmos. Sci. 37:630) give the energy; a factor of anisotropy turns the flux that leaves
upwards into the reflectance that a sensor near nadir sees. Extinction does not depend on wavelength
here: particles are large against it (size parameter over 20 in every band).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..bands import BANDS

Phase = Literal["water", "ice"]
Array64 = npt.NDArray[np.float64]

ABSORPTION_INDEX: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        # Imaginary refractive index at band centre, averaged over the wide SWIR bands. Water: Hale and
        # Querry 1973 and Kou et al. 1993, Appl. Opt. 32:3531. Ice: Warren and Brandt 2008, JGR 113 D14220.
        "water": MappingProxyType(
            {"B08": 1.3e-7, "B8A": 3.4e-7, "B09": 2.2e-6, "B10": 1.3e-4, "B11": 8.5e-5, "B12": 3.2e-4}
        ),
        "ice": MappingProxyType(
            {"B08": 1.3e-7, "B8A": 2.4e-7, "B09": 7.0e-7, "B10": 1.9e-5, "B11": 2.7e-4, "B12": 3.6e-4}
        ),
    }
)

ASYMMETRY: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        # Mie values for droplets of 10 um (Hu and Stamnes 1993, J. Climate 6:728) and roughened
        # aggregates of columns (Yang et al. 2013, J. Atmos. Sci. 70:330; .75 to .78 over the spectrum).
        "water": MappingProxyType({"B10": 0.845, "B11": 0.845, "B12": 0.83}),
        "ice": MappingProxyType({"B11": 0.785, "B12": 0.80}),
    }
)
_G_DEFAULT = {"water": 0.86, "ice": 0.76}


@dataclass(frozen=True)
class Particle:
    """Single-scattering properties of one cloud's particles in one band.

    Attributes
    ----------
    albedo : float
        Single-scattering albedo, 0 to 1.
    asymmetry : float
        Mean cosine of the scattering angle.
    """

    albedo: float
    asymmetry: float


def particle(phase: Phase, radius: float, band: str) -> Particle:
    """Optics of particles with effective `radius` in micrometres.

    The co-albedo of large weakly absorbing particles is ``1 - exp(-.85 * 4 pi k r / wavelength)``, halved
    at the saturated end as in geometric optics (Twomey and Bohren 1980, J. Atmos. Sci. 37:2086).
    """
    k = ABSORPTION_INDEX[phase].get(band, 0.0)
    depth = 4 * np.pi * k * radius * 1e-6 / (BANDS[band].wavelength * 1e-9)
    return Particle(
        1 - 0.5 * (1 - float(np.exp(-2 * 0.85 * depth))), ASYMMETRY[phase].get(band, _G_DEFAULT[phase])
    )


@dataclass(frozen=True)
class Fluxes:
    """Fluxes of a homogeneous layer as shares of what falls on it; arrays like `thickness`.

    Attributes
    ----------
    reflected, direct, diffuse : numpy.ndarray
        For the solar beam: share reflected, transmitted unscattered (delta-scaled, so the forward peak
        counts as unscattered) and transmitted after scattering. What is missing to 1 is absorbed.
    reflected_diffuse, transmitted_diffuse : numpy.ndarray
        The same for diffuse light: reflected, and transmitted in all.
    """

    reflected: Array64
    direct: Array64
    diffuse: Array64
    reflected_diffuse: Array64
    transmitted_diffuse: Array64


def two_stream(thickness: npt.ArrayLike, cosine: float, particle: Particle) -> Fluxes:
    """Delta-Eddington fluxes of a layer over a black surface.

    Parameters
    ----------
    thickness : array_like
        Optical thickness, 0 or more.
    cosine : float
        Cosine of the sun's zenith angle, over 0 to 1.
    particle : Particle
        Single-scattering properties.
    """
    tau = np.asarray(thickness, np.float64)
    forward = particle.asymmetry**2
    tau = tau * (1 - particle.albedo * forward)
    # A co-albedo of 1e-7 keeps the formulae regular and absorbs less than 1e-4 of the light at any depth.
    w = min((1 - forward) * particle.albedo / (1 - particle.albedo * forward), 1 - 1e-7)
    g = particle.asymmetry / (1 + particle.asymmetry)
    gamma1 = (7 - w * (4 + 3 * g)) / 4
    gamma2 = -(1 - w * (4 - 3 * g)) / 4
    gamma3 = (2 - 3 * g * cosine) / 4
    gamma4 = 1 - gamma3
    k = np.sqrt(gamma1**2 - gamma2**2)
    if abs(1 - k * cosine) < 1e-3:  # the solution is continuous here, its formula is not
        cosine *= 1.003
    alpha1 = gamma1 * gamma4 + gamma2 * gamma3
    alpha2 = gamma1 * gamma3 + gamma2 * gamma4
    decay = np.exp(-np.minimum(k * tau, 50))
    beam = np.exp(-np.minimum(tau / cosine, 60))
    # Meador and Weaver's (14) and (15), multiplied by exp(-k tau) so that thick layers do not overflow.
    km = k * cosine
    shared = (1 - km**2) * ((k + gamma1) + (k - gamma1) * decay**2)
    up = (1 - km) * (alpha2 + k * gamma3) - (1 + km) * (alpha2 - k * gamma3) * decay**2
    up -= 2 * k * (gamma3 - alpha2 * cosine) * beam * decay
    down = (1 + km) * (alpha1 + k * gamma4) * beam - (1 - km) * (alpha1 - k * gamma4) * beam * decay**2
    down -= 2 * k * (gamma4 + alpha1 * cosine) * decay
    reflected = np.clip(w * up / shared, 0, 1)
    diffuse = np.clip(-w * down / shared, 0, 1 - beam)
    total = (k + gamma1) + (k - gamma1) * decay**2
    return Fluxes(
        reflected=reflected,
        direct=beam,
        diffuse=diffuse,
        reflected_diffuse=np.clip(gamma2 * (1 - decay**2) / total, 0, 1),
        transmitted_diffuse=np.clip(2 * k * decay / total, 0, 1),
    )


def anisotropy(thickness: npt.ArrayLike, cosine: float, scattering: float, phase: Phase) -> Array64:
    """Ratio of the reflectance seen near nadir to the reflected flux of the two-stream solution.

    Thin layers scatter once, so the ratio follows the phase function; thick ones tend to the reflectance
    of a semi-infinite cloud (Kokhanovsky 2006, Cloud Optics, eq. 4.58, with his escape function), which
    is a little over 1 for a high sun and a little under for a low one.

    Parameters
    ----------
    thickness : array_like
        Optical thickness.
    cosine : float
        Cosine of the sun's zenith angle.
    scattering : float
        Scattering angle in degrees.
    phase : {"water", "ice"}
        Water has a rainbow near 142 and a glory near 180 degrees; rough ice is featureless.
    """
    tau = np.asarray(thickness, np.float64)
    side = phase_function(scattering, phase)
    g = _G_DEFAULT[phase]
    # Two-stream limit for thin layers: a share 1/2 - 3 g mu / 4 (Eddington, delta-scaled) goes up.
    f = g * g
    upward = (1 - f) * max(0.5 - 0.75 * (g / (1 + g)) * cosine, 0.05)
    thin = side / (4 * upward)
    # Semi-infinite non-absorbing cloud, view at nadir: (a + b (1 + mu0) + c mu0 + P) / 4 (1 + mu0).
    thick = (1.247 + 1.186 * (1 + cosine) + 5.157 * cosine + 0.6 * side) / (4 * (1 + cosine))
    weight = 1 - np.exp(-((1 - g) * tau) * 1.5)
    return thin + (thick - thin) * weight


def phase_function(scattering: float, phase: Phase) -> float:
    """Value of the phase function (mean 1 over the sphere) at 60 to 180 degrees.

    A smooth fit to Mie results for 10 um droplets at .65 um (Hansen and Travis 1974, Space Sci. Rev. 16:527)
    and to rough ice (Yang et al. 2013): low at the side, a bow and a rise to the back for droplets.
    """
    t = scattering
    if phase == "water":
        bow = 0.28 * np.exp(-(((t - 142) / 5) ** 2))
        return float(0.075 + 0.14 * np.exp(-(((t - 180) / 30) ** 2)) + 0.9 * np.exp(-t / 22) + bow)
    return float(0.11 + 0.5 * np.exp(-t / 30) + 0.05 * np.exp(-(((t - 180) / 15) ** 2)))
