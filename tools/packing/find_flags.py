"""The flags that say how samples, labels and splits are found: of pack, and of info --check."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import UseAppendAction, arg

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import one_of
from headrace.pipeline.layouts.config import LAYOUTS, LayoutConfig
from headrace.tools.packing.finding import FindConfig


@dataclass(frozen=True, kw_only=True)
class FindFlags:
    """Samples, labels and splits are found by themselves; these decide where that is not enough."""

    layout: Annotated[str, one_of(LAYOUTS)] = "auto"
    """How labels are told."""
    lists: Annotated[
        tuple[Path, ...], UseAppendAction, arg(name="list", metavar="FILE", help_behavior_hint="")
    ] = ()
    """List file to read instead of those found; can be given several times."""
    list_folder: Annotated[str | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """Folder of SRC that holds the images that lists name, where several hold such names."""
    path_column: Annotated[str | None, arg(metavar="C", help_behavior_hint="")] = None
    """Column of lists that names the images, by heading or number from 0."""
    label_column: Annotated[str | None, arg(metavar="C", help_behavior_hint="")] = None
    """Column of lists that holds the label, by heading or number from 0."""
    label_columns: Annotated[str | None, arg(metavar="A,B,...", help_behavior_hint="")] = None
    """One-hot columns of lists, one for each class."""
    split_column: Annotated[str | None, arg(metavar="C", help_behavior_hint="")] = None
    """Column of lists that says train, val or test, is_valid or the fold; none leaves it alone."""
    no_label: Annotated[
        tuple[str, ...], UseAppendAction, arg(metavar="VALUE", help_behavior_hint="")
    ] = ()
    """Value of the label column that means no label; "" says that only empty cells do."""
    split: Annotated[
        tuple[str, ...], UseAppendAction, arg(metavar="NAME=DIR", help_behavior_hint="")
    ] = ()
    """Folder of SRC that is a split, as train=images/tr; can be given several times."""
    class_depth: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    """The class is the folder so many levels below SRC or the split (default: the innermost)."""
    merge: Annotated[str | None, arg(metavar="A,B,...", help_behavior_hint="")] = None
    """Splits to join into the first of them, before any split is divided."""
    class_names: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """One class name per line, in the order of the labels, or FOLDER NAME for each folder."""
    encoding: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")] = None
    """Of lists and class names that are not in UTF-8 or UTF-16, as cp1252 or gb18030."""
    val_fraction: Annotated[float | None, arg(metavar="F", help_behavior_hint="")] = None
    """Move this share of train into val."""
    folds: Annotated[int | None, arg(metavar="K", help_behavior_hint="")] = None
    """Divide train into fold0 ... fold(K-1)."""
    seed: int = 0
    """Of --val-fraction and --folds."""


def find_config(flags: FindFlags) -> FindConfig:
    """The settings that flags stand for.

    Raises:
        ConfigError: they contradict each other, or have no sense.
    """
    layout = LayoutConfig(
        layout=flags.layout,
        lists=flags.lists,
        list_folder=flags.list_folder,
        path_column=flags.path_column,
        label_column=flags.label_column,
        label_columns=_words(flags.label_columns),
        split_column=flags.split_column,
        no_label=flags.no_label or None,
        split_folders=tuple(_split_folder(text) for text in flags.split),
        class_depth=flags.class_depth,
        merge=_words(flags.merge),
        class_names=flags.class_names,
        encoding=flags.encoding,
    )
    return FindConfig(
        layout=layout, val_fraction=flags.val_fraction, folds=flags.folds, seed=flags.seed
    )


def _words(text: str | None) -> tuple[str, ...]:
    """What stands between commas; quotes keep a comma in a heading."""
    return () if text is None else tuple(word.strip() for word in next(csv.reader([text]), ()))


def _split_folder(text: str) -> tuple[str, str]:
    name, equals, folder = text.partition("=")
    if not (name and equals and folder):
        raise ConfigError(f"--split {text}: expected NAME=DIR, such as train=images/tr")
    return name, folder
