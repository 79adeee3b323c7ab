"""What an exported file says of itself, as names and strings, which every format can hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

import headrace
from headrace.augment.preprocess import Preprocess
from headrace.pipeline.command_line import called
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.plain_json import read_json
from headrace.train.evaluation.members import Member
from headrace.train.folder.earlier_scores import with_epochs_done

_AS_THEY_ARE = ("run", "headrace", "weights")


@dataclass(frozen=True, kw_only=True)
class Description:
    """What an exported file says of itself.

    Attributes:
        headrace: version that wrote it.
        run: name of the run's folder.
        scores: of the weights, as in checkpoint.py: epochs_done, global_step and accuracy.
        model: the fields of `ModelSpec`.
        weights: a hash of them.
        classes: names, by output.
        preprocess: the fields of `Preprocess`; in the graph of all but bare weights.
        answers: probabilities of the made-up images when it was written, one row each.
    """

    headrace: str
    run: str
    scores: dict[str, Any]
    model: dict[str, Any]
    weights: str
    classes: list[str]
    preprocess: dict[str, Any]
    answers: list[list[float]]

    def to_strings(self) -> dict[str, str]:
        """One string a field: text as it is, all else as JSON."""
        return {
            name: value if name in _AS_THEY_ARE else json.dumps(value, ensure_ascii=False)
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_strings(cls, values: Mapping[str, str], source: object) -> Description:
        """The inverse of `to_strings`.

        Raises:
            ConfigError: for what no export has written.
        """
        try:
            read = {k: v if k in _AS_THEY_ARE else read_json(v) for k, v in values.items()}
        except ValueError:
            read = {}
        return cls.from_dict(read, source)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: object) -> Description:
        """The inverse of `dataclasses.asdict`; what else there is, is passed over.

        Raises:
            ConfigError: for what no export has written.
        """
        try:
            found: dict[str, Any] = {field.name: values[field.name] for field in fields(cls)}
            found["scores"] = with_epochs_done(found["scores"])
            Preprocess.from_dict(found["preprocess"])
        except (KeyError, TypeError, ValueError):
            raise ConfigError(
                f"{source} does not say what it is; expected a file that {called('export')} wrote"
            ) from None
        return cls(**found)


def describe(member: Member, answers: np.ndarray) -> Description:
    """Of one checkpoint.

    Args:
        member: the checkpoint.
        answers: (n, classes) probabilities of the made-up images.
    """
    return Description(
        headrace=headrace.__version__,
        run=run_name(member.place),
        scores=dict(member.checkpoint.get("scores", {})),
        model=dict(member.checkpoint["model"]),
        weights=weights_hash(member.checkpoint["weights"]),
        classes=member.classes,
        preprocess=member.preprocess.to_dict(),
        answers=[[round(float(value), 7) for value in row] for row in answers],
    )


def run_name(place: str) -> str:
    """The name of the folder that a checkpoint lies in, of whatever way it was named."""
    path = Path(place).absolute()
    return (path if path.is_dir() else path.parent).name


def weights_hash(weights: Mapping[str, torch.Tensor]) -> str:
    """A short hash of names, shapes and values, in whatever order they are."""
    found = hashlib.sha256()
    for name, value in sorted(weights.items()):
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        found.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()[:16]
