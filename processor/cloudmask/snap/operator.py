"""The operator ``CloudMask`` as SNAP's Java side calls it.

The whole scene is masked once, in ``doExecute``; tiles are then only copied out of the result.
So the result does not depend on how SNAP cuts the scene, buffers and minimum area see whole
objects, nothing is computed twice when SNAP's tile cache is small or off, and no tile callback
calls back into SNAP, which is how Python operators deadlock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..catalog import load_model
from ..errors import CloudMaskError
from ..model import Model
from ..options import Options
from ..pipeline import predict
from ..result import Mask
from .parameters import read_parameters
from .sentinel2 import Scene, inspect
from .source import RawArray, SnapSource
from .target import Target, build_target
from .worker import HostThread


class CloudMaskOperator:
    """One node of a graph; SNAP makes it without arguments.

    SNAP calls ``initialize``, ``doExecute`` once before the first tile, ``computeTileStack`` from
    any of its threads but never two at a time, and ``dispose`` unless something failed.
    """

    def __init__(self) -> None:
        self._scene: Scene | None = None
        self._target: Target | None = None
        self._options = Options()
        self._model: Model | None = None
        self._mask: Mask | None = None
        self._context: Any = None

    def initialize(self, context: Any) -> None:
        """Check source and parameters, load the network, and describe the target.

        Loading here costs under a second and means that a wrong model or a missing runtime is
        told before anything is written.
        """
        try:
            self._initialize(context)
        except CloudMaskError as error:
            raise _told(context, error) from None

    def _initialize(self, context: Any) -> None:
        # Without a name: the caller chooses it (sourceProduct, source, sourceProduct.1, ...).
        scene = inspect(context.getSourceProduct())
        self._options, copy = read_parameters(context.getParameter, scene.resolution)
        self._model = model = load_model(
            self._options.model,
            level=scene.level,
            bands=tuple(scene.bands),
            device=self._options.device,
            threads=self._options.threads,
        )
        self._scene, self._mask = scene, None
        self._target = build_target(scene, self._options, model.card, model.device, copy)
        context.setTargetProduct(self._target.product)
        self._context = context

    def doExecute(self, pm: Any) -> None:  # noqa: N802
        """Mask the scene, with progress; called once before the first tile."""
        try:
            self._compute(pm)
        except CloudMaskError as error:
            raise _told(self._context, error) from None

    def computeTileStack(self, context: Any, tiles: Any, rectangle: Any) -> None:  # noqa: N802
        """Copy the result into the tiles of one position."""
        if self._mask is None:
            # A host that never announced the execution.
            self.doExecute(None)
        target, mask = self._target, self._mask
        if target is None or mask is None:
            raise RuntimeError("CloudMask: tiles were asked for before initialize")
        planes = [(target.classes, mask.classes)]
        if mask.probabilities is not None:
            planes += list(zip(target.probabilities, mask.probabilities, strict=True))
        row, col = int(rectangle.y), int(rectangle.x)
        height, width = int(rectangle.height), int(rectangle.width)
        for band, plane in planes:
            # The map is keyed by band objects and lacks bands that nobody wants.
            tile = tiles.get(band)
            if tile is None:
                continue
            part = np.ascontiguousarray(plane[row : row + height, col : col + width])
            # One dimension, contiguous, and exactly uint8 or float32: for other types SNAP writes
            # zeros or other numbers without a word.
            tile.setSamples(part.reshape(-1))

    def dispose(self, context: Any) -> None:
        """Let go of everything; SNAP keeps the Python object for the life of its process."""
        self._scene = self._target = self._model = self._mask = self._context = None

    def _compute(self, pm: Any) -> None:
        if self._mask is not None:
            return
        scene, model = self._scene, self._model
        if scene is None or model is None:
            raise RuntimeError("CloudMask: execution was asked for before initialize")
        host, begun, reading = HostThread(), time.process_time(), _Reading()
        source = SnapSource(
            scene, model.card.bands, self._context, lambda read: host.call(lambda: reading.time(read))
        )
        monitor = _Monitor(pm)

        def progress(done: int, total: int) -> None:
            # SNAP's thread may be busy with the next strip, and the network must not wait for it.
            host.post(lambda: monitor.report(done, total))
            if monitor.cancelled:
                raise CancelledError("cloud mask: cancelled")

        try:
            mask = host.run(lambda: predict(source, model, self._options, progress=progress))
        finally:
            monitor.done()
        # The session and its memory are of no more use: tiles are copied from the mask.
        self._mask, self._model = mask, None
        # The clock of the processor too, which says the same on a busy machine; SNAP reads in this thread.
        worked = time.process_time() - begun - reading.seconds
        seconds = {**mask.timing, "processor": worked, "processor_reading": reading.seconds}
        timing = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
        self._context.getLogger().info(f"CloudMask: {scene.name}: {timing}")


class CancelledError(CloudMaskError):
    """The user stopped the processing."""


class _Reading:
    """Processor time that SNAP takes to read."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def time(self, read: Callable[[], RawArray]) -> RawArray:
        begun = time.thread_time()
        try:
            return read()
        finally:
            self.seconds += time.thread_time() - begun


class _Monitor:
    """SNAP's progress monitor, which is told steps, not sums; or none."""

    def __init__(self, pm: Any) -> None:
        self._pm = pm
        self._begun = False
        self._told = 0
        self.cancelled = False

    def report(self, done: int, total: int) -> None:
        if self._pm is None:
            return
        if not self._begun:
            self._pm.beginTask("Cloud mask", total)
            self._begun = True
        self.cancelled = self.cancelled or bool(self._pm.isCanceled())
        if done > self._told:
            self._pm.worked(done - self._told)
            self._told = done

    def done(self) -> None:
        if self._begun:
            self._pm.done()


def _told(context: Any, error: CloudMaskError) -> CloudMaskError:
    """Log an error's sentence by itself: what SNAP prints of an exception buries it."""
    context.getLogger().severe(f"CloudMask: {error}")
    return error
