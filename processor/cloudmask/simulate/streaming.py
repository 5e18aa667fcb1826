"""Many scenes one after the other, made by several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from ..processes import map_ahead
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
    yield from map_ahead(partial(_simulate, surface=surface), specs, workers=workers, ahead=ahead)


def _simulate(spec: SceneSpec, surface: Callable[[SceneSpec], Surface | None] | None) -> Scene:
    return simulate_scene(spec, surface(spec) if surface is not None else None)
