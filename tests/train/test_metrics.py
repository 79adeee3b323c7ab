"""Loss, accuracy, progress, parameter groups, and where the time goes."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from headrace.train.clock import Clock, difference, spell
from headrace.train.display import report
from headrace.train.evaluate.inference import Outcome, gather, score
from headrace.train.metrics.meter import Meter, Totals, classification_loss, to_totals
from headrace.train.models.build import ModelSpec, build_model
from headrace.train.optimizers.build import build_optimizer
from headrace.train.processes.world import World
from headrace.train.progress import Progress
from headrace.train.settings.config import OptimConfig


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


def test_meter_sums_over_batches_of_different_size() -> None:
    meter = Meter(torch.device("cpu"))
    right = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    meter.add(torch.tensor(2.0), right, torch.tensor([1, 0, 0]))
    meter.add(torch.tensor(4.0), right[:1], torch.tensor([[0.2, 0.8]]))
    totals = to_totals(meter.sums)
    assert (totals.mean_loss, totals.accuracy, totals.count) == (2.5, 0.75, 4)
    meter.clear()
    assert to_totals(meter.sums) == Totals()


def test_no_decay_on_biases_and_norms() -> None:
    model = build_model(ModelSpec(name="homework-cnn", num_classes=3, size=32))
    optimizer = build_optimizer(model, OptimConfig(weight_decay=0.3))
    decayed, free = optimizer.param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.3, 0.0)
    assert all(p.ndim > 1 for p in decayed["params"])
    assert all(p.ndim <= 1 for p in free["params"])
    count = len(decayed["params"]) + len(free["params"])
    assert count == len(list(model.parameters()))


def test_patience_counts_epochs_without_a_better_accuracy() -> None:
    progress = Progress()
    for accuracy, best in ((0.3, True), (0.2, False), (0.4, True), (0.4, False), (0.1, False)):
        assert not progress.finished(epochs=99, patience=2)
        assert progress.record(accuracy) is best
        progress.next_epoch()
    assert progress.finished(epochs=99, patience=2)
    assert not progress.finished(epochs=99, patience=3)
    assert not progress.finished(epochs=99, patience=0)
    assert progress.finished(epochs=5, patience=0)
    assert (progress.best_accuracy, progress.best_epoch) == (0.4, 2)
    assert Progress.from_dict(progress.to_dict()) == progress


def outcome(indices: list[int], labels: list[int], predicted: list[int]) -> Outcome:
    return Outcome(
        indices=np.array(indices),
        labels=np.array(labels),
        predicted=np.array(predicted),
        confidence=np.ones(len(indices), np.float32),
        loss=np.array(indices, np.float32),
    )


def test_scores_leave_unlabelled_samples_and_absent_classes_out() -> None:
    scores = score(outcome([0, 1, 2, 3, 4], [0, 0, 0, 1, -1], [0, 0, 2, 0, 1]), num_classes=4)
    assert scores.accuracy == pytest.approx(0.5)
    assert scores.macro_accuracy == pytest.approx((2 / 3 + 0) / 2)
    assert (scores.count, scores.loss) == (4, 1.5)
    assert score(outcome([0], [-1], [0]), num_classes=4).count == 0


def test_samples_that_two_processes_saw_count_once() -> None:
    class Two(World):
        def gather(self, value: object) -> list[object]:
            other = outcome([1, 0], [1, 0], [1, 0])
            columns = (other.indices, other.labels, other.predicted, other.confidence, other.loss)
            return [value, list(columns)]

    both = gather(outcome([2, 0], [1, 0], [0, 0]), Two(size=2))
    assert both.indices.tolist() == [0, 1, 2]
    assert both.predicted.tolist() == [0, 1, 0]


def test_clock_adds_up_over_sessions() -> None:
    clock = Clock(torch.device("cpu"), {"data": 5.0, "total": 60.0})
    before = clock.snapshot()
    with clock.phase("data"):
        time.sleep(0.01)
    spent = difference(clock.snapshot(), before)
    assert spent["data"] > 0
    assert spent["step"] == 0
    assert clock.seconds["data"] > 5
    assert clock.total > 60


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.21, "3.2 s"), (192, "3 min 12 s"), (3725, "1 h 02 min")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert spell(seconds) == text


def test_report_says_accuracy_time_and_where_it_went() -> None:
    seconds = {"data": 2, "augment": 10, "step": 150, "evaluate": 20, "save": 8, "total": 192.0}
    progress = Progress(epoch=20, best_accuracy=0.8123, best_epoch=16)
    first, second = report(progress, seconds, True, "val").splitlines()
    assert first == "best val accuracy 0.8123 (epoch 17), total 3 min 12 s, data wait 1.0%"
    assert second.startswith("time: data wait 1.0%, augment 5.2%, step 78.1%, evaluation 10.4%")
    assert "nothing held out" in report(progress, seconds, False, "val")
