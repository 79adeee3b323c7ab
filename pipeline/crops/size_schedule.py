"""Progressive resizing: which size training images have in which epoch of a run, a pure function.

Source: Howard, "Training Imagenet in 3 hours for USD 25; and CIFAR10 for USD 0.26" (fast.ai, 2018),
on their entries to DAWNBench: small images at first, larger ones to the end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.wording import counted

EXAMPLE = "96:0.5 128:0.8 160:1"
_WORD = re.compile(r"(\d{1,6})(?:x(\d{1,6}))?:(\d{1,9}|\d{0,9}\.\d{1,9})", re.ASCII)
_HALF = Fraction(1, 2)


class Stage(NamedTuple):
    """One size, and how long it holds.

    Attributes:
        size: side of a square, or height and width, px.
        upto: the share of the run's epochs at which it ends, above 0 and at most 1.
    """

    size: int | tuple[int, int]
    upto: Fraction

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, px."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def __str__(self) -> str:
        height, width = self.shape
        return f"{height} px" if height == width else f"{height}x{width} px"


def read_schedule(words: Sequence[str]) -> tuple[Stage, ...]:
    """The stages that words such as `96:0.5`, `96x128:0.8` and `160:1` say.

    Raises:
        ConfigError: for a word that is none, or shares that do not rise to 1.
    """
    stages = []
    for word in words:
        found = _WORD.fullmatch(word) if isinstance(word, str) else None
        if found is None:
            raise ConfigError(
                f"size_schedule has {word!r}, expected a size in px and the share of the run up to "
                f"which it holds, as in {EXAMPLE} or 96x128:1 (in YAML each between quotes)"
            )
        height, width, share = found.groups()
        size = int(height) if width is None else (int(height), int(width))
        stages.append(Stage(size, Fraction(share)))
    shares = [Fraction(0), *(stage.upto for stage in stages)]
    rising = all(one < next_ for one, next_ in pairwise(shares))
    if stages and not (rising and shares[-1] == 1):
        raise ConfigError(
            f"size_schedule is {' '.join(words)}, expected rising shares of the run, the last of "
            f"them 1, as in {EXAMPLE}"
        )
    return tuple(stages)


def ends(stages: Sequence[Stage], epochs: int) -> list[int]:
    """Of each stage the epoch, counted from 0, before which it ends: to the nearest, half up."""
    return [int(stage.upto * epochs + _HALF) for stage in stages]


def stage_of(stages: Sequence[Stage], epochs: int, epoch: int) -> Stage:
    """The stage that an epoch, counted from 0, is in; the last one holds beyond the run's end."""
    for stage, end in zip(stages, ends(stages, epochs), strict=True):
        if epoch < end:
            return stage
    return stages[-1]


def check_epochs(words: Sequence[str], epochs: int, name: str = "size_schedule") -> None:
    """Refuses a run that is too short for its sizes.

    Args:
        words: of the schedule; without any, every run is long enough.
        epochs: of the run.
        name: what the user calls the schedule.

    Raises:
        ConfigError: naming the size that no epoch would have.
    """
    said = f"{name} {' '.join(words)}"
    if words and epochs < 1:
        raise ConfigError(f"{said} needs epochs, the length of the run that its shares are of")
    before = 0
    stages = read_schedule(words)
    for stage, end in zip(stages, ends(stages, epochs), strict=True):
        if end == before:
            raise ConfigError(
                f"{said} leaves no epoch for {stage}, of {counted(epochs, 'epoch')}; take more "
                "epochs or fewer sizes"
            )
        before = end


def stretched_line(words: Sequence[str], before: int, now: int, epoch: int) -> str:
    """What becomes of the sizes where a run is given other epochs; "" where nothing does.

    Args:
        words: of the schedule.
        before, now: the run's epochs.
        epoch: the one that it goes on with, counted from 0.
    """
    if not words or before == now:
        return ""
    stages = read_schedule(words)
    # The first size holds before the first epoch, too.
    was, becomes = stage_of(stages, before, epoch - 1), stage_of(stages, now, epoch)
    return (
        f"--size-schedule is stretched over all {counted(now, 'epoch')}: {was} in the last epoch, "
        f"{becomes} in the next"
    )


def schedule_line(words: Sequence[str], epochs: int) -> str:
    """Which epochs, counted from 1, have which size: `96 px in epochs 1-10, 128 px in 11-20`."""
    parts: list[str] = []
    before = 0
    stages = read_schedule(words)
    for stage, end in zip(stages, ends(stages, epochs), strict=True):
        several = end > before + 1
        which = f"{before + 1}-{end}" if several else f"{end}"
        word = "" if parts else "epochs " if several else "epoch "
        parts.append(f"{stage} in {word}{which}")
        before = end
    return ", ".join(parts)
