"""A model with everything in front of it that evaluation does to an image, as one module."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from headrace.augment.preprocess import Preprocess
from headrace.tools.exporting.placing import place, weights

INPUT, OUTPUTS = "images", ("logits", "probabilities")


class WholeNetwork(nn.Module):
    """Bytes of images of any size to logits and probabilities, on the CPU.

    Crop and resize are two products with matrices that are made in the graph from the image's size,
    as in pipeline/warp.py; nothing depends on a tensor's values, so that exporters can follow.

    Args:
        model: (B, 3, H, W) float32 normalised to (B, classes) logits; from now on not trained.
        preprocess: how its images are cut and normalised.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, model: nn.Module, preprocess: Preprocess) -> None:
        super().__init__()
        self.model, self.preprocess = model, preprocess
        scale, shift = (torch.tensor(values) for values in preprocess.scale_and_shift())
        self.register_buffer("scale", scale.view(1, -1, 1, 1), persistent=False)
        self.register_buffer("shift", shift.view(1, -1, 1, 1), persistent=False)
        self.eval()
        self.requires_grad_(False)  # or what a .pt2 says would carry a graph of gradients

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, h, w, 3) uint8 RGB to logits and probabilities, (B, classes) float32 each."""
        logits = self.model(self.levels(images) * self.scale + self.shift).float()
        return logits, logits.softmax(1)

    def levels(self, images: Tensor) -> Tensor:
        """(B, h, w, 3) uint8 to what evaluation feeds: (B, 3, H, W) float32, whole, 0 to 255.

        Within one level of pipeline/resampling.
        """
        _, height, width, _ = images.shape
        out_h, out_w = self.preprocess.crop.shape(train=False)
        high, wide = (torch.full((), side, dtype=torch.float64) for side in (height, width))
        rows, columns = place((high, wide), self.preprocess)
        # Rows first: their product reads the image as it lies in memory.
        flat = images.flatten(2).to(torch.float32)
        low = torch.matmul(weights(rows, height, out_h), flat)
        low = low.unflatten(2, (width, 3)).permute(0, 3, 1, 2)
        small = torch.matmul(low, weights(columns, width, out_w).transpose(0, 1))
        return torch.floor(small + 0.5).clamp(0, 255)
