"""Masks for tests of outputs, made without a scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from helpers_models import card

from cloudmask.grid import Grid
from cloudmask.options import Options
from cloudmask.result import Mask


def make_mask(
    rows: int = 60, cols: int = 40, *, crs: str | None = "EPSG:32635", probabilities: bool = False
) -> Mask:
    """A mask with every class, missing at its right edge."""
    rng = np.random.default_rng(rows)
    p = rng.random((4, rows, cols), np.float32)
    p /= p.sum(axis=0)
    classes = (p.argmax(axis=0) + 1).astype(np.uint8)
    classes[:, -max(1, cols // 10) :] = 5
    p[:, classes == 5] = np.nan
    return Mask(
        classes=classes,
        probabilities=p if probabilities else None,
        saturated=np.zeros((rows, cols), bool),
        grid=Grid(crs, 300000.0, 6600000.0, 20.0, 20.0, rows, cols),
        name="S2A_TEST",
        level="L1C",
        options=Options(),
        model=card(),
        device="cpu",
        timing={"total": 1.5},
    )


def leftovers(folder: Path) -> list[str]:
    """Hidden temporaries in a folder."""
    return [p.name for p in folder.iterdir() if p.name.startswith(".")]
