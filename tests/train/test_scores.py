"""Each number of an evaluation: against torchmetrics, by hand, and where there is none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional import classification as theirs

from headrace.train.evaluation.outcome import Outcome
from headrace.train.evaluation.scoring import score
from headrace.train.metrics import METRICS, TABLES, metric_of
from headrace.train.metrics.auroc import per_class
from headrace.train.metrics.temperature import HIGHEST, LOWEST, fit


def outcome_of(logits: Any, labels: Any) -> Outcome:
    """What a model that gives these logits says."""
    scores, truth = torch.as_tensor(logits, dtype=torch.float32), torch.as_tensor(labels)
    confidence, predicted = scores.softmax(1).max(1)
    loss = torch.nn.functional.cross_entropy(scores, truth, reduction="none", ignore_index=-1)
    return Outcome(
        indices=np.arange(len(truth)),
        labels=truth.numpy(),
        predicted=predicted.numpy(),
        confidence=confidence.numpy(),
        loss=loss.numpy(),
        logits=scores.numpy(),
    )


def drawn(seed: int, count: int = 200, classes: int = 7, skill: float = 1.5) -> Outcome:
    """A model that knows something, on classes of different sizes."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, count, p=np.arange(1, classes + 1) / sum(range(classes + 1)))
    logits = rng.normal(size=(count, classes))
    logits[np.arange(count), labels] += skill
    return outcome_of(logits, labels)


def by_torchmetrics(name: str, found: Outcome, classes: int) -> float:
    """The same number, as torchmetrics has it."""
    logits, labels = torch.from_numpy(found.logits), torch.from_numpy(found.labels)
    mean, _, kind = name.rpartition("_")
    if kind == "top5":
        return float(theirs.multiclass_accuracy(logits, labels, classes, top_k=5, average="micro"))
    if kind == "auroc":
        return float(theirs.multiclass_auroc(logits, labels, classes))
    if kind == "ece":
        return float(theirs.multiclass_calibration_error(logits, labels, classes, n_bins=15))
    if kind == "accuracy":
        average = mean or "micro"
        return float(theirs.multiclass_accuracy(logits, labels, classes, average=average))
    function = {"f1": "multiclass_f1_score"}.get(kind, f"multiclass_{kind}")
    return float(getattr(theirs, function)(logits, labels, classes, average=mean))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", METRICS)
def test_metrics_are_those_of_torchmetrics(name: str, seed: int) -> None:
    found = drawn(seed)
    assert set(found.labels.tolist()) == set(range(7))
    ours = metric_of(name).compute(found, 7)
    assert ours == pytest.approx(by_torchmetrics(name, found, 7), abs=1e-6)
    assert 0.0 < ours < 1.0


def test_an_f1_is_not_the_accuracy() -> None:
    """The mistake of a course report, whose micro-averaged F1 was the accuracy."""
    # Three of class 0, all found; two of class 1, of which one is found.
    found = outcome_of(np.eye(2)[[0, 0, 0, 1, 0]], [0, 0, 0, 1, 1])
    metrics = score(found, 2).metrics
    assert metrics["accuracy"] == metrics["weighted_recall"] == pytest.approx(4 / 5)
    assert metrics["macro_precision"] == pytest.approx((3 / 4 + 1) / 2)
    assert metrics["macro_recall"] == pytest.approx((1 + 1 / 2) / 2)
    assert metrics["macro_f1"] == pytest.approx((6 / 7 + 2 / 3) / 2)
    assert metrics["weighted_f1"] == pytest.approx((3 * 6 / 7 + 2 * 2 / 3) / 5)
    assert metrics["weighted_precision"] == pytest.approx((3 * 3 / 4 + 2 * 1) / 5)


def test_a_class_without_samples_counts_where_it_is_predicted_and_only_there() -> None:
    found = outcome_of(np.eye(4)[[0, 1, 2]], [0, 1, 1])  # 2 is merely predicted, 3 is nowhere
    metrics = score(found, 4).metrics
    assert metrics["macro_recall"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert metrics["macro_precision"] == pytest.approx((1 + 1 + 0) / 3)
    assert metrics["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert metrics["macro_accuracy"] == pytest.approx((1 + 1 / 2) / 2)
    assert np.isnan(per_class(found, 4)).tolist() == [False, False, True, True]
    rows = metric_of("per_class").compute(found, 4)
    assert rows[2] == {
        "count": 0, "predicted": 1, "precision": 0.0, "recall": 0.0, "f1": 0.0, "auroc": None,
    }  # fmt: skip
    assert rows[3]["predicted"] == rows[3]["count"] == 0 and rows[3]["f1"] == 0.0


def test_with_one_class_alone_there_is_no_auroc_and_everything_else() -> None:
    metrics = score(outcome_of(np.eye(3)[[0, 0, 1]], [0, 0, 0]), 3).metrics
    assert math.isnan(metrics.pop("auroc"))
    assert all(math.isfinite(value) for value in metrics.values())
    assert metrics["accuracy"] == pytest.approx(2 / 3)


def test_the_area_is_the_share_of_pairs_in_order_and_ties_count_half() -> None:
    found = outcome_of(np.round(drawn(5, 60, 2).logits), drawn(5, 60, 2).labels)
    probabilities = torch.from_numpy(found.logits).double().softmax(1).numpy()
    for label, area in enumerate(per_class(found, 2)):
        own = np.round(probabilities[found.labels == label, label], 12)
        rest = np.round(probabilities[found.labels != label, label], 12)
        pairs = (own[:, None] > rest).sum() + 0.5 * (own[:, None] == rest).sum()
        assert area == pytest.approx(pairs / (len(own) * len(rest)))


def test_a_model_that_is_very_sure_is_ranked_all_the_same() -> None:
    """Its probabilities are all 1 in float32, their logarithms are not alike."""
    found = outcome_of([[400.0, 0.0], [200.0, 0.0], [90.0, 0.0], [80.0, 0.0]], [0, 0, 1, 1])
    assert set(found.confidence.tolist()) == {1.0}
    assert per_class(found, 2)[1] == 1.0


@pytest.mark.parametrize("classes", [2, 5, 6, 9])
def test_among_the_first_five(classes: int) -> None:
    logits = -np.arange(classes, dtype=np.float64)[None].repeat(classes, 0)
    found = metric_of("top5").compute(outcome_of(logits, np.arange(classes)), classes)
    assert found == min(5, classes) / classes


def test_equal_logits_and_none_are_no_success() -> None:
    constant = outcome_of(np.zeros((9, 9)), np.arange(9))
    assert metric_of("top5").compute(constant, 9) == 5 / 9
    assert metric_of("top5").compute(outcome_of(np.full((9, 9), np.nan), np.arange(9)), 9) == 0.0


def test_calibration_by_hand() -> None:
    """Four predictions of confidence 0.9, half of them right, and one that is sure and right."""
    sure = np.log([0.9, 0.1])
    found = outcome_of([sure, sure, sure, sure, [50.0, 0.0]], [0, 0, 1, 1, 0])
    assert metric_of("ece").compute(found, 2) == pytest.approx(4 / 5 * 0.4, abs=1e-6)


def test_the_temperature_is_the_one_that_logits_were_multiplied_by() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 4))
    gumbel = rng.gumbel(size=logits.shape)
    labels = (logits + gumbel).argmax(1)  # so that the softmax of the logits is the truth
    found = outcome_of(logits * 3, labels)
    table = metric_of("temperature").compute(found, 4)
    assert table["value"] == pytest.approx(3, rel=0.03)
    assert table["loss"] < found.loss.mean()
    assert table["ece"] < 0.02 < metric_of("ece").compute(found, 4)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.2, 5))
def test_no_other_temperature_has_a_smaller_loss(seed: int, factor: float) -> None:
    found = drawn(seed, 60, 3)
    logits, labels = torch.from_numpy(found.logits).double(), torch.from_numpy(found.labels)

    def loss(temperature: float) -> float:
        return float(torch.nn.functional.cross_entropy(logits / temperature, labels))

    best = fit(logits, labels)
    assert loss(best) <= loss(min(max(best * factor, LOWEST), HIGHEST)) + 1e-12


def test_a_temperature_without_end_is_kept_within_bounds() -> None:
    right, wrong = (torch.eye(3, dtype=torch.float64)[[a, b]] for a, b in ((0, 1), (1, 0)))
    labels = torch.tensor([0, 1])
    assert fit(right, labels) == pytest.approx(LOWEST)
    assert fit(wrong, labels) == pytest.approx(HIGHEST)


def test_the_confusion_is_read_by_rows() -> None:
    found = outcome_of(np.eye(3)[[1, 1, 0, 2]], [0, 0, 0, 2])
    assert metric_of("confusion").compute(found, 3) == [[1, 2, 0], [0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize("name", [*METRICS, *TABLES])
def test_unlabelled_samples_are_never_counted(name: str) -> None:
    found = drawn(1)
    more = outcome_of(np.concatenate([found.logits, np.eye(7)]), [*found.labels, *[-1] * 7])
    labelled = more.of(more.labels >= 0)
    assert metric_of(name).compute(labelled, 7) == metric_of(name).compute(found, 7)
    if name in METRICS:
        assert score(more, 7).metrics[name] == score(found, 7).metrics[name]
