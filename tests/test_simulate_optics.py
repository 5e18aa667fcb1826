"""Cloud optics: energy, monotony, limits that do not depend on the formulae used."""

import numpy as np
import pytest

from cloudmask.bands import BAND_NAMES
from cloudmask.simulate.optics import Particle, anisotropy, particle, phase_function, two_stream

TAU = np.concatenate([[0.0], np.geomspace(0.003, 120, 60)])
SUNS = (0.2, 0.5, 0.8, 0.98)


@pytest.mark.parametrize("cosine", SUNS)
@pytest.mark.parametrize("asymmetry", [0.0, 0.76, 0.86])
def test_without_absorption_nothing_is_lost(cosine, asymmetry):
    fluxes = two_stream(TAU, cosine, Particle(1.0, asymmetry))
    np.testing.assert_allclose(fluxes.reflected + fluxes.direct + fluxes.diffuse, 1, atol=2e-3)
    np.testing.assert_allclose(fluxes.reflected_diffuse + fluxes.transmitted_diffuse, 1, atol=2e-3)


@pytest.mark.parametrize("cosine", SUNS)
@pytest.mark.parametrize("phase", ["water", "ice"])
@pytest.mark.parametrize("band", ["B10", "B11", "B12"])
def test_absorption_takes_more_the_thicker_the_cloud(cosine, phase, band):
    fluxes = two_stream(TAU, cosine, particle(phase, 12.0, band))
    absorbed = 1 - fluxes.reflected - fluxes.direct - fluxes.diffuse
    assert absorbed.min() > -1e-9
    assert (np.diff(absorbed) > -1e-9).all()
    assert absorbed[-1] > 0.03


@pytest.mark.parametrize("cosine", SUNS)
@pytest.mark.parametrize("phase", ["water", "ice"])
@pytest.mark.parametrize("band", ["B02", "B8A", "B11", "B12"])
@pytest.mark.parametrize("scattering", [95.0, 120.0, 142.0, 170.0])
def test_thicker_is_brighter(cosine, phase, band, scattering):
    flux = two_stream(TAU, cosine, particle(phase, 12.0, band)).reflected
    assert (np.diff(flux) > -1e-9).all()
    seen = flux * anisotropy(TAU, cosine, scattering, phase)
    assert (np.diff(seen) > -1e-3).all()
    assert seen.min() >= 0
    assert seen.max() < 1.25


@pytest.mark.parametrize("kind", [Particle(1.0, 0.86), Particle(0.985, 0.83), Particle(0.94, 0.78)])
@pytest.mark.parametrize("tau", [0.3, 2.0, 15.0])
def test_two_layers_add_up_to_one(kind, tau):
    # The adding method knows nothing of two-stream formulae: half upon half must be the whole.
    half, whole = two_stream(tau / 2, 0.7, kind), two_stream(tau, 0.7, kind)
    r, t = half.reflected_diffuse, half.transmitted_diffuse
    np.testing.assert_allclose(whole.reflected_diffuse, r + t * t * r / (1 - r * r), rtol=1e-5)
    np.testing.assert_allclose(whole.transmitted_diffuse, t * t / (1 - r * r), rtol=1e-5)
    # The beam: scattered on the way down by either half, and passed on as diffuse light.
    up = half.reflected * half.direct
    between_down = (half.diffuse + up * r) / (1 - r * r)
    between_up = (up + half.diffuse * r) / (1 - r * r)
    np.testing.assert_allclose(whole.reflected, half.reflected + between_up * t, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        whole.diffuse, half.diffuse * half.direct + between_down * t, rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("phase", ["water", "ice"])
def test_thin_cloud_scatters_once(phase):
    cosine, scattering, tau = 0.8, 130.0, 0.01
    seen = two_stream(tau, cosine, particle(phase, 10.0, "B02")).reflected
    seen = seen * anisotropy(tau, cosine, scattering, phase)
    # Seen at nadir, a layer that scatters once has reflectance P tau / 4 mu0.
    assert seen == pytest.approx(phase_function(scattering, phase) * tau / (4 * cosine), rel=0.15)


def test_no_cloud_does_nothing():
    fluxes = two_stream(0.0, 0.6, particle("water", 10, "B11"))
    assert fluxes.reflected == pytest.approx(0, abs=1e-12)
    assert fluxes.direct == 1
    assert fluxes.diffuse == pytest.approx(0, abs=1e-12)


def test_particles_absorb_as_published():
    # Co-albedo of 10 um droplets about .005 to .007 at 1.6 and .013 to .025 at 2.2 um (Nakajima and King
    # 1990, J. Atmos. Sci. 47:1878); ice of 30 um some ten times that at 1.6.
    assert 0.004 < 1 - particle("water", 10, "B11").albedo < 0.008
    assert 0.012 < 1 - particle("water", 10, "B12").albedo < 0.026
    assert 0.03 < 1 - particle("ice", 30, "B11").albedo < 0.09
    for band in BAND_NAMES[:8]:
        assert 1 - particle("water", 10, band).albedo < 1e-4
    small, large = particle("water", 6, "B12"), particle("water", 16, "B12")
    assert small.albedo > large.albedo


def test_phase_functions_scatter_everything_once():
    # Only the part outside the forward cone is modelled; it must not exceed the whole.
    angle = np.radians(np.linspace(60, 180, 400))
    for phase, most in (("water", 0.12), ("ice", 0.25)):
        values = np.array([phase_function(float(a), phase) for a in np.degrees(angle)])
        share = np.sum((values * np.sin(angle))[:-1] * np.diff(angle)) / 2
        assert 0.02 < share < most
