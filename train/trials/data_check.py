"""Whether the data allows several runs, known before the first; and which samples they are of."""

from __future__ import annotations

import numpy as np

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from headrace.pipeline.shares import mix_of
from headrace.train.data.labels import (
    check_held_out,
    check_labels,
    held_out,
    nothing_held_out,
)
from headrace.train.data.real_only import check_real, draw_advice
from headrace.train.trials.folder import Trials

_SHOWN = 3


def check_data(wanted: Trials) -> str:
    """Refuses data on which the runs could not be measured.

    Returns:
        A line for the user, which says what the runs are of.

    Raises:
        HeadraceError: if there is nothing to learn from, a class has fewer samples than there are
            folds, or nothing is held out from runs of several seeds.
    """
    data, asked = wanted.config.data, wanted.asked
    if not data.data:
        raise ConfigError("no data: give --data FILE, a .beton file or an image folder")
    with Records.open(data.data) as records:
        classes = check_labels(records, data.train_split)
        mix_of(records, records.select(data.train_split), data.sampling)  # which refuses
        if not asked.folds:
            if not len(held_out(records, data.val_split)):
                missing = nothing_held_out(records, data.val_split)
                raise ConfigError(f"{asked} has nothing to measure on: {missing}")
            check_held_out(records, data.val_split, len(classes), data.train_split)
            return f"{asked.count} runs, which differ in their seed alone"
        chosen = records.select(data.train_split)
        check_real(records, chosen, f"{asked} of {data.train_split}", draw_advice("--folds"))
        _check_classes(records.labels[chosen], classes, wanted)
        others = [name for name in records.splits if not _taken(records, name, chosen)]
    alone = f"; nothing is learnt from {', '.join(others)}" if others else ""
    return (
        f"{asked.folds} folds of {data.train_split}, {len(chosen)} samples, drawn in each class "
        f"with --split-seed {asked.split_seed}{alone}"
    )


def _taken(records: Records, split: str, chosen: np.ndarray) -> bool:
    start, stop = records.splits[split]
    return bool(((chosen >= start) & (chosen < stop)).any())


def _check_classes(labels: np.ndarray, classes: tuple[str, ...], wanted: Trials) -> None:
    """Every fold is to have a sample of every class, to be measured and to be learnt."""
    counts = np.bincount(labels, minlength=len(classes))
    few = np.flatnonzero((counts > 0) & (counts < wanted.asked.folds))
    if not len(few):
        return
    shown = ", ".join(f"{classes[c]} ({counts[c]})" for c in few[:_SHOWN])
    more = f" and {len(few) - _SHOWN} more" if len(few) > _SHOWN else ""
    least = int(counts[few].min())
    ways = [f"take --folds {least} at most"] if least > 1 else []
    if len(few) < len(classes) - 1:
        ways.append("leave such classes out, as in --train-split 'train-train[CLASS,CLASS]'")
    raise ConfigError(
        f"{wanted.asked}: classes with fewer samples than folds, {shown}{more}; "
        f"{' or '.join(ways) or 'add samples'}"
    )
