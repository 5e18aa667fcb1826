"""Networks in ONNX Runtime: the only module that imports it."""

from __future__ import annotations

import copy
import hashlib
import importlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .card import METADATA_KEY, ModelCard, load_card, load_card_text
from .cpu import has_bfloat16, thread_count
from .errors import DeviceError, ModelError
from .onnx_edit import open_sides, settle_input, tied_side
from .onnx_graph import check_graph

log = logging.getLogger(__name__)

PROVIDERS: dict[str, str] = {
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
EXTRAS: dict[str, str] = {"cuda": "gpu", "openvino": "openvino", "cpu": "cpu"}

_CUDA_BATCH = 16


def runtime() -> ModuleType:
    """The installed ONNX Runtime.

    Raises
    ------
    DeviceError
        Naming the extras if none is installed.
    """
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise DeviceError(
            "ONNX Runtime is not installed (or broken: "
            f"{error}); install one build of it: pip install '.[cpu]', '.[gpu]' "
            "or '.[openvino]' in cloudmask's folder"
        ) from error


def available_devices() -> list[str]:
    """Devices the installed runtime offers, best first.

    Raises
    ------
    DeviceError
        If no runtime is installed.
    """
    providers = runtime().get_available_providers()
    return [device for device, provider in PROVIDERS.items() if provider in providers]


def resolve_device(device: str) -> str:
    """Turn ``"auto"`` into the best device there is, and refuse one that is not there.

    Raises
    ------
    DeviceError
        Naming the extra to install.
    """
    if device not in ("auto", *PROVIDERS):
        raise DeviceError(f"unknown device '{device}'; expected auto, {', '.join(PROVIDERS)}")
    there = available_devices()
    if device == "auto":
        return there[0]
    if device not in there:
        raise DeviceError(
            f"device {device}: the installed ONNX Runtime offers {', '.join(there)} only; its builds exclude "
            f"each other, so in a fresh environment: pip install '.[{EXTRAS[device]}]'"
        )
    return device


class OnnxModel:
    """A network in one ONNX Runtime session.

    Parameters
    ----------
    path : Path
        The ONNX file.
    card : ModelCard, optional
        By default read from ``<stem>.json`` beside the file, else from the file's metadata.
    device : str
        One of ``options.DEVICES``.
    threads : int
        Processor threads inside operators; 0 takes all.
    bands : sequence of str, optional
        Bands at hand, by default all of the card's: optional ones that are not among them are left
        off :attr:`card`, and the network is told that they are absent.

    Raises
    ------
    ModelError
        If file, card or graph are unusable or contradict each other.
    DeviceError
        If the device is not there.
    """

    def __init__(
        self,
        path: Path,
        card: ModelCard | None = None,
        *,
        device: str = "auto",
        threads: int = 0,
        bands: Sequence[str] | None = None,
    ) -> None:
        if not path.is_file():
            raise ModelError(f"{path}: no such model file")
        if card is None and path.with_suffix(".json").is_file():
            card = load_card(path.with_suffix(".json"))
        self._device = resolve_device(device)
        if card is None:
            card = _card_inside(path, self._load(path, None, device, threads))
        _check_hash(path, card)
        self._card = card if bands is None else card.restricted(bands)
        # Planes of the graph's first input that a batch brings.
        self._places = [card.bands.index(b) for b in self._card.bands]
        graph = _Graph.of(path, card, [b not in self._card.bands for b in card.bands])
        self._path, self._content, self._threads = path, graph.content, threads
        self._shared: dict[int, OnnxModel] = {}
        self._session = self._load(path, graph.content, device, threads)
        self._input, self._output = check_graph(path, self._session, card, settled=graph.settled)
        self._planes = len(card.bands)
        if graph.opened:
            self._try_another_side(path)
        log.info("model %s %s on %s", card.name, card.version, self._device)

    def _load(self, path: Path, content: bytes | None, wanted: str, threads: int) -> Any:
        try:
            return _session(path, self._device, threads, content)
        except DeviceError:
            if wanted != "auto" or self._device == "cpu":
                raise
            # An installed provider whose driver is missing: auto falls back, and says so.
            log.warning("%s cannot be used on this machine; using the CPU", self._device)
            self._device = "cpu"
            return _session(path, "cpu", threads, content)

    def _try_another_side(self, path: Path) -> None:
        """See that a graph exported for one side does with the smallest side its card allows."""
        tile = self._card.tile
        side = -(-(2 * tile.margin + 1) // tile.multiple) * tile.multiple
        try:
            self.predict(np.zeros((1, len(self._card.bands), side, side), np.float32))
        except ModelError as error:
            raise ModelError(
                f"{path}: its card allows tiles of {side} px, but the graph, exported for one size, does not "
                f"do with them: give that size as tile.size and as tile.multiple ({error})"
            ) from error

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._card

    @property
    def device(self) -> str:
        """Device in use: ``"cpu"``, ``"cuda"`` or ``"openvino"``."""
        return self._device

    @property
    def batch_size(self) -> int:
        """Tiles a call; batches only pay where there is a GPU to fill."""
        return _CUDA_BATCH if self._device == "cuda" else 1

    def shared(self, callers: int) -> OnnxModel:
        """The same network for several callers at a time, who share the processor's threads.

        A session has threads of its own beside those that call it. Were there as many as for one caller,
        several would have more threads than cores and their layers wait for each other: on two
        cores that costs a tenth of the time.
        """
        if callers <= 1 or self._device != "cpu":
            return self
        if callers not in self._shared:
            other = copy.copy(self)
            threads = max(1, thread_count(self._threads) - callers + 1)
            other._session = _session(self._path, "cpu", threads, self._content)
            self._shared[callers] = other
        return self._shared[callers]

    def predict(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Class probabilities of normalised tiles; see :class:`cloudmask.model.Model`."""
        full = self._filled(batch)
        try:
            raw = self._run_bound(full) if self._device == "cuda" else self._run(full)
        except Exception as error:  # the runtime's own exception types are not public
            raise ModelError(
                f"model {self._card.name} failed on a batch of shape {batch.shape} on {self._device}: "
                f"{_first_line(error)}"
            ) from error
        expected = (batch.shape[0], len(self._card.classes), *batch.shape[2:])
        if raw.shape != expected:
            raise ModelError(
                f"model {self._card.name}: expected output of shape {expected}, found {raw.shape}"
            )
        return self._card.probabilities(raw.astype(np.float32, copy=False))

    def _filled(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """All planes of the graph's input: a band that is not at hand is zero."""
        if len(self._places) == self._planes:
            return batch
        full = np.zeros((batch.shape[0], self._planes, *batch.shape[2:]), np.float32)
        full[:, self._places] = batch
        return full

    def _run(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        result: npt.NDArray[np.float32] = self._session.run([self._output], {self._input: batch})[0]
        return result

    def _run_bound(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Run with input and output bound, so that each crosses the bus once."""
        binding = self._session.io_binding()
        binding.bind_cpu_input(self._input, batch)
        binding.bind_output(self._output, "cpu")
        self._session.run_with_iobinding(binding)
        result: npt.NDArray[np.float32] = binding.copy_outputs_to_cpu()[0]
        return result


class _Graph(NamedTuple):
    """What the runtime is given in place of a file, if anything, and in what it differs."""

    content: bytes | None = None
    opened: bool = False
    settled: bool = False

    @classmethod
    def of(cls, path: Path, card: ModelCard, absent: Sequence[bool]) -> _Graph:
        """Open the tile size where one is declared and the card allows others; settle absent bands."""
        content = path.read_bytes()
        try:
            opened = tied_side(content) is not None and card.tile.size != card.tile.multiple
            content = open_sides(content) if opened else content
            if card.optional:
                content = settle_input(content, [float(a) for a in absent])
        except ValueError:  # no ONNX file, or an odd one: the runtime or the check says what is wrong with it
            return cls()
        return cls(content, opened, bool(card.optional)) if opened or card.optional else cls()


def _session(path: Path, device: str, threads: int, content: bytes | None = None) -> Any:
    ort = runtime()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads that spin would take the processor from the ones that decode the next strip.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Weights that lie in files of their own are looked for beside the model, also where its bytes are given.
    folder = str(path.parent.absolute())
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
    provider: Any = PROVIDERS[device]
    if device == "openvino":
        provider = (provider, _openvino_settings(threads))
    try:
        session = ort.InferenceSession(content or str(path), sess_options=options, providers=[provider])
    except Exception as error:  # the runtime's own exception types are not public
        if device != "cpu" and PROVIDERS[device] in str(error):
            raise DeviceError(f"device {device} cannot be used: {_first_line(error)}") from error
        raise ModelError(
            f"{path}: expected an ONNX model that ONNX Runtime {ort.__version__} can load, "
            f"found: {_first_line(error)}"
        ) from error
    if PROVIDERS[device] not in session.get_providers():
        raise DeviceError(
            f"device {device} cannot be used: its driver or libraries are missing; see 'cloudmask doctor'"
        )
    return session


def _openvino_settings(threads: int) -> dict[str, str]:
    """Provider options: bfloat16 where the processor multiplies in it, else float32.

    The provider asks OpenVINO for float32 unless its own configuration, passed on as JSON, says
    otherwise; hints for performance change nothing.
    """
    settings = {"device_type": "CPU"}
    if threads:
        settings["num_of_threads"] = str(threads)
    if has_bfloat16():
        settings["load_config"] = json.dumps({"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}})
    else:
        settings["precision"] = "ACCURACY"
    return settings


def _card_inside(path: Path, session: Any) -> ModelCard:
    inside = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if inside is None:
        raise ModelError(
            f"{path}: no model card: expected {path.with_suffix('.json').name} beside it or the key "
            f"'{METADATA_KEY}' in its metadata; docs/models.md says what a card holds"
        )
    return load_card_text(inside, f"{path} (metadata)")


def _check_hash(path: Path, card: ModelCard) -> None:
    if not card.sha256:
        return
    found = file_hash(path)
    if found != card.sha256:
        raise ModelError(
            f"{path}: expected SHA-256 {card.sha256} as the card says, found {found}; "
            "the file is damaged or another version: install it again"
        )


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
