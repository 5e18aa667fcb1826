"""An int8 variant of an exported net, calibrated on real pixels."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..atomic import AtomicOutputs
from ..card import ModelCard, parse_card
from ..errors import UsageError
from ..onnx_model import OnnxModel
from .export import finish
from .pool import PatchSet
from .sample import bands_there

Tile = npt.NDArray[np.float32]


class _Tiles:
    """What ONNX Runtime's calibration asks for its input: tiles with all bands."""

    def __init__(self, tiles: Sequence[npt.NDArray[np.float32]], optional: bool) -> None:
        self._left = iter(tiles)
        self._optional = optional

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        tile = next(self._left, None)
        if tile is None:
            return None
        more = {"absent": np.zeros((1, len(tile)), np.float32)} if self._optional else {}
        return {"input": tile[None], **more}


def quantise(source: Path, target: Path, calibrate: Sequence[Tile], check: Sequence[Tile]) -> float:
    """Write an int8 model (static, QDQ, per channel) and return how often it agrees with `source`.

    Parameters
    ----------
    source, target : Path
        ONNX files with cards.
    calibrate, check : sequence of float32 (bands, rows, cols)
        Normalised real pixels to set the ranges by, and others to measure the agreement on; sides are
        multiples of what the model accepts.

    Returns
    -------
    float
        Share of pixels whose most probable class is the same.

    Raises
    ------
    UsageError
        If there is nothing to calibrate or check with.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    if not calibrate or not check:
        raise UsageError(
            "int8 needs real pixels to calibrate and others to check, as sources of kind 'arrays' in "
            f"[[train]] and [[scenes]]; found {len(calibrate)} and {len(check)}"
        )
    full = OnnxModel(source, device="cpu")
    convolutions = [n.name for n in onnx.load(str(source)).graph.node if n.op_type == "Conv"]
    with AtomicOutputs([target], overwrite=True) as outputs:
        quantize_static(
            str(source),
            str(outputs.path(target)),
            _Tiles(calibrate, bool(full.card.optional)),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            calibrate_method=CalibrationMethod.MinMax,
            # Neither the first nor the last convolution: bands and logits lose most by rounding. With ReLU
            # named, ranges are those after it, which are half as wide, and nothing goes back to float32
            # between layers.
            op_types_to_quantize=["Conv", "Relu", "Resize"],
            nodes_to_exclude=[convolutions[0], convolutions[-1]],
        )
    card = json.loads(source.with_suffix(".json").read_text("utf-8"))
    card.pop("sha256")
    card["name"] += "-int8"
    card["title"] += " (int8)"
    card["rank"] = int(card.get("rank", 0)) - 1
    fast = OnnxModel(target, parse_card(card, str(target)), device="cpu")
    same = [float((full.predict(t[None]).argmax(1) == fast.predict(t[None]).argmax(1)).mean()) for t in check]
    agreement = float(np.mean(same))
    if "scores" in card:
        of = f"of {full.card.name}, from which this copy was made"
        card["scores"] = {**card["scores"], "protocol": f"{of}: {card['scores']['protocol']}"}
    finish(target, {**card, "agreement": {"with": full.card.name, "share": round(agreement, 5)}})
    return agreement


def any_complete(keep: Sequence[str], bands: Sequence[str], patches: PatchSet) -> bool:
    """Whether :func:`tiles_for` will find anything.

    Parameters
    ----------
    keep : sequence of str
        The model's bands.
    bands : sequence of str
        Bands of the samples.
    patches : PatchSet
        Samples.
    """
    places = [bands.index(b) for b in keep]
    return any(bands_there(patches.get(i).values[places]).all() for i in range(len(patches)))


def tiles_for(card: ModelCard, bands: Sequence[str], patches: PatchSet) -> Iterator[Tile]:
    """Normalised tiles of a model's own bands from samples that have them all.

    Parameters
    ----------
    card : ModelCard
        The model's.
    bands : sequence of str
        Bands of the samples.
    patches : PatchSet
        Samples of any size; sides are mirrored up to the model's multiple.
    """
    places = [bands.index(b) for b in card.bands]
    for i in range(len(patches)):
        values = patches.get(i).values[places]
        if not bands_there(values).all():
            continue
        pads = [(0, 0), *((0, -side % card.tile.multiple) for side in values.shape[1:])]
        yield card.input.normalise(np.pad(values, pads, "symmetric"))
