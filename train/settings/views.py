"""Test-time augmentation: over which views of each image a prediction is averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg

from headrace.pipeline.limits import check_limits
from headrace.train.settings.technique import check

FLIP, FIVE, TEN, SCALES = "flip", "five-crops", "ten-crops", "scales"
USUAL_SCALES = {FIVE: (0.875,), TEN: (0.875,), SCALES: (1.0, 0.875, 0.75)}
"""Views that cut at scales, and those that are usual."""
MAX_DRAWS = 1000
NAMES = (FLIP, *USUAL_SCALES)


@dataclass(frozen=True, kw_only=True)
class ViewConfig:
    """Which views there are; only predictions ask for them, never the evaluation of a run.

    Raises:
        ConfigError: for a value that cannot work.
    """

    tta: Annotated[int | str, arg(metavar="N|" + "|".join(NAMES))] = 0
    """What prediction does with a model of this run unless told otherwise: average over the
    image and N draws of the run's own training augmentation, its mirror image (flip), crops of its
    corners and middle (five-crops; ten-crops: mirrored too), or its middle at several scales."""
    tta_weight: float = 0.5
    """Weight of the image as evaluation sees it, in --tta; the other views share the rest."""
    tta_scales: tuple[float, ...] = ()
    """Sides of the boxes that --tta five-crops, ten-crops and scales cut, as shares of the largest
    that fits; by default 0.875, for scales 1 0.875 0.75."""

    def __post_init__(self) -> None:
        check_limits(self)
        tta = self.tta
        if isinstance(tta, str) and tta.isascii() and tta.isdecimal() and len(tta) < 10:
            object.__setattr__(self, "tta", int(tta))
        object.__setattr__(self, "tta_scales", tuple(self.tta_scales))
        known = self.tta in NAMES or (type(self.tta) is int and 0 <= self.tta <= MAX_DRAWS)
        check(known, "tta", tta, f"{', '.join(NAMES)}, or 0 to {MAX_DRAWS} draws")
        weight = self.tta_weight
        check(0 <= weight < 1, "tta_weight", weight, "a number from 0 to below 1")
        inside = all(0 < scale <= 1 for scale in self.tta_scales)
        check(inside, "tta_scales", self.tta_scales, "shares above 0, at most 1")
        cuts = self.tta in USUAL_SCALES or not self.tta_scales
        names = ", ".join(USUAL_SCALES)
        check(cuts, "tta_scales", self.tta_scales, f"none: it is for --tta {names}")

    @property
    def scales(self) -> tuple[float, ...]:
        """Sides of the boxes: as given, or the usual ones; () where nothing is cut."""
        return self.tta_scales or USUAL_SCALES.get(str(self.tta), ())
