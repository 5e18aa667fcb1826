# ruff: noqa: E402
"""The net: sizes, reach, independence of the tile, bands that are absent, indices, losses."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra: pip install '.[train,cpu]'")

from cloudmask.errors import UsageError
from cloudmask.train import augment, optimisers
from cloudmask.train.export import fold, shift_logits
from cloudmask.train.features import Indices
from cloudmask.train.losses import consistency_loss, distillation_loss, supervised_loss
from cloudmask.train.net import UNet, receptive_field, smoothed, unsmoothed
from cloudmask.train.optimisers import Muon, orthogonal

BANDS = ("B02", "B03", "B04", "B08", "B10", "B11")
WIDTHS = (4, 6, 8, 8, 8)


def trained_looking(
    indices: Indices | None = None,
    widths: tuple[int, ...] = WIDTHS,
    bottom: int = 0,
    smooth: tuple[int, ...] = (),
) -> UNet:
    """A net whose norms and absences are not the trivial ones."""
    torch.manual_seed(0)
    net = UNet(len(BANDS), widths, indices, bottom, smooth)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 1.5)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.2)
        net.absent.normal_()
    return net.eval()


@pytest.mark.parametrize(
    ("widths", "bottom", "smooth"), [(WIDTHS, 0, ()), ((4, 6, 8, 8), 2, ()), ((4, 6, 8, 8), 2, (0, 1))]
)
def test_a_pixel_matters_no_further_than_the_stated_reach(
    widths: tuple[int, ...], bottom: int, smooth: tuple[int, ...]
) -> None:
    net = trained_looking(widths=widths, bottom=bottom, smooth=smooth)
    reach = receptive_field(widths, bottom, bool(smooth))
    side = 64 * (reach // 32 + 2)
    x = torch.randn(1, len(BANDS), side, 64, requires_grad=True)
    centre = side // 2
    net(x)[0, :, centre, 32].sum().backward()
    assert x.grad is not None
    rows = np.flatnonzero(x.grad.abs().sum((0, 1, 3)).numpy())
    assert rows.max() - centre <= reach
    assert centre - rows.min() <= reach
    assert reach * 20 > 1000  # a kilometre at 20 m: a shadow and its cloud


def test_tile_does_not_matter_beyond_the_reach() -> None:
    net = trained_looking()
    reach = -(-receptive_field(WIDTHS) // 32) * 32
    side = 2 * reach + 64
    x = torch.randn(1, len(BANDS), side + 64, side)
    with torch.no_grad():
        large = net(x)[..., 64 + reach : 64 + side - reach, reach : side - reach]
        small = net(x[:, :, 64:])[..., reach : side - reach, reach : side - reach]
    assert large.shape[-1] == 64
    assert torch.allclose(large, small, atol=1e-4)


def test_smooth_bands_are_seen_through_a_binomial_mean() -> None:
    net, plain = trained_looking(smooth=(1, 3)), trained_looking()
    x = torch.randn(1, len(BANDS), 64, 64)
    soft = x.clone()
    for _ in range(2):
        soft = (soft.roll(1, -1) + 2 * soft + soft.roll(-1, -1)).transpose(-1, -2) / 4
    seen = x.clone()
    seen[:, [1, 3]] = soft[:, [1, 3]]
    with torch.no_grad():
        ours, theirs = net.stem_norm, plain.stem_norm
        found, expected = [], []
        ours.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
        theirs.register_forward_pre_hook(lambda _, inputs: expected.append(inputs[0]))
        net(x)
        plain(seen)
    inside = np.s_[..., 2:-2, 2:-2]
    assert torch.allclose(found[0][inside], expected[0][inside], atol=1e-5)


def test_smoothed_kernels_can_be_told_apart_again() -> None:
    kernels = torch.randn(5, len(BANDS), 3, 3)
    five = smoothed(kernels, (0, 4), len(BANDS))
    assert torch.allclose(unsmoothed(five, (0, 4), len(BANDS)), kernels, atol=1e-4)
    with pytest.raises(UsageError, match="smooth"):
        unsmoothed(torch.randn(5, len(BANDS), 5, 5), (0, 4), len(BANDS))


@pytest.mark.parametrize("smooth", [(), (0, 2)])
@pytest.mark.parametrize("keep", [BANDS, ("B04", "B02", "B08")])
def test_folding_changes_nothing(keep: tuple[str, ...], smooth: tuple[int, ...]) -> None:
    net = trained_looking(smooth=smooth)
    full = torch.randn(2, len(BANDS), 64, 96)
    places = [BANDS.index(b) for b in keep]
    absent = torch.ones(2, len(BANDS))
    absent[:, places] = 0
    with torch.no_grad():
        expected = net(full * (1 - absent)[:, :, None, None], absent)
        found = fold(net, BANDS, keep)(full[:, places])
    assert torch.allclose(expected, found, atol=1e-4)


def test_a_folded_net_can_still_be_told_of_absent_bands() -> None:
    net = trained_looking()
    keep = ("B04", "B02", "B08", "B11")
    places = [BANDS.index(b) for b in keep]
    full = torch.randn(2, len(BANDS), 64, 64)
    absent = torch.tensor([[0.0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 1, 1]])
    absent[:, BANDS.index("B03")] = 1
    full = full * (1 - absent)[:, :, None, None]
    with torch.no_grad():
        expected = net(full, absent)
        found = fold(net, BANDS, keep)(full[:, places], absent[:, places])
    assert torch.allclose(expected, found, atol=1e-4)


def test_offsets_move_the_logits_of_their_class() -> None:
    net = trained_looking()
    x = torch.randn(1, len(BANDS), 32, 64)
    with torch.no_grad():
        before = net(x)
        shift_logits(net, (0.0, 1.0, 2.0, -1.0))
        moved = net(x) - before
    assert torch.allclose(
        moved, torch.tensor([0.0, 1.0, 2.0, -1.0]).view(1, 4, 1, 1).expand_as(moved), atol=1e-4
    )


def test_folding_drops_indices_whose_bands_are_gone() -> None:
    means, stds = [0.3] * len(BANDS), [0.1] * len(BANDS)
    net = trained_looking(Indices(BANDS, ("ndvi", "cirrus"), means, stds, "sqrt"))
    keep = ("B02", "B03", "B04", "B08")
    full = torch.randn(1, len(BANDS), 32, 32)
    absent = torch.tensor([[0.0, 0, 0, 0, 1, 1]])
    with torch.no_grad():
        expected = net(full * (1 - absent)[:, :, None, None], absent)
        folded = fold(net, BANDS, keep)
        found = folded(full[:, :4])
    assert folded.indices is not None
    assert folded.indices.names == ("ndvi",)
    assert torch.allclose(expected, found, atol=1e-4)


def test_indices_are_those_of_reflectance_and_zero_where_missing() -> None:
    mean, std = [0.4] * len(BANDS), [0.2] * len(BANDS)
    layer = Indices(BANDS, ("ndvi", "ndsi", "hot"), mean, std, "sqrt")
    reflectance = torch.tensor([0.1, 0.12, 0.08, 0.4, 0.001, 0.2]).view(1, -1, 1, 1)
    x = (reflectance.sqrt() - 0.4) / 0.2
    ndvi, ndsi, hot = layer(x)[0, len(BANDS) :, 0, 0].tolist()
    assert ndvi == pytest.approx((0.4 - 0.08) / 0.48, abs=1e-4)
    assert ndsi == pytest.approx((0.12 - 0.2) / 0.32, abs=1e-4)
    assert hot == pytest.approx(10 * (0.1 - 0.04 - 0.08), abs=1e-4)
    x[:, BANDS.index("B11")] = 0
    assert layer(x)[0, len(BANDS) + 1, 0, 0] == 0


def test_unknown_or_impossible_indices_are_refused() -> None:
    with pytest.raises(UsageError, match="unknown feature 'evi'"):
        Indices(BANDS, ("evi",), [0] * 6, [1] * 6, "none")
    with pytest.raises(UsageError, match="'ndsi' needs B11"):
        Indices(BANDS[:4], ("ndsi",), [0] * 4, [1] * 4, "none")


def test_gradient_of_the_supervised_loss_is_what_autograd_finds() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 9, 7, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 3, (2, 9, 7), generator=generator)  # nobody is cloud
    labels[0, :4] = 255
    weights = torch.tensor([1.0, 2.0, 1.5, 1.2], dtype=torch.float64)

    def plain(x: torch.Tensor) -> torch.Tensor:
        known = labels != 255
        entropy = torch.nn.functional.cross_entropy(x, labels, weights, ignore_index=255, label_smoothing=0.1)
        probability = x.softmax(1) * known[:, None]
        truth = torch.nn.functional.one_hot(labels.where(known, 0), 4).movedim(-1, 1) * known[:, None]
        hit, size = (probability * truth).sum((0, 2, 3)), truth.sum((0, 2, 3))
        dice = (2 * hit + 1) / (size + probability.sum((0, 2, 3)) + 1)
        return entropy + 0.7 * (1 - dice[size > 0]).mean()

    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss, expected = supervised_loss(ours, labels, weights, 0.7, 0.1), plain(theirs)
    (3 * loss).backward()  # type: ignore[no-untyped-call]
    (3 * expected).backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("fast", [True, False])
def test_muon_updates_are_orthogonal(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimisers, "has_bfloat16", lambda device: fast)
    generator = torch.Generator().manual_seed(0)
    for shape in ((16, 48), (48, 16)):
        matrix = torch.randn(*shape, generator=generator) * 10.0 ** torch.linspace(-1, 0, shape[1])
        singular = torch.linalg.svdvals(orthogonal(matrix))
        assert singular.min() > 0.5
        assert singular.max() < 1.3
    kernel = torch.nn.Parameter(torch.randn(32, 16, 3, 3, generator=generator))
    before = kernel.detach().clone()
    optimiser = Muon([kernel], lr=0.01, weight_decay=0.0)
    kernel.grad = torch.randn(32, 16, 3, 3, generator=generator)
    optimiser.step()
    # As large as a step of AdamW's usually is, whatever the gradient's size.
    assert 0.1 < (kernel.detach() - before).square().mean().sqrt() / 0.01 < 0.3


def test_supervised_loss_ignores_and_falls_with_the_truth() -> None:
    labels = torch.randint(0, 4, (2, 8, 8))
    weights = torch.ones(4)
    right = torch.nn.functional.one_hot(labels, 4).movedim(-1, 1).float() * 20
    assert supervised_loss(right, labels, weights, 0.5, 0.0) < 0.02
    wrong = right.roll(1, dims=1)
    assert supervised_loss(wrong, labels, weights, 0.5, 0.0) > 5
    half = labels.clone()
    half[:, :4] = 255
    mixed = torch.cat([wrong[:, :, :4], right[:, :, 4:]], 2)
    assert supervised_loss(mixed, half, weights, 0.5, 0.0) < 0.02
    assert supervised_loss(wrong, torch.full_like(labels, 255), weights, 0.5, 0.0) == 0


def test_a_teacher_of_one_kind_of_cloud_does_not_care_which_kind() -> None:
    soft = torch.zeros(1, 4, 4, 4)
    soft[:, 3] = 1  # the teacher is sure of cloud
    soft[:, :, 0] = float("nan")
    groups = torch.tensor([[0, 1, 3, 3]])

    def loss(place: int) -> float:
        logits = torch.zeros(1, 4, 4, 4)
        logits[:, place] = 20
        return float(distillation_loss(logits, soft, groups, torch.ones(len(logits))))

    assert loss(2) < 1e-3
    assert loss(3) < 1e-3
    assert loss(0) > 5


@pytest.mark.parametrize("side", [24, 28, 44])
def test_zoomed_labels_stay_on_their_pixels(side: int) -> None:
    columns = torch.arange(side)
    scenes = (columns[None] >= columns[1:, None])[:, None].expand(-1, side, -1)  # a border at each column
    image = augment.zoom(scenes[:, None].float(), 32)[:, 0]
    labels = augment.zoom_labels(scenes.long(), 32).float()
    assert abs(float((labels - image).mean())) < 0.002
    assert float(((labels > 0.5) != (image > 0.5)).float().mean()) < 0.01


def test_two_views_that_say_the_same_cost_nothing() -> None:
    logits = torch.randn(2, 4, 8, 8)
    assert consistency_loss(logits, logits) == 0
    near = consistency_loss(logits, logits + 0.1 * torch.randn_like(logits))
    far = consistency_loss(logits, logits.roll(1, dims=1))
    assert 0 < near < 0.05 < far
