"""What a generator's page is made of besides its log: drawn images, and the real ones near them."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from headrace.pipeline.bars import bar
from headrace.pipeline.device import resolve_device
from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.records import Records
from headrace.pipeline.wording import one_line
from headrace.train.data.resized import resized
from headrace.train.device.amp import choose_precision
from headrace.train.evaluation.members import first_difference
from headrace.train.generating.comparing import Compared, compare
from headrace.train.generating.drawing import BATCH, images_of
from headrace.train.generating.generator_file import load_generator
from headrace.train.generating.judge import Judge, real_images
from headrace.train.generating.kind import Generator
from headrace.train.generating.neighbours import copy_distance, nearest
from headrace.train.reporting.asked import ReportConfig
from headrace.train.reporting.generators.log import GeneratorLog
from headrace.train.reporting.pictures import Budget

GRID_BYTES, PAIRS_BYTES = 1_400_000, 700_000
"""Of images as text: of all classes, of those beside real ones; together pictures.BUDGET_BYTES."""
_PIXELS_PX = 16
"""Side of the images whose pixels say how far apart they are."""
_MEASURED = 2000


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a page may take.

    Attributes:
        drawing_s: seconds after which no other class is drawn; None for all the time.
        searched: training images among which neighbours are looked for; None for all.
    """

    drawing_s: float | None = None
    searched: int | None = None


@dataclass(frozen=True, kw_only=True)
class GeneratorSubject:
    """One generator, with what could be found of it.

    Attributes:
        log: its folder's words.
        asked: what the user wants.
        limits: what it may take.
        records: the images that it has learnt from; None where they are gone.
        device: on which it draws.
        grid, pairs: for images of classes, and of neighbours.
        gaps: what is missing and why, in sentences.
    """

    log: GeneratorLog
    asked: ReportConfig
    limits: Limits
    records: Records | None
    device: torch.device
    grid: Budget = field(default_factory=lambda: Budget(GRID_BYTES))
    pairs: Budget = field(default_factory=lambda: Budget(PAIRS_BYTES))
    gaps: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Images of a generator.

    Attributes:
        images: (N, 3, S, S) uint8.
        labels: (N,) int64.
        classes: names, by label.
        per_class: images of each class that was drawn, in a row.
        seconds: that drawing took.
    """

    images: Tensor
    labels: np.ndarray
    classes: list[str]
    per_class: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Near:
    """The training image that is nearest to each drawn one.

    Attributes:
        indices: (N,) int64 records.
        gaps: (N,) float32, how far it is.
        allowed: nearer than this a drawn image is a copy.
        searched: training images that were looked at.
        judge: which classifier's features said it; "" for pixels.
        compared: what else its sight of real images tells; None without it.
        unseen: split of real images that drawn ones were compared with.
    """

    indices: np.ndarray
    gaps: np.ndarray
    allowed: float
    searched: int
    judge: str = ""
    compared: Compared | None = None
    unseen: str = ""

    @property
    def copies(self) -> float:
        """Share of the drawn images."""
        return float((self.gaps < self.allowed).mean())


def look(
    log: GeneratorLog, asked: ReportConfig, limits: Limits, resources: ExitStack
) -> GeneratorSubject:
    """Opens the images that a generator has learnt from, as far as they are there.

    Raises:
        HeadraceError: if what cannot be done was asked for by name.
    """
    device = resolve_device(asked.device, "--device")
    gaps = list(log.gaps)
    records = None
    try:
        records = resources.enter_context(Records.open(asked.data or log.config.data))
    except (HeadraceError, OSError) as error:
        if asked.data or asked.drawn.judge:
            raise
        gaps.append(
            f"The data is not there ({error}), so nothing is told of the training images nearest "
            "to drawn ones; if it was moved, say where to with --data."
        )
    return GeneratorSubject(
        log=log, asked=asked, limits=limits, records=records, device=device, gaps=gaps
    )


def draw(subject: GeneratorSubject) -> Drawn | None:
    """Images of each class, or of as many as the limits leave room for; None, and a gap, where
    none can be drawn."""
    log, asked = subject.log, subject.asked.drawn
    if log.told is None:
        return None
    try:
        precision = choose_precision("auto", subject.device)
        generator = load_generator(log.told, log.folder, precision)
    except HeadraceError as error:
        subject.gaps.append(f"Nothing can be drawn: {one_line(error)}.")
        return None
    classes = list(log.told["classes"])
    per_class = asked.per_class
    if asked.judge is not None:
        per_class = max(per_class, -(-asked.compared // len(classes)))
    began = time.perf_counter()
    images = _of_classes(subject, generator, len(classes), per_class)
    return Drawn(
        images=images,
        labels=np.repeat(np.arange(len(images) // per_class), per_class),
        classes=classes,
        per_class=per_class,
        seconds=time.perf_counter() - began,
    )


def _of_classes(
    subject: GeneratorSubject, generator: Generator, num_classes: int, per_class: int
) -> Tensor:
    asked, limit = subject.asked.drawn, subject.limits.drawing_s
    most = num_classes if asked.judge else min(num_classes, _most_shown(subject, per_class))
    at_once = 1 if limit is not None else max(1, BATCH // per_class)
    parts: list[Tensor] = []
    began, longest = time.perf_counter(), 0.0
    for first in bar(range(0, most, at_once), desc="drawing", unit="part", leave=False):
        started = time.perf_counter()
        if limit is not None and parts and started - began + longest > limit:
            break
        labels = range(first, min(first + at_once, most))
        made = images_of(
            generator,
            [(label, number) for label in labels for number in range(per_class)],
            seed=asked.seed,
            guidance=asked.guidance,
            steps=asked.steps,
            device=subject.device,
        )
        parts.append(made)
        longest = max(longest, time.perf_counter() - started)
    return torch.cat(parts)


def _most_shown(subject: GeneratorSubject, per_class: int) -> int:
    """Classes that may find room on the page, were their images small as files."""
    assert subject.log.told is not None
    side = subject.log.told["generator"]["size"]
    least_bytes = 4 / 3 * (500 + side * side / 4)
    return max(1, int(subject.grid.left / (least_bytes * per_class)))


def find_near(subject: GeneratorSubject, drawn: Drawn | None) -> Near | None:
    """The training images nearest to drawn ones, as a classifier or their pixels tell.

    Raises:
        HeadraceError: if a judge that was asked for cannot judge.
    """
    records, judge = subject.records, subject.asked.drawn.judge
    if records is None or drawn is None:
        return None
    try:
        if difference := first_difference(drawn.classes, list(records.manifest.classes)):
            raise ConfigError(f"{records.source} is not what it has learnt from: {difference}")
        if judge is not None:
            return _by_judge(subject, records, drawn, judge)
        return _by_pixels(subject, records, drawn)
    except (HeadraceError, OSError, ValueError) as error:
        if judge is not None:
            raise
        subject.gaps.append(
            f"Nothing is told of the training images nearest to drawn ones: {one_line(error)}."
        )
        return None


def _by_pixels(subject: GeneratorSubject, records: Records, drawn: Drawn) -> Near:
    side, split = min(_PIXELS_PX, drawn.images.shape[-1]), subject.log.config.train_split
    training = real_images(records, split, side, subject.limits.searched or 0)
    ours, theirs = _flat(resized(drawn.images, (side, side))), _flat(training.images)
    places, gaps = nearest(ours, theirs)
    return Near(
        indices=training.indices[places],
        gaps=gaps,
        allowed=copy_distance(theirs, _MEASURED),
        searched=len(training.indices),
    )


def _flat(images: Tensor) -> np.ndarray:
    found: np.ndarray = images.flatten(1).float().div(255).numpy()
    return found


def _by_judge(subject: GeneratorSubject, records: Records, drawn: Drawn, place: Path) -> Near:
    judge, size = Judge(place, drawn.classes, subject.device), drawn.images.shape[-1]
    unseen_split = _unseen_split(subject, records)
    training = real_images(records, subject.log.config.train_split, size)
    unseen = real_images(records, unseen_split, size)
    known = unseen.labels >= 0
    if known.sum() < 4:
        raise ConfigError(
            f"split {unseen_split!r} has {known.sum()} labelled images, expected 4 or more; name "
            "another with --split"
        )
    ours, seen = judge.look(drawn.images), judge.look(training.images)
    other = judge.look(unseen.images[torch.from_numpy(known)])
    found = compare(ours, drawn.labels, seen, other, unseen.labels[known])
    return Near(
        indices=training.indices[found.places],
        gaps=found.gaps,
        allowed=found.allowed,
        searched=len(training.indices),
        judge=str(place),
        compared=found,
        unseen=unseen_split,
    )


def _unseen_split(subject: GeneratorSubject, records: Records) -> str:
    if subject.asked.split:
        return subject.asked.split
    for name in ("test", "val"):
        if name in records.splits and (records.labels[records.select(name)] >= 0).any():
            return name
    raise ConfigError(
        f"{records.source} has no labelled split test or val to compare drawn images with; name "
        "real images that the generator has not seen with --split"
    )
