"""What a step makes smaller."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from headrace.train.losses import LOSSES
from headrace.train.losses.cross_entropy import CrossEntropy, classification_loss
from headrace.train.settings.config import OptimConfig
from headrace.train.settings.config_file import from_flat


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
