"""Which precision a device computes fast in."""

from __future__ import annotations

import torch

from .. import cpu


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is fast: tensor cores, or AVX-512 BF16 and better on the CPU.

    Elsewhere its products are float32's with the numbers changed there and back, or are made one number at a
    time, hundreds of times as slow.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return cpu.has_bfloat16()
