"""What the pipeline asks of a network, whichever runtime it runs in."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from .card import ModelCard


class Model(Protocol):
    """A network ready to run."""

    @property
    def card(self) -> ModelCard:
        """What the network expects and gives."""
        ...

    @property
    def device(self) -> str:
        """Where it runs, for people: ``"cpu"``, ``"cuda"``, ``"openvino"``."""
        ...

    @property
    def batch_size(self) -> int:
        """How many tiles it likes to be given at once."""
        ...

    def shared(self, callers: int) -> Model:
        """The same network for so many threads that call :meth:`predict` at a time."""
        ...

    def predict(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Class probabilities of normalised tiles.

        Parameters
        ----------
        batch : float32 (n, bands, rows, cols), C-contiguous
            As :meth:`InputSpec.normalise` gives it.

        Returns
        -------
        float32 (n, classes, rows, cols), 0 to 1
            Planes in the order of ``card.classes``.
        """
        ...
