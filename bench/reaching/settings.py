"""What bench/accuracy.py is told, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from headrace.bench.core.flag_values import OutFile, check_out, check_seeds, names
from headrace.bench.reaching.studies import STUDIES
from headrace.pipeline.checking import check_choice
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import Flag, check_least


@dataclass(frozen=True, kw_only=True)
class AccuracySettings:
    """Test accuracy of a preset, and how long its training takes."""

    preset: Annotated[str, Positional, arg(metavar="PRESET")]
    """cifar10-fast or small-food."""
    data: Annotated[Path, arg(metavar="FILE")]
    """Packed records."""
    out: Annotated[Path, arg(metavar="DIR")]
    """Folder of our runs; what is finished there is not done again."""
    folder: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """The folder that was packed, whose files the report's own script reads (small-food)."""
    test_split: str = "test"
    """Split to measure on, at the end; nothing is chosen by it."""
    seeds: Annotated[tuple[int, ...], arg(metavar="N ...")] = (0, 1, 2, 3, 4)
    """Of weights, order, crops and augmentation."""
    without: Annotated[tuple[str, ...], arg(metavar="PART ...")] = ()
    """Ingredients to leave out, each in runs of its own, or all of them one after the other."""
    report: Flag = True
    """Measure the report's own recipe beside ours."""
    epochs: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    """Instead of the preset's."""
    limit_batches: int = 0
    """Of an epoch, for a quick try (0: all)."""
    report_batches: int = 30
    """From which the cost of a report's recipe is extrapolated, where it is not trained."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    json: OutFile = None
    """Write the results here."""
    plot: OutFile = None
    """Draw accuracy over time here, PNG."""

    def __post_init__(self) -> None:
        check_choice("preset", self.preset, tuple(STUDIES))
        check_out(self.out)
        check_seeds("seeds", self.seeds)
        check_least(self, 1, "report_batches")
        check_least(self, 0, "limit_batches")
        if self.epochs is not None:
            check_least(self, 1, "epochs")
        chosen = names(self.without, tuple(STUDIES[self.preset].parts), "--without")
        object.__setattr__(self, "without", tuple(chosen))
        if self.report and STUDIES[self.preset].report_runs and self.folder is None:
            raise ConfigError(
                f"{self.preset} is compared with the report's recipe, which reads single files: "
                "name their folder with --folder, or leave it out with --no-report"
            )
