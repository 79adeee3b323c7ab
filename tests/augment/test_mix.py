"""Mixing pixel by pixel: torch code and kernels against loops that say what each pixel is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from headrace.augment import build_augmenter
from headrace.augment.buffers import Buffers
from headrace.augment.operations.mix import KINDS, MIX_STEPS, Mix
from headrace.augment.ops import MixKind
from headrace.augment.torch_code.mix import MixParams, check_labels, mix, soft_targets
from headrace.pipeline.errors import ConfigError

BATCH, HEIGHT, WIDTH = 24, 7, 10
EVERY = ("mixup", "cutmix", "ricap")


def a_step(*kinds: str, p: float = 0.9) -> Mix:
    many = len(kinds)
    return Mix(kinds=kinds, alphas=(1.0,) * many, weights=(1.0,) * many, p=p, per="sample")


def drawn(
    step: Mix, batch: int = BATCH, seed: int = 0, size: tuple[int, int] = (HEIGHT, WIDTH)
) -> MixParams:
    torch_generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand((batch, step.columns), generator=torch_generator)
    gamma = -torch.rand((batch, len(step.gammas)), generator=torch_generator).log()  # Gamma(1)
    return step.sample(uniform, gamma, (), size)


def images(channels: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    shape = (BATCH, channels, HEIGHT, WIDTH)
    batch = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    return batch.contiguous(memory_format=torch.channels_last)


def by_hand(batch: np.ndarray, params: MixParams) -> np.ndarray:
    """(B, C, H, W) uint8 to float64, a pixel at a time."""
    out = batch.astype(np.float64)
    kind, partners, weight, box, offset = (
        field.numpy()
        for field in (params.kind, params.partners, params.weight, params.box, params.offset)
    )
    for b in range(len(batch)):
        other = batch[partners[b, 0]].astype(np.float64)
        top, bottom, left, right = box[b]
        if kind[b] == MixKind.MIXUP:
            out[b] = (1.0 - weight[b]) * out[b] + weight[b] * other
        elif kind[b] == MixKind.CUTMIX:
            out[b, :, top:bottom, left:right] = other[:, top:bottom, left:right]
        elif kind[b] == MixKind.RICAP:
            for y, x in np.ndindex(HEIGHT, WIDTH):
                patch = 2 * (y >= bottom) + (x >= right)
                dy, dx = offset[b, patch]
                out[b, :, y, x] = batch[partners[b, patch], :, y + dy, x + dx]
    return out


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kinds", [EVERY, *((kind,) for kind in EVERY), ("cutmix", "mixup")])
def test_every_pixel_is_what_it_is_mixed_from(kinds: tuple[str, ...], channels: int) -> None:
    step, batch = a_step(*kinds, p=1.0 if kinds == ("ricap",) else 0.9), images(channels)
    params = drawn(step)
    assert set(params.kind.tolist()) >= {KINDS[kind].value for kind in kinds}
    expected = by_hand(batch.numpy(), params)
    found = mix(batch, params, frozenset(KINDS[kind] for kind in kinds))
    assert found.dtype == torch.float32
    assert np.allclose(found.numpy(), expected, atol=1e-3)

    scale = np.tile(np.linspace(0.5, 2.0, channels, dtype=np.float32), WIDTH)
    shift = np.tile(np.linspace(-3.0, 1.0, channels, dtype=np.float32), WIDTH)
    source = batch.permute(0, 2, 3, 1).reshape(BATCH, HEIGHT, -1).contiguous().numpy()
    target = np.full(source.shape, -99.0, np.float32)
    buffers = Buffers((BATCH, channels, HEIGHT, WIDTH), 2)
    job = step.cpu_job(params, source, target, buffers, scale, shift)
    job(1, 2, BATCH - 1)
    whole = expected.transpose(0, 2, 3, 1).reshape(BATCH, HEIGHT, -1) * scale + shift
    assert np.allclose(target[2 : BATCH - 1], whole[2 : BATCH - 1], atol=1e-3)
    assert (target[[0, 1, BATCH - 1]] == -99.0).all(), "samples of another thread"


@pytest.mark.parametrize("corner", [(y, x) for y in (0, 3, HEIGHT) for x in (0, 4, WIDTH)])
def test_ricaps_corner_may_lie_on_a_border(corner: tuple[int, int]) -> None:
    step, batch = a_step("ricap", p=1.0), images(3)
    params = drawn(step)
    box = torch.tensor([0, corner[0], 0, corner[1]]).expand(BATCH, 4)
    params = params._replace(box=box, offset=torch.zeros_like(params.offset))
    expected = by_hand(batch.numpy(), params)
    assert np.array_equal(mix(batch, params, frozenset((MixKind.RICAP,))).numpy(), expected)
    source = batch.permute(0, 2, 3, 1).reshape(BATCH, HEIGHT, -1).contiguous().numpy()
    target, ones = np.zeros(source.shape, np.float32), np.ones(3 * WIDTH, np.float32)
    buffers = Buffers((BATCH, 3, HEIGHT, WIDTH), 1)
    step.cpu_job(params, source, target, buffers, ones, 0 * ones)(0, 0, BATCH)
    assert np.array_equal(target, expected.transpose(0, 2, 3, 1).reshape(target.shape))


def test_shares_are_those_of_the_pixels() -> None:
    """For each sample by itself; RICAP's four with its corner anywhere, borders included."""
    params = drawn(a_step(*EVERY))
    for b in range(BATCH):
        top, bottom, left, right = params.box[b].tolist()
        area = (bottom - top) * (right - left) / (HEIGHT * WIDTH)
        kind, share = int(params.kind[b]), params.shares[b].tolist()
        if kind == MixKind.NONE:
            expected = [1.0, 0.0, 0.0, 0.0, 0.0]
        elif kind == MixKind.MIXUP:
            weight = float(params.weight[b])
            expected = [1.0 - weight, weight, 0.0, 0.0, 0.0]
        elif kind == MixKind.CUTMIX:
            expected = [1.0 - area, area, 0.0, 0.0, 0.0]
        else:
            tall, wide = (bottom, HEIGHT - bottom), (right, WIDTH - right)
            expected = [0.0, *(h * w / (HEIGHT * WIDTH) for h in tall for w in wide)]
        assert share == pytest.approx(expected, abs=1e-6)


def test_ricap_patches_lie_anywhere_inside_their_partners() -> None:
    params = drawn(a_step("ricap", p=1.0), batch=4000)
    _, bottom, _, right = params.box.unbind(1)
    zero = torch.zeros_like(bottom)
    pasted_y = torch.stack([zero, zero, bottom, bottom], 1)
    pasted_x = torch.stack([zero, right, zero, right], 1)
    tall = torch.stack([bottom, bottom, HEIGHT - bottom, HEIGHT - bottom], 1)
    wide = torch.stack([right, WIDTH - right, right, WIDTH - right], 1)
    for offset, pasted, side, whole in (
        (params.offset[:, :, 0], pasted_y, tall, HEIGHT),
        (params.offset[:, :, 1], pasted_x, wide, WIDTH),
    ):
        start = offset + pasted
        assert bool((start >= 0).all()) and bool((start + side <= whole).all())
        for length in range(whole + 1):  # each place is as likely as another
            starts = start[side == length].double()
            assert set(starts.tolist()) == set(range(whole - length + 1))
            assert abs(float(starts.mean()) - (whole - length) / 2) < 0.35


def test_partners_are_permutations_of_the_batch() -> None:
    for kinds, count in ((("mixup",), 1), (("cutmix", "ricap"), 4)):
        step = a_step(*kinds)
        partners, offset = drawn(step).partners, drawn(step).offset
        assert partners.shape == (BATCH, count) and step.partners == count
        assert offset.shape == (BATCH, count, 2)
        for column in partners.unbind(1):
            assert sorted(column.tolist()) == list(range(BATCH))
        assert len({tuple(column.tolist()) for column in partners.unbind(1)}) == count


def test_what_each_random_number_decides() -> None:
    """Borders included; the size is 10 by 20."""
    step = Mix(kinds=EVERY, alphas=(1.0,) * 3, weights=(1.0, 1.0, 2.0), p=0.75, per="sample")
    below_1 = 1 - 2.0**-24
    chosen = [(0.75, 0.1), (0.5, 0.0), (0.0, 0.25), (0.74, 0.3), (0.0, 0.5), (0.74, below_1)]
    patches = [0.0, 0.5, 0.5, 0.99, 0.5, 0.0, 0.25, 0.9]
    uniform = torch.tensor([[*one, *[0.1] * 4, 0.55, 0.3, *patches] for one in chosen])
    uniform[:, 2:6] = torch.rand(6, 4, generator=torch.Generator().manual_seed(0))
    gamma = torch.tensor([[1.0, 3, 5, 9, 3, 1, 8, 7, 1, 4, 2, 3]] * 6)
    params = step.sample(uniform, gamma, (), (10, 20))
    none, mixup, cutmix, ricap = MixKind
    assert params.kind.tolist() == [none, mixup, cutmix, cutmix, ricap, ricap]
    assert params.partners.tolist() == uniform[:, 2:6].argsort(0).tolist()
    assert params.weight[:2].tolist() == [0.0, 0.75]
    assert params.box[2:4].tolist() == [[3, 7, 1, 11]] * 2
    assert params.box[4:].tolist() == [[0, 4, 0, 4]] * 2
    assert params.offset[4].tolist() == [[0, 8], [3, -4], [-2, 4], [0, 0]]
    uniform[:, 8:] = 1.0  # beyond what is drawn: a kernel would read behind the image
    assert step.sample(uniform, gamma, (), (10, 20)).offset[4].tolist() == [
        [6, 16], [6, 0], [0, 16], [0, 0]
    ]  # fmt: skip


def test_a_batch_is_mixed_alike_or_each_sample_by_itself() -> None:
    """Partners differ in either case."""
    for per, alike in (("batch", True), ("sample", False)):
        step = Mix(kinds=EVERY, alphas=(1.0,) * 3, weights=(1.0,) * 3, per=per)
        params = drawn(step)
        for field in (params.kind, params.box, params.shares):
            assert (len(field.unique(dim=0)) == 1) == alike, field
        assert len(params.partners.unique(dim=0)) == BATCH


def test_boxes_of_cutmix_have_the_share_that_was_drawn_and_lie_anywhere() -> None:
    """Before the border cuts them off; their centres are uniform."""
    side = 100
    step = a_step("cutmix", p=1.0)
    params = drawn(step, batch=4000, size=(side, 2 * side))
    top, bottom, left, right = params.box.unbind(1)
    assert bool(((top >= 0) & (bottom <= side) & (left >= 0) & (right <= 2 * side)).all())
    assert bool(((top < bottom) <= (left < right)).all())
    whole = (top > 0) & (bottom < side) & (left > 0) & (right < 2 * side)
    tall, wide = (bottom - top)[whole].double(), (right - left)[whole].double()
    assert int(whole.sum()) > 500 and bool(((wide - 2 * tall).abs() <= 3).all())
    centre_y = ((top + bottom)[whole].double() / 2)[tall < 20]
    assert abs(float(centre_y.mean()) - side / 2) < 5 and float(centre_y.min()) < 0.15 * side
    share = (tall * wide) / (2 * side * side)
    assert float(share.min()) < 0.01 and float(share.max()) > 0.5
    assert int(top.max()) == side - 1 or int(bottom.max()) == side


def test_soft_targets_add_up_what_came_from_where() -> None:
    params = drawn(a_step(*EVERY))
    labels = torch.arange(BATCH) % 5
    targets = soft_targets(labels, params, 5)
    for b in range(BATCH):
        expected = [0.0] * 5
        sources = [b, *params.partners[b].tolist()]
        for source, share in zip(sources, params.shares[b].tolist(), strict=True):
            expected[source % 5] += share
        assert targets[b].tolist() == pytest.approx(expected, abs=1e-6)


def test_labels_are_refused_beyond_the_first_and_the_last() -> None:
    check_labels(torch.tensor([0, 4, 2]), 5)
    for bad in (-1, 5):
        with pytest.raises(ConfigError, match=f"label {bad}: mixing needs a label in 0..4"):
            check_labels(torch.tensor([0, bad, 9]), 5)


def test_compiled_code_checks_labels_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    check_labels(torch.tensor([0, 4, 2]), 5)
    with pytest.raises(RuntimeError, match=r"mixing needs a label in 0\.\.4 for every sample"):
        check_labels(torch.tensor([0, 5, 2]), 5)


def test_random_numbers_that_a_mix_takes() -> None:
    assert [a_step(*kinds).columns for kinds in (("mixup",), ("cutmix", "ricap"))] == [5, 16]
    step = Mix(kinds=("mixup", "ricap"), alphas=(0.5, 2.0), weights=(1.0, 1.0))
    assert step.gammas == (0.5,) * 4 + (2.0,) * 4
    assert step.comes_last


def test_the_second_share_of_a_kind_has_gammas_of_its_own() -> None:
    """The corner's place across and down: neither follows from the other."""
    params = drawn(a_step("mixup", "ricap", p=1.0), batch=4000, size=(100, 100))
    ricap = params.kind == MixKind.RICAP.value
    corner = params.box[ricap][:, [1, 3]].double()
    assert abs(float(torch.corrcoef(corner.T)[0, 1])) < 0.1
    assert corner.mean(0).tolist() == pytest.approx([50, 50], abs=3)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"op": "mix", "of": {}}, "of is {}: expected weights of mixup, cutmix, ricap"),
        ({"op": "mix", "of": {"blend": 1}}, "expected weights of mixup, cutmix, ricap"),
        ({"op": "mix", "of": ["mixup"]}, "expected weights of mixup, cutmix, ricap"),
        ({"op": "mix", "of": {"mixup": 0}}, "expected at least one weight above 0"),
        ({"op": "mix", "of": {"mixup": -1}}, "weight of mixup"),
        ({"op": "mixup", "per": "pixel"}, "per is 'pixel': expected batch or sample"),
        ({"op": "mixup", "p": 1.5}, "p is 1.5"),
        ({"op": "mixup", "alpha": 0.04}, "alpha is 0.04: expected a number in 0.05"),
        ({"op": "ricap", "beta": 0.001}, "beta is 0.001"),
        ({"op": "mix", "of": {"ricap": 1}, "beta": 0.001}, "alpha or beta is 0.001"),
    ],
)
def test_what_cannot_be_mixed_is_refused(recipe: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_augmenter([recipe], num_classes=3)


def test_what_a_recipe_says_is_what_is_drawn() -> None:
    mean = (0, 0, 0)
    one = MIX_STEPS["ricap"](beta=0.5, p=0.25, per="sample", mean=mean)
    assert one == Mix(kinds=("ricap",), alphas=(0.5,), weights=(1.0,), p=0.25, per="sample")
    other = MIX_STEPS["cutmix"](alpha=0.5, mean=mean)
    assert other == Mix(kinds=("cutmix",), alphas=(0.5,), weights=(1.0,))
    several = MIX_STEPS["mix"](of={"ricap": 2, "mixup": 0}, alpha=3, beta=0.05, mean=mean)
    assert several == Mix(kinds=("ricap", "mixup"), alphas=(0.05, 3.0), weights=(2.0, 0.0))
    plain = MIX_STEPS["mix"](of={"ricap": 1, "mixup": 1, "cutmix": 1}, mean=mean)
    alone = [MIX_STEPS[kind](mean=mean).alphas[0] for kind in ("ricap", "mixup", "cutmix")]
    assert plain.alphas == (0.3, 1.0, 1.0) == tuple(alone)
