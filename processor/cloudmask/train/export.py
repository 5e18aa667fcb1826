"""A trained net as an ONNX file with its card, checked against PyTorch."""

from __future__ import annotations

import copy
import datetime
import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .. import __version__
from ..atomic import AtomicOutputs
from ..card import METADATA_KEY, parse_card
from ..classes import SURFACE_CLASSES
from ..errors import ModelError, UsageError
from ..onnx_model import OnnxModel, file_hash
from .checkpoint import Checkpoint
from .features import FEATURE_BANDS, Indices
from .net import UNet, receptive_field, smoothed
from .recipe import Recipe

OPSET = 17
_TILE = 1264
"""Side of a tile, pixels: five of them with their margins cover a product's 5490 pixels at 20 m just so."""
_TRUSTED = 0.9
"""Share of the net's reach that a tile's margin has: what lies at the end of the reach hardly matters. With
.9 tiles of 256 and 1024 px differ on .04 % of a cloudy scene of cloudmask-l1c 2.2.0, with .75 on .11 %."""
_TOLERANCE = 1e-4
"""Largest difference in probability between PyTorch and ONNX Runtime, both in float32."""


def fold(net: UNet, bands: Sequence[str], keep: Sequence[str]) -> UNet:
    """The net for inference on some of its bands: norms in the convolutions, absence in the bias.

    Parameters
    ----------
    net : UNet
        Trained on `bands`.
    bands : sequence of str
        Its bands in order.
    keep : sequence of str
        Bands of the new net in order.

    Raises
    ------
    UsageError
        If a band to keep is not one of the net's.
    """
    strange = [b for b in keep if b not in bands]
    if strange:
        raise UsageError(
            f"cannot export band {', '.join(strange)}: the net was trained on {', '.join(bands)}"
        )
    out = copy.deepcopy(net).eval()
    places = [bands.index(b) for b in keep]
    left = [i for i in range(len(bands)) if i not in places]
    columns = list(places)
    if out.indices is not None:
        old = out.indices
        names = [n for n in old.names if set(FEATURE_BANDS[n]) <= set(keep)]
        columns += [len(bands) + old.names.index(n) for n in names]
        mean, std = old.mean.flatten()[places].tolist(), old.std.flatten()[places].tolist()
        out.indices = Indices(keep, names, mean, std, "sqrt" if old.squared else "none")
    with torch.no_grad():
        kernels = out.stem.weight
        if out.smooth:
            kernels = smoothed(kernels, out.smooth, len(bands))
            out.smooth = ()
    side = kernels.shape[-1]
    stem = nn.Conv2d(len(columns), out.stem.out_channels, side, 2, side // 2, bias=True)
    with torch.no_grad():
        stem.weight.copy_(kernels[:, columns])
        assert stem.bias is not None
        stem.bias.copy_(out.absent[left].sum(0))
    norm = out.stem_norm
    with torch.no_grad():  # what is said of absent bands goes through the norm as well
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)  # type: ignore[operator, arg-type]
        out.absent = nn.Parameter(out.absent[places] * scale)
    out.stem = fuse_conv_bn_eval(stem.eval(), norm)
    out.stem_norm = nn.Identity()  # type: ignore[assignment]
    for module in list(out.modules()):
        if isinstance(module, nn.Sequential) and len(module) == 3 and isinstance(module[1], nn.BatchNorm2d):
            convolution, norm = module[0], module[1]
            assert isinstance(convolution, nn.Conv2d)
            module[0], module[1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    return out.eval()


def shift_logits(net: UNet, offsets: Sequence[float]) -> None:
    """Add to the logits of the four classes, in the bias of the head; no offsets change nothing."""
    if offsets:
        assert net.head.bias is not None
        four = torch.tensor(list(offsets)).repeat_interleave(net.head.out_channels // len(offsets))
        with torch.no_grad():
            net.head.bias.add_(four)


def tile_spec(recipe: Recipe) -> dict[str, Any]:
    """The card's ``tile``: a margin so wide that the lattice of tiles cannot be seen in the mask."""
    multiple = 2 ** len(recipe.model.widths)
    reach = receptive_field(recipe.model.widths, recipe.model.bottom, bool(recipe.model.smooth))
    margin = -(-int(reach * _TRUSTED) // multiple) * multiple
    size = -(-_TILE // multiple) * multiple
    return {"size": size, "margin": margin, "blind": margin * 4 // 5, "multiple": multiple, "fixed": False}


def model_card(
    recipe: Recipe,
    checkpoint: Checkpoint,
    keep: Sequence[str],
    *,
    name: str,
    optional: Sequence[str] = (),
    extra: Mapping[str, Any],
) -> dict[str, Any]:
    """The card of an exported net as JSON values, without the hash."""
    places = [recipe.bands.index(b) for b in keep]
    normalisation = checkpoint.normalisation
    card: dict[str, Any] = {
        "name": name,
        "title": recipe.title or name,
        "version": recipe.version,
        "level": recipe.level,
        "bands": list(keep),
        **({"optional": list(optional)} if optional else {}),
        "gsd": int(recipe.gsd),
        "input": {
            "scale": 1.0,
            "transform": normalisation.transform,
            "mean": [normalisation.mean[i] for i in places],
            "std": [normalisation.std[i] for i in places],
        },
        "output": {"activation": "softmax", "classes": [c.key for c in SURFACE_CLASSES]},
        "tile": tile_spec(recipe),
        "opset": OPSET,
        "licence": recipe.licence,
        "training_data": recipe.training_data or f"recipe {recipe.name}",
        "source": f"cloudmask {__version__}, recipe {recipe.name}, epoch {checkpoint.data['epoch']}",
        "citation": recipe.citation,
        "rank": 0,
        "trained": datetime.date.today().isoformat(),
        "recipe_sha256": hashlib.sha256(
            json.dumps(checkpoint.data["recipe"], sort_keys=True).encode()
        ).hexdigest(),
    }
    card.update(extra)
    return card


def export_model(
    checkpoint: Checkpoint,
    path: Path,
    *,
    keep: Sequence[str] = (),
    optional: Sequence[str] = (),
    name: str = "",
    offsets: Sequence[float] = (),
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``path`` (ONNX) and its card beside it, and check it against PyTorch.

    Parameters
    ----------
    checkpoint : Checkpoint
        What to export: its averaged weights.
    path : Path
        The ONNX file; N, H and W stay dynamic.
    keep : sequence of str, optional
        Bands of the exported net, by default all the recipe's.
    optional : sequence of str, optional
        Of these, bands that may be absent: the net then has a second input, float32 (N, bands), 1 for
        each band that is.
    name : str, optional
        Name in the card, by default the recipe's.
    offsets : sequence of float, optional
        Added to the logits of the four classes.
    extra : mapping, optional
        More keys for the card (rank, scores, limits).

    Raises
    ------
    ModelError
        If ONNX Runtime does not agree with PyTorch.
    OutputError
        If a file cannot be written.

    Both files are as they were when any of this is raised.
    """
    recipe = checkpoint.recipe
    bands = tuple(keep or recipe.bands)
    net = fold(checkpoint.net(), recipe.bands, bands)
    shift_logits(net, offsets)
    card = model_card(
        recipe, checkpoint, bands, name=name or recipe.name, optional=optional, extra=extra or {}
    )
    axes = {0: "n", 2: "h", 3: "w"}
    inputs: dict[str, torch.Tensor] = {"input": torch.zeros(1, len(bands), 64, 64)}
    dynamic = {"input": axes, "output": axes}
    if optional:
        inputs["absent"], dynamic["absent"] = torch.zeros(1, len(bands)), {0: "n"}
    with AtomicOutputs([path, path.with_suffix(".json")], overwrite=True) as outputs:
        draft = outputs.path(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's notes on its own future
            torch.onnx.export(
                net,
                tuple(inputs.values()),
                str(draft),
                opset_version=OPSET,
                dynamo=False,
                input_names=list(inputs),
                output_names=["output"],
                dynamic_axes=dynamic,
            )
        _add_card(draft, card, draft)
        check_equal(net, draft, bands)
        for band in optional:
            check_equal(net, draft, [b for b in bands if b != band])
    return path


def finish(path: Path, card: dict[str, Any]) -> None:
    """Write the card into the file's metadata and, with the hash, beside it.

    Raises
    ------
    ModelError
        If the card is unusable.
    OutputError
        If they cannot be written; both are then as they were.
    """
    beside = path.with_suffix(".json")
    with AtomicOutputs([path, beside], overwrite=True) as outputs:
        _add_card(path, card, outputs.path(path))


def _add_card(path: Path, card: dict[str, Any], target: Path) -> None:
    """Write the model at `path` with a card to `target`, and the card beside it."""
    import onnx

    parse_card(card, path.name)
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(card)})
    onnx.save(model, str(target))
    text = json.dumps({**card, "sha256": file_hash(target)}, indent=1)
    target.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


def check_equal(net: UNet, path: Path, bands: Sequence[str]) -> float:
    """Largest difference in probability on random input of two sizes.

    Parameters
    ----------
    net : UNet
        The folded net.
    path : Path
        Its ONNX file with the card.
    bands : sequence of str
        Bands at hand: all of the card's, but for optional ones.

    Raises
    ------
    ModelError
        If it is larger than float32 rounding explains.
    """
    model = OnnxModel(path, device="cpu", bands=bands)
    every = OnnxModel(path, device="cpu").card.bands
    absent = torch.tensor([[float(b not in bands) for b in every]])
    rng = np.random.default_rng(0)
    worst = 0.0
    for count, rows, cols in ((2, 64, 96), (1, 160, 128)):
        x = rng.standard_normal((count, len(every), rows, cols)).astype(np.float32)
        x *= 1 - absent.numpy()[:, :, None, None]
        with torch.no_grad():
            ours = net(torch.from_numpy(x), absent.expand(count, -1)).softmax(1).numpy()
        theirs = model.predict(np.ascontiguousarray(x[:, [b in bands for b in every]]))
        worst = max(worst, float(np.abs(ours - theirs).max()))
    if worst > _TOLERANCE:
        raise ModelError(
            f"{path.name}: ONNX Runtime and PyTorch differ by {worst:g} in probability; "
            f"expected no more than {_TOLERANCE:g}"
        )
    return worst
