"""An int8 variant of an exported net, calibrated on real pixels."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..onnx_model import OnnxModel
from .export import finish


class _Tiles:
    """What ONNX Runtime's calibration asks for its input."""

    def __init__(self, tiles: Sequence[npt.NDArray[np.float32]]) -> None:
        self._left = iter(tiles)

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        tile = next(self._left, None)
        return None if tile is None else {"input": tile[None]}


def quantise(
    source: Path, target: Path, tiles: Sequence[npt.NDArray[np.float32]], keep_float: Sequence[str] = ()
) -> float:
    """Write an int8 model (static, QDQ, per channel) and return how often it agrees with `source`.

    Parameters
    ----------
    source, target : Path
        ONNX files with cards.
    tiles : sequence of float32 (bands, rows, cols)
        Normalised real pixels: even places calibrate, odd ones measure the agreement.
    keep_float : sequence of str
        Nodes left in float32.

    Returns
    -------
    float
        Share of pixels whose most probable class is the same.

    Raises
    ------
    UsageError
        If there are fewer than two tiles.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    if len(tiles) < 2:
        raise UsageError(
            f"int8 needs at least 2 tiles of real pixels to calibrate and check, found {len(tiles)}"
        )
    part = target.with_name(target.name + ".part")
    quantize_static(
        str(source),
        str(part),
        _Tiles(tiles[::2]),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        calibrate_method=CalibrationMethod.MinMax,
        nodes_to_exclude=list(keep_float),
    )
    os.replace(part, target)
    full = OnnxModel(source, device="cpu")
    card = json.loads(source.with_suffix(".json").read_text("utf-8"))
    card.pop("sha256")
    card["name"] += "-int8"
    card["title"] += " (int8)"
    card["rank"] = int(card.get("rank", 0)) - 1
    finish(target, card)
    fast = OnnxModel(target, device="cpu")
    same = [
        float((full.predict(t[None]).argmax(1) == fast.predict(t[None]).argmax(1)).mean())
        for t in tiles[1::2]
    ]
    return float(np.mean(same))
