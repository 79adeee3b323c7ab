"""What a step makes smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from headrace.pipeline.errors import ConfigError
from headrace.train.losses import LOSSES
from headrace.train.losses.class_weights import WeightedLoss, class_weights
from headrace.train.losses.cross_entropy import CrossEntropy, classification_loss
from headrace.train.losses.penalty import PenaltyConfig, penalty_of
from headrace.train.run import run_training
from headrace.train.settings.config import OptimConfig
from headrace.train.settings.config_file import from_flat
from tests.train.tiny_runs import rows, settings, write_data


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_soft_targets_and_labels_give_the_same_smoothed_loss(smoothing: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(16, 7, generator=generator)
    labels = torch.randint(0, 7, (16,), generator=generator)
    hard = F.one_hot(labels, 7).float()
    smoothed = hard * (1 - smoothing) + smoothing / 7
    expected = -(smoothed * logits.log_softmax(1)).sum(1).mean()
    for targets in (labels, hard):
        torch.testing.assert_close(classification_loss(logits, targets, smoothing), expected)
    torch.testing.assert_close(classification_loss(logits, smoothed, 0.0), expected)


def test_loss_is_float32_whatever_the_logits_are() -> None:
    logits = torch.randn(4, 3).bfloat16()
    assert classification_loss(logits, torch.tensor([0, 1, 2, 0]), 0.1).dtype == torch.float32


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_a_scalar_of_labels_and_of_soft_targets(name: str) -> None:
    loss = OptimConfig(loss=name).build("loss", None)
    logits = torch.randn(4, 3, requires_grad=True)
    for targets in (torch.tensor([0, 1, 2, 0]), torch.full((4, 3), 1 / 3)):
        value = loss(logits, targets)
        assert value.shape == () and value.isfinite()
        value.backward()


def test_the_run_s_smoothing_reaches_the_loss() -> None:
    config = from_flat({"label_smoothing": 0.3}, "test").optim
    assert config.build("loss", None) == CrossEntropy(label_smoothing=0.3)


def batch(classes: int = 5, size: int = 12) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, classes and soft targets."""
    generator = torch.Generator().manual_seed(3)
    logits = 3 * torch.randn(size, classes, generator=generator)
    labels = torch.randint(0, classes, (size,), generator=generator)
    return logits, labels, torch.rand(size, classes, generator=generator).softmax(1)


def loss_named(name: str, weights: torch.Tensor | None = None, **settings: Any) -> Any:
    return from_flat({"loss": name, **settings}, "test").optim.build("loss", weights)


def test_weighted_cross_entropy_is_torch_s_of_soft_targets() -> None:
    logits, labels, soft = batch()
    weights = torch.tensor([1.0, 2.0, 0.5, 1.5, 3.0])
    loss = loss_named("cross-entropy", weights, label_smoothing=0.2)
    expected = F.cross_entropy(logits, soft, weight=weights, label_smoothing=0.2)
    torch.testing.assert_close(loss(logits, soft), expected)
    of_classes = F.cross_entropy(
        logits, labels, weight=weights, label_smoothing=0.2, reduction="sum"
    )
    torch.testing.assert_close(loss(logits, labels), of_classes / len(labels))


def test_binary_cross_entropy_is_torch_s() -> None:
    logits, labels, soft = batch()
    weights = torch.arange(1.0, 6)
    hard = F.one_hot(labels, 5).float()
    loss = loss_named("bce")
    torch.testing.assert_close(loss(logits, labels), F.binary_cross_entropy(logits.sigmoid(), hard))
    torch.testing.assert_close(loss(logits, soft), F.binary_cross_entropy(logits.sigmoid(), soft))
    smoothed = hard * 0.9 + 0.1 / 5
    per_sample = F.binary_cross_entropy_with_logits(logits, smoothed, reduction="none").mean(1)
    expected = (per_sample * weights[labels]).mean()
    loss = loss_named("bce", weights, label_smoothing=0.1)
    torch.testing.assert_close(loss(logits, labels), expected)


def test_focal_loss_is_that_of_the_paper() -> None:
    logits, labels, soft = batch()
    p = logits.softmax(1)[torch.arange(12), labels]
    torch.testing.assert_close(
        loss_named("focal", focal_gamma=2)(logits, labels), (-((1 - p) ** 2) * p.log()).mean()
    )
    weights = torch.arange(1.0, 6)
    torch.testing.assert_close(
        loss_named("focal", weights, focal_gamma=0.5)(logits, labels),
        (-weights[labels] * (1 - p) ** 0.5 * p.log()).mean(),
    )
    plain = loss_named("focal", focal_gamma=0)
    torch.testing.assert_close(plain(logits, soft), F.cross_entropy(logits, soft))


def test_focal_loss_of_what_is_sure_has_a_gradient_that_is_a_number() -> None:
    logits = torch.tensor([[200.0, 0.0], [0.0, 200.0]], requires_grad=True)
    loss_named("focal", focal_gamma=0.5)(logits, torch.tensor([0, 0])).backward()
    assert logits.grad is not None and logits.grad.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_sample_s_part_depends_on_no_other(name: str) -> None:
    """So that a batch can be cut into parts, with weights of classes too."""
    logits, labels, _ = batch()
    loss = loss_named(name, torch.arange(1.0, 6))
    parts = [loss(logits[n : n + 1], labels[n : n + 1]) for n in range(12)]
    torch.testing.assert_close(loss(logits, labels), torch.stack(parts).mean())


@pytest.mark.parametrize("name", LOSSES)
def test_a_class_that_counts_twice_counts_as_if_its_samples_came_twice(name: str) -> None:
    logits, labels, _ = batch()
    weights = torch.tensor([1.0, 2.0, 3.0, 1.0, 2.0])
    times = weights[labels].long()
    plain = {} if name == "focal" else {"label_smoothing": 0.0}
    drawn = loss_named(name, **plain)(
        logits.repeat_interleave(times, 0), labels.repeat_interleave(times)
    )
    weighted = loss_named(name, weights, **plain)(logits, labels)
    torch.testing.assert_close(weighted * len(labels), drawn * times.sum())


def test_class_weights_from_counts_have_mean_1_over_the_samples() -> None:
    counts = torch.tensor([10, 40, 150])
    inverse = class_weights(WeightedLoss(class_weights="inverse"), counts)
    torch.testing.assert_close(inverse, 200 / (3 * counts))  # as scikit-learn's "balanced"
    beta = 0.99
    effective = class_weights(WeightedLoss(class_weights="effective", effective_beta=beta), counts)
    given = class_weights(WeightedLoss(class_weights="1,2,0.5"), counts)
    assert effective is not None and given is not None
    of_the_paper = (1 - beta) / (1 - beta**counts)
    torch.testing.assert_close(effective / effective[0], of_the_paper / of_the_paper[0])
    torch.testing.assert_close(given / given[0], torch.tensor([1.0, 2.0, 0.5]))
    for weights in (effective, given):
        assert float((weights * counts).sum() / 200) == pytest.approx(1)
    assert class_weights(WeightedLoss(), counts) is None


def test_a_class_without_samples_has_a_finite_weight() -> None:
    weights = class_weights(WeightedLoss(class_weights="inverse"), torch.tensor([4, 0]))
    assert weights is not None and weights.isfinite().all()


@pytest.mark.parametrize("text", ["1,2,x", "1,-1", "0,1", "1,inf", "1,nan", "1e200,1", "", "b"])
def test_class_weights_are_named_or_numbers(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"--class-weights is .*expected none, inverse, effective"
    ):
        WeightedLoss(class_weights=text)


def test_the_largest_and_smallest_weights_are_numbers() -> None:
    settings = WeightedLoss(class_weights="1000000000,1e-9")
    weights = class_weights(settings, torch.tensor([100_000_000, 1]))
    assert weights is not None and weights.isfinite().all() and bool((weights > 0).all())


def test_there_is_a_weight_for_each_class() -> None:
    with pytest.raises(ConfigError, match="2 numbers, but there are 3 classes"):
        class_weights(WeightedLoss(class_weights="1,2"), torch.tensor([1, 1, 1]))


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_the_penalty_is_the_sum_of_powers_over_matrices_alone(power: float) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    matrices = [model[0].weight, model[2].weight]
    found = penalty_of(model, PenaltyConfig(penalty=0.3, penalty_power=power))
    assert isinstance(found, torch.Tensor)
    expected = 0.3 * sum(float((w.detach().abs() ** power).sum()) for w in matrices)
    assert float(found.detach()) == pytest.approx(expected)
    found.backward()
    w = matrices[0]
    slope = 0.3 * power * w.detach().abs() ** (power - 1) * w.detach().sign()
    torch.testing.assert_close(w.grad, slope)
    assert model[0].bias.grad is None and model[1].weight.grad is None
    assert penalty_of(model, PenaltyConfig()) == 0


def test_a_penalty_of_less_than_power_1_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--penalty-power is 0\.5, expected at least 1"):
        PenaltyConfig(penalty_power=0.5)


@pytest.mark.parametrize(
    "changes",
    [
        {"label_smoothing": 0.4, "penalty": 0.5},
        {"class_weights": "1,5,9"},
        {"loss": "focal", "focal_gamma": 3},
        {"loss": "bce"},
    ],
)
def test_the_train_loss_shown_is_that_of_validation(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    """On the same samples with weights that stay, whatever is made smaller."""
    same = {
        "train_split": "train",
        "val_split": "train",
        "epochs": 1,
        "lr": 1e-12,
        "model": "timm:test_vit",
        "dropout": 0.0,
        "recipe": "none",
        "flip": 0,
        "amp": "off",
        "crop_mode": "squash",
        "eval_mode": "squash",
        "weight_decay": 0.0,
    }
    run_training(settings(write_data(tmp_path / "a.beton"), tmp_path / "run", **same, **changes))
    (row,) = rows(tmp_path / "run", "epoch")
    assert row["train_loss"] == pytest.approx(row["val_loss"], rel=1e-4)
    assert row["train_accuracy"] == pytest.approx(row["val_accuracy"])
