"""What is measured of each preset: its bar, the report beside it, and its ingredients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is measured of one preset.

    Attributes:
        target: test accuracy that is asked for; None where there is no bar.
        minutes: of training, in which it is asked for.
        more_than_report: by how much the report's accuracy is to be exceeded; None: not asked.
        report: preset with the report's own recipe.
        report_runs: whether the report's recipe is trained for as long as ours takes, on the
            unpacked folder; else its cost is extrapolated from some batches.
        parts: ingredients by name, and the flags of train/run.py that take each away.
    """

    target: float | None = None
    minutes: float | None = None
    more_than_report: float | None = None
    report: str
    report_runs: bool
    parts: Mapping[str, str] = field(default_factory=dict)


STUDIES = {
    "cifar10-fast": Study(
        target=0.93,
        minutes=12,
        report="cifar10-resnet18",
        report_runs=False,
        parts={
            "whitening": "--no-whitening",
            "Muon": "--optimizer sgd --lr 0.2 --momentum 0.9 --weight-decay 5e-4",
            "average of weights": "--average none",
            "label smoothing": "--label-smoothing 0",
            "alternating flip": "--no-flip-alternates",
            "flip": "--flip 0 --no-flip-alternates",
            "moved crops": "--crop-padding 0",
        },
    ),
    "small-food": Study(
        more_than_report=0.10,
        report="food11-report",
        report_runs=True,
        parts={
            "small crops": "--size-schedule --size 96",
            "augmentation": "--recipe none",
            "Muon": "--optimizer adamw --lr 0.001",
            "label smoothing": "--label-smoothing 0",
            "average of weights": "--average none",
        },
    ),
}
"""Presets that have one. The reports' own recipes are presets too."""
