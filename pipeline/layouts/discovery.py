"""How image folders are laid out: finds the samples, their splits, labels and class names.

Layouts::

    classes   [split/]any/depth/Class/x.jpg     the class is the folder that holds the image
    names     [split/]3_17.jpg                  label_number, as Food-11 is distributed
    list      train.txt, labels.csv, ...        columns of paths, labels, splits
    flat      [split/]x.jpg                     no labels

`auto` reads folders and lists as evidence, takes what fits, and asks where two readings fit. A
label of -1 in a Listing means none. docs/layouts.md says what counts as evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from headrace.pipeline.containers.manifest import DEFAULT_SPLIT, Skipped
from headrace.pipeline.errors import ConfigError, RecordsError
from headrace.pipeline.layouts.classes import folder_titles
from headrace.pipeline.layouts.config import NO_COLUMN, LayoutConfig
from headrace.pipeline.layouts.dividing import choose_splits_set, splits_of
from headrace.pipeline.layouts.folders.reading import FolderReading, read_folders
from headrace.pipeline.layouts.folders.same_names import ask_other_classes
from headrace.pipeline.layouts.folders.split_folders import SplitQuestion, folders_of, top_folders
from headrace.pipeline.layouts.listing import Found, Listing, name_below
from headrace.pipeline.layouts.lists.finding import Finder
from headrace.pipeline.layouts.lists.joined_lists import join_lists
from headrace.pipeline.layouts.lists.list_sets import ListSet, make_sets
from headrace.pipeline.layouts.lists.listfiles import (
    ListReading,
    find_list_files,
    not_good,
    read_list,
)
from headrace.pipeline.layouts.lists.matching import SharedNamesError
from headrace.pipeline.layouts.lists.open_lists import ask_open_lists
from headrace.pipeline.layouts.making_listing import make_listing
from headrace.pipeline.layouts.named_folders import why_no_list
from headrace.pipeline.layouts.no_list import archives_advice, check_list_file
from headrace.pipeline.layouts.scanning import Scan, scan_images
from headrace.pipeline.layouts.splitting import merge_splits
from headrace.pipeline.layouts.weighing import (
    Verdict,
    choose_set,
    labels_of,
)
from headrace.pipeline.trained import check_not_trained
from headrace.pipeline.wording import counted


def discover(
    source: str | Path,
    config: LayoutConfig | None = None,
    *,
    layout: str = "auto",
    label_column: str | int | None = None,
    class_names: str | Path | None = None,
) -> Listing:
    """Finds the samples below a folder (or named by a list file).

    Args:
        source: folder, or a list file whose paths are relative to its own folder.
        config: what is known of the layout; the other arguments are for where it is left away.
        layout: one of LAYOUTS.
        label_column: for lists: number of the column, from 0, or its heading.
        class_names: text file with one class name per line, in the order of the labels.

    Raises:
        ConfigError: a setting that cannot work, labels that contradict each other, or evidence
            that leaves open what is meant; the text names the flag that decides.
        RecordsError: no image there.
    """
    source = Path(source)
    if config is None:
        config = LayoutConfig(
            layout=layout,
            label_column=None if label_column is None else str(label_column),
            class_names=None if class_names is None else Path(class_names),
        )
    if not source.exists():
        raise RecordsError(f"{source} does not exist: expected a folder of images")
    check_not_trained(source)
    root = source
    if source.is_file():
        check_list_file(source)
        if config.layout not in ("auto", "list"):
            raise ConfigError(f"{source} is a file: layout {config.layout} needs a folder")
        root, config = source.parent, replace(config, lists=(source, *config.lists))
    scan = scan_images(root)
    if not scan.images:
        kinds = ", ".join(f"{group.count} {group.kind}" for group in scan.left_out[:5])
        beside = f"; it holds {kinds}" if kinds else ""
        advice = archives_advice(scan)
        raise RecordsError(f"{source} holds no images (looked at any depth{beside}){advice}")
    verdict = _weigh(scan, config)
    listing = make_listing(scan, config, verdict)
    return merge_splits(listing, config.merge) if config.merge else listing


def _weigh(scan: Scan, config: LayoutConfig) -> Verdict:
    folder = read_folders(scan.images, config)
    verdict = Verdict(found=folder.found, layout=folder.kind, why=_why(folder, config))
    verdict.notes += folder.notes
    if config.layout not in ("auto", "list"):
        _ask(folder.questions)
        verdict.ignored += folder.ignored
        return verdict
    questions: list[ConfigError] = []
    sets = _read_sets(scan, config, folder, verdict, questions)
    chosen = choose_set(sets, verdict.passed_over)
    if config.wants_lists and (chosen is None or not sets):
        _ask(questions)
        _ask([one.question for one in sets if one.question is not None])
        if not sets:
            raise _no_list(scan, config)
    if chosen is None:
        # Folders' names are no answer to a list that is about these images beyond doubt.
        _ask([question for question in questions if isinstance(question, SharedNamesError)])
    if chosen is None and (
        folder.kind != "classes" or not folder.tells_classes or folder.questions
    ):
        # Nothing else labels the images, or only numbers in their names: what a list leaves open
        # is a question.
        _ask(questions)
        _ask([one.question for one in sets if one.question is not None])
    dividing = choose_splits_set(sets, chosen, folder, verdict.passed_over)
    verdict.passed_over += [_as_passed(question) for question in questions]
    labels = labels_of(folder, chosen, config, verdict)
    if chosen is None or verdict.layout != "list":
        _ask(folder.questions)
    by_list = verdict.layout == "list"
    if not by_list:
        verdict.ignored += folder.ignored
    few = dividing is not None and 2 * len(dividing.splits) < len(scan.images)
    if dividing is None or (few and not _says_splits(config)):
        # A list of a few images does not say what the folders of all others are.
        _ask([question for question in folder.questions if isinstance(question, SplitQuestion)])
    for one in dict.fromkeys(s.name for s in (chosen, dividing) if s is not None):
        of_set = next(s for s in sets if s.name == one)
        verdict.lines += of_set.lines
        verdict.used.update(of_set.files)
        verdict.passed_over += of_set.passed_over
        verdict.missing += of_set.missing
        if of_set.question is not None:
            verdict.passed_over.append(_as_passed(of_set.question))
    if by_list or dividing is not None:
        splits = splits_of(folder, dividing, _says_splits(config), verdict)
        verdict.found = _combined(scan, folder, labels, splits, by_list, dividing, verdict)
        if chosen is not None:
            verdict.ignored = _without_label(verdict.ignored, set(chosen.paths))
    elif chosen is not None:
        verdict.found = [replace(f, label=labels.get(f.path)) for f in folder.found]
    if verdict.layout == "classes" and config.layout == "auto" and config.class_depth is None:
        question = ask_other_classes(verdict.found)
        _ask([] if question is None else [question])
    return verdict


def _says_splits(config: LayoutConfig) -> bool:
    """Whether the user named the lists or the column that divide the images."""
    return bool(config.lists) or config.split_column not in (None, NO_COLUMN)


def _ask(questions: Sequence[ConfigError]) -> None:
    if questions:
        raise questions[0]


def _as_passed(question: ConfigError) -> Skipped:
    name, _, reason = str(question).partition(": ")
    return Skipped(name=name, reason=reason) if reason else Skipped(name="lists", reason=name)


def _no_list(scan: Scan, config: LayoutConfig) -> Exception:
    if config.lists:
        return RecordsError(f"{config.lists[0]} names no image that exists below {scan.root}")
    if config.label_column is not None and config.layout != "list":
        return ConfigError(
            f"label column {config.label_column} was given, but {scan.root} is not read from a "
            "list file, since it has none that names its images; add the layout list"
        )
    return ConfigError(
        f"{scan.root} has no list file: expected train.txt or labels.csv with lines path,label"
    )


def _why(folder: FolderReading, config: LayoutConfig) -> str:
    asked = "" if config.layout == "auto" else ", as asked"
    labels = {f.label for f in folder.found if f.label is not None}
    labelled = sum(f.label is not None for f in folder.found)
    if folder.kind == "classes":
        # A class that splits keep in different places is one.
        titles, _ = folder_titles({(f.split, str(f.label)) for f in folder.found if f.label})
        names = len(set(titles.values()))
        lie = "lies" if labelled == 1 else "lie"
        images, places = counted(labelled, "image"), counted(names, "name")
        return f"classes{asked}: {images} {lie} in folders of {places}"
    if folder.kind == "names":
        are = "is" if labelled == 1 else "are"
        images, told = counted(labelled, "image"), counted(len(labels), "label")
        return f"names{asked}: {images} {are} called label_number, with {told}"
    return f"flat{asked}: neither folders nor names nor lists tell classes"


def _read_sets(
    scan: Scan, config: LayoutConfig, folder: FolderReading, verdict: Verdict,
    questions: list[ConfigError],
) -> list[ListSet]:  # fmt: skip
    """The lists that name images; what speaks against the others goes to the verdict."""
    if config.lists:
        files = [_given(scan.root, path) for path in config.lists]
        skipped: list[Skipped] = []
    else:
        files, skipped = find_list_files(scan.root)
    verdict.passed_over += skipped
    names = [p.relative_to(scan.root).as_posix() if not config.lists else str(p) for p in files]
    verdict.lists += [*names, *(one.name for one in skipped)]
    if not files:
        return []
    finder = Finder(scan.images, config.encoding)
    prefix, top = top_folders(folders_of(scan.images))
    tops = [f"{prefix}{name}/" for name in top if name]
    readings: list[ListReading] = []
    nameless: list[Path] = []
    open_lists: list[tuple[Path, ConfigError]] = []
    for path in files:
        try:
            reading = read_list(path, scan.root, finder, tops, config)
        except ConfigError as error:
            if config.lists:
                raise
            questions.append(error)
            open_lists.append((path, error))
            continue
        if reading is None:
            nameless.append(path)
        elif not reading.is_good and not config.lists:
            questions.append(not_good(reading))
            open_lists.append((path, questions[-1]))
        else:
            readings.append(reading)
    read = [scan.root / reading.name for reading in readings]
    ask_open_lists(open_lists, read, folder.has_splits)
    readings, joined = join_lists(readings, nameless, config)
    verdict.used.update(name_below(scan.root, path) for path in joined)
    known = {f.label.rpartition("/")[2] for f in folder.found if isinstance(f.label, str)}
    known = known if folder.tells_classes else set()
    for path, name in zip(files, names, strict=True):
        if path in nameless and path not in joined:
            reason = why_no_list(path, known, config)
            verdict.passed_over.append(Skipped(name=name, reason=reason))
    sets = make_sets(readings, config, known, verdict.passed_over)
    if not folder.has_splits:
        return sets
    # Images without a box are in a split, too: such a list that says no other splits says none.
    splits = {f.path: f.split for f in folder.found}
    sets = [
        replace(one, splits={}) if one.has_boxes and one.agrees_with(splits) else one
        for one in sets
    ]
    if config.lists:
        return sets
    inside = {f.path for f in folder.found}
    within = [one for one in sets if not inside.isdisjoint(one.paths)]
    for one in sets:
        if one not in within and within:
            reason = "its images lie outside the split folders"
            verdict.passed_over.append(Skipped(name=one.name, reason=reason))
    return within or sets


def _given(root: Path, path: Path) -> Path:
    """A list as the user gave it: relative to where they stand, or to the folder."""
    if path.is_file():
        return path
    if (root / path).is_file():
        return root / path
    raise ConfigError(f"--list {path}: no such file, neither here nor in {root}")


def _without_label(ignored: Sequence[Skipped], listed: set[str]) -> list[Skipped]:
    """What is left out, told apart: images that the list holds without a label are listed."""
    return [
        replace(one, reason="listed without a label")
        if one.reason == "in no list" and one.name in listed
        else one
        for one in ignored
    ]


def _combined(
    scan: Scan,
    folder: FolderReading,
    labels: dict[str, str | int],
    splits: dict[str, tuple[str, ...]],
    by_list: bool,
    dividing: ListSet | None,
    verdict: Verdict,
) -> list[Found]:
    """Samples as lists say; images of split folders that no list mentions (a test set without
    labels) follow as their folders say."""
    by_folder = {f.path: f for f in folder.found}
    listed = set(dividing.splits if dividing is not None else ()) | (
        set(labels) if by_list else set()
    )
    taken = {split for path in listed for split in splits.get(path, ())}
    found = []
    for path in scan.images:
        there = by_folder.get(path)
        here = splits.get(path) or ((there.split,) if there is not None else (DEFAULT_SPLIT,))
        if path in listed:
            found += [Found(path=path, split=split, label=labels.get(path)) for split in here]
        elif there is not None and folder.has_splits and there.split not in taken:
            found.append(Found(path=path, split=there.split, label=labels.get(path)))
        else:
            verdict.ignored.append(Skipped(name=path, reason="in no list"))
    return found
