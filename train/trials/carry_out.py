"""Carries out several runs, one after the other, and sums them up; cut off, it goes on."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch

from headrace.pipeline.errors import ConfigError, Interrupted
from headrace.train.folder.resume import read_earlier, resume_command
from headrace.train.folder.run_folder import LAST_NAME, is_begun
from headrace.train.settings.config import RunConfig
from headrace.train.trials.data_check import check_data
from headrace.train.trials.folder import (
    SUMMARY_NAME,
    Trials,
    hold_trials,
    is_finished,
    write_trials,
)
from headrace.train.trials.members import PlannedRun
from headrace.train.trials.settings import check_together
from headrace.train.trials.summary import read_summary, table
from headrace.train.trials.summing_up import states, sum_up

TrainOne = Callable[[RunConfig, str], object]
"""Trains by settings, or goes on with a run folder ("" for a new run)."""


def carry_out(
    wanted: Trials,
    train_one: TrainOne,
    say: Callable[[str], None],
    at_end: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Trains what is not finished of several runs, measures all, and writes what they say together.

    Args:
        wanted: the runs; its folder may hold them already, in part or whole.
        train_one: carries out one run.
        say: shows a line to the user.
        at_end: is called when summary.json has been written anew.

    Returns:
        The content of summary.json.

    Raises:
        Interrupted: when asked to stop, saying how to go on.
        HeadraceError: if the runs cannot be carried out, or one of them fails.
    """
    check_together(wanted.asked, wanted.config)
    _refuse_processes(wanted)
    place = ""
    try:
        with ExitStack() as resources:
            is_there = wanted.folder.is_dir()
            if is_there:
                resources.enter_context(hold_trials(wanted))
                if found := _finished(wanted):
                    say(
                        f"{wanted.folder} is finished already: {wanted.asked.count} runs; train "
                        f"longer with `{resume_command(wanted.folder, '--epochs', 'N')}`"
                    )
                    _show(found, say)
                    return found
            say(check_data(wanted))
            if not is_there:
                resources.enter_context(hold_trials(wanted))
            write_trials(wanted)
            for number, run in enumerate(wanted.runs):
                place = f"{run.name} is not finished"
                say(f"\n{run.name}, {number + 1} of {wanted.asked.count}: {run.folder}")
                _train(run, train_one, say)
                _clear_up()
            place = "all runs are finished, but not summed up"
            summary = sum_up(wanted)
            _show(summary, say)
            say(f"wrote {wanted.folder / SUMMARY_NAME}")
            place = ""  # nothing is left to go on with
            at_end()
            return summary
    except (Interrupted, KeyboardInterrupt):
        if not place:
            raise
        raise Interrupted(f"{place}; go on with `{resume_command(wanted.folder)}`") from None


def _train(run: PlannedRun, train_one: TrainOne, say: Callable[[str], None]) -> None:
    """Trains one run, or goes on with it, if anything is left to do."""
    if not is_begun(run.folder):
        train_one(run.config, "")
        return
    if is_finished(run, read_earlier(str(run.folder))):
        say("finished already")
        return
    train_one(run.config, str(run.folder))


def _finished(wanted: Trials) -> dict[str, Any]:
    """The summary that is there, if it is of these very runs and none has anything left to do."""
    found = read_summary(wanted.folder / SUMMARY_NAME)
    if not found:
        return {}
    for run in wanted.runs:
        if not (run.folder / LAST_NAME).is_file():
            return {}
        if not is_finished(run, read_earlier(str(run.folder))):
            return {}
    return found if found.get("trained") == states(wanted.runs) else {}


def _show(summary: dict[str, Any], say: Callable[[str], None]) -> None:
    say("")
    for line in table(summary):
        say(line)
    if "pooled" in summary:
        say(f"all out-of-fold samples together: accuracy {summary['pooled']['accuracy']:.4f}")
    if "ensemble" in summary:
        say(f"as an ensemble: accuracy {summary['ensemble']['accuracy']:.4f}")
    if "val" in summary:
        val = summary["val"]
        say(
            f"on {val['split']}: accuracy {val['accuracy']['mean']:.4f} on average, "
            f"{val['ensemble']['accuracy']:.4f} as an ensemble"
        )


def _refuse_processes(wanted: Trials) -> None:
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size > 1:
        first = wanted.runs[0].config.data
        how = (
            f"or train each fold by itself, --train-split '{first.train_split}' --val-split "
            f"'{first.val_split}'"
            if wanted.asked.folds
            else "or start each seed by itself, with --seed"
        )
        raise ConfigError(
            f"{wanted.asked} trains in one process, and torchrun has started {size}; leave "
            f"torchrun out, {how}"
        )


def _clear_up() -> None:
    """Lets go of what one run leaves behind in this process: device memory, compiled code."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    # Each run's model would count as one more recompilation of the same code, of which only a few
    # are made before it is no longer compiled at all.
    if dynamo := sys.modules.get("torch._dynamo"):
        dynamo.reset()
