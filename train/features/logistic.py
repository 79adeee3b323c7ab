"""A linear classifier of features: multinomial logistic regression by L-BFGS, to its optimum.

Source: Kornblith et al., "Do better ImageNet models transfer better?", CVPR 2019, who choose the L2
penalty on held-out samples too; here on features that are standardised first. Of torch, so that it
runs where the model does and on a file that is larger than memory; scikit-learn takes a copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from headrace.train.features.store import Features

PENALTIES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
"""Tried from the strongest on, each from the one before."""
ROWS = 65536
"""Features that are on the device at once."""
_STEPS = 100


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A classifier of features as they are: weight (C, D) and bias (C,) float32, on the host."""

    weight: Tensor
    bias: Tensor

    def logits(self, features: Features) -> Tensor:
        """(N, C) float32 of evaluation's view of each sample."""
        parts = [
            torch.from_numpy(np.array(features.values[0, start : start + ROWS])) @ self.weight.T
            for start in range(0, len(features.labels), ROWS)
        ]
        return torch.cat(parts) + self.bias


class Regression:
    """Fits one penalty after the other, each from where the one before ended.

    Args:
        features: of the training split, of which all copies count alike.
        num_classes: C.
        device: where it computes.
    """

    def __init__(self, features: Features, num_classes: int, device: torch.device) -> None:
        self._features, self._device = features, device
        self._count = features.values.shape[0] * features.values.shape[1]
        total, squares = 0.0, 0.0
        for rows, _ in self._chunks():
            total = total + rows.double().sum(0)
            squares = squares + rows.double().square().sum(0)
        mean = total / self._count
        variance = (squares / self._count - mean.square()).clamp_min(0)
        self._mean = mean.float()
        # A feature that never changes says nothing, and must not be blown up.
        self._scale = torch.where(variance > 1e-12, variance.rsqrt(), 0.0).float()
        self._weight = torch.zeros(num_classes, len(self._mean), device=device)
        self._bias = torch.zeros(num_classes, device=device)

    def fit(self, penalty: float) -> Linear:
        """Minimises the mean cross-entropy plus penalty / 2 times the sum of squared weights."""
        values = [nn.Parameter(self._weight.clone()), nn.Parameter(self._bias.clone())]
        solver = torch.optim.LBFGS(
            values,
            max_iter=_STEPS,
            tolerance_grad=1e-6,
            tolerance_change=1e-9,
            line_search_fn="strong_wolfe",
        )

        def loss() -> Tensor:
            solver.zero_grad()
            total = penalty / 2 * values[0].square().sum()
            total.backward()
            total = total.detach()
            for rows, labels in self._chunks():
                logits = ((rows - self._mean) * self._scale) @ values[0].T + values[1]
                part = cross_entropy(logits, labels, reduction="sum") / self._count
                part.backward()
                total += part.detach()
            return total

        solver.step(loss)
        self._weight, self._bias = (value.detach() for value in values)
        weight = self._weight * self._scale
        return Linear(weight=weight.cpu(), bias=(self._bias - weight @ self._mean).cpu())

    def _chunks(self) -> Iterator[tuple[Tensor, Tensor]]:
        values, labels = self._features.values, torch.from_numpy(self._features.labels)
        for copy in range(len(values)):
            for start in range(0, len(labels), ROWS):
                rows = torch.from_numpy(np.array(values[copy, start : start + ROWS]))
                yield rows.to(self._device), labels[start : start + ROWS].to(self._device)
