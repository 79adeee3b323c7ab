"""What drawing from a generator is told, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from headrace.pipeline.checking import check
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import Flag, check_least
from headrace.pipeline.json_file import JsonFile
from headrace.pipeline.limits import check_limits
from headrace.train.settings.config import AmpName


@dataclass(frozen=True, kw_only=True)
class DrawConfig:
    """Draw labelled images from a generator into a .beton file."""

    run: Annotated[Path, Positional, arg(metavar="RUN")]
    """Run folder of `fit`, or its generator.pt."""
    out: Annotated[Path, Positional, arg(metavar="OUT")]
    """OUT.beton."""
    per_class: Annotated[int, arg(metavar="N")] = 200
    """Images of each class."""
    classes: Annotated[tuple[str, ...], arg(metavar="CLASS ...", help_behavior_hint="")] = ()
    """Draw these classes alone; by default all."""
    guidance: float = 2.0
    """Of a flow: how many times the way from no class to the class is gone; 1 none, more makes
    images surer of their class and more alike."""
    steps: Annotated[int, arg(metavar="N")] = 10
    """Of a flow: steps from noise to image; the network is asked twice in each."""
    keep_best: float | None = None
    """Keep this share of each class, of which --judge is surest; so many more are drawn."""
    judge: Annotated[Path | None, arg(metavar="RUN", help_behavior_hint="")] = None
    """Run folder of a classifier that was trained on real images, for --keep-best."""
    force: Flag = False
    """Replace OUT."""
    seed: int = 0
    """Of the noise; the same seed draws the same file."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    amp: AmpName = "auto"
    """Mixed precision, as in training a classifier."""

    json: JsonFile = None
    """Write how many images of which classes were drawn here."""

    def __post_init__(self) -> None:
        check_limits(self)
        check_least(self, 1, "per_class", "steps")
        check_least(self, 0, "seed", "guidance")
        share = self.keep_best
        check(share is None or 0 < share <= 1, "keep_best", share, "above 0 and at most 1")
        if (share is None) != (self.judge is None):
            raise ConfigError(
                "--keep-best and --judge go together: give both, as --keep-best 0.5 --judge RUN, "
                "or neither"
            )
        if self.out.suffix != ".beton":
            raise ConfigError(f"{self.out}: expected a name that ends in .beton")
