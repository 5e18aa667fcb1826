"""What to simulate: the only thing that the parts of the simulator have to agree on beforehand."""

from __future__ import annotations

from dataclasses import dataclass

from ..bands import Level, parse_level
from ..errors import UsageError
from .clouds import CLOUD_KINDS, is_cloud_kind
from .landcover import BIOMES
from .spectra import SEASONS


@dataclass(frozen=True)
class SceneSpec:
    """What to simulate; whatever is None is drawn, plausibly and from the seed alone.

    Attributes
    ----------
    seed : int
        Not negative. Same specification, same scene, to the bit on one machine.
    level : {"L1C", "L2A"}
        Reflectance at the top of the atmosphere, or at the ground as a processor finds it.
    size : int
        Rows and columns at `gsd`.
    gsd : float
        Ground sampling distance, metres.
    biome : str or None
        Procedural ground, key of :data:`cloudmask.simulate.landcover.BIOMES`.
    season : str or None
        winter, spring, summer or autumn.
    clouds : tuple of str or None
        Kinds of cloud layers, as for :func:`cloudmask.simulate.clouds.cloud_kind`; () is a clear sky.
    cover : float or None
        Share of the scene under each layer, 0 to 1.
    sun_zenith, sun_azimuth : float or None
        Degrees; azimuth clockwise from north.
    aerosol : float or None
        Optical depth at 550 nm.
    vapour : float or None
        Column of water vapour, g/cm2.

    Raises
    ------
    UsageError
        On construction, if a value is outside its range.
    """

    seed: int
    level: Level = "L1C"
    size: int = 256
    gsd: float = 20.0
    biome: str | None = None
    season: str | None = None
    clouds: tuple[str, ...] | None = None
    cover: float | None = None
    sun_zenith: float | None = None
    sun_azimuth: float | None = None
    aerosol: float | None = None
    vapour: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "level", parse_level(self.level))
        if self.seed < 0:
            raise UsageError(f"seed must be 0 or more, found {self.seed}")
        if self.size < 16:
            raise UsageError(f"size must be at least 16 pixels, found {self.size}")
        _check("gsd", self.gsd, 5, 120)
        _check("cover", self.cover, 0, 1)
        _check("sun_zenith", self.sun_zenith, 0, 85)
        _check("sun_azimuth", self.sun_azimuth, 0, 360)
        _check("aerosol", self.aerosol, 0, 3)
        _check("vapour", self.vapour, 0, 8)
        if self.season is not None and self.season not in SEASONS:
            raise UsageError(f"season '{self.season}' is unknown; expected one of {', '.join(SEASONS)}")
        if self.biome is not None and self.biome not in BIOMES:
            raise UsageError(f"biome '{self.biome}' is unknown; expected one of {', '.join(BIOMES)}")
        for kind in self.clouds or ():
            if not is_cloud_kind(kind):
                raise UsageError(f"cloud kind '{kind}' is unknown; expected {', '.join(CLOUD_KINDS)}")


def _check(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise UsageError(f"{name} must be {low} to {high}, found {value}")
