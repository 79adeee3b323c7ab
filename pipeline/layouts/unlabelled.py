"""What to do about a split without labels: how to write them, and which files may tell them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from headrace.pipeline.layouts.scanning import Scan
from headrace.pipeline.layouts.split_words import list_split
from headrace.pipeline.wording import counted

_SHOWN = 3


def unlabelled_note(
    split: str, sample: str, classes: Sequence[str], lists: Sequence[str], scan: Scan
) -> str:
    """The note about a split of which no image has a label.

    Args:
        split: its name.
        sample: path of one of its images.
        classes: those that the other splits have.
        lists: list files that were looked at, relative to the scanned folder.
        scan: the folder.
    """
    name = f"{split}.txt"
    if (scan.root / name).exists():
        name = f"{split}_labels.txt"
    ways = (
        f"no image of {split} has a label: to give it labels, write {name} into {scan.root}, with "
        f"a line FILE CLASS for each image ({sample.rpartition('/')[2]} {classes[0]}), or move "
        f"the images into folders {split}/CLASS"
    )
    near = [path for path in lists if list_split(PurePosixPath(path).stem) == split]
    shown = near[:_SHOWN] + [f"{len(near) - _SHOWN} more"] * (len(near) > _SHOWN)
    shown += [
        f"{counted(group.count, f'{group.kind} file')} such as {group.examples[0]}"
        for group in scan.left_out
        if group.kind == ".xml"
    ]
    if not shown:
        return ways
    return (
        f"{ways}; {' and '.join(shown)} may be meant to tell them, and "
        f"{'was' if len(shown) == 1 and near else 'were'} not taken for labels (what speaks "
        "against a list stands under `passed over`): a line has to name an image and a class as "
        "its folder is called, since a number alone does not say which folder it means"
    )
