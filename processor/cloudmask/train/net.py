"""The net: a U-Net of dense 3x3 convolutions whose results do not depend on the tile."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from ..errors import UsageError
from .features import Indices

CLASSES = 4


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class UNet(nn.Module):
    """Half-resolution stem, strided convolutions down, additive skips up, sub-pixel head.

    The stem halves the resolution at once and the head predicts four full-resolution pixels from
    each half-resolution one, so that nothing expensive happens at full resolution. There is no
    pooling over the image and no squeeze-and-excite: the receptive field is finite and a pixel's
    class cannot depend on what lies in a tile beyond it.

    Bands that an input lacks are zero after normalisation, and the stem is told by a learned offset
    for each missing band, which at export becomes part of its bias.

    Bands that were brought to the net's spacing from other pixels hold fine detail that depends on who
    did it. The stem can be made to see them through a binomial mean of 3 x 3 pixels, which leaves what all
    resamplers agree on; at export the mean becomes part of its kernels.

    Parameters
    ----------
    bands : int
        Input bands.
    widths : sequence of int
        Channels at strides 2, 4, 8, ...; at most five (stride 32).
    indices : Indices, optional
        Extra input features.
    bottom : int
        More convolutions at the coarsest stride, where reach costs least.
    smooth : sequence of int
        Bands that the stem sees smoothed; indices are then smoothed as well.

    Attributes
    ----------
    multiple : int
        Sides of the input must be multiples of this.
    """

    def __init__(
        self,
        bands: int,
        widths: Sequence[int],
        indices: Indices | None = None,
        bottom: int = 0,
        smooth: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if not 2 <= len(widths) <= 5:
            raise UsageError(f"model.widths: expected 2 to 5 numbers, found {len(widths)}")
        self.multiple = 2 ** len(widths)
        self.indices = indices
        extra = len(indices.names) if indices is not None else 0
        top = widths[0]
        self.stem = nn.Conv2d(bands + extra, top, 3, 2, 1, bias=False)
        self.smooth = tuple(smooth)
        self.absent = nn.Parameter(torch.zeros(bands, top))
        self.stem_norm = nn.BatchNorm2d(top)
        self.top = _block(top, top)
        self.down = nn.ModuleList(nn.Sequential(_block(a, b, 2), _block(b, b)) for a, b in pairwise(widths))
        self.bottom = nn.Sequential(*(_block(widths[-1], widths[-1]) for _ in range(bottom)))
        back = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.reduce = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in back)
        self.up = nn.ModuleList(_block(b, b) for _, b in back)
        self.head = nn.Conv2d(top, CLASSES * 4, 1)

    def forward(self, x: torch.Tensor, absent: torch.Tensor | None = None) -> torch.Tensor:
        """Logits of the classes.

        Parameters
        ----------
        x : float (N, bands, H, W)
            Normalised bands, zero where missing; H and W multiples of :attr:`multiple`.
        absent : float (N, bands), optional
            1 for each band that the input lacks.

        Returns
        -------
        float (N, 4, H, W)
        """
        if self.indices is not None:
            x = self.indices(x)
        if self.smooth:
            kernels = smoothed(self.stem.weight, self.smooth, len(self.absent))
            x = functional.conv2d(x, kernels, stride=2, padding=2)
        else:
            x = self.stem(x)
        if absent is not None:
            x = x + (absent.to(x.dtype) @ self.absent.to(x.dtype))[:, :, None, None]
        x = self.top(functional.relu(self.stem_norm(x)))
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        x = self.bottom(x)
        for reduce, up, skip in zip(self.reduce, self.up, reversed(skips), strict=True):
            x = up(functional.interpolate(reduce(x), scale_factor=2.0, mode="nearest") + skip)
        return functional.pixel_shuffle(self.head(x), 2)

    def encoder(self) -> list[nn.Module]:
        """Modules that ``freeze_encoder`` and ``encoder_rate`` speak of."""
        return [self.stem, self.stem_norm, self.top, self.down, self.bottom]


def _means(smooth: Sequence[int], bands: int, inputs: int) -> torch.Tensor:
    """What each input is weighted with before the stem: float32 (inputs, 3, 3)."""
    out = torch.zeros(inputs, 3, 3)
    out[:, 1, 1] = 1
    line = torch.tensor([0.25, 0.5, 0.25])
    out[[*smooth, *range(bands, inputs)]] = torch.outer(line, line)
    return out


def smoothed(kernels: torch.Tensor, smooth: Sequence[int], bands: int) -> torch.Tensor:
    """Kernels that do at once what these do to inputs some of which were smoothed.

    Parameters
    ----------
    kernels : float32 (outputs, inputs, 3, 3)
    smooth : sequence of int
        Bands that are smoothed; with any, inputs from `bands` on are as well.
    bands : int
        Inputs that are bands.

    Returns
    -------
    float32 (outputs, inputs, 5, 5)
    """
    means = _means(smooth, bands, kernels.shape[1]).to(kernels)
    parts = (
        functional.pad(kernels * means[:, row, col, None, None], (col, 2 - col, row, 2 - row))
        for row in range(3)
        for col in range(3)
    )
    return torch.stack(list(parts)).sum(0)


def unsmoothed(kernels: torch.Tensor, smooth: Sequence[int], bands: int) -> torch.Tensor:
    """Undo :func:`smoothed`.

    Raises
    ------
    UsageError
        If no kernels of 3 x 3 give these.
    """
    outputs, inputs = kernels.shape[:2]
    # One column for each place of a kernel: what a one there becomes.
    ones = torch.eye(9).view(9, 1, 3, 3).expand(9, inputs, 3, 3)
    become = smoothed(ones, smooth, bands).flatten(2).permute(1, 2, 0)
    wanted = kernels.flatten(2).permute(1, 2, 0)
    found = torch.linalg.lstsq(become, wanted).solution
    if not torch.allclose(become @ found, wanted, atol=1e-4 * float(wanted.abs().max())):
        raise UsageError("--init: the model's stem does not smooth the bands of this recipe's model.smooth")
    return found.permute(2, 0, 1).reshape(outputs, inputs, 3, 3)


def receptive_field(widths: Sequence[int], bottom: int = 0, smooth: bool = False) -> int:
    """Reach of the net in one direction, pixels: how far away a pixel can matter to another."""
    reach, step = 2 if smooth else 1, 2  # the stem
    reach += step
    for _ in widths[1:]:
        reach += step  # strided convolution, at the finer grid
        step *= 2
        reach += step
    reach += bottom * step
    for _ in widths[1:]:
        step //= 2
        reach += 2 * step  # nearest upsampling may shift by one coarse pixel, then a convolution
    return reach
