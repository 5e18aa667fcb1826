"""What the processor offers: threads and formats of numbers."""

from __future__ import annotations

import os
from pathlib import Path


def has_bfloat16() -> bool:
    """Whether the processor is known to multiply bfloat16 numbers; told by Linux on x86 only."""
    try:
        flags = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def thread_count(threads: int) -> int:
    """Threads meant by an option value: 0 is all this process may use."""
    if threads > 0:
        return threads
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else (os.cpu_count() or 1)
