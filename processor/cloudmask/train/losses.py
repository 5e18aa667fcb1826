"""Losses for four unbalanced classes with unlabelled pixels, and for a teacher's soft labels."""

from __future__ import annotations

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
    known = labels != IGNORE
    if not bool(known.any()):
        return logits.sum() * 0.0
    entropy = functional.cross_entropy(
        logits, labels, class_weights, ignore_index=IGNORE, label_smoothing=smoothing
    )
    if dice <= 0:
        return entropy
    probability = logits.softmax(1) * known[:, None]
    target = functional.one_hot(labels.where(known, 0), logits.shape[1]).movedim(-1, 1) * known[:, None]
    axes = (0, 2, 3)
    hit = (probability * target).sum(axes)
    size, total = target.sum(axes), probability.sum(axes)
    score = (2 * hit + 1.0) / (size + total + 1.0)
    present = (size > 0).to(score.dtype)
    return entropy + dice * ((1 - score) * present).sum() / present.sum()


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


def distillation_loss(logits: torch.Tensor, soft: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """Cross-entropy against a teacher on the classes that the teacher tells apart.

    Parameters
    ----------
    logits : float32 (N, 4, H, W)
    soft : float32 (N, 4, H, W)
        Teacher's probabilities, NaN where it says nothing.
    groups : int64 (N, 4)
        Group of each class; probabilities within one are added before they are compared.

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
    return (entropy * known).sum() / known.sum()
