"""What folders and file names say of the images below a folder: splits, classes, numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from headrace.pipeline.containers.manifest import DEFAULT_SPLIT, Skipped
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.folders.crossing_names import ask_crossing
from headrace.pipeline.layouts.folders.name_hints import masks_beside, words_in_names
from headrace.pipeline.layouts.folders.numbered_names import numbered_name, plausible_numbers
from headrace.pipeline.layouts.folders.same_names import (
    ask_numbered,
    ask_pictures,
    ask_repeated,
    ask_uneven,
)
from headrace.pipeline.layouts.folders.split_folders import divide, folders_of, is_wrapping
from headrace.pipeline.layouts.listing import Found
from headrace.pipeline.layouts.split_words import CHUNKS, words_beside_numbers


@dataclass(kw_only=True)
class FolderReading:
    """What was found, before lists are asked.

    Attributes:
        found: samples, each with the split and label that its folders give it.
        ignored: images that belong to no split or class.
        notes: what was decided where there was a choice.
        has_splits: whether folders say the split.
        questions: what folders and names leave open; a list may answer it.
    """

    found: list[Found] = field(default_factory=list)
    ignored: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    has_splits: bool = False
    questions: list[ConfigError] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """`classes`, `names` or `flat`."""
        labels = {type(f.label) for f in self.found}
        return "classes" if str in labels else "names" if int in labels else "flat"

    @property
    def tells_classes(self) -> bool:
        """Whether there are two classes at least: a lone folder may just be called `images`."""
        return len({f.label for f in self.found if f.label is not None}) > 1


def read_folders(images: Sequence[str], config: LayoutConfig) -> FolderReading:
    """Samples by the folders they lie in and by their names, whatever lists say."""
    reading = FolderReading()
    groups = divide(images, config, reading.ignored, reading.notes, reading.questions)
    reading.has_splits = None not in groups
    beside = _beside_others(groups.values())
    for split, members in groups.items():
        members = _without_wrapping(members, config, beside)
        reading.found += _label_group(split or DEFAULT_SPLIT, members, config, reading)
    if reading.kind == "classes":
        numbered = [f for f in reading.found if isinstance(f.label, int)]
        if numbered:
            reading.notes.append(
                f"{len(numbered)} images of {numbered[0].split} lie in no class folder; the number "
                f"in names such as {numbered[0].path} is not taken for a label"
            )
            reading.found = [
                Found(path=f.path, split=f.split, label=None) if isinstance(f.label, int) else f
                for f in reading.found
            ]
    if config.layout == "names" and reading.kind == "flat":
        reading.questions.append(
            ConfigError(
                f"no image is named label_number, as layout names needs ({images[0]} is not); say "
                "--layout flat for no labels"
            )
        )
    reading.notes += masks_beside(images)
    if reading.kind == "flat" and config.layout == "auto":
        for split in dict.fromkeys(f.split for f in reading.found):
            reading.notes += words_in_names(f.path for f in reading.found if f.split == split)
    return reading


def _label_group(
    split: str, members: list[tuple[str, str]], config: LayoutConfig, reading: FolderReading
) -> list[Found]:
    """Labels of one split's images, given as (path, path below the split)."""
    layout = config.layout
    if layout == "flat":
        return _unlabelled(split, members)
    in_folders = [(path, rest) for path, rest in members if "/" in rest]
    loose = [path for path, rest in members if "/" not in rest]
    folders = folders_of(rest for _, rest in members)
    if layout != "names" and in_folders:
        if layout == "auto" and (chunks := _chunks(folders)):
            paths = [path for path, _ in members]
            named = all(numbered_name(path) is not None for path in paths)
            if named and len(plausible_numbers(paths)) > 1:
                reading.notes.append(
                    f"{chunks[0]} and {chunks[1]} are parts of one set, not classes: the names "
                    "label_number tell the classes (--layout classes takes the folders)"
                )
                return _by_names(split, members, layout, reading)
            reading.questions.append(
                ConfigError(
                    f"are {chunks[0]} and {chunks[1]} classes, or parts of one set? say --layout "
                    "classes, --layout flat for no labels, or --list for a list of labels"
                )
            )
        if layout == "auto" and len(folders) == 1:
            numbers = plausible_numbers([path for path, _ in members])
            path, rest = members[0]
            if len(numbers) > 1:
                reading.questions.append(ask_numbered(rest.rpartition("/")[0], path, len(numbers)))
        reason = "beside the class folders, not in one"
        reading.ignored.extend(Skipped(name=path, reason=reason) for path in loose)
        return _by_folders(split, in_folders, config, reading)
    if layout == "classes":
        # Test images are often distributed without labels.
        return _unlabelled(split, members)
    return _by_names(split, members, layout, reading)


def _unlabelled(split: str, members: Iterable[tuple[str, str]]) -> list[Found]:
    return [Found(path=path, split=split, label=None) for path, _ in members]


def _beside_others(groups: Iterable[list[tuple[str, str]]]) -> set[str]:
    """Names of the outermost folders of splits that have several, of those that hold images
    themselves: classes there, whatever they are called, and so in every split."""
    found: set[str] = set()
    for group in groups:
        folders = folders_of(rest for _, rest in group if "/" in rest)
        if len({folder.partition("/")[0] for folder in folders}) > 1:
            found |= {folder[:-1] for folder in folders if folder.count("/") == 1}
    return found


def _without_wrapping(
    members: list[tuple[str, str]], config: LayoutConfig, beside: set[str]
) -> list[tuple[str, str]]:
    """Without folders that say nothing: `seg_train/` below `seg_train/`, `images/` below each
    class.

    Args:
        members: of one split, as (path, path below the split).
        beside: names of folders that stand beside others in some split.
    """
    while True:
        folders = folders_of(rest for _, rest in members)
        tops = {folder.partition("/")[0] for folder in folders}
        top = next(iter(tops))
        path, rest = members[0]
        whole = path.endswith(rest)  # else the split's folder lies inside the class's
        above = path.removesuffix(rest).rstrip("/").rpartition("/")[2] if whole else ""
        if len(tops) > 1 or not top or top in beside:
            break
        if not (is_wrapping(top) or top == above):
            break
        members = [(path, rest.partition("/")[2]) for path, rest in members]
    if config.class_depth is None:
        leaves = {folder[:-1].rpartition("/")[2] for folder in folders}
        leaf = next(iter(leaves))
        deep = all(folder.count("/") > 1 for folder in folders)
        if len(leaves) == 1 and deep and is_wrapping(leaf):
            members = [
                (path, "/".join([*rest.split("/")[:-2], rest.rpartition("/")[2]]))
                for path, rest in members
            ]
    return members


def _chunks(held: Iterable[str]) -> list[str]:
    """Folders such as part1 and part2, if there are no others."""
    folders = sorted(folder[:-1] for folder in held if folder)
    words = {words_beside_numbers(folder.rpartition("/")[2]) for folder in folders}
    alike = len(folders) > 1 and len(words) == 1
    return folders if alike and set(next(iter(words)).split()) & CHUNKS else []


def _by_folders(
    split: str, members: list[tuple[str, str]], config: LayoutConfig, reading: FolderReading
) -> list[Found]:
    folders = {path: rest.rpartition("/")[0] for path, rest in members}
    if config.class_depth is not None:
        depth = config.class_depth
        folders = {path: "/".join(f.split("/")[:depth]) for path, f in folders.items()}
    else:
        counts = Counter(folders.values())
        outer = _outer_folders(counts, split, reading)
        folders = {path: outer.get(folder, folder) for path, folder in folders.items()}
        if config.layout == "auto":
            asked = [ask_pictures(split, folders), ask_repeated(split, folders)]
            asked.append(ask_uneven(counts, outer))
            asked.append(None if reading.has_splits else ask_crossing(folders))
            reading.questions += [question for question in asked if question is not None]
    return [Found(path=path, split=split, label=folders[path]) for path, _ in members]


def _outer_folders(counts: Counter[str], split: str, reading: FolderReading) -> dict[str, str]:
    """Folders inside a class folder, which holds images itself, to that class folder."""
    outer = {}
    below: Counter[str] = Counter()
    for folder in counts:
        parts = folder.split("/")
        for depth in range(1, len(parts)):
            above = "/".join(parts[:depth])
            if above in counts:
                outer[folder] = above
                below[above] += counts[folder]
                break
    for above, count in below.items():
        inner = sorted(f for f, a in outer.items() if a == above)
        if counts[above] >= count or len(inner) == 1 == len(below) == len(counts) - 1:
            reading.notes.append(
                f"{count} images of {split} in {', '.join(inner[:3])} belong to the class {above}, "
                "whose folder holds images itself"
            )
        else:
            reading.questions.append(
                ConfigError(
                    f"{above} holds {counts[above]} images itself and {count} in folders such as "
                    f"{inner[0]}: is {above} the class, or are those? say --class-depth "
                    f"{above.count('/') + 1} for {above}, or move the {counts[above]} away"
                )
            )
    return outer


def _by_names(
    split: str, members: list[tuple[str, str]], layout: str, reading: FolderReading
) -> list[Found]:
    paths = [path for path, _ in members]
    labels = [numbered_name(path) for path in paths]
    strays = [path for path, label in zip(paths, labels, strict=True) if label is None]
    plausible = layout == "names" or bool(plausible_numbers(paths))
    few = len(strays) * 2 < len(paths) or (layout == "names" and len(strays) < len(paths))
    if strays and plausible and few:
        reading.questions.append(
            ConfigError(
                f"{strays[0]} is not named label_number like the {len(paths) - len(strays)} other "
                f"images of {split}; move it away, or choose the layout flat"
            )
        )
    labelled = plausible and not strays
    if labelled and layout == "auto" and (other := _second_number(paths)):
        reading.questions.append(
            ConfigError(
                f"names such as {paths[0]} hold several numbers that may be labels ({other}); say "
                "--layout names for the first of them, --layout flat for none"
            )
        )
    return [
        Found(path=path, split=split, label=label if labelled else None)
        for path, label in zip(paths, labels, strict=True)
    ]


def _second_number(paths: Sequence[str]) -> str | None:
    """What the second of three numbers or more says, if it comes again and again."""
    fields = [path.rpartition("/")[2].partition(".")[0].split("_") for path in paths]
    if len(paths) < 4 or any(len(f) < 3 or not f[1].isdecimal() for f in fields):
        return None
    first, second = ({f[i] for f in fields} for i in (0, 1))
    if len(second) > len(paths) / 2 or len(second) < 2:
        return None
    return f"{len(first)} values first, {len(second)} second"
