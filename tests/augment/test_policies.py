"""Policies draw what torchvision's draw: same spaces, same tables, same frequencies."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as TV

from headrace.augment import build_augmenter, policies
from headrace.augment.augmix import AugMix
from headrace.augment.draws import TablePolicy, UniformPolicy
from headrace.augment.ops import Draws, Op
from headrace.augment.passes import Pass
from headrace.augment.settings import WarpConfig
from headrace.augment.stages import run_slots

DRAWS = 100_000
SIZE = (96, 128)
NAMES = {
    "Identity": Op.IDENTITY,
    "ShearX": Op.CORNER_SHEAR_X,
    "ShearY": Op.CORNER_SHEAR_Y,
    "TranslateX": Op.TRANSLATE_X,
    "TranslateY": Op.TRANSLATE_Y,
    "Rotate": Op.ROTATE,
    "Brightness": Op.BRIGHTNESS,
    "Color": Op.SATURATION,
    "Contrast": Op.CONTRAST,
    "Sharpness": Op.SHARPNESS,
    "Posterize": Op.POSTERIZE,
    "Solarize": Op.SOLARIZE,
    "AutoContrast": Op.AUTOCONTRAST,
    "Equalize": Op.EQUALIZE,
    "Invert": Op.INVERT,
}
WHOLE = {Op.TRANSLATE_X, Op.TRANSLATE_Y, Op.POSTERIZE}


def oracle_magnitudes(space: dict[str, Any], name: str, bins: int) -> tuple[torch.Tensor, bool]:
    """What torchvision can draw for an operation, in our units, and whether a sign is drawn."""
    values, signed = space[name]
    drawn = values(bins, *SIZE)
    if drawn is None:
        return torch.zeros(1), False
    drawn = drawn.float()
    return (drawn.trunc() if NAMES[name] in WHOLE else drawn), signed


@pytest.mark.parametrize(
    ("source", "transform", "bins"),
    [
        (policies.trivial(), v2.TrivialAugmentWide, 31),
        (policies.rand(), v2.RandAugment, 31),
        (policies.auto("imagenet"), v2.AutoAugment, 10),
        (policies.augmix_chain(3, 3, True), v2.AugMix, 10),
    ],
    ids=["trivial", "rand", "auto", "augmix"],
)
def test_spaces_are_torchvisions(
    source: UniformPolicy | TablePolicy, transform: Any, bins: int
) -> None:
    oracle = transform._AUGMENTATION_SPACE
    ours = {entry.op: entry for entry in source.space}
    assert {NAMES[name] for name in oracle} == set(ours)
    for name in oracle:
        expected, signed = oracle_magnitudes(oracle, name, bins)
        entry = ours[NAMES[name]]
        if len(expected) > 1:
            assert torch.equal(entry.magnitudes(bins, *SIZE), expected), name
        assert entry.signed == signed, name


@pytest.mark.parametrize("name", ["imagenet", "cifar10", "svhn"])
def test_auto_tables_are_torchvisions(name: str) -> None:
    oracle = v2.AutoAugment(v2.AutoAugmentPolicy(name))._policies
    source = policies.auto(name)
    ours = [tuple((source.space[i].op, p, step) for i, p, step in pair) for pair in source.pairs]
    assert ours == [tuple((NAMES[op], p, step or 0) for op, p, step in pair) for pair in oracle]


def chi_square_is_plausible(observed: Counter[Any], expected: dict[Any, float]) -> None:
    """Within five standard deviations of the statistic's mean: fails once in a million runs."""
    assert set(observed) <= set(expected)
    total = sum(observed.values())
    cells = [(observed[key], share * total) for key, share in expected.items() if share > 0]
    statistic = sum((seen - mean) ** 2 / mean for seen, mean in cells)
    freedom = len(cells) - 1
    assert statistic < freedom + 5 * (2 * freedom) ** 0.5


def pairs_drawn(draws: Draws, slot: int) -> Counter[tuple[int, float]]:
    ops, magnitudes = draws.op[:, slot].tolist(), draws.magnitude[:, slot].tolist()
    return Counter((op, round(m, 4) + 0.0) for op, m in zip(ops, magnitudes, strict=True))


def sample(source: Any) -> Draws:
    generator = torch.Generator().manual_seed(5)
    uniform = torch.rand((DRAWS, source.columns), generator=generator)
    return source.draw(uniform, source.tables(*SIZE), SIZE)


@pytest.mark.parametrize(
    ("source", "space", "bins", "steps"),
    [
        (policies.trivial(), v2.TrivialAugmentWide._AUGMENTATION_SPACE, 31, range(31)),
        (policies.rand(2, 9), v2.RandAugment._AUGMENTATION_SPACE, 31, [9]),
        (policies.augmix_chain(3, 3, True), v2.AugMix._AUGMENTATION_SPACE, 10, range(3)),
    ],
    ids=["trivial", "rand", "augmix"],
)
def test_distribution_of_operation_and_magnitude(
    source: UniformPolicy, space: dict[str, Any], bins: int, steps: Any
) -> None:
    expected: defaultdict[tuple[int, float], float] = defaultdict(float)
    for name in space:
        magnitudes, signed = oracle_magnitudes(space, name, bins)
        chosen = magnitudes[list(steps)] if len(magnitudes) > 1 else magnitudes
        for magnitude in chosen.tolist():
            for sign in (1, -1) if signed else (1,):
                key = (int(NAMES[name]), round(sign * magnitude, 4) + 0.0)
                expected[key] += 1 / len(space) / len(chosen) / (2 if signed else 1)
    draws = sample(source)
    for slot in range(source.num_ops):
        chi_square_is_plausible(pairs_drawn(draws, slot), expected)


@pytest.mark.parametrize("name", ["imagenet", "cifar10", "svhn"])
def test_distribution_of_auto_augment(name: str) -> None:
    transform = v2.AutoAugment(v2.AutoAugmentPolicy(name))
    table = transform._policies
    for slot in (0, 1):
        expected: defaultdict[tuple[int, float], float] = defaultdict(float)
        for pair in table:
            op, probability, step = pair[slot]
            magnitudes, signed = oracle_magnitudes(transform._AUGMENTATION_SPACE, op, 10)
            magnitude = float(magnitudes[step]) if len(magnitudes) > 1 else 0.0
            for sign in (1, -1) if signed else (1,):
                key = (int(NAMES[op]), round(sign * magnitude, 4) + 0.0)
                expected[key] += probability / len(table) / (2 if signed else 1)
            expected[int(Op.IDENTITY), 0.0] += (1 - probability) / len(table)
        seen = pairs_drawn(sample(policies.auto(name)), slot)
        observed: Counter[tuple[int, float]] = Counter()
        for (code, magnitude), count in seen.items():
            # What is not carried out keeps the magnitude it would have had.
            observed[(code, magnitude) if code else (0, 0.0)] += count
        chi_square_is_plausible(observed, expected)


def test_samples_of_one_batch_draw_for_themselves() -> None:
    draws = sample(policies.trivial())
    assert len(set(draws.op[:64, 0].tolist())) > 8
    assert len(set(draws.magnitude[:64, 0].tolist())) > 20


def replay(image: torch.Tensor, draws: Draws) -> torch.Tensor:
    """One image through torchvision's own application of the same drawn operations."""
    transform = v2.RandAugment()
    names = {op: name for name, op in NAMES.items()}
    for op, magnitude in zip(draws.op[0].tolist(), draws.magnitude[0].tolist(), strict=True):
        image = transform._apply_image_or_video_transform(
            image, names[Op(op)], magnitude, TV.InterpolationMode.NEAREST, {torch.Tensor: None}
        )
    return image


@pytest.mark.parametrize("name", ["trivial", "rand", "auto-imagenet", "auto-cifar10"])
def test_whole_policies_against_torchvision(name: str) -> None:
    """The draws of a batch, replayed image by image by torchvision, in the order drawn."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand((48, 3, 5, 5), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (48, 40), mode="bilinear")
    images = (smooth * 255).to(torch.uint8).contiguous(memory_format=torch.channels_last)
    sources: dict[str, UniformPolicy | TablePolicy] = {
        "trivial": policies.trivial(),
        "rand": policies.rand(),
        "auto-imagenet": policies.auto("imagenet"),
        "auto-cifar10": policies.auto("cifar10"),
    }
    source = sources[name]
    uniform = torch.rand((48, source.columns), generator=generator)
    draws = source.draw(uniform, source.tables(48, 40), (48, 40))
    got = run_slots(images, draws, source.slots, WarpConfig())
    off = []
    for i in range(len(images)):
        own = Draws(*(field[i : i + 1] for field in draws))
        difference = (got[i].int() - replay(images[i], own).int()).abs()
        off.append(float((difference > 1).float().mean()))
    # A tie in the nearest pixel can round the other way, and equalize then sees other counts.
    assert sorted(off)[int(0.9 * len(off))] <= 0.002
    assert max(off) <= 0.05


def test_augmix_depth_and_weights() -> None:
    aug = build_augmenter("augmix", num_classes=2, kernels=False)
    step = aug.program.elements[0].step
    assert isinstance(step, AugMix)
    noise = aug.sample(20_000, 3, 8, 8)
    (params,), _ = aug.params(noise, aug.prepare(8, 8), (8, 8))
    assert torch.allclose(params.weights.sum(1), torch.ones(20_000), atol=1e-5)
    # Beta(1, 1) leaves half to the image on average; the chains share the rest evenly.
    means = params.weights.mean(0)
    assert torch.allclose(means, torch.tensor([0.5, 1 / 6, 1 / 6, 1 / 6]), atol=0.01)
    depth = (params.chains[0].op != Op.IDENTITY).sum(1)
    for length in (1, 2, 3):
        assert abs(float((depth == length).float().mean()) - 1 / 3) < 0.02


def test_jitter_orders_are_equally_likely() -> None:
    aug = build_augmenter([{"op": "jitter", "brightness": 0.4}], num_classes=2, kernels=False)
    noise = aug.sample(DRAWS, 3, 8, 8)
    (params,), _ = aug.params(noise, aug.prepare(8, 8), (8, 8))
    orders = Counter(map(tuple, params.order.tolist()))
    assert len(orders) == 24
    chi_square_is_plausible(orders, dict.fromkeys(orders, 1 / 24))
    assert float(params.amounts[:, 0].min()) >= -0.4 and float(params.amounts[:, 0].max()) <= 0.4
    assert not params.amounts[:, 1:].any()


def test_choice_probabilities() -> None:
    """Weights 0.95 and 0.1 are relative, as torchvision's RandomChoice takes them."""
    branches = [[{"op": "invert", "p": 1.0}], [{"op": "solarize", "p": 1.0}]]
    recipe = [{"op": "choice", "of": branches, "weights": [0.95, 0.1]}]
    aug = build_augmenter(recipe, num_classes=2, kernels=False)
    noise = aug.sample(DRAWS, 3, 8, 8)
    params, _ = aug.params(noise, aug.prepare(8, 8), (8, 8))
    inverted, solarized = (draws.op[:, 0] != Op.IDENTITY for draws in params)
    assert bool((inverted ^ solarized).all())
    assert abs(float(inverted.float().mean()) - 0.95 / 1.05) < 0.005


def test_probability_of_a_step() -> None:
    aug = build_augmenter([{"op": "invert", "p": 0.3}], num_classes=2, kernels=False)
    (draws,), _ = aug.params(aug.sample(DRAWS, 3, 8, 8), aug.prepare(8, 8), (8, 8))
    assert abs(float((draws.op == Op.INVERT).float().mean()) - 0.3) < 0.01
    assert isinstance(aug.program.elements[0].step, Pass)
