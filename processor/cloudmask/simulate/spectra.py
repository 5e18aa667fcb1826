"""Surface reflectance of materials in the thirteen bands.

Values are typical nadir reflectances at the ground, read from published spectral libraries and rounded to
.005; natural scatter is added where they are used (`MATERIALS[...].spread`). Sources, by group:

- vegetation and soil: USGS Spectral Library 7 (Kokaly et al. 2017), ECOSTRESS library (Meerdink et al. 2019,
  Remote Sens. Environ. 230:111196), PROSAIL canopies (Jacquemoud et al. 2009), LUCAS soils;
- water: remote-sensing reflectance times pi from Ruddick et al. 2006 (Limnol. Oceanogr. 51:1167) for turbid,
  Morel and Maritorena 2001 for clear, Lee et al. 1998 for shallow water;
- snow and ice: Warren 1982 (Rev. Geophys. 20:67), 100 and 500 um grains; dirty ice of Painter et al. 2012;
- built materials: ECOSTRESS man-made section, Heiden et al. 2007 (roofs, asphalt, concrete);
- burnt ground, salt, sand: USGS 7 and Chuvieco et al. 2019.

Bands B09 and B10 are seen through so much vapour that their surface value matters little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from ..bands import BAND_NAMES


@dataclass(frozen=True)
class Material:
    """One kind of surface.

    Attributes
    ----------
    spectrum : tuple of float
        Reflectance at the ground in the order of :data:`cloudmask.bands.BAND_NAMES`.
    spread : float
        Relative standard deviation of brightness between patches of the same material.
    """

    spectrum: tuple[float, ...]
    spread: float = 0.12

    def __getitem__(self, band: str) -> float:
        return self.spectrum[BAND_NAMES.index(band)]


def _m(values: str, spread: float = 0.12) -> Material:
    return Material(tuple(float(v) for v in values.split()), spread)


MATERIALS: Mapping[str, Material] = MappingProxyType(
    {
        #                        B01   B02   B03   B04   B05   B06   B07   B08   B8A   B09   B10   B11   B12
        "crop_green":       _m(".020 .030 .065 .035 .105 .310 .400 .430 .450 .440 .330 .210 .100"),
        "crop_dense":       _m(".015 .020 .050 .020 .085 .360 .490 .520 .545 .530 .380 .200 .080"),
        "crop_ripe":        _m(".055 .080 .130 .175 .210 .250 .280 .310 .335 .345 .350 .380 .260"),
        "stubble":          _m(".060 .080 .115 .155 .185 .215 .240 .265 .290 .300 .320 .370 .290"),
        "grass":            _m(".025 .035 .075 .050 .120 .270 .335 .360 .380 .375 .300 .235 .125"),
        "grass_dry":        _m(".050 .070 .110 .145 .180 .220 .245 .270 .295 .300 .310 .355 .250"),
        "broadleaf":        _m(".015 .020 .045 .022 .075 .260 .350 .380 .400 .390 .290 .175 .075"),
        "broadleaf_autumn": _m(".020 .030 .065 .080 .130 .210 .250 .280 .300 .300 .260 .200 .110"),
        "broadleaf_bare":   _m(".030 .040 .055 .065 .080 .110 .130 .150 .170 .175 .180 .190 .130"),
        "conifer":          _m(".012 .016 .030 .018 .045 .140 .180 .200 .210 .205 .160 .090 .040"),
        "rainforest":       _m(".015 .018 .038 .018 .060 .240 .310 .330 .345 .340 .250 .135 .055"),
        "savanna":          _m(".035 .048 .080 .090 .130 .190 .220 .245 .265 .270 .260 .270 .180"),
        "shrub":            _m(".040 .055 .085 .100 .130 .170 .195 .220 .240 .245 .250 .270 .200"),
        "bog":              _m(".018 .025 .045 .050 .075 .125 .145 .165 .180 .175 .140 .130 .070", .2),
        "peat":             _m(".025 .030 .040 .048 .058 .070 .080 .090 .100 .105 .110 .120 .090", .2),
        "soil_dark":        _m(".040 .050 .065 .080 .092 .105 .115 .130 .145 .150 .170 .200 .170", .2),
        "soil_brown":       _m(".055 .070 .100 .135 .155 .175 .190 .210 .230 .240 .265 .310 .265", .18),
        "soil_red":         _m(".045 .060 .090 .170 .200 .220 .235 .260 .280 .285 .320 .360 .310", .18),
        "soil_bright":      _m(".110 .145 .200 .255 .280 .300 .315 .340 .360 .365 .395 .440 .390", .15),
        "sand":             _m(".130 .165 .240 .335 .370 .390 .405 .430 .450 .455 .485 .530 .480", .12),
        "sand_white":       _m(".270 .330 .400 .450 .475 .490 .500 .515 .530 .530 .540 .560 .500", .1),
        "rock":             _m(".080 .100 .130 .155 .165 .175 .185 .195 .205 .210 .225 .250 .215", .2),
        "limestone":        _m(".220 .270 .330 .370 .385 .395 .405 .415 .425 .430 .440 .455 .390", .15),
        "salt":             _m(".380 .430 .490 .530 .545 .550 .555 .560 .555 .540 .480 .400 .300", .15),
        "salt_wet":         _m(".240 .275 .310 .330 .335 .325 .315 .305 .290 .240 .140 .090 .050", .2),
        "lava":             _m(".030 .034 .040 .046 .050 .054 .058 .062 .066 .068 .076 .090 .090", .15),
        "burnt":            _m(".030 .035 .042 .050 .055 .062 .068 .078 .090 .095 .120 .170 .180", .2),
        "ash":              _m(".090 .105 .120 .135 .140 .148 .155 .165 .178 .182 .200 .230 .210", .2),
        "asphalt":          _m(".075 .085 .095 .105 .110 .115 .120 .125 .130 .135 .145 .160 .150", .2),
        "concrete":         _m(".180 .215 .250 .280 .290 .300 .305 .315 .325 .325 .330 .350 .320", .2),
        "roof_tile":        _m(".060 .070 .105 .200 .230 .245 .255 .270 .285 .290 .310 .345 .300", .2),
        "roof_blue":        _m(".290 .360 .300 .210 .200 .205 .215 .260 .300 .310 .320 .330 .270", .2),
        "roof_metal":       _m(".400 .440 .460 .470 .475 .480 .485 .480 .480 .480 .490 .510 .480", .25),
        "roof_white":       _m(".580 .640 .670 .690 .700 .700 .700 .695 .690 .680 .600 .520 .400", .15),
        "greenhouse":       _m(".260 .300 .330 .320 .330 .390 .420 .440 .450 .445 .400 .340 .240", .2),
        "solar_panel":      _m(".055 .060 .045 .045 .050 .060 .070 .080 .090 .100 .130 .180 .140", .2),
        "water_clear":      _m(".030 .022 .010 .004 .003 .002 .002 .002 .001 .001 .000 .000 .000", .2),
        "water_lake":       _m(".018 .020 .022 .012 .010 .006 .005 .004 .003 .002 .001 .001 .001", .3),
        "water_humic":      _m(".006 .007 .009 .009 .009 .005 .004 .004 .003 .002 .001 .001 .001", .3),
        "water_algae":      _m(".018 .022 .050 .024 .048 .030 .028 .024 .020 .008 .001 .002 .001", .3),
        "water_turbid":     _m(".060 .075 .105 .095 .085 .045 .042 .035 .028 .010 .001 .002 .001", .25),
        "water_silty":      _m(".085 .110 .165 .200 .195 .130 .125 .105 .090 .035 .002 .004 .002", .2),
        "water_shallow":    _m(".080 .105 .120 .045 .025 .008 .007 .006 .004 .002 .001 .001 .001", .25),
        "foam":             _m(".240 .240 .235 .225 .215 .190 .180 .165 .155 .110 .040 .045 .020", .3),
        "snow_fresh":       _m(".960 .965 .960 .950 .940 .930 .920 .900 .880 .840 .450 .120 .090", .04),
        "snow_old":         _m(".830 .850 .840 .820 .805 .780 .760 .720 .680 .610 .200 .040 .025", .08),
        "snow_dirty":       _m(".480 .520 .540 .550 .550 .540 .530 .510 .490 .450 .180 .070 .045", .15),
        "ice":              _m(".540 .580 .560 .480 .440 .370 .330 .270 .210 .120 .020 .012 .008", .2),
        "ice_lake":         _m(".260 .290 .280 .240 .220 .190 .170 .150 .120 .070 .012 .010 .006", .25),
    }
)  # fmt: skip
"""All materials by name."""


def spectrum(names: list[str], band: str) -> npt.NDArray[np.float32]:
    """Reflectance of several materials in one band, float32 in the order of `names`."""
    return np.array([MATERIALS[n][band] for n in names], np.float32)


Season = str
SEASONS: tuple[Season, ...] = ("winter", "spring", "summer", "autumn")

CROPS: Mapping[Season, Mapping[str, float]] = MappingProxyType(
    {
        # What stands on arable land: shares by season (temperate calendar: winter cereals green in
        # spring, ripe and harvested in summer, ploughed in autumn).
        "winter": MappingProxyType(
            {"soil_dark": 0.3, "soil_brown": 0.3, "crop_green": 0.2, "stubble": 0.1, "grass": 0.1}
        ),
        "spring": MappingProxyType(
            {"crop_green": 0.35, "crop_dense": 0.2, "soil_brown": 0.25, "soil_dark": 0.1, "grass": 0.1}
        ),
        "summer": MappingProxyType(
            {"crop_dense": 0.25, "crop_ripe": 0.3, "crop_green": 0.15, "stubble": 0.15, "grass": 0.15}
        ),
        "autumn": MappingProxyType(
            {"stubble": 0.25, "soil_brown": 0.3, "soil_dark": 0.15, "crop_green": 0.15, "grass_dry": 0.15}
        ),
    }
)
BROADLEAF: Mapping[Season, str] = MappingProxyType(
    {
        "winter": "broadleaf_bare",
        "spring": "broadleaf",
        "summer": "broadleaf",
        "autumn": "broadleaf_autumn",
    }
)
