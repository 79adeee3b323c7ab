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

from headrace.train.generating.neighbours import gaps_by_rows

_NEIGHBOURS = 3
_SUBSETS, _SUBSET = 20, 1000


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
    # Importing torchmetrics takes longer than torch itself, and every run's report could need it.
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

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
    third = _NEIGHBOURS  # behind the vector itself, which is the nearest
    near = [np.partition(gaps, third, axis=1)[:, third] for _, gaps in gaps_by_rows(among, among)]
    radii = np.concatenate(near)
    inside = [(gaps <= radii).any(1) for _, gaps in gaps_by_rows(asked, among)]
    return float(np.concatenate(inside).mean())


class _Given(nn.Module):
    """Takes features for images."""

    def __init__(self, count: int = 1) -> None:
        super().__init__()
        self.num_features = count

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features
