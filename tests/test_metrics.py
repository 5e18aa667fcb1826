"""Every score against scikit-learn, and the behaviour at the edges of its definition."""

from __future__ import annotations

import numpy as np
import pytest

from cloudmask.classes import CloudClass
from cloudmask.errors import InputError
from cloudmask.evaluate.bootstrap import BootstrapSettings, bootstrap
from cloudmask.evaluate.border import near_border
from cloudmask.evaluate.schemes import SCHEMES
from cloudmask.metrics import (
    CLASS_METRICS,
    OVERALL_METRICS,
    balanced,
    confusion,
    dice,
    iou,
    kappa,
    mean_of,
    median_per_patch,
    overall,
    producers_accuracy,
    users_accuracy,
)

sk = pytest.importorskip("sklearn.metrics")
RNG = np.random.default_rng(7)


def draw(n: int = 4000, agreement: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """Reference and mask labels of the four classes that agree on about a share of pixels."""
    reference = RNG.choice([1, 2, 3, 4], n, p=[0.5, 0.1, 0.15, 0.25]).astype(np.uint8)
    other = RNG.integers(1, 5, n).astype(np.uint8)
    return reference, np.where(RNG.random(n) < agreement, reference, other).astype(np.uint8)


def test_four_class_scores_equal_scikit_learn():
    reference, predicted = draw()
    matrix = SCHEMES["four-class"].fold(confusion(reference, predicted))
    labels = [1, 2, 3, 4]
    assert np.array_equal(matrix, sk.confusion_matrix(reference, predicted, labels=labels))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(reference, predicted, labels=labels)
    np.testing.assert_allclose(users_accuracy(matrix), precision, atol=1e-9)
    np.testing.assert_allclose(producers_accuracy(matrix), recall, atol=1e-9)
    np.testing.assert_allclose(dice(matrix), f1, atol=1e-9)
    np.testing.assert_allclose(
        iou(matrix), sk.jaccard_score(reference, predicted, labels=labels, average=None), atol=1e-9
    )
    for i, label in enumerate(labels):
        expected = sk.balanced_accuracy_score(reference == label, predicted == label)
        assert balanced(matrix)[i] == pytest.approx(expected, abs=1e-9)
    assert overall(matrix) == pytest.approx(sk.accuracy_score(reference, predicted), abs=1e-9)
    assert kappa(matrix) == pytest.approx(sk.cohen_kappa_score(reference, predicted), abs=1e-9)
    assert mean_of(producers_accuracy)(matrix) == pytest.approx(
        sk.balanced_accuracy_score(reference, predicted), abs=1e-9
    )


@pytest.mark.parametrize(
    ("scheme", "reference_map", "mask_map"),
    [
        ("three-class", {1: 0, 2: 1, 3: 2, 4: 2}, None),
        ("cloud", {1: 0, 2: 0, 3: 1, 4: 1}, None),
        ("cloud-shadow", {1: 0, 3: 0, 4: 0, 2: 1}, None),
        ("valid", {2: 0, 3: 0, 4: 0, 1: 1}, None),
        ("thick-cloud", {1: 0, 2: 0, 4: 1}, {1: 0, 2: 0, 3: 1, 4: 1}),
    ],
)
def test_folded_schemes_equal_scikit_learn_on_relabelled_pixels(scheme, reference_map, mask_map):
    reference, predicted = draw()
    matrix = SCHEMES[scheme].fold(confusion(reference, predicted))
    keep = np.isin(reference, list(reference_map))
    truth = np.array([reference_map[int(v)] for v in reference[keep]])
    guess = np.array([(mask_map or reference_map)[int(v)] for v in predicted[keep]])
    assert np.array_equal(matrix, sk.confusion_matrix(truth, guess))
    assert kappa(matrix) == pytest.approx(sk.cohen_kappa_score(truth, guess), abs=1e-9)


def test_unlabelled_and_unobserved_pixels_are_not_scored_but_counted():
    reference = np.array([0, 5, 1, 1, 4, 4], np.uint8)
    predicted = np.array([4, 4, 1, 5, 4, 0], np.uint8)
    matrix = confusion(reference, predicted)
    scheme = SCHEMES["four-class"]
    assert scheme.fold(matrix).sum() == 2
    assert scheme.unobserved(matrix) == 2


def test_scores_without_a_denominator_are_undefined_not_zero():
    matrix = np.zeros((4, 4), int)
    matrix[0, 0] = 10
    assert np.isnan(dice(matrix)).tolist() == [False, True, True, True]
    assert np.isnan(balanced(matrix)).all()
    assert np.isnan(kappa(matrix))
    assert mean_of(dice)(matrix) == 1.0
    for metric in (*CLASS_METRICS.values(), *OVERALL_METRICS.values()):
        assert np.isnan(metric(np.zeros((3, 3)))).all()


def test_stacks_of_matrices_give_the_scores_of_each():
    matrices = np.stack([SCHEMES["four-class"].fold(confusion(*draw(300))) for _ in range(5)])
    for metric in (*CLASS_METRICS.values(), *OVERALL_METRICS.values()):
        np.testing.assert_array_equal(metric(matrices), np.stack([metric(m) for m in matrices]))


def test_median_per_patch_leaves_undefined_patches_out():
    matrices = np.zeros((5, 2, 2))
    matrices[:4, 1, 1], matrices[:4, 1, 0] = [1, 2, 3, 4], [9, 8, 7, 6]
    matrices[:, 0, 0] = 5
    got = median_per_patch(matrices, producers_accuracy)
    expected = np.nanmedian([0.1, 0.2, 0.3, 0.4, np.nan])
    assert got[1] == pytest.approx(expected)


def test_bootstrap_is_seeded_and_resamples_scenes():
    matrices = np.stack([SCHEMES["cloud"].fold(confusion(*draw(200, a))) for a in np.linspace(0.2, 1, 12)])
    scenes = np.repeat(np.arange(6), 2)
    stats = {"overall": overall}
    first = bootstrap(matrices, scenes, stats, BootstrapSettings(400, 3))["overall"]
    again = bootstrap(matrices, scenes, stats, BootstrapSettings(400, 3))["overall"]
    other = bootstrap(matrices, scenes, stats, BootstrapSettings(400, 4))["overall"]
    assert (first.low, first.high) == (again.low, again.high)
    assert first.low != other.low
    assert first.low < overall(matrices.sum(0)) < first.high
    # An independent computation of the same percentiles.
    rng = np.random.default_rng(3)
    drawn = rng.integers(0, 6, size=(400, 6))
    values = [overall(sum(matrices[2 * c] + matrices[2 * c + 1] for c in row)) for row in drawn]
    np.testing.assert_allclose([first.low, first.high], np.quantile(values, [0.025, 0.975]))
    # Ten copies of the pixels of each scene add no scene, so they narrow nothing.
    same = bootstrap(matrices * 10, scenes, stats, BootstrapSettings(400, 3))["overall"]
    np.testing.assert_allclose([same.low, same.high], [first.low, first.high])


def test_bootstrap_of_the_median_per_patch():
    matrices = np.stack([SCHEMES["cloud"].fold(confusion(*draw(200, a))) for a in np.linspace(0.2, 1, 12)])
    interval = bootstrap(
        matrices, np.arange(12), {"overall": overall}, BootstrapSettings(300, 1), per_patch=True
    )["overall"]
    assert interval.low < median_per_patch(matrices, overall) < interval.high


def test_one_scene_has_no_interval():
    interval = bootstrap(np.ones((3, 2, 2)), [0, 0, 0], {"dice": dice}, BootstrapSettings(50, 0))["dice"]
    assert np.isnan(interval.low).all()


def test_near_border_is_symmetric_and_ignores_unlabelled_edges():
    labels = np.full((9, 12), int(CloudClass.CLEAR), np.uint8)
    labels[:, 6:] = int(CloudClass.CLOUD)
    labels[0, :2] = int(CloudClass.UNDEFINED)
    near = near_border(labels, 2)
    assert near[4].tolist() == [4 <= c < 8 for c in range(12)]
    assert not near[:3, :3].any()
    assert not near_border(labels, 0).any()


def test_errors_name_what_is_wrong():
    with pytest.raises(InputError, match=r"fmask: expected the reference's size \(2,\), found \(3,\)"):
        confusion(np.ones(2, np.uint8), np.ones(3, np.uint8), "fmask")
    with pytest.raises(InputError, match=r"fmask: unknown class codes \[9\]"):
        confusion(np.ones(2, np.uint8), np.array([1, 9]), "fmask")
    with pytest.raises(InputError, match="expected integer class codes"):
        confusion(np.ones(2), np.ones(2, np.uint8))
