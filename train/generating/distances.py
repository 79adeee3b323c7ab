"""How far drawn images are from real ones, in the features of a classifier.

Fréchet distance (Heusel et al., "GANs trained by a two time-scale update rule", NeurIPS 2017) and
kernel distance (Binkowski et al., "Demystifying MMD GANs", ICLR 2018) are torchmetrics'; precision
and recall are those of Kynkäänniemi et al., "Improved precision and recall metric for assessing
generative models", NeurIPS 2019. With other features than Inception's the numbers compare with each
other only.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

_NEIGHBOURS = 3
_SUBSETS, _SUBSET = 20, 1000
_ROWS = 512


@dataclass(frozen=True, kw_only=True)
class Distances:
    """Between two sets of images.

    Attributes:
        frechet: distance of the two normal distributions that have their means and covariances.
        kernel: squared maximum mean discrepancy, polynomial kernel; 0 of equal distributions.
        precision: share of drawn images that lie among real ones.
        recall: share of real images that lie among drawn ones: diversity.
    """

    frechet: float
    kernel: float
    precision: float
    recall: float


def distances(real: np.ndarray, drawn: np.ndarray) -> Distances:
    """Compares features.

    Args:
        real: (N, D) float32, at least 4.
        drawn: (M, D) float32, at least 4.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that all features are kept in memory
        size = min(_SUBSET, len(real), len(drawn))
        kernel = KernelInceptionDistance(feature=_Given(), subsets=_SUBSETS, subset_size=size)
    frechet = FrechetInceptionDistance(feature=_Given(real.shape[1]))
    for metric in (frechet, kernel):
        metric.update(torch.from_numpy(real), real=True)
        metric.update(torch.from_numpy(drawn), real=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # of the subsets
        mean, _ = kernel.compute()
    return Distances(
        frechet=float(frechet.compute()),
        kernel=float(mean),
        precision=covered(drawn, real),
        recall=covered(real, drawn),
    )


def covered(asked: np.ndarray, among: np.ndarray) -> float:
    """The share of some vectors that lie in the manifold of others: within the ball of at least one
    of these, which reaches to its third nearest neighbour.

    Args:
        asked: (N, D) float32.
        among: (M, D) float32, at least 4.
    """
    radii = np.concatenate(
        [
            np.partition(_gaps(among[start : start + _ROWS], among), _NEIGHBOURS, axis=1)[
                :, _NEIGHBOURS
            ]
            for start in range(0, len(among), _ROWS)
        ]
    )
    inside = [
        (_gaps(asked[start : start + _ROWS], among) <= radii).any(1)
        for start in range(0, len(asked), _ROWS)
    ]
    return float(np.concatenate(inside).mean())


class _Given(nn.Module):
    """Takes features for images."""

    def __init__(self, count: int = 1) -> None:
        super().__init__()
        self.num_features = count

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features


def _gaps(some: np.ndarray, among: np.ndarray) -> np.ndarray:
    """(n, M) Euclidean distances of (n, D) to (M, D)."""
    a, b = some.astype(np.float64), among.astype(np.float64)
    squares = np.square(a).sum(1)[:, None] + np.square(b).sum(1) - 2 * a @ b.T
    found: np.ndarray = np.sqrt(np.maximum(squares, 0))
    return found
