"""What a classifier's sight of drawn, training and unseen images comes to, in numbers."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.train.generating.distances import Distances, distances
from headrace.train.generating.judge import Seen
from headrace.train.generating.neighbours import copy_distance, nearest


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found.

    Attributes:
        drawn: of the drawn images to the test split's.
        real: of training images to the test split's, as many as were drawn: as close as can be.
        fidelity: share of drawn images of which the judge says the class that they were drawn as.
        real_accuracy: the same of the test split's images.
        copies: share of drawn images that are nearer to a training image than all but 1% of
            training images are to each other.
    """

    drawn: Distances
    real: Distances
    fidelity: float
    real_accuracy: float
    copies: float

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return dataclasses.asdict(self)

    def rows(self) -> list[tuple[str, float, float | None]]:
        """Name of a number, of the drawn images, of real ones; None where these have none."""
        names = ("frechet", "kernel", "precision", "recall")
        found: list[tuple[str, float, float | None]] = [
            (name, getattr(self.drawn, name), getattr(self.real, name)) for name in names
        ]
        found.append(("the intended class", self.fidelity, self.real_accuracy))
        return [*found, ("copies", self.copies, None)]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What a comparison finds.

    Attributes:
        verdict: in numbers.
        places: (N,) int64, of the training image that is nearest to each drawn one.
        gaps: (N,) float32, how far it is.
        allowed: nearer than this a drawn image is a copy.
    """

    verdict: Verdict
    places: np.ndarray
    gaps: np.ndarray
    allowed: float


def compare(
    drawn: Seen, labels: np.ndarray, training: Seen, unseen: Seen, unseen_labels: np.ndarray
) -> Compared:
    """Compares drawn images with real ones, and as many training images with these.

    Args:
        drawn: N of them, at least 4.
        labels: (N,) int64, the classes that they were drawn as.
        training: real images that the generator has learnt from.
        unseen: real images that it has not seen.
        unseen_labels: their classes.
    """
    places, gaps = nearest(drawn.features, training.features)
    allowed = copy_distance(training.features)
    some = np.random.default_rng(0).permutation(len(training.features))[: len(labels)]
    verdict = Verdict(
        drawn=distances(unseen.features, drawn.features),
        real=distances(unseen.features, training.features[some]),
        fidelity=float((drawn.probabilities.argmax(1) == labels).mean()),
        real_accuracy=float((unseen.probabilities.argmax(1) == unseen_labels).mean()),
        copies=float((gaps < allowed).mean()),
    )
    return Compared(verdict=verdict, places=places, gaps=gaps, allowed=allowed)


def lines(verdict: Verdict) -> list[str]:
    """The numbers, for the user."""
    found = [f"{'':22}{'made-up':>9}{'real':>9}"]
    for name, made, real in verdict.rows():
        found.append(f"{name:22}{made:9.3f}" + ("" if real is None else f"{real:9.3f}"))
    note = "in this judge's features; how sure it is says nothing of diversity, recall does"
    return [*found, note]
