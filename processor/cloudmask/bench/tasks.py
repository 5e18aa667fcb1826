"""Measurements in processes of their own, so that each has its own peak memory and none a warm start.

A task is a function ``f(**arguments) -> dict`` of this sub-package that measures one thing once;
arguments and result are JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ..cpu import thread_count
from ..errors import CloudMaskError, InputError, ModelError, UsageError

TASKS: dict[str, str] = {
    # name: module of this sub-package with a function of that name
    "contend": "contenders",
    "total": "product",
    "decode": "limits",
    "infer": "limits",
    "multiply": "peak",
}
_ERRORS = {kind.exit_code: kind for kind in (UsageError, InputError, ModelError)}
_LIBRARY_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_task(name: str, *, threads: int, **arguments: Any) -> dict[str, Any]:
    """Run a task in a fresh process.

    Parameters
    ----------
    name : str
        One of :data:`TASKS`.
    threads : int
        For the task, and for libraries that take their number of threads from the environment.
    **arguments
        To the task.

    Returns
    -------
    dict
        The task's result with ``wall_seconds`` and ``peak_mib`` of the whole process.

    Raises
    ------
    CloudMaskError
        Of the kind that the task met, with the last line of what its process said.
    """
    count = str(thread_count(threads))
    environment = os.environ | dict.fromkeys(_LIBRARY_THREADS, count)
    call = [sys.executable, "-m", __name__, name]
    text = json.dumps({"threads": threads, **arguments})
    begun = time.perf_counter()
    done = subprocess.run(call, input=text, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        kind = _ERRORS.get(done.returncode, CloudMaskError)
        raise kind(f"measuring '{name}' failed: {lines[-1]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result | {"wall_seconds": seconds}


def peak_mib() -> float | None:
    """Greatest memory this process has held, MiB; None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the parent held before this program began
        found = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text("ascii"), re.MULTILINE)
        if found:
            return int(found[1]) / 2**10
    try:
        import resource  # POSIX only
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)  # bytes there, KiB elsewhere


def main() -> int:
    """Serve one task: its name is the argument, its arguments come on standard input."""
    name = sys.argv[1]
    module = importlib.import_module(f".{TASKS[name]}", __package__)
    try:
        result = getattr(module, name)(**json.load(sys.stdin))
    except CloudMaskError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(result | {"peak_mib": peak_mib()}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
