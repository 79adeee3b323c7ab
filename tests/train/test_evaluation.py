"""What evaluation returns, put together from all processes, and how it is scored."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from headrace.augment import Preprocess
from headrace.pipeline.loader import open_loader
from headrace.train.device.amp import choose_precision
from headrace.train.evaluation.inference import gather, infer
from headrace.train.evaluation.outcome import Outcome, columns
from headrace.train.evaluation.scoring import score
from headrace.train.metrics import DECIDING, METRICS, lower_is_better, metric_of
from headrace.train.processes.world import World
from tests.train.tiny_runs import write_data


def outcome(indices: list[int], labels: list[int], predicted: list[int]) -> Outcome:
    return Outcome(
        indices=np.array(indices),
        labels=np.array(labels),
        predicted=np.array(predicted),
        confidence=np.ones(len(indices), np.float32),
        loss=np.array(indices, np.float32),
        logits=np.eye(4, dtype=np.float32)[predicted],
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
            return [value, columns(other)]

    both = gather(outcome([2, 0], [1, 0], [0, 0]), Two(size=2))
    assert both.indices.tolist() == [0, 1, 2]
    assert both.predicted.tolist() == [0, 1, 0]
    assert both.logits.argmax(1).tolist() == [0, 1, 0]


def test_who_saw_no_batch_adds_nothing() -> None:
    class Two(World):
        def gather(self, value: object) -> list[object]:
            nothing = [column[:0] for column in columns(outcome([0], [0], [0]))]
            return [[*nothing[:-1], np.zeros((0, 0), np.float32)], value]

    both = gather(outcome([2, 0], [1, 0], [0, 0]), Two(size=2))
    assert both.indices.tolist() == [0, 2]
    assert both.logits.shape == (2, 4)


def test_inference_keeps_the_logits_of_which_the_rest_follows(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5))
    path = write_data(tmp_path / "tiny.beton")
    precision = choose_precision("off", torch.device("cpu"))
    with open_loader(
        path, split="val", size=32, batch_size=5, loader="torchvision", workers=0, train=False
    ) as loader:
        found = infer(model, loader, Preprocess(size=32), precision)
    assert found.logits.shape == (12, 5) and found.logits.dtype == np.float32
    logits = torch.from_numpy(found.logits)
    assert logits.argmax(1).tolist() == found.predicted.tolist()
    assert torch.equal(logits.softmax(1).max(1).values, torch.from_numpy(found.confidence))
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(found.labels), reduction="none")
    assert torch.equal(loss, torch.from_numpy(found.loss))


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_at_its_best_where_all_is_right(name: str) -> None:
    right = outcome([0, 1, 2], [0, 2, 2], [0, 2, 2])
    best = 0.0 if lower_is_better(name) else 1.0
    assert metric_of(name).compute(right, 4) == best
    assert score(right, 4).metrics[name] == best
    assert score(right, 4).deciding(name) == best


def test_an_epoch_is_judged_by_a_metric_or_the_loss() -> None:
    scores = score(outcome([0, 1, 2], [0, 2, 1], [0, 2, 2]), 4)
    assert set(DECIDING) == {*METRICS, "loss"}
    assert scores.deciding("accuracy") == scores.accuracy == pytest.approx(2 / 3)
    assert scores.deciding("loss") == -1.0
    assert scores.deciding("ece") == -scores.metrics["ece"] == pytest.approx(-1 / 3)


@pytest.mark.filterwarnings("error")
def test_answers_that_are_no_numbers_make_no_epoch_the_best() -> None:
    """Of them the first class counts as predicted, which here is the right one."""
    none = np.full((3, 4), np.nan, np.float32)
    found = outcome([0, 1, 2], [0, 0, 0], [0, 0, 0])
    found = dataclasses.replace(found, logits=none, confidence=none[:, 0], loss=none[:, 0])
    scores = score(found, 4)
    assert scores.accuracy == 1.0
    assert all(math.isnan(scores.deciding(name)) for name in DECIDING)
    assert scores.plain()["ece"] is None
