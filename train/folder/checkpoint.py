"""Checkpoints: one file, complete or not there, loaded without running any code from it.

Keys of every checkpoint (version 1)::

    format       1
    model        the fields of `train.models.spec.ModelSpec`: what `train.models.build` needs
    classes      class names, by label
    preprocess   `augment.Preprocess.to_dict()`: how evaluation cuts and normalises
    config       the run's settings, flat
    scores       epochs_done and global_step: how many epochs and steps these weights have learnt;
                 accuracy: on what was held out, None where these weights were not judged, as the
                 ones of last.pt, which may be in the middle of an epoch
    weights      the model's state dict

last.pt has besides what a resumed run needs; its keys are those of PARTS in parts.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from headrace.pipeline.atomic import replacing
from headrace.pipeline.checking import value_text
from headrace.pipeline.command_line import called
from headrace.pipeline.containers.opening import holds_packed
from headrace.pipeline.errors import ConfigError, FailedError, HeadraceError
from headrace.pipeline.unwritable import writing
from headrace.pipeline.wording import one_line, reason_of
from headrace.train.folder.checkpoint_fields import check_fields
from headrace.train.folder.earlier_scores import with_epochs_done
from headrace.train.folder.run_folder import OWN_NAMES, is_begun
from headrace.train.folder.runs_inside import name_a_run
from headrace.train.folder.torch_file import read_torch_file
from headrace.train.models.renamed import under_present_name

FORMAT = 1
_STAYS = "an earlier one stays as it was"
REQUIRED = ("model", "classes", "preprocess", "config", "weights")


class CheckpointError(HeadraceError):
    """A checkpoint is missing, damaged or of another kind."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What files of one kind hold, besides the number of their format.

    Attributes:
        command: words of the command that writes them.
        required: keys.
        check: refuses fields of another kind by a ConfigError that names one; all required are
            there.
    """

    command: tuple[str, ...]
    required: tuple[str, ...]
    check: Callable[[Mapping[str, Any]], None]


CLASSIFIER = Kind(command=("train",), required=REQUIRED, check=check_fields)


def save_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Writes beside `path`, syncs and renames, so that `path` is always a whole checkpoint.

    Raises:
        FailedError: if the disk is full or the folder cannot be written.
    """
    try:
        with writing(path, _STAYS), replacing(path) as file:
            torch.save({"format": FORMAT, **content}, file)
    except RuntimeError as error:  # torch's own, of what it was given to write
        raise FailedError(f"cannot write {path}: {one_line(error)}; {_STAYS}") from None


def read_checkpoint(path: Path, kind: Kind) -> dict[str, Any]:
    """Reads a file of one kind onto the CPU with `weights_only=True`.

    Its bytes are compared with the checksums that torch.save keeps, and each field is checked.

    Raises:
        CheckpointError: if it is missing, damaged or of another kind, in one line.
    """
    command = called(*kind.command)
    if not path.is_file():
        otherwise = f"give a run folder of {command} or a .pt file"
        wanted = [name for name in OWN_NAMES if name == path.name]
        advice = name_a_run(path.parent, otherwise, *wanted)
        what = f"{path} does not exist"
        if wanted and path.parent.is_dir() and not is_begun(path.parent):
            what = f"{path.parent} is no run folder: it holds no {path.name}"
        raise CheckpointError(f"{what}; {advice}")
    try:
        if holds_packed(path):
            raise CheckpointError(
                f"{path} holds packed images, and is no checkpoint; give a run folder of {command} "
                "or a .pt file there"
            )
        content = read_torch_file(path)
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        raise CheckpointError(f"{path} is damaged, or not a checkpoint at all: {reason}") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is not a checkpoint of {command}")
    if missing := [key for key in kind.required if key not in content]:
        raise CheckpointError(
            f"{path} is not a checkpoint of {command}: it lacks {', '.join(missing)}"
        )
    if type(content.get("format")) is not int or content["format"] != FORMAT:
        raise CheckpointError(
            f"{path} has checkpoint format {value_text(content.get('format'))}, expected {FORMAT}; "
            "use the version of Headrace that wrote it"
        )
    try:
        kind.check(content)
    except ConfigError as error:
        raise CheckpointError(
            f"{path} is damaged, or of another program: {error}; take another checkpoint"
        ) from None
    return content


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint of a classifier.

    Args:
        path: a .pt file, or a run folder, which stands for its last.pt.

    Raises:
        CheckpointError: as of `read_checkpoint`.
    """
    path = Path(path)
    content = read_checkpoint(path / "last.pt" if path.is_dir() else path, CLASSIFIER)
    if "scores" in content:
        goes_on = "progress" in content
        content["scores"] = with_epochs_done(content["scores"], goes_on=goes_on)
    return under_present_name(content)
