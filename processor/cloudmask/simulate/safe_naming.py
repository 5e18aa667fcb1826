"""Names and identifiers in a SAFE product, and what each processing baseline writes.

Sources: Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD), naming conventions of
compact products, and ESA's list of processing baselines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ..bands import Level
from ..errors import UsageError

_ORBITS_PER_CYCLE = 143
_ORBIT_PERIOD = timedelta(days=10) / _ORBITS_PER_CYCLE
# One orbit of each satellite: when a datatake began and its absolute number. Those of S2A and S2B
# are of real products; S2C counts from its launch.
_ANCHORS = {
    "S2A": (datetime(2024, 1, 20, 10, 53, 41, tzinfo=timezone.utc), 44807),
    "S2B": (datetime(2022, 4, 13, 15, 7, 59, tzinfo=timezone.utc), 26649),
    "S2C": (datetime(2024, 9, 5, 1, 50, 0, tzinfo=timezone.utc), 1),
}
# Relative orbit number minus absolute, modulo 143. S2C flies where S2A did; its value is nominal.
_RELATIVE = {"S2A": 3, "S2B": -26, "S2C": 3}
MISSIONS = tuple(_ANCHORS)


@dataclass(frozen=True, order=True)
class Baseline:
    """A processing baseline and the features of the format that came with it."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str, level: Level) -> Baseline:
        """Read ``"05.11"``.

        Raises
        ------
        UsageError
            If it is not a baseline, or older than the layout written here.
        """
        match = re.fullmatch(r"(\d{2})\.?(\d{2})", text)
        if match is None:
            raise UsageError(f"processing baseline '{text}': expected two digits, a dot, two digits (05.11)")
        found = cls(int(match[1]), int(match[2]))
        # The compact names came with 02.04; operational L2A in today's layout with 02.07.
        oldest = cls(2, 4) if level == "L1C" else cls(2, 7)
        if found < oldest:
            raise UsageError(f"processing baseline {text} of {level}: expected {oldest.text} or later")
        return found

    @property
    def text(self) -> str:
        """As in metadata, ``"05.11"``."""
        return f"{self.major:02d}.{self.minor:02d}"

    @property
    def raster_masks(self) -> bool:
        """Masks as JP2 rasters instead of GML polygons (04.00)."""
        return self.major >= 4

    @property
    def offset(self) -> int:
        """RADIO_ADD_OFFSET or BOA_ADD_OFFSET of all bands: -1000 from 04.00, 0 (not written) before."""
        return -1000 if self.major >= 4 else 0

    @property
    def psd(self) -> int:
        """Number in the schema's namespace (15 from 05.11)."""
        return 15 if self >= Baseline(5, 11) else 14

    @property
    def checksum(self) -> str:
        """Checksum algorithm of the manifest."""
        return "SHA3-256" if self.major >= 3 else "MD5"

    @property
    def quality_flags(self) -> bool:
        """Quality inspections as one element a check (up to 02.05) instead of ``quality_check``."""
        return self <= Baseline(2, 5)

    @property
    def centre(self) -> str:
        """Processing centre in identifiers."""
        return "2APS" if self.major >= 5 else "VGS2"


@dataclass(frozen=True)
class ProductNames:
    """All names and identifiers of one product of one tile.

    Attributes
    ----------
    mission : str
        ``"S2A"``, ``"S2B"`` or ``"S2C"``.
    level : Level
        Processing level.
    baseline : Baseline
        Processing baseline.
    tile : str
        Tile with its T, ``"T35VLG"``.
    sensing : datetime
        Start of the datatake, UTC.
    """

    mission: str
    level: Level
    baseline: Baseline
    tile: str
    sensing: datetime

    def __post_init__(self) -> None:
        if self.mission not in MISSIONS:
            raise UsageError(f"mission '{self.mission}': expected one of {', '.join(MISSIONS)}")
        if self.sensing.tzinfo is None:
            raise UsageError(f"sensing time {self.sensing}: expected a time zone; say UTC if it is UTC")

    @property
    def start(self) -> datetime:
        """Start of the datatake in UTC."""
        return self.sensing.astimezone(timezone.utc)

    @property
    def datastrip_start(self) -> datetime:
        """First line of the datastrip; a few seconds after the datatake's start."""
        return self.start + timedelta(seconds=3)

    @property
    def created(self) -> datetime:
        """Time of processing, the product's discriminator; fixed so that a product is reproducible."""
        return (self.start + timedelta(hours=2)).replace(microsecond=0)

    @property
    def absolute_orbit(self) -> int:
        """Orbit number since launch, counted from a known orbit of the satellite."""
        when, number = _ANCHORS[self.mission]
        return max(1, number + round((self.start - when) / _ORBIT_PERIOD))

    @property
    def relative_orbit(self) -> int:
        """Orbit number in the cycle, 1 to 143."""
        return (self.absolute_orbit + _RELATIVE[self.mission] - 1) % _ORBITS_PER_CYCLE + 1

    @property
    def stem(self) -> str:
        """Product name without extension."""
        code = self.baseline.text.replace(".", "")
        return (
            f"{self.mission}_MSI{self.level}_{stamp(self.start)}_N{code}_R{self.relative_orbit:03d}"
            f"_{self.tile}_{stamp(self.created)}"
        )

    @property
    def product(self) -> str:
        """Name of the product's folder."""
        return self.stem + ".SAFE"

    @property
    def granule(self) -> str:
        """Name of the granule's folder."""
        return f"{self.level}_{self.tile}_A{self.absolute_orbit:06d}_{stamp(self.datastrip_start)}"

    @property
    def granule_dir(self) -> str:
        """Granule's folder from the product's root."""
        return f"GRANULE/{self.granule}"

    @property
    def datastrip(self) -> str:
        """Name of the datastrip's folder."""
        return f"DS_{self.baseline.centre}_{stamp(self.created)}_S{stamp(self.datastrip_start)}"

    @property
    def datastrip_id(self) -> str:
        """Identifier of the datastrip."""
        return f"{self.mission}_OPER_MSI_{self.level}_{self.datastrip}_N{self.baseline.text}"

    @property
    def datatake_id(self) -> str:
        """Identifier of the datatake."""
        return f"G{self.mission}_{stamp(self.start)}_{self.absolute_orbit:06d}_N{self.baseline.text}"

    def tile_id(self, level: Level | None = None) -> str:
        """Return the identifier of the tile, by default at the product's level."""
        return (
            f"{self.mission}_OPER_MSI_{level or self.level}_TL_{self.baseline.centre}_{stamp(self.created)}"
            f"_A{self.absolute_orbit:06d}_{self.tile}_N{self.baseline.text}"
        )

    def image(self, band: str, gsd: int | None = None) -> str:
        """Path of an image from the product's root, without extension; `gsd` for L2A only."""
        name = f"{self.tile}_{stamp(self.start)}_{band}"
        if self.level == "L1C":
            return f"{self.granule_dir}/IMG_DATA/{name}"
        return f"{self.granule_dir}/IMG_DATA/R{gsd}m/{name}_{gsd}m"

    @property
    def preview(self) -> str:
        """Path of the preview image from the product's root, without extension."""
        return f"{self.granule_dir}/QI_DATA/{self.tile}_{stamp(self.start)}_PVI"

    def mask(self, kind: str, band: str) -> str:
        """Path of a mask from the product's root, with the extension of the baseline."""
        extension = "jp2" if self.baseline.raster_masks else "gml"
        return f"{self.granule_dir}/QI_DATA/MSK_{kind}_{band}.{extension}"


def stamp(time: datetime) -> str:
    """Time as in names, ``20240120T105341``."""
    return time.strftime("%Y%m%dT%H%M%S")


def iso(time: datetime) -> str:
    """Time as in metadata, with milliseconds and Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"
