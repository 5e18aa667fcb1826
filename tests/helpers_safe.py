"""Tiny SAFE products for tests, whole or broken on purpose.

product = make_safe(tmp_path, level="L2A", baseline="04.00", size10=120)
broken = make_safe(tmp_path, truncated="B04", zipped=True)
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio

from cloudmask.bands import BANDS, LEVEL_BANDS, Level
from cloudmask.classes import CloudClass
from cloudmask.simulate.safe_jp2 import write_jp2
from cloudmask.simulate.safe_tile import tile_grid
from cloudmask.simulate.safe_writer import write_safe

SECRET = "text-of-a-file-outside-the-product"
"""What the file behind an external entity holds; it must never come out of a reader."""


@dataclass(frozen=True)
class TinyScene:
    """A scene with a gradient and noise, a square cloud, thin cloud, shadow, and a no-data edge.

    Attributes
    ----------
    size10 : int
        Side, 10 m pixels.
    level : Level
        Level it is written as.
    seed : int
        Of the noise.
    edge : float
        Share of columns at the right that were not observed.
    saturated : bool
        Whether a corner of B02 and B11 is saturated.
    """

    size10: int = 120
    level: Level = "L1C"
    seed: int = 0
    edge: float = 0.1
    saturated: bool = False
    sun_zenith: float = 40.0
    sun_azimuth: float = 160.0

    @property
    def bands(self) -> tuple[str, ...]:
        return LEVEL_BANDS[self.level]

    def band(self, name: str) -> npt.NDArray[np.float32]:
        gsd = BANDS[name].gsd
        side = self.size10 * 10 // gsd
        rng = np.random.default_rng([self.seed, BANDS[name].index])
        slope = np.linspace(0.02, 0.3, side, dtype=np.float32)
        out = slope[:, None] + 0.2 * slope[None] + rng.normal(0, 0.005, (side, side)).astype(np.float32)
        truth = self.truth(gsd)
        out[truth == CloudClass.CLOUD] += 0.5
        out[truth == CloudClass.SEMI_TRANSPARENT_CLOUD] += 0.1
        out[truth == CloudClass.CLOUD_SHADOW] *= 0.4
        if self.saturated and name in ("B02", "B11"):
            out[: side // 10, : side // 10] = np.inf
        return out.astype(np.float32)

    def valid(self, name: str) -> npt.NDArray[np.bool_]:
        return self.truth(BANDS[name].gsd) != CloudClass.MISSING

    def truth(self, gsd: int) -> npt.NDArray[np.uint8]:
        factor = gsd // 10
        side = self.size10 // 6  # in 60 m pixels, so that all resolutions agree
        coarse = np.full((side, side), CloudClass.CLEAR, dtype=np.uint8)
        quarter = side // 4
        coarse[quarter : 2 * quarter, quarter : 2 * quarter] = CloudClass.CLOUD
        coarse[2 * quarter : 3 * quarter, quarter : 2 * quarter] = CloudClass.CLOUD_SHADOW
        coarse[quarter : 2 * quarter, 2 * quarter : 3 * quarter] = CloudClass.SEMI_TRANSPARENT_CLOUD
        if self.edge:
            coarse[:, side - max(1, round(side * self.edge)) :] = CloudClass.MISSING
        return coarse.repeat(6 // factor, axis=0).repeat(6 // factor, axis=1)


def make_safe(
    folder: Path,
    *,
    level: Level = "L1C",
    baseline: str = "05.11",
    size10: int = 120,
    seed: int = 0,
    edge: float = 0.1,
    saturated: bool = False,
    zipped: bool = False,
    truncated: str | None = None,
    missing: str | None = None,
    wrong_size: str | None = None,
    entity: str | None = None,
    offset: str | None = None,
    without: str | None = None,
    **options: object,
) -> Path:
    """Write a small product and break it as asked.

    Parameters
    ----------
    folder : Path
        Where to; made if it is not there.
    truncated, missing, wrong_size : str, optional
        Band whose image (at its finest resolution) is cut in half, removed, or replaced by one of
        half the side.
    entity : str, optional
        ``"external"``: the product's metadata draws in a file beside it that holds `SECRET`;
        ``"bomb"``: it declares entities that unfold to gigabytes.
    offset : str, optional
        Text written as the offset of every band instead of -1000.
    without : str, optional
        ``"product"``, ``"tile"`` or ``"manifest"``: the metadata file that is removed.
    **options
        Passed to `write_safe`.

    Returns
    -------
    Path
        The ``.SAFE`` folder or, with `zipped`, the archive.
    """
    scene = TinyScene(size10, level, seed, edge, saturated)
    root = write_safe(scene, folder, baseline=baseline, **options)  # type: ignore[arg-type]
    metadata = root / f"MTD_MSI{level}.xml"
    if truncated:
        image = find_image(root, truncated)
        image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    if missing:
        for image in root.glob(f"GRANULE/*/IMG_DATA/**/*_{missing}*.jp2"):
            image.unlink()
    if wrong_size:
        _halve(find_image(root, wrong_size), wrong_size)
    if entity:
        _add_entity(metadata, entity)
    if offset is not None:
        text = metadata.read_text("utf-8")
        metadata.write_text(re.sub(r"(ADD_OFFSET band_id=\"\d+\">)[^<]*", rf"\g<1>{offset}", text), "utf-8")
    if without:
        names = {"product": metadata, "manifest": root / "manifest.safe"}
        (next(root.glob("GRANULE/*/MTD_TL.xml")) if without == "tile" else names[without]).unlink()
    if not zipped:
        return root
    archive = shutil.make_archive(str(root.with_suffix("")), "zip", root.parent, root.name)
    shutil.rmtree(root)
    return Path(archive)


def find_image(root: Path, band: str) -> Path:
    """The image of a band at its finest resolution in a product's folder."""
    return sorted(root.glob(f"GRANULE/*/IMG_DATA/**/*_{band}*.jp2"))[0]


def _halve(path: Path, band: str) -> None:
    with rasterio.open(path) as image:
        half = image.read(1)[: image.height // 2, : image.width // 2]
    path.unlink()
    write_jp2(path, [half], tile_grid("T35VLG", len(half)), BANDS[band].gsd)


def _add_entity(path: Path, kind: str) -> None:
    if kind == "external":
        outside = path.parent.parent / "outside.txt"
        outside.write_text(SECRET, "utf-8")
        declarations = f'<!ENTITY x SYSTEM "{outside.as_uri()}">'
    elif kind == "bomb":
        levels = ['<!ENTITY e0 "boom boom boom boom boom boom boom boom boom boom ">']
        levels += [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9)]
        declarations = "".join(levels) + '<!ENTITY x "&e8;">'
    else:
        raise ValueError(f"entity: expected external or bomb, found {kind}")
    head, body = path.read_text("utf-8").split("?>", 1)
    root = re.search(r"<([\w:-]+)", body)
    assert root is not None
    body = re.sub(r"(<PROCESSING_BASELINE>)[^<]*", r"\g<1>&x;", body)
    path.write_text(f"{head}?><!DOCTYPE {root[1]} [{declarations}]>{body}", "utf-8")
