"""What can be asked of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg

from headrace.pipeline.checking import check
from headrace.pipeline.loaders.settings import Workers


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """Of what a report tells, and how it asks for it."""

    data: Annotated[str, arg(metavar="DATA", help_behavior_hint="")] = ""
    """Where the runs' data is now; by default where it was in training."""
    split: Annotated[str, arg(metavar="NAME", help_behavior_hint="")] = ""
    """Labelled samples on which best.pt is judged; by default those that the run held out."""
    layer: Annotated[str, arg(metavar="NAME", help_behavior_hint="")] = ""
    """Layer whose outputs are drawn as a map (tools/summary.py names them); by default what goes
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

    def __post_init__(self) -> None:
        check(2 <= self.points <= 3000, "points", self.points, "2 to 3000")
