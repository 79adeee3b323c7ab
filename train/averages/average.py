"""What an average of weights is: a hook that keeps a second model."""

from __future__ import annotations

from torch import nn

from headrace.train.hooks import Hook


class Average(Hook):
    """The model that is judged; of this kind itself, the one that is trained.

    Attributes:
        stale_norms: whether running statistics of norms have to be measured anew for the model,
            which has other weights than those under which they came to be.
    """

    stale_norms = False

    def __init__(self, model: nn.Module) -> None:
        self._trained = model

    @property
    def model(self) -> nn.Module:
        """What evaluation judges and best.pt holds."""
        return self._trained
