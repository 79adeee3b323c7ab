"""What a user says about the layout of a folder: each field answers a question that may come up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.text_files import check_encoding
from headrace.pipeline.near_names import did_you_mean

LAYOUTS = ("auto", "classes", "names", "list", "flat")
NO_COLUMN = "none"
"""As a split column: leave every column of splits alone."""


@dataclass(frozen=True, kw_only=True)
class LayoutConfig:
    """Settings of `discover`; whatever is left open is decided by what the files show, or asked.

    A column is given by its heading, or by its number from 0.

    Attributes:
        layout: one of LAYOUTS: `auto` looks at everything; `classes`: the folder that holds an
            image is its class; `names`: label_number.jpg; `list`: a list file; `flat`: no labels.
        lists: list files to read, instead of those found; their names stand for splits as usual
            (train.csv), they may lie outside the folder.
        list_folder: folder of SRC in which the lists' names are looked for, where several folders
            hold images of one name.
        path_column: column of lists that names the images.
        label_column: column of lists that holds the label.
        label_columns: one-hot columns of lists, one for each class, which they name: a,b,c.
        split_column: column of lists that says train, val or test, is_valid, or the fold; `none`
            leaves every such column alone.
        no_label: values of the label column that mean no label, as -1; empty cells always do, and
            an empty value says that only they do, so that -1 is a class.
        split_folders: (split, folder below SRC), as train=DIR; what lies in no such folder is left
            out.
        class_depth: the class is the folder this many levels below SRC or below the split's
            folder, 1 the outermost; None: the innermost.
        merge: splits to join into the first of them before anything is split again: train,val.
        encoding: of lists and class name files that are not in UTF-8 or UTF-16.
        class_names: text file with one class name per line, in the order of the labels, or with
            `FOLDER NAME` for each class folder.
    """

    layout: str = "auto"
    lists: tuple[Path, ...] = ()
    list_folder: str | None = None
    path_column: str | None = None
    label_column: str | None = None
    label_columns: tuple[str, ...] = ()
    split_column: str | None = None
    no_label: tuple[str, ...] | None = None
    split_folders: tuple[tuple[str, str], ...] = ()
    class_depth: int | None = None
    merge: tuple[str, ...] = ()
    class_names: Path | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            near = did_you_mean(self.layout, LAYOUTS)
            raise ConfigError(f"layout {self.layout!r}: expected one of {', '.join(LAYOUTS)}{near}")
        if self.encoding is not None:
            check_encoding(self.encoding)
        if self.label_column is not None and self.label_columns:
            raise ConfigError(
                f"--label-column {self.label_column} and --label-columns "
                f"{','.join(self.label_columns)} exclude each other: choose one"
            )
        if len(self.label_columns) == 1:
            raise ConfigError(
                f"--label-columns {self.label_columns[0]}: expected two or more, one for each "
                f"class; for a single column say --label-column {self.label_columns[0]}"
            )
        of_lists = self._given_for_lists()
        if of_lists and self.layout not in ("auto", "list"):
            raise ConfigError(
                f"{of_lists[0]} is for lists, and --layout {self.layout} reads none; leave one of "
                "the two out"
            )
        if self.class_depth is not None and self.class_depth < 1:
            raise ConfigError(f"--class-depth {self.class_depth}: expected 1 or more")
        if len(self.merge) == 1:
            raise ConfigError(
                f"--merge {self.merge[0]}: expected two splits or more, such as train,val"
            )
        for split, _ in self.split_folders:
            if not split:
                raise ConfigError("split folder without a name: expected --split train=DIR")

    @property
    def wants_lists(self) -> bool:
        """Whether labels must come from a list."""
        return self.layout == "list" or bool(self._given_for_lists())

    def _given_for_lists(self) -> list[str]:
        given = {
            "--list": self.lists,
            "--list-folder": self.list_folder,
            "--path-column": self.path_column,
            "--label-column": self.label_column,
            "--label-columns": self.label_columns,
        }
        return [flag for flag, value in given.items() if value not in (None, ())]
