"""A whole product: one scene in every band's own resolution, with the swath edge, for the SAFE writer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..bands import BANDS, LEVEL_BANDS, Level
from ..classes import CloudClass
from ..errors import InputError, UsageError
from . import sensor
from .conditions import draw_conditions
from .fields import Array, block_mean, power_law, stream
from .fitting import fitted
from .landcover import draw_surface
from .processor import Processor
from .render import Stage
from .spec import SceneSpec
from .surfaces import Surface
from .truth import Thresholds, classify

SIMULATED_GSD = 20
_STRIP = 512  # rows of the 20 m grid that are refined to 10 m at once
_TEXTURE = 512  # side in pixels of the tile that 10 m texture repeats with

EDGE_SLOPE = np.tan(np.radians(13.0))
"""Columns that the swath's edge moves per row: the ground track against grid north in middle latitudes."""
EDGE_SPREAD = 600.0
"""Metres between the edges of the bands seen first and last (the focal plane's rows differ in length)."""


class ProductScene:
    """A scene as the instrument delivers it; conforms to `safe_source.ProductSource`.

    It is simulated at 20 m. Bands of 10 m are interpolated and given texture that carries on the local
    variation at 20 m; bands of 60 m are means. Only what one band needs is in memory at a time.

    Parameters
    ----------
    spec : SceneSpec
        ``spec.gsd`` must be 20 and ``spec.size`` a multiple of 3, so that 60 m pixels fit.
    edge : float
        Share of the product's width that the swath leaves empty at half height; 0 fills the tile.
    thresholds : Thresholds, optional
        Limits between the classes of the truth.
    surface : Surface, optional
        Ground with all bands of the level at 20 m; procedural by default.

    Raises
    ------
    UsageError
        If size or sampling distance do not fit a product.
    InputError
        If the ground lacks a band, or has gaps.
    """

    def __init__(
        self,
        spec: SceneSpec,
        *,
        edge: float = 0.08,
        thresholds: Thresholds | None = None,
        surface: Surface | None = None,
    ) -> None:
        if spec.gsd != SIMULATED_GSD or spec.size % 3:
            raise UsageError(
                f"product: expected a specification at {SIMULATED_GSD} m and a size that is a multiple of 3, "
                f"found {spec.size} pixels of {spec.gsd:g} m"
            )
        self._spec, self._edge = spec, edge
        self._thresholds = thresholds or Thresholds()
        conditions = draw_conditions(spec)
        shape = (spec.size, spec.size)
        if surface is None:
            surface = draw_surface(
                spec.seed, shape, spec.gsd, conditions.season, conditions.geometry, spec.biome
            )
        self._conditions = fitted(spec, conditions, surface)
        self._stage = Stage(spec, self._conditions, surface)
        lacking = [b for b in LEVEL_BANDS[spec.level] if not self._stage.has(b)]
        if lacking:
            raise InputError(f"the ground lacks {', '.join(lacking)}, without which there is no product")
        if surface.missing() is not None:
            raise InputError("the ground has pixels without data; another seed takes another part of it")
        self._processor = Processor(spec, self._conditions, surface)

    @property
    def size10(self) -> int:
        """Side in 10 m pixels."""
        return self._spec.size * 2

    @property
    def level(self) -> Level:
        """Processing level."""
        return self._spec.level

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of the level."""
        return LEVEL_BANDS[self._spec.level]

    @property
    def sun_zenith(self) -> float:
        """Degrees."""
        return self._conditions.geometry.sun_zenith

    @property
    def sun_azimuth(self) -> float:
        """Degrees clockwise from north."""
        return self._conditions.geometry.sun_azimuth

    def band(self, name: str) -> Array:
        """Reflectance at the band's own resolution, float32 (rows, cols); +inf where saturated."""
        gsd = BANDS[name].gsd
        values = self._stage.toa(name)
        if gsd == 10:
            return self._refined(name, values)
        return self._observed(name, block_mean(values, 3) if gsd == 60 else values, 0)

    def _observed(self, name: str, values: Array, strip: int) -> Array:
        """Pass part of a band through the sensor; each strip has noise of its own stream."""
        rng = stream(self._spec.seed, "noise", name, strip)
        cosine = self._conditions.geometry.mu0
        seen = sensor.observe(rng, name, values, cosine, BANDS[name].gsd)
        full = seen >= sensor.saturation(cosine)
        if self.level == "L2A":
            seen = self._processor.correct(name, seen, self._stage.toa)
        seen[full] = np.inf
        return seen

    def _refined(self, name: str, values: Array) -> Array:
        """Bring a band from 20 to 10 m in strips."""
        n = values.shape[0]
        out = np.empty((2 * n, 2 * n), np.float32)
        detail = values - ndimage.uniform_filter(values, 3, mode="nearest")
        # The spectrum goes on: with a slope of 8/3 an octave has about .6 of the deviation of the one above.
        strength = ndimage.uniform_filter(detail * detail, 5, mode="nearest")
        strength = 0.6 * np.sqrt(np.maximum(strength, 0))  # the running sum may end just below 0
        del detail

        def fill(top: int) -> None:
            stop = min(top + _STRIP, n)
            rows = np.clip(np.arange(top - 1, stop + 1), 0, n - 1)
            fine = _doubled(values[rows])[2:-2]
            fine += _doubled(strength[rows])[2:-2] * self._texture(2 * top, fine.shape)
            out[2 * top : 2 * stop] = self._observed(name, np.maximum(fine, 0), top)

        fill(0)  # alone, so that what is computed once is there for all
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(fill, range(_STRIP, n, _STRIP)))
        return out

    def _texture(self, top: int, shape: tuple[int, int]) -> Array:
        rows = np.arange(top, top + shape[0]) % _TEXTURE
        cols = np.arange(shape[1]) % _TEXTURE
        return self._fine[np.ix_(rows, cols)]

    @cached_property
    def _fine(self) -> Array:
        """Texture finer than 20 m, the same for all bands, periodic."""
        field = power_law(stream(self._spec.seed, "texture"), (_TEXTURE, _TEXTURE), 8 / 3, outer=8)
        # No part of it shows at 20 m, where the scene has said what there is.
        field -= block_mean(field, 2).repeat(2, axis=0).repeat(2, axis=1)
        result: Array = field / field.std()
        return result

    def valid(self, name: str) -> npt.NDArray[np.bool_]:
        """Where the band was observed, bool (rows, cols) at its own resolution."""
        return self._observed_at(BANDS[name].gsd, sensor.DELAY[name])

    def _observed_at(self, gsd: int, delay: float) -> npt.NDArray[np.bool_]:
        n = self.size10 * 10 // gsd
        if self._edge <= 0:
            return np.ones((n, n), bool)
        centre = (np.arange(n) + 0.5) * gsd
        width = n * gsd
        last = max(sensor.DELAY.values())
        # The edge stays well inside small products too.
        spread = min(EDGE_SPREAD, 0.02 * width)
        limit = width * (1 - self._edge) + spread * (delay / last - 0.5)
        limit_at_row = limit - (centre - width / 2) * EDGE_SLOPE
        inside: npt.NDArray[np.bool_] = centre[None, :] < limit_at_row[:, None]
        return inside

    @cached_property
    def _classes(self) -> npt.NDArray[np.uint8]:
        stage = self._stage
        return classify(stage.contribution(), stage.contrast(), stage.illumination("B8A"), self._thresholds)

    def truth(self, gsd: int) -> npt.NDArray[np.uint8]:
        """Class codes uint8 (rows, cols) at 10, 20 or 60 m; MISSING where any band is missing.

        At 60 m a pixel has the class of the 20 m pixel at its centre.
        """
        classes = self._classes
        if gsd == 10:
            out = classes.repeat(2, axis=0).repeat(2, axis=1)
        elif gsd == 60:
            out = classes[1::3, 1::3].copy()
        else:
            out = classes.copy()
        out[~self._observed_at(gsd, min(sensor.DELAY.values()))] = int(CloudClass.MISSING)
        return out


def _doubled(values: Array) -> Array:
    """Interpolate linearly to twice the rows and columns; pixel centres stay where they belong."""
    for axis in (0, 1):
        edge = [(1, 1) if a == axis else (0, 0) for a in (0, 1)]
        wide = np.pad(values, edge, mode="edge")
        shape = [s * 2 if a == axis else s for a, s in enumerate(values.shape)]
        out = np.empty(shape, np.float32)
        here, before, after = (np.take(wide, range(k, k + values.shape[axis]), axis=axis) for k in (1, 0, 2))
        index = [slice(None), slice(None)]
        index[axis] = slice(0, None, 2)
        out[tuple(index)] = 0.75 * here + 0.25 * before
        index[axis] = slice(1, None, 2)
        out[tuple(index)] = 0.75 * here + 0.25 * after
        values = out
    return values
