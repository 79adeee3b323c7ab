"""Mixing and erasing: the arithmetic of targets, boxes and shares."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from headrace.augment import Preprocess, build_augmenter
from headrace.augment.engine import Augmenter
from headrace.augment.operations.erase import Cutout, RandomErasing
from headrace.augment.ops import MixKind
from headrace.augment.torch_code.erase import EraseParams
from headrace.augment.torch_code.mix import MixParams
from headrace.pipeline.errors import ConfigError

NONE, MIXUP, CUTMIX, RICAP = MixKind
PLAIN = Preprocess(mean=(0.0,) * 3, std=(1.0,) * 3)


def solid(batch: int, size: int = 16) -> torch.Tensor:
    """Image i is filled with the byte 10·i, so that a pixel names its image."""
    value = (torch.arange(batch) * 10).to(torch.uint8)
    images = value[:, None, None, None].expand(batch, 3, size, size)
    return images.contiguous(memory_format=torch.channels_last)


def mixed(recipe: list[Any], batch: int = 20, **given: Any) -> tuple[Any, ...]:
    aug = build_augmenter(
        recipe, num_classes=batch, preprocess=PLAIN, kernels=False, **{"seed": 1, **given}
    )
    noise = aug.sample(batch, 3, 16, 16)
    _, params = aug.params(noise, aug.prepare(16, 16), (16, 16))
    out, targets = aug.run(solid(batch), torch.arange(batch), noise, aug.prepare(16, 16))
    return out * 255.0, targets, params


def drawn(recipe: list[Any], batch: int = 20_000) -> MixParams:
    aug = build_augmenter(recipe, num_classes=2, kernels=False)
    noise = aug.sample(batch, 3, 16, 16)
    _, params = aug.params(noise, aug.prepare(16, 16), (16, 16))
    assert isinstance(params, MixParams)
    return params


@pytest.mark.parametrize("per", ["batch", "sample"])
@pytest.mark.parametrize("kind", ["mixup", "cutmix", "ricap"])
def test_targets_state_what_is_in_the_image(kind: str, per: str) -> None:
    """With class i drawn as 10·i, the mean pixel is 10 times the mean class of the target."""
    for seed in range(4):
        images, targets, _ = mixed([{"op": kind, "per": per}], seed=seed)
        assert targets.dtype == torch.float32
        assert torch.allclose(targets.sum(1), torch.ones(20), atol=1e-6)
        stated = (targets * torch.arange(20) * 10.0).sum(1)
        assert torch.allclose(images.mean((1, 2, 3)), stated, atol=1e-2)


def test_mixup_blends_with_one_share_per_batch() -> None:
    _, _, params = mixed([{"op": "mixup"}])
    assert isinstance(params, MixParams)
    assert len(params.weight.unique()) == 1 and 0 < float(params.weight[0]) < 1
    assert sorted(params.partners[:, 0].tolist()) == list(range(20))
    _, _, each = mixed([{"op": "mixup", "per": "sample"}])
    assert len(each.weight.unique()) > 15


def test_cutmix_takes_whole_pixels_and_counts_them() -> None:
    images, targets, params = mixed([{"op": "cutmix"}])
    own = torch.arange(20)[:, None, None] * 10.0
    share = (images[:, 0].round() == own).float().mean((1, 2))
    alone = params.partners[:, 0] == torch.arange(20)
    expected = torch.where(alone, 1.0, targets.diagonal())
    assert torch.allclose(share, expected, atol=1e-6)


def test_ricap_shows_four_images() -> None:
    images, targets, params = mixed([{"op": "ricap", "beta": 5.0}])
    for i in range(20):
        shown = images[i, 0].round().unique() / 10
        assert set(shown.int().tolist()) <= set(params.partners[i].tolist())
        assert 1 <= int((targets[i] > 0).sum()) <= 4
    y, x = int(params.box[0, 1]), int(params.box[0, 3])
    assert 0 < y < 16 and 0 < x < 16
    assert (images[0, 0, :y, :x].round() == 10 * params.partners[0, 0]).all()
    assert (images[0, 0, y:, x:].round() == 10 * params.partners[0, 3]).all()


def test_ricap_patches_come_from_inside_the_partner() -> None:
    """Image i holds its own position codes, so that a patch is recognised as a crop."""
    aug = build_augmenter(
        [{"op": "ricap", "beta": 3.0, "per": "sample"}],
        num_classes=4,
        preprocess=PLAIN,
        kernels=False,
    )
    codes = (torch.arange(12)[:, None] * 12 + torch.arange(12)).to(torch.uint8)
    images = codes.expand(6, 3, 12, 12).contiguous()
    out, _ = aug(images, torch.zeros(6, dtype=torch.int64))
    pixel = (out[:, 0] * 255).round().long()
    noise_free = pixel[:, :, 1:] - pixel[:, :, :-1]
    # Within a patch neighbours differ by one column; one seam per row may break that.
    assert bool(((noise_free != 1).sum(2) <= 1).all())


def test_probability_is_applied_once() -> None:
    recipe = [{"op": "mix", "of": {"mixup": 3, "cutmix": 1}, "p": 0.4, "per": "sample"}]
    params = drawn(recipe)
    counts = [float((params.kind == kind).float().mean()) for kind in (NONE, MIXUP, CUTMIX, RICAP)]
    assert counts == pytest.approx([0.6, 0.3, 0.1, 0.0], abs=0.015)
    _, targets, params = mixed([{"op": "mixup", "p": 0.0}])
    assert torch.equal(targets, torch.eye(20)) and not params.kind.any()


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 4.0])
def test_share_follows_the_beta(alpha: float) -> None:
    params = drawn([{"op": "mixup", "alpha": alpha, "per": "sample"}])
    share = params.shares[:, 0]
    assert float(share.mean()) == pytest.approx(0.5, abs=0.01)
    # The variance of Beta(a, a) is 1 / (4·(2a + 1)).
    assert float(share.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)
    assert float((share == 0.5).float().mean()) < 0.01, "both numbers are the least that there is"


def test_soft_targets_are_exact_for_many_classes_in_bf16() -> None:
    aug = build_augmenter("report", num_classes=22_000, dtype=torch.bfloat16)
    labels = torch.tensor([21_999, 21_998, 3, 257])
    images = torch.zeros((4, 3, 8, 8), dtype=torch.uint8)
    out, targets = aug(images, labels)
    assert out.dtype == torch.bfloat16 and targets.dtype == torch.float32
    assert set(targets.nonzero()[:, 1].tolist()) == set(labels.tolist())
    assert torch.allclose(targets.sum(1), torch.ones(4))


@pytest.mark.parametrize("kernels", [True, False])
def test_unlabelled_samples_cannot_be_mixed(kernels: bool) -> None:
    aug = build_augmenter("report", num_classes=11, kernels=kernels)
    images = torch.zeros((3, 3, 8, 8), dtype=torch.uint8)
    for bad in (-1, 11):
        with pytest.raises(ConfigError, match=rf"label {bad}: mixing needs a label in 0\.\.10"):
            aug(images, torch.tensor([0, bad, 2]))
    hard = build_augmenter("trivial", num_classes=11, kernels=kernels)
    assert hard(images, torch.tensor([0, -1, 2]))[1].tolist() == [0, -1, 2]


def boxes_of(
    step: Cutout | RandomErasing, size: tuple[int, int], batch: int = 5000
) -> torch.Tensor:
    uniform = torch.rand((batch, step.columns), generator=torch.Generator().manual_seed(0))
    params = step.sample(uniform, uniform[:, :0], uniform[:0], size)
    assert isinstance(params, EraseParams)
    return params.boxes


def test_cutout_boxes() -> None:
    """Centres everywhere, also at the border, where the hole is cut off (DeVries and Taylor)."""
    boxes = boxes_of(Cutout(holes=2, length=8), (20, 30))
    top, bottom, left, right = boxes.unbind(2)
    assert bool((top >= 0).all() and (bottom <= 20).all())
    assert bool((left >= 0).all() and (right <= 30).all())
    assert int((bottom - top).max()) == 8 and int((bottom - top).min()) == 4
    assert int((right - left).max()) == 8 and int((right - left).min()) == 4
    assert set(((top + bottom) // 2)[(bottom - top) == 8].tolist()) == set(range(4, 17))


def test_cutout_share_of_the_side() -> None:
    boxes = boxes_of(Cutout(length=0.5), (20, 30))
    assert int((boxes[..., 1] - boxes[..., 0]).max()) == 10


def test_erasing_boxes_follow_scale_ratio_and_probability() -> None:
    boxes = boxes_of(RandomErasing(p=0.5, scale=(0.1, 0.2), ratio=(0.5, 2.0)), (100, 80), 20_000)
    tall, wide = boxes[:, 0, 1] - boxes[:, 0, 0], boxes[:, 0, 3] - boxes[:, 0, 2]
    hit = tall > 0
    assert float(hit.float().mean()) == pytest.approx(0.5, abs=0.02)
    share, ratio = (tall * wide)[hit] / 8000, (tall / wide)[hit]
    assert float(share.min()) > 0.09 and float(share.max()) < 0.21
    assert float(ratio.min()) > 0.45 and float(ratio.max()) < 2.2
    assert float(share.mean()) == pytest.approx(0.15, abs=0.002)
    assert int(boxes.min()) >= 0 and int(boxes[:, 0, 1].max()) <= 100


@pytest.mark.parametrize("length", [1, 2, 7, 8])
def test_a_hole_is_as_large_as_is_asked(length: int) -> None:
    boxes = boxes_of(Cutout(length=length), (40, 50), 5000)
    assert int((boxes[:, 0, 1] - boxes[:, 0, 0]).max()) == length
    assert int((boxes[:, 0, 3] - boxes[:, 0, 2]).max()) == length
    assert int(boxes.min()) >= 0 and int(boxes[:, 0, 3].max()) == 50


def test_erased_pixels_are_the_mean_after_normalisation() -> None:
    aug = build_augmenter([{"op": "cutout", "length": 6}], num_classes=2)
    images = torch.full((2, 3, 12, 12), 255, dtype=torch.uint8)
    out, _ = aug(images, torch.zeros(2, dtype=torch.int64))
    assert float(out.abs().amin()) < 0.01
    assert isinstance(aug, Augmenter)
