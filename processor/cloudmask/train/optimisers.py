"""Optimisers: Muon for the kernels inside a net, and several as one, since the rest goes on with AdamW."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from .precision import has_bfloat16

_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the Newton-Schulz iteration that take singular values of 0 to 1 to about 1 in five steps
(Jordan et al. 2024, https://kellerjordan.github.io/posts/muon)."""
_STEPS = 5
_AS_ADAM = 0.2
"""Root mean square of AdamW's usual update, to which Muon's is scaled, so that one rate does for both (Liu et
al. 2025, arXiv:2502.16982, equation 4)."""


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal: every direction of a kernel learns at the same pace.

    Kernels (outputs, inputs, rows, cols) are taken as matrices (outputs, inputs x rows x cols).

    Parameters
    ----------
    params : iterable of parameters or groups
        Parameters of two axes or more.
    lr : float
        Rate as for AdamW.
    momentum : float
        Nesterov's.
    weight_decay : float
        Decoupled, as AdamW's.
    """

    def __init__(
        self, params: Iterable[Any], lr: float, momentum: float = 0.95, weight_decay: float = 0.01
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update; `closure` is not supported and must be None."""
        assert closure is None
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(p)
                momentum = state["momentum"]
                momentum.lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(momentum, group["momentum"]).flatten(1)
                scale = _AS_ADAM * max(update.shape) ** 0.5
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(orthogonal(update).view(p.shape), alpha=-group["lr"] * scale)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """The matrix with its singular values brought to about 1 (.7 to 1.2).

    Computed in bfloat16 where that is fast: the iteration forgives its precision.

    Parameters
    ----------
    matrix : float32 (rows, cols)

    Returns
    -------
    float32 (rows, cols)
    """
    x = matrix.bfloat16() if has_bfloat16(matrix.device) else matrix
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    a, b, c = _QUINTIC
    for _ in range(_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).to(matrix.dtype)


class Together:
    """Several optimisers as one.

    Parameters
    ----------
    parts : sequence of Optimizer
    """

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self.parts = list(parts)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Groups of all, to set their rates."""
        return [group for part in self.parts for group in part.param_groups]

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    def step(self) -> None:
        """One update of all."""
        for part in self.parts:
            part.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """States of all, in order."""
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states: Sequence[dict[str, Any]]) -> None:
        """Restore what :meth:`state_dict` gave."""
        for part, state in zip(self.parts, states, strict=True):
            part.load_state_dict(state)
