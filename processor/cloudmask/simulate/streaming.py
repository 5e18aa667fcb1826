"""Many scenes one after the other, made by several processes."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice

from .scene import Scene, simulate_scene
from .spec import SceneSpec
from .surfaces import Surface


def simulate_scenes(
    specs: Iterable[SceneSpec],
    surface: Callable[[SceneSpec], Surface | None] | None = None,
    *,
    workers: int = 0,
    ahead: int = 2,
) -> Iterator[Scene]:
    """Simulate scenes in the order of their specifications, whatever the number of workers.

    Parameters
    ----------
    specs : iterable of SceneSpec
        May be endless.
    surface : callable, optional
        Gives the ground of a scene, or None for procedural ground; must be picklable for workers.
    workers : int
        Processes; 0 simulates in this one.
    ahead : int
        Scenes a worker may be ahead of the reader, which bounds memory.

    Yields
    ------
    Scene
        One for each specification.
    """
    if workers < 1:
        for spec in specs:
            yield _simulate(spec, surface)
        return
    # Fork would copy the locks of numpy's and a caller's threads in whatever state they are.
    context = multiprocessing.get_context("spawn")
    rest = iter(specs)
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        running: deque[Future[Scene]] = deque()
        try:
            for spec in islice(rest, workers * ahead):
                running.append(pool.submit(_simulate, spec, surface))
            while running:
                done = running.popleft().result()
                for spec in islice(rest, 1):
                    running.append(pool.submit(_simulate, spec, surface))
                yield done
        finally:
            for future in running:
                future.cancel()


def _simulate(spec: SceneSpec, surface: Callable[[SceneSpec], Surface | None] | None) -> Scene:
    return simulate_scene(spec, surface(spec) if surface is not None else None)
