"""Saving a run: best.pt to use its weights, last.pt to go on from."""

from __future__ import annotations

from typing import Any

from headrace.train.divergence import check_weights
from headrace.train.evaluation.scoring import Scores
from headrace.train.folder.checkpoint import save_checkpoint
from headrace.train.folder.parts import state_of
from headrace.train.folder.run_folder import ADAPTER_NAME, BEST_NAME, LAST_NAME
from headrace.train.models.adapters import adapter_content, merged
from headrace.train.settings.config_file import to_flat
from headrace.train.state import Run


def save_best(run: Run, scores: Scores | None) -> None:
    """Writes best.pt: the weights that were judged and what is needed to use them."""
    with run.clock.phase("save"):
        check_weights(run)
        if run.world.is_main:
            judged, told = run.average.model, about_weights(run, scores)
            if adapters := run.config.optim.adapters:
                small = adapter_content(adapters, run.model, judged)
                write_checkpoint(run, ADAPTER_NAME, {**told, **small})
                judged = merged(judged)
            write_checkpoint(run, BEST_NAME, {**told, "weights": judged.state_dict()})


def save_last(run: Run) -> None:
    """Writes last.pt: everything that a resumed run needs. All processes take part."""
    with run.clock.phase("save"):
        check_weights(run)
        state = state_of(run)
        if run.world.is_main:
            write_checkpoint(run, LAST_NAME, {**about_weights(run, None), **state})


def write_checkpoint(run: Run, name: str, content: dict[str, Any]) -> None:
    """Writes into the run folder, if it still is this run's; on rank 0, which holds it."""
    if run.lock is not None:
        run.lock.check()
    save_checkpoint(run.folder / name, content)


def about_weights(run: Run, scores: Scores | None) -> dict[str, Any]:
    """What every checkpoint says about its weights; see checkpoint.py."""
    progress = run.progress
    return {
        "model": run.spec.to_dict(),
        "classes": list(run.classes),
        "preprocess": run.preprocess.to_dict(),
        "config": to_flat(run.config),
        "scores": {
            "epochs_done": progress.epoch,
            "global_step": progress.global_step,
            "accuracy": None if scores is None else scores.accuracy,
        },
    }
