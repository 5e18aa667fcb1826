"""Spectral indices as extra inputs of a net, computed inside it from the normalised bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import nn

from ..errors import UsageError

_DIFFERENCES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ndvi": ("B08", "B04"),  # Rouse et al. 1974
        "ndwi": ("B03", "B08"),  # McFeeters 1996, Int. J. Remote Sensing 17:1425
        "ndsi": ("B03", "B11"),  # Hall et al. 1995, Remote Sensing of Environment 54:127
    }
)
FEATURE_BANDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {**_DIFFERENCES, "hot": ("B02", "B04"), "cirrus": ("B10",)}
)
"""Bands that each index is made of; ``hot`` is the haze-optimised transform."""


class Indices(nn.Module):
    """Append indices to normalised bands.

    An index is zero where one of its bands is exactly zero, the mark of a missing value, so that a
    missing band never turns into evidence. Scales are fixed so that indices vary by about one.

    Parameters
    ----------
    bands : sequence of str
        Bands of the input, in order.
    names : sequence of str
        Keys of ``FEATURE_BANDS``.
    mean, std : sequence of float
        Normalisation that the input went through.
    transform : "none" or "sqrt"
        Transformation before the normalisation.

    Raises
    ------
    UsageError
        For an unknown index or one whose bands are not among the inputs.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        bands: Sequence[str],
        names: Sequence[str],
        mean: Sequence[float],
        std: Sequence[float],
        transform: str,
    ) -> None:
        super().__init__()
        for name in names:
            if name not in FEATURE_BANDS:
                raise UsageError(f"unknown feature '{name}'; known are {', '.join(FEATURE_BANDS)}")
            absent = [b for b in FEATURE_BANDS[name] if b not in bands]
            if absent:
                raise UsageError(f"feature '{name}' needs {', '.join(absent)}, which is not among the bands")
        self.names = tuple(names)
        self.index = {b: i for i, b in enumerate(bands)}
        self.squared = transform == "sqrt"
        self.register_buffer("mean", torch.tensor(list(mean)).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(list(std)).view(1, -1, 1, 1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Bands (N, C, H, W), normalised, to (N, C + indices, H, W)."""
        if not self.names:
            return x
        raw = x * self.std + self.mean
        if self.squared:
            raw = raw * raw
        planes = [x]
        for name in self.names:
            used = [self.index[b] for b in FEATURE_BANDS[name]]
            values = [raw[:, i : i + 1] for i in used]
            there = x[:, used[0] : used[0] + 1] != 0
            for i in used[1:]:
                there = there & (x[:, i : i + 1] != 0)
            planes.append(self._plane(name, values) * there.to(x.dtype))
        return torch.cat(planes, 1)

    @staticmethod
    def _plane(name: str, values: list[torch.Tensor]) -> torch.Tensor:
        if name == "hot":
            # Zhang et al. 2002, Remote Sensing of Environment 82:173; constants as in Fmask.
            return 10.0 * (values[0] - 0.5 * values[1] - 0.08)
        if name == "cirrus":
            return 20.0 * values[0]
        return (values[0] - values[1]) / (values[0] + values[1]).clamp(min=0.01)
