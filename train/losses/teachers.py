"""What the teachers of a run answer about a student's batch.

A teacher sees the student's own batch. Where it was trained on images of another size, the batch is
resampled to the size that it evaluates at; where it was normalised otherwise, that is made up for.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headrace.augment import Preprocess
from headrace.train.device.amp import Precision


class Teacher:
    """One trained model, in evaluation mode, for images as a student has them.

    Args:
        model: on the device; its weights are not trained.
        own: how its images were normalised.
        given: how the student's are.
        shape: height and width that it is shown, px.
    """

    def __init__(
        self, model: nn.Module, own: Preprocess, given: Preprocess, shape: tuple[int, int]
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self._shape = shape
        self._renormalise: tuple[Tensor, Tensor] | None = None
        if (own.mean, own.std) != (given.mean, given.std):
            (a, b), (c, d) = (
                (torch.tensor(scale), torch.tensor(shift))
                for scale, shift in (own.scale_and_shift(), given.scale_and_shift())
            )
            device = next(model.parameters()).device
            scale, shift = a / c, b - d * a / c
            self._renormalise = (
                scale.view(1, -1, 1, 1).to(device),
                shift.view(1, -1, 1, 1).to(device),
            )

    def __call__(self, images: Tensor) -> Tensor:
        """(B, C) logits for (B, 3, H, W) images that are normalised for the student."""
        if self._renormalise is not None:
            scale, shift = self._renormalise
            images = (images.float() * scale + shift).to(images.dtype)
        if tuple(images.shape[2:]) != self._shape:
            images = F.interpolate(images.float(), self._shape, mode="bilinear", antialias=True).to(
                images.dtype
            )
        found: Tensor = self.model(images.contiguous(memory_format=torch.channels_last))
        return found


class Teachers:
    """What several teachers say, as the mean of their probabilities.

    Args:
        teachers: who know the same classes.
        precision: of their forward passes, the run's.
        temperature: what their logits are divided by.
        fingerprint: a hash of their weights and of how their images are made; "" for none.
    """

    def __init__(
        self,
        teachers: Sequence[Teacher],
        precision: Precision,
        temperature: float,
        fingerprint: str,
    ) -> None:
        self.teachers, self.fingerprint = tuple(teachers), fingerprint
        self._precision, self._temperature = precision, temperature

    @torch.no_grad()
    def __call__(self, images: Tensor, parts: int = 1) -> Tensor | None:
        """Answers about a batch; nothing in it waits for the device.

        Args:
            images: (B, 3, H, W) floating, normalised for the student.
            parts: how many pieces of the batch go through one after the other, to save memory.

        Returns:
            (B, C) float32 probabilities at the temperature; None without teachers.
        """
        if not self.teachers:
            return None
        return torch.cat([self._answers(some) for some in torch.tensor_split(images, parts)])

    def _answers(self, images: Tensor) -> Tensor:
        total: Tensor | None = None
        for teacher in self.teachers:
            with self._precision.autocast():
                logits = teacher(images)
            shares = (logits.float() / self._temperature).softmax(1)
            total = shares if total is None else total + shares
        assert total is not None
        return total / len(self.teachers)
