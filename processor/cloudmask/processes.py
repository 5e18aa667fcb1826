"""One function over many items in several processes, in order and only a little ahead of the reader."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def map_ahead(
    function: Callable[[T], R], items: Iterable[T], *, workers: int, ahead: int = 2
) -> Generator[R, None, None]:
    """Results of `function` in the order of `items`, whatever the number of workers.

    Parameters
    ----------
    function : callable
        Picklable, as are items and results, if there are workers.
    items : iterable
        May be endless: no more than ``workers * ahead`` are taken before their results are.
    workers : int
        Processes, each with one thread of linear algebra, as they share the cores; 0 calls `function` in
        this one.
    ahead : int
        Items a worker may be ahead of the reader. This bounds memory, and what a reader that closes the
        generator waits for.

    Yields
    ------
    R
        One for each item. What `function` raises is raised here, in its turn.
    """
    if workers < 1:
        yield from map(function, items)
        return
    # Fork would copy the locks of numpy's, PyTorch's and a caller's threads in whatever state they are.
    context = multiprocessing.get_context("spawn")
    rest = iter(items)
    with _one_thread_each(), ProcessPoolExecutor(workers, context) as pool:
        running: deque[Future[R]] = deque()
        try:
            while True:
                for item in islice(rest, workers * ahead - len(running)):
                    running.append(pool.submit(function, item))
                if not running:
                    return
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
