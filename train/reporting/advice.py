"""What to try next, by rules of thumb that name what they saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from headrace.pipeline.command_line import called
from headrace.train.folder.resume import resume_command
from headrace.train.metrics import metric_of
from headrace.train.metrics.class_counts import count_classes
from headrace.train.reporting.elements import Advice, percent
from headrace.train.reporting.intervals import wilson
from headrace.train.reporting.run_log import RunLog
from headrace.train.reporting.subject import Subject

SHOWN = 5
WIDE = 0.3
"""So far above the accuracy on new images, that on the training images says that more epochs would
only be learnt by heart."""
STRONG = ("trivial", "report", "classic", "rand", "medium")
"""Recipes than which only `strong` is stronger."""


def advise(subject: Subject) -> list[Advice]:
    """The most useful first, at most SHOWN; what stands in backticks is to be typed."""
    found: list[Advice] = []
    for rule in _RULES:
        found += rule(subject)
    return found[:SHOWN]


def _unfinished(subject: Subject) -> Iterator[Advice]:
    log = subject.log
    done, asked = len(log.epochs), log.config.optim.epochs
    if log.end is None and done < asked:
        yield Advice(
            what="Let it finish",
            why=f"{done} of {asked} epochs are done; it goes on where it was saved last.",
            command=resume_command(log.folder),
        )


def _nothing_held_out(subject: Subject) -> Iterator[Advice]:
    log = subject.log
    if log.epochs and not log.evaluated:
        yield Advice(
            what="Hold something out",
            why="without it nobody knows how good the model is on new images, nor when to stop.",
            command=f"{called('train')} --data DATA --val-fraction 0.2",
        )


def _at_chance(subject: Subject) -> Iterator[Advice]:
    log, judged = subject.log, subject.judged
    best = log.best
    if best is None or judged is None or len(log.epochs) < 3 or len(judged.classes) < 2:
        return
    labels = judged.labelled.labels
    most = np.bincount(labels).max() / len(labels) if len(labels) else 1.0
    if best["val_accuracy"] <= 1.1 * most:
        yield Advice(
            what="Find out why it does not learn",
            why=f"{percent(best['val_accuracy'])} is what always answering the commonest class "
            f"gives ({percent(most)}). Look at the augmented images below, then try a learning "
            f"rate ten times lower and ten times higher than {log.config.optim.peak_lr:g}.",
        )


def _data_wait(subject: Subject) -> Iterator[Advice]:
    seconds = subject.log.seconds
    total = seconds.get("total", 0.0)
    share = seconds.get("data", 0.0) / total if total else 0.0
    if share > 0.1:
        loader = subject.log.start.get("loader", "another")
        other = "resident" if loader != "resident" else "native"
        yield Advice(
            what="Feed it faster",
            why=f"{percent(share, 0)} of the time went into waiting for the loader {loader}. Try "
            f"`--loader {other}`, more `--workers`, or pack with a smaller `--max-side`.",
        )


def _still_rising(subject: Subject) -> Iterator[Advice]:
    log = subject.log
    best = log.best
    if best is None or log.end is None or len(log.epochs) < 4 or _gap(log) >= WIDE:
        return
    values = [row["val_accuracy"] for row in log.epochs]
    last = len(values) - max(1, len(values) // 4)
    gain = max(values) - max(values[:last])
    if best["epoch"] >= log.epochs[-1]["epoch"] - len(values) // 8 and gain > 0.01:
        yield Advice(
            what="Train longer",
            why=f"the best epoch is among the last, and the last quarter still brought "
            f"{100 * gain:.1f} points.",
            command=resume_command(log.folder, "--epochs", 2 * log.config.optim.epochs),
        )


def _gap(log: RunLog) -> float:
    """How much better the training images are known than new ones."""
    if log.best is None:
        return 0.0
    return float(log.epochs[-1]["train_accuracy"] - log.best["val_accuracy"])


def _by_heart(subject: Subject) -> Iterator[Advice]:
    log = subject.log
    best = log.best
    if best is None or len(log.epochs) < 3:
        return
    if _gap(log) < 0.12:
        return
    recipe = log.config.model.recipe
    stronger = "strong" if recipe in STRONG else "report"
    model = log.config.model
    weights = ""
    if not model.pretrained and not model.weights:
        weights = ", or start from published weights (`--model timm:NAME --pretrained`)"
    yield Advice(
        what="Make learning by heart harder",
        why=f"it has {percent(log.epochs[-1]['train_accuracy'])} of its training images right and "
        f"{percent(best['val_accuracy'])} of new ones. Try `--recipe {stronger}`, "
        f"more `--weight-decay` or `--dropout 0.3`{weights}.",
    )


def _too_weak(subject: Subject) -> Iterator[Advice]:
    log = subject.log
    best = log.best
    if best is None or len(log.epochs) < 4 or log.end is None:
        return
    last = log.epochs[-1]["train_accuracy"]
    if last < 0.8 and last - best["val_accuracy"] < 0.05:
        yield Advice(
            what="Give it more to learn with",
            why=f"it has only {percent(last)} of its own (augmented) training images right: a "
            "larger `--model`, larger `--size`, weaker `--recipe` or more `--epochs`.",
        )


def _classes_apart(subject: Subject) -> Iterator[Advice]:
    judged, log = subject.labelled, subject.log
    if judged is None:
        return
    counts = count_classes(judged.labelled, len(judged.classes))
    there = counts.support > 0
    mean, accuracy = counts.recall[there].mean(), counts.right.sum() / counts.support.sum()
    if accuracy - mean > 0.05 and log.config.data.sampling == "shuffle":
        yield Advice(
            what="Help the rare classes",
            why=f"the mean over classes is {percent(float(mean))}, the accuracy "
            f"{percent(float(accuracy))}: common classes are known better. Try "
            "`--sampling balanced` or `--class-weights effective`.",
        )


def _calibration(subject: Subject) -> Iterator[Advice]:
    judged = subject.labelled
    if judged is None:
        return
    error = metric_of("ece").compute(judged.labelled, len(judged.classes))
    if error > 0.05:
        fitted = judged.temperature
        sure = "too sure of itself" if fitted["value"] > 1 else "not sure enough"
        mended = ""
        if fitted["ece"] < 0.8 * error:
            value = f"{fitted['value']:.2f}"
            mended = f" Logits divided by {value} would leave {percent(fitted['ece'])}."
        yield Advice(
            what="Do not take its confidence at its word",
            why=f"it is {sure}: confidence and accuracy are {percent(error)} apart on average "
            f"(ECE).{mended}",
        )


def _few_samples(subject: Subject) -> Iterator[Advice]:
    best, judged = subject.log.best, subject.judged
    if best is None or judged is None:
        return
    count = len(judged.labelled.labels)
    low, high = wilson(best["val_accuracy"] * count, count)
    if count and high - low > 0.04:
        yield Advice(
            what="Compare with care",
            why=f"with {count:,} samples the accuracy is known to within "
            f"{50 * (high - low):.1f} points either way; a smaller difference between two runs may "
            "be luck. Repeat with other seeds.",
        )


_RULES: tuple[Callable[[Subject], Iterator[Advice]], ...] = (
    _unfinished,
    _nothing_held_out,
    _at_chance,
    _data_wait,
    _by_heart,
    _still_rising,
    _too_weak,
    _classes_apart,
    _calibration,
    _few_samples,
)
