"""The network runs beside SNAP: work in a Python thread, Java calls in SNAP's own.

Any Java call from a thread that Python started attaches that thread to the virtual machine for
good, and ``gpt`` never ends. So the pipeline, which reads ahead in threads of its own, runs in a
worker, and whatever it wants from Java is handed to the thread that SNAP called us in. That
thread is idle meanwhile, and as Java calls let go of the interpreter's lock, SNAP decodes and
resamples the next strip while the network works on the last.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class HostThread:
    """Runs a job in a worker thread and serves its calls in the calling thread."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[[], Any], Future[Any] | None] | None] = SimpleQueue()

    def call(self, function: Callable[[], T]) -> T:
        """Have the host thread run a function; returns its result or raises its exception.

        To be called by the job of :meth:`run`, from any thread.
        """
        future: Future[T] = Future()
        self._calls.put((function, future))
        return future.result()

    def post(self, function: Callable[[], object]) -> None:
        """Have the host thread run a function when it comes to it, without waiting for that.

        What it raises ends the job's run with that exception, once the job itself has ended.
        """
        self._calls.put((function, None))

    def run(self, job: Callable[[], T]) -> T:
        """Run a job in a worker and return its result or raise its exception."""
        with ThreadPoolExecutor(1, "cloudmask") as pool:
            done = pool.submit(job)
            done.add_done_callback(lambda _: self._calls.put(None))
            failed: BaseException | None = None
            while (request := self._calls.get()) is not None:
                function, future = request
                try:
                    result = function()
                except BaseException as error:  # handed to the job, which decides
                    if future is None:
                        failed = error
                    else:
                        future.set_exception(error)
                else:
                    if future is not None:
                        future.set_result(result)
            if failed is not None:
                raise failed
            return done.result()
