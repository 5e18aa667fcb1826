"""The package's own mask, with any model."""

from __future__ import annotations

from pathlib import Path

from ... import __version__
from ...catalog import load_model
from ...classes import SURFACE_CLASSES, CloudClass
from ...errors import DeviceError, ModelError
from ...model import Model
from ...options import make_options
from ...pipeline import predict
from ..scene import Prediction
from .base import Pixels, Unavailable


class OwnMask:
    """The pipeline's mask.

    Parameters
    ----------
    name : str
        As given by the user.
    model : str or None
        Name or file of a model; None takes the default for each scene's level and bands.
    gsd : float or None
        Resolution for products, metres; scenes that are arrays keep their own.
    threads : int
        For inference; 0 takes all.
    device : str
        Where it runs, one of ``options.DEVICES``.
    """

    def __init__(
        self, name: str, model: str | None, gsd: float | None, threads: int, device: str = "auto"
    ) -> None:
        self.name = name
        self._model = model
        self._options = make_options(
            **({} if gsd is None else {"resolution": int(gsd)}), threads=threads, device=device
        )
        self._loaded: dict[tuple[str, tuple[str, ...]], Model] = {}
        self._used: dict[str, str] = {}

    @property
    def title(self) -> str:
        """Name for people."""
        if self._model is None:
            return "cloudmask"
        return f"cloudmask ({Path(self._model).stem if self._model.endswith('.onnx') else self._model})"

    @property
    def claims(self) -> frozenset[CloudClass]:
        """All four; every prediction says what its own model tells apart."""
        return frozenset(SURFACE_CLASSES)

    @property
    def setting(self) -> str:
        """Version and the models that ran."""
        models = ", ".join(f"{n} {v}" for n, v in sorted(self._used.items()))
        return f"cloudmask {__version__}; {models or 'not run'}"

    def predict(self, pixels: Pixels) -> Prediction:
        """Run the pipeline."""
        source = pixels.source
        model = self._get(pixels)
        self._used[model.card.name] = model.card.version
        out = pixels.scene.grid.gsd if pixels.scene.image is not None else None
        mask = predict(source, model, self._options, out_gsd=out)
        return Prediction(mask.classes, mask.grid, frozenset(model.card.classes))

    def _get(self, pixels: Pixels) -> Model:
        key = (pixels.level, pixels.source.bands)
        if key not in self._loaded:
            try:
                self._loaded[key] = load_model(
                    self._model,
                    level=pixels.level,
                    bands=pixels.source.bands,
                    device=self._options.device,
                    threads=self._options.threads,
                )
            except ModelError as error:
                # A device that is not there, or a model asked for by name, is a mistake of the call's.
                if isinstance(error, DeviceError) or self._model is not None:
                    raise
                raise Unavailable(str(error)) from error
        model = self._loaded[key]
        absent = [b for b in model.card.bands if b not in pixels.source.bands]
        if absent:
            raise Unavailable(f"the scene lacks {', '.join(absent)}")
        if model.card.level != pixels.level:
            raise Unavailable(
                f"model {model.card.name} is for {model.card.level}, the scene is {pixels.level}"
            )
        return model
