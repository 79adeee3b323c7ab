"""What can be asked of a report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from headrace.pipeline.checking import check
from headrace.pipeline.loaders.settings import Workers


@dataclass(frozen=True, kw_only=True)
class DrawnConfig:
    """Of what a report tells of a generator."""

    judge: Annotated[Path | None, arg(metavar="RUN", help_behavior_hint="")] = None
    """Of a generator: run folder of a classifier of real images, whose features say which images
    are alike and how far drawn ones are from real ones; without it pixels say the former."""
    per_class: Annotated[int, arg(metavar="N")] = 8
    """Of a generator: images shown of each class."""
    compared: Annotated[int, arg(metavar="N")] = 1000
    """Of a generator: images that are drawn for --judge, of all classes together."""
    guidance: float = 2.0
    """Of a generator: as in drawing."""
    steps: Annotated[int, arg(metavar="N")] = 10
    """Of a generator: as in drawing."""
    seed: int = 0
    """Of a generator: of the noise; as in drawing."""

    def __post_init__(self) -> None:
        check(1 <= self.per_class <= 64, "per_class", self.per_class, "1 to 64")
        check(8 <= self.compared <= 100_000, "compared", self.compared, "8 to 100000")
        check(self.steps >= 1, "steps", self.steps, "1 or more")
        check(self.guidance >= 0, "guidance", self.guidance, "0 or more")
        check(self.seed >= 0, "seed", self.seed, "0 or more")


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """Of what a report tells, and how it asks for it."""

    data: Annotated[str, arg(metavar="DATA", help_behavior_hint="")] = ""
    """Where the runs' data is now; by default where it was in training."""
    split: Annotated[str, arg(metavar="NAME", help_behavior_hint="")] = ""
    """Labelled samples on which best.pt is judged; by default those that the run held out. Of a
    generator with --judge: real images that it has not seen; by default test, else val."""
    layer: Annotated[str, arg(metavar="NAME", help_behavior_hint="")] = ""
    """Layer whose outputs are drawn as a map (`headrace summary` names them); by default what goes
    into the last one."""
    points: Annotated[int, arg(metavar="N")] = 800
    """Samples in that map, at most."""
    model: Annotated[str, arg(metavar="FILE.py:FUNCTION", help_behavior_hint="")] = ""
    """Where the file of a model of your own is now, and that it is to be taken as it is."""
    preset: Annotated[str, arg(metavar="NAME", help_behavior_hint="")] = ""
    """Preset with which settings are compared; by default that of the run's own command, or the
    defaults."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    workers: Annotated[Workers, arg(help_behavior_hint="")] = None
    """Decoding threads or processes; by default as in training."""
    drawn: DrawnConfig = field(default_factory=DrawnConfig)

    def __post_init__(self) -> None:
        check(2 <= self.points <= 3000, "points", self.points, "2 to 3000")
