"""The teachers of a run from their checkpoints, held against the student's settings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from headrace.augment import Preprocess
from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.user_paths import resolved
from headrace.train.device.amp import Precision
from headrace.train.evaluation.members import Member, first_difference, load_members
from headrace.train.losses.teachers import Teacher, Teachers
from headrace.train.settings.config import RunConfig


def open_teachers(
    config: RunConfig,
    classes: Sequence[str],
    preprocess: Preprocess,
    precision: Precision,
    say: Callable[[str], None],
) -> Teachers:
    """Reads the teachers that --teacher names; there may be none.

    Args:
        config: the student's settings.
        classes: the student's, by label.
        preprocess: how the student's images are normalised.
        precision: of the run.
        say: shows a line to the user.

    Raises:
        HeadraceError: for a checkpoint that is missing, damaged or in the folder to be overwritten,
            and for teachers of other classes or of images of another aspect.
    """
    distil = config.optim.distill
    if not distil.teacher:
        return Teachers((), precision, distil.distill_temperature, "")
    members = _members(distil.teacher)
    teachers, digest = [], hashlib.sha256()
    for member in members:
        _check(member, config, list(classes))
        # Building draws weights, which are the student's affair.
        with torch.random.fork_rng(devices=[]):
            model = member.model(precision.device, "")
        shape = _shape(member, config)
        teachers.append(Teacher(model, member.preprocess, preprocess, shape))
        _add(digest, model, member.preprocess)
        say(_line(member, model, config, shape))
    if len(members) > 1:
        say(f"teachers: the mean of {len(members)} teachers' probabilities is learnt")
    return Teachers(teachers, precision, distil.distill_temperature, digest.hexdigest()[:16])


def check_same_teachers(now: str, before: str, places: Sequence[str]) -> None:
    """Refuses to go on with other teachers than the run was started with.

    Raises:
        ConfigError: saying so.
    """
    if now == before:
        return
    named = f"--teacher {' '.join(places)} is" if places else "no --teacher is"
    was = "the run was started with other weights" if before else "the run was started without one"
    raise ConfigError(
        f"cannot resume: {named} not what it learnt from, {was}; leave --teacher as it was, or "
        "start a new run, from these weights with --weights"
    )


def _members(places: Sequence[str]) -> list[Member]:
    missing = [place for place in places if not Path(place).exists()]
    if missing:
        raise ConfigError(
            f"--teacher {missing[0]} does not exist; name a run folder or a checkpoint (a run that "
            "goes on takes the place where its teacher is now)"
        )
    try:
        return load_members(places)
    except HeadraceError as error:
        raise ConfigError(f"--teacher: {error}") from None


def _check(member: Member, config: RunConfig, classes: list[str]) -> None:
    if difference := first_difference(classes, member.classes):
        raise ConfigError(
            f"--teacher {member.place} knows other classes than the student: {difference} "
            "(student, teacher); take a teacher that was trained on the same classes in this order"
        )
    place, out = Path(member.place), config.runtime.out
    folder = place if place.is_dir() else place.parent
    if out and config.runtime.overwrite and resolved(out) == resolved(folder):
        raise ConfigError(f"--overwrite would replace --teacher {member.place}; name another --out")


def _shape(member: Member, config: RunConfig) -> tuple[int, int]:
    """What a teacher is shown: the size that it evaluates at, of the student's aspect."""
    own, crop = member.preprocess.crop.shape(train=False), config.data.crop
    flag = "--size-schedule" if crop.size_schedule else "--size"
    for given in crop.shapes:
        if own[0] * given[1] != own[1] * given[0]:
            raise ConfigError(
                f"--teacher {member.place} sees {own[0]}x{own[1]} px, {flag} {given[0]}x{given[1]} "
                f"has another aspect, which would distort its images; take a {flag} of the same"
            )
    return own


def _add(digest: hashlib._Hash, model: nn.Module, preprocess: Preprocess) -> None:
    digest.update(repr(sorted(preprocess.to_dict().items())).encode())
    for name, value in model.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())


def _line(member: Member, model: nn.Module, config: RunConfig, shape: tuple[int, int]) -> str:
    """What is known of a teacher, and whether it has learnt from other samples."""
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    text = f"teacher: {member.place}, {member.checkpoint['model']['name']}, {millions:.2f} M"
    text += f" parameters, {shape[0]}x{shape[1]} px"
    if config.data.crop.shapes != (shape,):
        text += ", to which each batch is resampled"
    its, own = member.checkpoint["config"].get("train_split", "train"), config.data.train_split
    if its != own:
        text += (
            f"; it learnt from {its!r}, the student from {own!r}: where the former holds samples "
            "that are measured on, scores flatter"
        )
    return text
