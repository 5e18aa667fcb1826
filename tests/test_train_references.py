"""Reference sets as patches: the folder of pairs stands for all, which share one interface."""

from pathlib import Path

import numpy as np
import pytest

from cloudmask.errors import UsageError
from cloudmask.train.recipe import Recipe, SourceSpec
from cloudmask.train.references import ReferencePatches

RECIPE = Recipe("r", "L1C", ("B02", "B03", "B11"))


def test_scenes_come_in_the_recipes_bands_and_resolution(tmp_path: Path) -> None:
    x = np.full((40, 40, 2), 0.25, np.float32)
    x[..., 1] = 0.5
    y = np.zeros((40, 40), np.uint8)
    y[:20], y[20:30] = 3, 255
    np.savez(
        tmp_path / "a.npz", x=x, y=y, bands=np.array(["B11", "B02"]), level="L1C", gsd=10, label_kind="human"
    )
    patches = ReferencePatches(SourceSpec("reference", path=str(tmp_path), format="pairs"), RECIPE)
    assert len(patches) == 1
    sample = patches.get(0)
    assert sample.gsd == 20.0
    assert sample.values.shape == (3, 20, 20)
    assert np.allclose(sample.values[:, 0, 0], [0.5, np.nan, 0.25], equal_nan=True)
    assert [int(v) for v in sample.labels[[0, 12, 18], 0]] == [3, 255, 0]


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown reference kind"):
        ReferencePatches(SourceSpec("reference", path=str(tmp_path), format="magic"), RECIPE)
