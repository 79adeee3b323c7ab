"""A net in front of the model that turns, shifts and scales each image as it finds useful.

Source: Jaderberg et al., "Spatial transformer networks", NeurIPS 2015; the localisation net is
this project's, in the size of torch's tutorial.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
POOLED = 4
HIDDEN = 32


class SpatialTransformer(nn.Module):
    """Finds an affine map of each image and resamples it; begins as the identity."""

    def __init__(self) -> None:
        super().__init__()
        self.locate = nn.Sequential(
            nn.Conv2d(3, 8, 7, padding=3),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.ReLU(inplace=True),
            nn.Conv2d(8, 10, 5, padding=2),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(POOLED),
            nn.Flatten(),
            nn.Linear(10 * POOLED * POOLED, HIDDEN),
            nn.ReLU(inplace=True),
        )
        self.affine = nn.Linear(HIDDEN, len(IDENTITY))
        nn.init.zeros_(self.affine.weight)
        with torch.no_grad():
            self.affine.bias.copy_(torch.tensor(IDENTITY))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) floating to the same; what lies beyond an edge becomes 0, the mean."""
        maps = self.affine(self.locate(images)).float().view(-1, 2, 3)
        grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
        # In float32: half precision has too few bits for positions.
        out = functional.grid_sample(images.float(), grid, align_corners=False)
        return out.to(images.dtype).contiguous(memory_format=torch.channels_last)


class Transformed(nn.Module):
    """A model behind a spatial transformer."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.transformer = SpatialTransformer()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.model(self.transformer(images))
        return out


def behind(model: nn.Module) -> nn.Module:
    """The model without a spatial transformer in front."""
    return model.model if isinstance(model, Transformed) else model
