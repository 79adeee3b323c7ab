"""Recipes, errors, reproducibility, dtypes: the augmenter as its users see it."""

from __future__ import annotations

import io
import warnings
from typing import Any

import pytest
import torch
import yaml

from headrace.augment import RECIPES, Preprocess, build_augmenter
from headrace.augment.draws import Merged
from headrace.augment.passes import Pass
from headrace.augment.program import compile_recipe
from headrace.augment.recipes import ALIASES
from headrace.pipeline.errors import ConfigError

MEAN = (124, 116, 104)


def batch(size: int = 24, count: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)
    return images.contiguous(memory_format=torch.channels_last), torch.arange(count) % 5


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_by_name(recipe: str) -> None:
    images, labels = batch()
    aug = build_augmenter(recipe, num_classes=5, seed=3)
    out, targets = aug(images, labels)
    assert out.shape == images.shape and out.dtype == torch.float32
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert aug.mixes == (targets.ndim == 2)
    if not aug.mixes:
        assert torch.equal(targets, labels)


def test_none_is_evaluation() -> None:
    images, labels = batch()
    preprocess = Preprocess(mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    out, _ = build_augmenter("none", num_classes=5, preprocess=preprocess)(images, labels)
    assert torch.equal(out, preprocess.normalise(images))
    by_hand = (images[:, 1] / 255.0 - 0.5) / 0.3
    assert torch.allclose(out[:, 1], by_hand, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_normalising_is_the_same_on_every_path(dtype: torch.dtype) -> None:
    for channels in (3, 1):
        preprocess = Preprocess(mean=(0.45,) * channels, std=(0.23,) * channels)
        images = torch.randint(0, 256, (3, channels, 17, 20), dtype=torch.uint8)
        expected = preprocess.normalise_batched(images, dtype)
        for given in (images, images.contiguous(memory_format=torch.channels_last)):
            got = preprocess.normalise(given, dtype)
            assert torch.equal(got, expected) and got.dtype == dtype
            assert got.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(preprocess.normalise(images.float(), dtype), expected)


def test_a_recipe_from_yaml() -> None:
    text = """
    - {op: rotate, degrees: 30}
    - hflip
    - {op: jitter, brightness: 0.4, contrast: 0.4, saturation: [0.5, 1.5], hue: 0.1}
    - {op: choice, of: [[trivial], [{op: blur, kernel: 5}], []], weights: [0.8, 0.1, 0.1]}
    - {op: cutout, holes: 2, length: 8}
    - {op: mix, of: {mixup: 1, cutmix: 1}, alpha: 0.4, p: 0.5}
    """
    images, labels = batch()
    out, targets = build_augmenter(yaml.safe_load(text), num_classes=5)(images, labels)
    assert out.shape == images.shape and targets.shape == (8, 5)


WRONG: list[tuple[Any, str]] = [
    ("nonsense", r"unknown recipe 'nonsense': expected one of none, flip, report"),
    (7, r"recipe is 7"),
    ("strng", r"expected one of none, .*, or a list; did you mean strong\?"),
    ("clasic", r", or a list; did you mean classic\?"),
    (["hflp"], r"unknown step 'hflp': expected choice, .*; did you mean hflip\?"),
    (["spin"], r"unknown step 'spin': expected choice, rotate"),
    ([{"op": "rotate", "angle": 3}], r"rotate: unknown keys \['angle'\]: expected degrees"),
    ([{"op": "rotate"}], r"rotate: missing keys \['degrees'\]"),
    ([{"op": "rotate", "degrees": "far"}], r"rotate: degrees is 'far'"),
    ([{"op": "hflip", "p": 1.5}], r"hflip: p is 1.5: expected a number in 0..1"),
    ([{"op": "hflip", "p": True}], r"hflip: p is True"),
    ([{"op": "posterize", "bits": 9}], r"posterize: bits is 9"),
    ([{"op": "blur", "kernel": 4}], r"blur: kernel is 4: expected an odd number"),
    ([{"op": "crop", "padding": 4.0}], r"crop: padding is 4.0: expected a number in 0..1"),
    ([{"op": "crop", "padding": -1}], r"crop: padding is -1: expected a whole number in 0..65535"),
    ([{"op": "translate_x", "share": 4}], r"translate_x: share is 4: expected a number in 0..1"),
    ([{"op": "translate_y", "share": [-2, 0]}], r"share is -2: expected a number in -1..1"),
    ([{"op": "saturation", "factor": [2, 1]}], r"the first number is above the second"),
    ([{"op": "rand", "order": "any"}], r"rand: order is 'any': expected stages or drawn"),
    ([{"op": "auto", "policy": "mnist"}], r"policy is 'mnist'"),
    ([{"op": "cutout", "length": 0}], r"cutout: length is 0"),
    ([{"op": "rotate", "degrees": 3, "fill": "noise"}], r"a warp needs a colour"),
    ([{"op": "cutout", "fill": [1, 2]}], r"fill is \[1, 2\]"),
    (["mixup", "hflip"], r"step 'hflip' follows a mix"),
    ([{"op": "choice", "of": [["mixup"], []]}], r"'mixup' stands in a choice"),
    ([{"op": "choice", "of": [["hflip"], 2]}], r"choice: branch 2: expected a step or a list"),
    ([{"op": "choice"}], r"choice needs 'of'"),
    ([{"op": "choice", "of": [[]], "weight": [1]}], r"choice: unknown keys \['weight'\]"),
    ([{"op": "choice", "of": [[], []], "weights": [1]}], r"expected 2 numbers"),
    ([{"op": "choice", "of": [[], []], "weights": [1, float("inf")]}], r"weights is inf: expected"),
    ([{"op": "choice", "of": [[], []], "weights": ["a", "b"]}], r"weights is 'a': expected"),
    ([{"op": "choice", "of": [[], []], "weights": 3}], r"weights 3: expected 2 numbers"),
    ([{"op": "mix", "of": {"blend": 1}}], r"expected weights of mixup, cutmix, ricap"),
    ([{"op": "mixup", "per": "pixel"}], r"per is 'pixel'"),
    ([{"rotate": 30}], r"step \{'rotate': 30\}: expected a name"),
    ([{"kornia": "RandomNonsense"}], r"kornia.augmentation has no class 'RandomNonsense'"),
    ([{"kornia": "RandomGaussianBlur", "size": 3}], r"kornia RandomGaussianBlur refuses"),
]


@pytest.mark.parametrize(("recipe", "message"), WRONG)
def test_mistakes_are_named(recipe: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build_augmenter(recipe, num_classes=5)
    assert isinstance(caught.value, ValueError) and "\n" not in str(caught.value)


@pytest.mark.parametrize("plain", ALIASES)
def test_a_plain_name_is_the_same_recipe(plain: str) -> None:
    assert plain not in RECIPES
    assert compile_recipe(plain, MEAN) == compile_recipe(ALIASES[plain], MEAN)


def test_wrong_batches_are_named() -> None:
    aug = build_augmenter("flip", num_classes=5)
    images, labels = batch()
    with pytest.raises(ConfigError, match="uint8"):
        aug(images.float(), labels)
    with pytest.raises(ConfigError, match=r"expected \(B, 3, H, W\) uint8"):
        aug(images[:, :1], labels)
    with pytest.raises(ConfigError, match="labels are"):
        aug(images, labels[:3])
    with pytest.raises(ConfigError, match="floating dtype"):
        build_augmenter("flip", num_classes=5, dtype=torch.int32)


def test_neighbours_merge_where_order_allows() -> None:
    def passes(*recipe: Any) -> int:
        return len(compile_recipe(list(recipe), MEAN).elements)

    rotate = {"op": "rotate", "degrees": 10}
    assert (
        passes(rotate, "hflip", {"op": "scale", "factor": [0.9, 1.1]}, "invert", "grayscale") == 1
    )
    assert passes("invert", rotate) == 2
    assert passes("grayscale", "invert") == 2
    assert passes(rotate, {"op": "rotate", "degrees": 10, "interpolation": "nearest"}) == 2
    assert passes("hflip", "trivial") == 1
    assert passes("trivial", "hflip") == 2
    merged = compile_recipe([rotate, "hflip"], MEAN).elements[0].step
    assert isinstance(merged, Pass) and isinstance(merged.source, Merged)
    assert merged.warp.interpolation == "bilinear"


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("recipe", RECIPES)
def test_same_state_same_batch_and_exact_resume(recipe: str, kernels: bool) -> None:
    images, labels = batch()
    aug = build_augmenter(recipe, num_classes=5, seed=3, kernels=kernels)
    first = aug(images, labels)
    saved = io.BytesIO()
    torch.save(aug.state_dict(), saved)
    later = [aug(images, labels) for _ in range(2)]
    saved.seek(0)
    resumed = build_augmenter(recipe, num_classes=5, seed=99, kernels=kernels)
    resumed.load_state_dict(torch.load(saved, weights_only=True))
    for expected in later:
        got = resumed(images, labels)
        assert torch.equal(got[0], expected[0]) and torch.equal(got[1], expected[1])
    again = build_augmenter(recipe, num_classes=5, seed=3, kernels=kernels)(images, labels)
    assert torch.equal(again[0], first[0])
    if recipe not in ("none",):
        assert not torch.equal(later[0][0], later[1][0])


def test_global_generators_are_left_alone() -> None:
    images, labels = batch()
    before = torch.get_rng_state()
    build_augmenter("strong", num_classes=5)(images, labels)
    assert torch.equal(torch.get_rng_state(), before)


def test_saved_state_that_does_not_fit() -> None:
    aug = build_augmenter("flip", num_classes=5)
    with pytest.raises(ConfigError, match="does not fit device cpu"):
        aug.load_state_dict({"generator": torch.zeros(3, dtype=torch.uint8)})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("channels", "height", "width"), [(3, 20, 33), (1, 33, 20), (3, 1, 1)])
def test_dtypes_and_shapes(dtype: torch.dtype, channels: int, height: int, width: int) -> None:
    preprocess = Preprocess(mean=(0.5,) * channels, std=(0.25,) * channels)
    for count in (1, 5):
        images = torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8)
        for recipe in ("none", "flip", "trivial", "cifar", "strong"):
            aug = build_augmenter(recipe, num_classes=5, preprocess=preprocess, dtype=dtype)
            out, _ = aug(images, torch.zeros(count, dtype=torch.int64))
            assert out.shape == images.shape and out.dtype == dtype
            assert bool(out.isfinite().all())


def test_kornia_by_name_is_reproducible_and_contained() -> None:
    images, labels = batch()
    recipe = [
        "hflip",
        {"kornia": "RandomGaussianBlur", "kernel_size": [3, 3], "sigma": [0.1, 2.0], "p": 0.5},
        {"op": "choice", "of": [[{"kornia": "RandomInvert", "p": 1.0}], []]},
        "trivial",
    ]
    with pytest.warns(UserWarning) as warned:
        aug = build_augmenter(recipe, num_classes=5)
    said = [str(one.message) for one in warned]
    assert any("the Kornia step RandomGaussianBlur draws on the host" in text for text in said)
    outside = torch.get_rng_state()
    first = aug(images, labels)[0]
    assert torch.equal(torch.get_rng_state(), outside)
    for kernels in (True, False):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            again = build_augmenter(recipe, num_classes=5, kernels=kernels)
        assert torch.equal(again(images, labels)[0], first)


@pytest.mark.parametrize("name", ["RandomMixUpV2", "RandomCutMixV2", "RandomMosaic", "PatchMix"])
def test_kornia_mixes_no_images_whose_labels_stay(name: str) -> None:
    with pytest.raises(ConfigError, match=f"kornia {name} mixes samples and would leave"):
        build_augmenter([{"kornia": name}], num_classes=5)
    with pytest.warns(UserWarning, match="Kornia"):
        build_augmenter([{"kornia": "RandomJigsaw"}], num_classes=5)


def test_kornia_step_must_keep_the_shape() -> None:
    with pytest.warns(UserWarning, match="Kornia"):
        aug = build_augmenter([{"kornia": "CenterCrop", "size": [8, 8]}], num_classes=5)
    with pytest.raises(ConfigError, match="has to keep the shape"):
        aug(*batch())


def test_a_kornia_step_may_take_views(monkeypatch: pytest.MonkeyPatch) -> None:
    class Viewing(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return 1 - images.view(-1, *images.shape[-2:]).view_as(images)

    monkeypatch.setattr("kornia.augmentation.Viewing", Viewing, raising=False)
    with pytest.warns(UserWarning, match="Kornia"):
        aug = build_augmenter([{"kornia": "Viewing"}], num_classes=5)
    images, labels = batch()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same = build_augmenter([{"kornia": "RandomInvert", "p": 1.0}], num_classes=5)
    assert torch.equal(aug(images, labels)[0], same(images, labels)[0])


def test_preprocess_round_trip_and_errors() -> None:
    preprocess = Preprocess(size=96, mean=(0.1, 0.2, 0.3), std=(0.2, 0.2, 0.2))
    assert Preprocess.from_dict(preprocess.to_dict()) == preprocess
    with pytest.raises(ConfigError, match=r"unknown preprocess keys \['sizes'\]"):
        Preprocess.from_dict({"sizes": 3})
    with pytest.raises(ConfigError, match="divide by 255"):
        Preprocess(mean=(124.0, 116.0, 104.0))
    with pytest.raises(ConfigError, match="size is 0"):
        Preprocess(size=0)
    with pytest.raises(ConfigError, match="std is"):
        Preprocess(std=(0.0, 1.0, 1.0))
    with pytest.raises(ConfigError, match=r"expected \(B, 3, H, W\)"):
        preprocess.normalise(torch.zeros(2, 1, 4, 4))
