"""The operator ``CloudMask`` as SNAP imports it; all work is done by the package ``cloudmask``."""

import os
import sys


def _repair_streams():
    """Give libraries real streams: SNAP's are bare modules without isatty, fileno and encoding."""
    for name in ("stdout", "stderr"):
        if not hasattr(getattr(sys, name), "isatty"):
            # A process without a console (SNAP Desktop on Windows) has no original either.
            stream = getattr(sys, f"__{name}__")
            setattr(sys, name, stream or open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def _cap_threads():
    """Keep numpy's linear algebra on one thread: its pools have crashed inside Java, and we use none."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


_repair_streams()
_cap_threads()

try:
    from cloudmask.snap.operator import CloudMaskOperator
except ImportError as error:
    _python = "{}.{} in {}".format(*sys.version_info[:2], sys.prefix)
    raise ImportError(
        f"CloudMask: the Python that SNAP uses ({_python}) cannot import the package 'cloudmask' ({error}). "
        "Install it there, beside esa_snappy, from its own folder (pip install '.[cpu]'; the package of that "
        "name on the Python Package Index is another); 'cloudmask snap doctor' says how."
    ) from error

__all__ = ["CloudMaskOperator"]
