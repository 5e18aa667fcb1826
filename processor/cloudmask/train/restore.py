"""A net to train on from an exported model: its weights are in the ONNX file, its norms are found again.

An export has every batch norm folded into the convolution before it. To train on, each norm is put
back with the statistics that its input has on training batches, and a scale and an offset that undo
them: evaluated, the net then says what the model says; trained, it starts from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..errors import ModelError, UsageError
from ..onnx_model import OnnxModel
from .batches import Batch, Normalisation
from .net import UNet, unsmoothed
from .recipe import Recipe

_LENGTH = 1.0
"""Length of the weights of each channel before a norm. The norm makes up for any other, and rates of learning
suit lengths such as fresh nets have; folded weights are up to fifty times shorter."""


def read_model(path: Path, recipe: Recipe) -> tuple[dict[str, torch.Tensor], Normalisation]:
    """Weights of an exported model, by the names of :class:`.net.UNet`'s, and its normalisation.

    Raises
    ------
    UsageError
        If its bands or the transformation of its input are not the recipe's.
    ModelError
        If it is not a model that ``cloudmask train`` exported.
    """
    import onnx

    card = OnnxModel(path, device="cpu").card
    if tuple(card.bands) != recipe.bands:
        raise UsageError(
            f"{path}: --init with a model needs its bands, {', '.join(card.bands)}; "
            f"the recipe has {', '.join(recipe.bands)}"
        )
    if card.input.transform != recipe.model.transform:
        raise UsageError(
            f"{path}: expected model.transform = '{card.input.transform}' as in this model, "
            f"found '{recipe.model.transform}'"
        )
    graph = onnx.load(str(path)).graph
    arrays = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    weights = {
        k: torch.from_numpy(np.array(v)) for k, v in arrays.items() if k.endswith((".weight", ".bias"))
    }
    matrices = [n.input[1] for n in graph.node if n.op_type == "MatMul" and n.input[1] in arrays]
    if len(matrices) > 1 or "stem.weight" not in weights:
        raise ModelError(f"{path}: expected a model that 'cloudmask train' exported")
    if matrices:
        weights["absent"] = torch.from_numpy(np.array(arrays[matrices[0]]))
    else:  # without optional bands: nothing is said of what is absent
        weights["absent"] = torch.zeros(len(card.bands), len(weights["stem.weight"]))
    mean, std = (tuple(float(v) for v in values) for values in (card.input.mean, card.input.std))
    return weights, Normalisation(card.input.transform, mean, std)


def restore(net: UNet, weights: dict[str, torch.Tensor], batches: Iterable[Batch]) -> None:
    """Put the folded weights of an exported model into a net, and find its norms again.

    Parameters
    ----------
    net : UNet
        Of the same bands, widths and depth.
    weights : dict of str to torch.Tensor
        As :func:`read_model` gives them.
    batches : iterable of Batch
        Training batches, on which the statistics of the norms are taken.

    Raises
    ------
    UsageError
        If the net's shape is another.
    """
    norms = _norms(net)
    left = dict(weights)
    offsets = {}
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            norm = name.rpartition(".")[0] in norms.values()
            if norm:
                continue
            value = left.pop(name, None)
            if name == "stem.weight" and value is not None and net.smooth and value.shape[-1] == 5:
                value = unsmoothed(value, net.smooth, len(net.absent))
            if value is None or value.shape != parameter.shape:
                raise UsageError(
                    "--init needs the same model.widths, model.bottom and model.features as this recipe's: "
                    f"{name} differs"
                )
            parameter.copy_(value)
    for convolution, norm_name in norms.items():
        bias = left.pop(f"{convolution}.bias", None)
        if bias is None:
            raise UsageError(
                f"--init needs the same model.widths as this recipe's: {convolution}.bias is missing"
            )
        offsets[norm_name] = bias
    if left:
        raise UsageError(f"--init needs the same model.bottom as this recipe's: {min(left)} is left over")
    scales = _stretch(net, norms)
    _settle(net, offsets, scales, batches)


def _norms(net: UNet) -> dict[str, str]:
    """Names of the convolutions that have a norm behind them, and of those norms."""
    out = {"stem": "stem_norm"}
    for name, module in net.named_modules():
        if isinstance(module, nn.Sequential) and len(module) == 3 and isinstance(module[1], nn.BatchNorm2d):
            out[f"{name}.0"] = f"{name}.1"
    return out


def _stretch(net: UNet, norms: dict[str, str]) -> dict[str, torch.Tensor]:
    """Bring the weights of each channel before a norm to one length; gives what each norm has to undo."""
    scales = {}
    with torch.no_grad():
        for convolution, norm in norms.items():
            module = net.get_submodule(convolution)
            assert isinstance(module, nn.Conv2d)
            length = module.weight.flatten(1).norm(dim=1).clamp(min=1e-6) / _LENGTH
            module.weight.div_(length[:, None, None, None])
            if convolution == "stem":
                net.absent.div_(length)
            scales[norm] = length
    return scales


def _settle(
    net: UNet, offsets: dict[str, torch.Tensor], scales: dict[str, torch.Tensor], batches: Iterable[Batch]
) -> None:
    """Give each norm the statistics of its input, and a scale and an offset that make up for them."""
    modules: dict[str, nn.BatchNorm2d] = {}
    sums: dict[str, list[Any]] = {}
    hooks = []
    for name in offsets:
        module = net.get_submodule(name)
        assert isinstance(module, nn.BatchNorm2d)
        modules[name] = module
        with torch.no_grad():
            _undo(
                module,
                torch.zeros_like(module.bias),
                torch.ones_like(module.bias),
                offsets[name],
                scales[name],
            )

        def count(_: nn.Module, inputs: tuple[torch.Tensor], name: str = name) -> None:
            x = inputs[0].double()
            total = sums.setdefault(name, [0, 0.0, 0.0])
            total[0] += x.numel() // x.shape[1]
            total[1] = total[1] + x.sum((0, 2, 3))
            total[2] = total[2] + (x * x).sum((0, 2, 3))

        hooks.append(module.register_forward_pre_hook(count))
    net.eval()
    with torch.no_grad():
        for batch in batches:
            net(batch.values, batch.absent)
        for hook in hooks:
            hook.remove()
        for name, (number, total, square) in sums.items():
            mean = total / number
            variance = (square / number - mean * mean).clamp(min=1e-8)
            _undo(modules[name], mean.float(), variance.float(), offsets[name], scales[name])


def _undo(
    norm: nn.BatchNorm2d,
    mean: torch.Tensor,
    variance: torch.Tensor,
    offset: torch.Tensor,
    scale: torch.Tensor,
) -> None:
    """Set a norm to these statistics so that it gives ``scale * input + offset``."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_(scale * (variance + norm.eps).sqrt())
    norm.bias.copy_(offset + scale * mean)
