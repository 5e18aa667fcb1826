"""Masks of other packages, run on the same pixels as ours: ukis-csmask and s2cloudless."""

from __future__ import annotations

import importlib
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import numpy as np

from ...classes import CloudClass
from ...errors import UsageError
from ..scene import Prediction
from .base import Pixels, Unavailable

_UKIS_BANDS = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B11": "swir16", "B12": "swir22"}
_UKIS_SIX, _UKIS_FOUR = tuple(_UKIS_BANDS), tuple(_UKIS_BANDS)[:4]
_UKIS_GSD = 30.0  # "for better performance requires image bands to be in approximately 30 m resolution"
_UKIS_CODES = {0: CloudClass.CLEAR, 1: CloudClass.CLOUD, 2: CloudClass.CLOUD_SHADOW}

_S2C_BANDS = ("B01", "B02", "B04", "B05", "B08", "B8A", "B09", "B10", "B11", "B12")
_S2C_THRESHOLD = 0.4
# The radii in common use are 22 and 11 pixels at 10 m and 4 and 2 at 60 m: about these lengths.
_S2C_AVERAGE, _S2C_DILATION = 220.0, 110.0  # metres


def _package(module: str, distribution: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"mask '{distribution}' needs its package: pip install {distribution} ({error})"
        ) from error


class Inside:
    """Time spent in a package itself, without what leads its pixels there and back.

    Attributes
    ----------
    seconds, cpu_seconds : float
        On the wall, and of all threads of this process.
    """

    seconds = 0.0
    cpu_seconds = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Add what runs in the context."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - wall
        self.cpu_seconds += time.process_time() - cpu


class UkisMask:
    """DLR's ukis-csmask as its authors run it: tiles of 256 px with 20 % overlap, about 30 m, argmax.

    Parameters
    ----------
    name : str
        As given by the user.
    gsd : float or None
        Spacing it runs at, metres; by default 30.
    threads : int
        For inference; 0 takes all.
    """

    title = "ukis-csmask"
    claims = frozenset({CloudClass.CLEAR, CloudClass.CLOUD_SHADOW, CloudClass.CLOUD})

    def __init__(self, name: str, gsd: float | None, threads: int) -> None:
        self.name = name
        self._gsd = gsd or _UKIS_GSD
        self._threads = threads
        self.inside = Inside()
        self._class = _package("ukis_csmask.mask", "ukis-csmask").CSmask

    @property
    def setting(self) -> str:
        """Version and settings."""
        return f"ukis-csmask {version('ukis-csmask')}; {self._gsd:g} m, tiles of 256 px, argmax, no buffer"

    def predict(self, pixels: Pixels) -> Prediction:
        """Run the package; six bands where they are, else four."""
        six = set(_UKIS_SIX) <= set(pixels.source.bands)
        bands = _UKIS_SIX if six else _UKIS_FOUR
        values, grid = pixels.read(bands, self._gsd)
        missing = np.isnan(values).any(axis=0)
        image = np.ascontiguousarray(np.moveaxis(np.nan_to_num(values, nan=0.0), 0, -1))
        with warnings.catch_warnings(), self.inside.measured():
            warnings.simplefilter("ignore", UserWarning)  # images below 256 px: said in the documentation
            result = self._class(
                img=image,
                band_order=[_UKIS_BANDS[b] for b in bands],
                product_level=pixels.level.lower(),
                nodata_value=0,
                intra_op_num_threads=self._threads,
            )
        classes = np.full(missing.shape, int(CloudClass.MISSING), np.uint8)
        for code, target in _UKIS_CODES.items():
            classes[(result.csm[..., 0] == code) & ~missing] = int(target)
        return Prediction(classes, grid)


class S2CloudlessMask:
    """Sinergise's s2cloudless: cloud probability of each pixel, averaged, thresholded, dilated.

    Parameters
    ----------
    name : str
        As given by the user.
    gsd : float or None
        Spacing it runs at, metres; by default that of the scene, and 60 for products.
    """

    title = "s2cloudless"
    claims = frozenset({CloudClass.CLEAR, CloudClass.CLOUD})

    def __init__(self, name: str, gsd: float | None) -> None:
        self.name = name
        self._gsd = gsd
        self.inside = Inside()
        self._class = _package("s2cloudless", "s2cloudless").S2PixelCloudDetector
        self._used: set[str] = set()

    @property
    def setting(self) -> str:
        """Version and settings."""
        used = "; ".join(sorted(self._used)) or "not run"
        return f"s2cloudless {version('s2cloudless')}; threshold {_S2C_THRESHOLD:g}; {used}"

    def predict(self, pixels: Pixels) -> Prediction:
        """Run the package."""
        if pixels.level != "L1C":
            raise Unavailable(f"it is for L1C, the scene is {pixels.level}")
        gsd = self._gsd or (pixels.scene.grid.gsd if pixels.scene.image is not None else 60.0)
        values, grid = pixels.read(_S2C_BANDS, gsd)
        average, dilation = max(1, round(_S2C_AVERAGE / gsd)), max(1, round(_S2C_DILATION / gsd))
        self._used.add(f"{gsd:g} m, averaged over {average} px, dilated by {dilation} px")
        detector = self._class(
            threshold=_S2C_THRESHOLD, all_bands=False, average_over=average, dilation_size=dilation
        )
        missing = np.isnan(values).any(axis=0)
        image = np.moveaxis(np.nan_to_num(values, nan=0.0), 0, -1)[None]
        with self.inside.measured():
            cloud = np.asarray(detector.get_cloud_masks(image))[0] > 0
        classes = np.where(cloud, int(CloudClass.CLOUD), int(CloudClass.CLEAR)).astype(np.uint8)
        classes[missing] = int(CloudClass.MISSING)
        return Prediction(classes, grid)
