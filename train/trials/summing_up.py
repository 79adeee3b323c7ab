"""Measures finished runs and writes what they say together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from headrace.pipeline.device import resolve_device
from headrace.pipeline.records import Records
from headrace.train.data.labels import check_labels, held_out
from headrace.train.data.real_only import num_synthetic
from headrace.train.evaluation.ensemble import combine
from headrace.train.evaluation.outcome import Outcome
from headrace.train.evaluation.scoring import score
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.folder.journal import read_rows
from headrace.train.folder.run_folder import LOG_NAME
from headrace.train.trials.folder import OUT_OF_FOLD_NAME, SUMMARY_NAME, Trials
from headrace.train.trials.interval import over_runs
from headrace.train.trials.measuring import measure
from headrace.train.trials.members import PlannedRun
from headrace.train.trials.out_of_fold import joined, write_out_of_fold
from headrace.train.trials.summary import metrics_of, write_summary


def sum_up(done: Trials) -> dict[str, Any]:
    """Measures each run's best.pt on what it has not learnt from; writes and returns the summary.

    Folds leave the out-of-fold probabilities behind, too.

    Raises:
        HeadraceError: if a run or its data cannot be read, or a file cannot be written.
    """
    runs, device = done.runs, resolve_device(done.config.runtime.device, "--device")
    with Records.open(done.config.data.data) as records:
        classes = check_labels(records, done.config.data.train_split)
        outcomes = [measure(run, records, run.config.data.val_split, device) for run in runs]
        summary: dict[str, Any] = {
            "folds": done.asked.folds,
            "repeats": done.asked.repeats,
            "best_by": done.config.optim.best_by,
            **metrics_of([score(outcome, len(classes)) for outcome in outcomes]),
            "last_epoch": {"accuracy": over_runs([_last_accuracy(run) for run in runs])},
            "count": [len(outcome.indices) for outcome in outcomes],
            "trained": states(runs),
        }
        if done.asked.folds:
            summary["pooled"] = _scores_of(joined(outcomes)[0], len(classes))
            if split := _apart(done, records):
                others = [measure(run, records, split, device) for run in runs]
                summary["val"] = _on_val(split, others, len(classes))
            write_out_of_fold(done.folder / OUT_OF_FOLD_NAME, outcomes, records, classes)
        else:
            together = combine(outcomes, "probs")
            summary["ensemble"] = _scores_of(together, len(classes))
    write_summary(done.folder / SUMMARY_NAME, summary)
    return summary


def states(runs: Sequence[PlannedRun]) -> dict[str, dict[str, int]]:
    """How far each run has come, by its name: epochs, and the best of them from 0."""
    found = {}
    for run in runs:
        progress = load_checkpoint(run.folder)["progress"]
        found[run.name] = {"epochs": progress["epoch"], "best_epoch": progress["best_epoch"]}
    return found


def _apart(done: Trials, records: Records) -> str:
    """A labelled validation split of photographs that no fold is of, "" if there is none."""
    split = done.config.data.val_split
    chosen = held_out(records, split)
    shared = np.intersect1d(chosen, records.select(done.config.data.train_split))
    usable = len(chosen) and not len(shared) and (records.labels[chosen] >= 0).all()
    return split if usable and not num_synthetic(records, chosen) else ""


def _on_val(split: str, outcomes: Sequence[Outcome], num_classes: int) -> dict[str, Any]:
    return {
        "split": split,
        **metrics_of([score(outcome, num_classes) for outcome in outcomes]),
        "ensemble": _scores_of(combine(outcomes, "probs"), num_classes),
    }


def _scores_of(outcome: Outcome, num_classes: int) -> dict[str, float | None]:
    scores = score(outcome, num_classes)
    return {**scores.plain(), "loss": scores.loss}


def _last_accuracy(run: PlannedRun) -> float | None:
    """The accuracy after the last epoch, as the run noted it down."""
    rows = [row for row in read_rows(run.folder / LOG_NAME)[0] if row.get("kind") == "epoch"]
    return rows[-1].get("val_accuracy") if rows else None
