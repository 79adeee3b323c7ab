"""Checkpoints: one file, complete or not there, loaded without running any code from it.

Keys of every checkpoint (version 1)::

    format       1
    model        the fields of `train.models.spec.ModelSpec`: what `train.models.build` needs
    classes      class names, by label
    preprocess   `augment.Preprocess.to_dict()`: how evaluation cuts and normalises
    config       the run's settings, flat
    scores       epoch and accuracy of these weights
    weights      the model's state dict

last.pt has besides what a resumed run needs; its keys are those of PARTS in parts.py.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from headrace.pipeline.atomic import replacing
from headrace.pipeline.command_line import called
from headrace.pipeline.errors import HeadraceError
from headrace.pipeline.wording import one_line
from headrace.train.models.renamed import under_present_name

FORMAT = 1
REQUIRED = ("model", "classes", "preprocess", "config", "weights")


class CheckpointError(HeadraceError):
    """A checkpoint is missing, damaged or of another kind."""


def save_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Writes beside `path`, syncs and renames, so that `path` is always a whole checkpoint.

    Raises:
        HeadraceError: if the disk is full or the folder cannot be written.
    """
    try:
        with replacing(path) as file:
            torch.save({"format": FORMAT, **content}, file)
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as RuntimeError
        raise HeadraceError(
            f"cannot write {path}: {one_line(error)}; an earlier one stays as it was"
        ) from None


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint onto the CPU with `weights_only=True`.

    Args:
        path: a .pt file, or a run folder, which stands for its last.pt.

    Raises:
        CheckpointError: if it is missing, damaged or not one of ours.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "last.pt"
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist; give a run folder or a .pt file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError, KeyError):
        raise CheckpointError(f"{path} is damaged, or not a checkpoint at all") from None
    if not isinstance(content, dict) or any(key not in content for key in REQUIRED):
        raise CheckpointError(f"{path} is not a checkpoint of {called('train')}")
    if content.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has checkpoint format {content.get('format')!r}, expected {FORMAT}; "
            "use the version of Headrace that wrote it"
        )
    return under_present_name(content)
