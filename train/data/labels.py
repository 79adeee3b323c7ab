"""Labels that can be learnt from and measured on: looked at before any work is done."""

from __future__ import annotations

import numpy as np

from headrace.pipeline.class_names import class_names
from headrace.pipeline.drawn_parts import read_draw
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from headrace.pipeline.split_names import split_called
from headrace.train.data.real_only import check_real, draw_advice


def check_labels(records: Records, split: str) -> tuple[str, ...]:
    """The class names, after a look at the labels of the training split.

    Raises:
        ConfigError: if there is nothing to learn from them.
        RecordsError: if a label is too high to be a class.
    """
    labels = records.labels[records.select(split)]
    where = f"{records.source}: split {split!r}"
    if not len(labels):
        raise ConfigError(f"{where} is empty; choose another --train-split")
    if (labels == -1).any():
        other = "" if (labels < 0).all() else ", such as 'train[CLASS,CLASS]'"
        raise ConfigError(
            f"{where} has {_unlabelled(labels)}; label them, or choose a --train-split without "
            f"them{other}"
        )
    classes = class_names(records)
    check_range(records, split, len(classes))
    if len(np.unique(labels)) < 2:
        raise ConfigError(
            f"{where} has only the class {classes[int(labels[0])]!r}, expected two or more; choose "
            "another --train-split"
        )
    return classes


def held_out(records: Records, split: str) -> np.ndarray:
    """(n,) the records of the validation split; none for `none`, and for `val` where it is missing.

    Raises:
        RecordsError: if there is no split of another name, or an expression makes no sense.
    """
    if split_called(split, records.splits) is None and split in ("none", "val"):
        return np.zeros(0, np.int64)
    return records.select(split)


def nothing_held_out(records: Records, split: str) -> str:
    """What to say where `held_out` finds none, and what to do."""
    if read_draw(split) is not None:
        return f"the part held out comes to no sample of {records.source}; give a larger one"
    what = "holds nothing out" if split == "none" else f"has no samples in {records.source}"
    return f"--val-split {split} {what}; name another, or give --val-fraction 0.2 in its place"


def check_held_out(records: Records, split: str, num_classes: int, train_split: str) -> None:
    """Refuses a validation split on which nothing can be measured; one that is not there is fine.

    Raises:
        ConfigError: if a sample of it has no label, or one outside the classes, or is learnt from
            unless the two splits are meant to be one and the same, or is no photograph.
    """
    chosen = held_out(records, split)
    if not len(chosen):
        return
    check_range(records, split, num_classes)
    labels = records.labels[chosen]
    if (labels < 0).any():
        raise ConfigError(f"split {split!r} has {_unlabelled(labels)}; choose another --val-split")
    check_real(records, chosen, f"--val-split {split}", *_drawn_advice(split))
    shared = np.intersect1d(chosen, records.select(train_split))
    if len(shared) and split != train_split:
        raise ConfigError(
            f"{len(shared)} samples of --train-split {train_split} are in --val-split {split} too; "
            "choose another, or --val-split none to hold nothing out"
        )


def _unlabelled(labels: np.ndarray) -> str:
    return f"{int((labels < 0).sum())} of {len(labels)} samples without a label"


def _drawn_advice(split: str) -> tuple[str, ...]:
    """What to do where samples of a drawn split are synthetic; nothing of its own for another."""
    draw = read_draw(split)
    if draw is None:
        return ()
    return (draw_advice("--folds" if draw.num_folds else "--val-fraction"),)


def check_range(records: Records, split: str | None, num_classes: int) -> None:
    """Refuses labels that are neither a class nor -1, which stands for none.

    Args:
        records: whose labels.
        split: which of them; None takes every sample.
        num_classes: of the model.

    Raises:
        ConfigError: naming the first such sample of the split.
    """
    chosen = records.select(split)
    labels = records.labels[chosen]
    wrong = (labels < -1) | (labels >= num_classes)
    if not wrong.any():
        return
    sample = int(chosen[wrong.argmax()])
    where = "all samples" if split is None else f"split {split!r}"
    expected = f"0 to {num_classes - 1}, or -1" if num_classes else "-1"
    raise ConfigError(
        f"{records.source}: {where}: sample {sample} ({records.name(sample)}) has label "
        f"{int(records.labels[sample])}, but there are {num_classes} classes: expected "
        f"{expected} for none; mend the label, or choose another split"
    )
