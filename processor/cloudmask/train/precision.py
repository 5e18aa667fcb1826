"""Which precision a device computes fast in."""

from __future__ import annotations

import torch


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is fast: tensor cores, or AVX-512 BF16 and better on the CPU.

    Elsewhere its matrix products are made one number at a time, hundreds of times as slow as float32's.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
