"""Simulated scenes as ``.npz`` files, which ``cloudmask train`` and NumPy read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..classes import SURFACE_CLASSES
from .scene import Scene

UNKNOWN = 255
"""Label of a pixel that is undefined or missing."""


def write_arrays(path: Path, scene: Scene) -> None:
    """Write a scene and all that is known of it.

    The file holds ``x`` float32 (rows, cols, bands) reflectance, NaN where missing, ``bands``, ``gsd`` in
    metres and ``level``; ``y`` uint8 (rows, cols): 0 clear, 1 shadow, 2 semi-transparent cloud, 3 cloud,
    255 unknown; ``classes``, the same in the codes of masks; ``optical_thickness`` and
    ``direct_transmittance`` float32 (rows, cols); ``sun_zenith`` and ``sun_azimuth`` in degrees; ``seed``.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    labels = np.full(256, UNKNOWN, np.uint8)
    for place, member in enumerate(SURFACE_CLASSES):
        labels[int(member)] = place
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            x=scene.reflectance.transpose(1, 2, 0),
            y=labels[scene.classes],
            bands=np.array(scene.bands),
            gsd=np.float64(scene.spec.gsd),
            level=np.array(scene.spec.level),
            classes=scene.classes,
            optical_thickness=scene.optical_thickness,
            direct_transmittance=scene.direct_transmittance,
            sun_zenith=np.float64(scene.sun_zenith),
            sun_azimuth=np.float64(scene.sun_azimuth),
            seed=np.int64(scene.spec.seed),
        )
