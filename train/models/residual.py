"""What the residual nets are made of: a block of two convolutions, and a pooled linear head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from headrace.train.models.spec import ModelSpec


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut (He et al., "Deep residual learning", CVPR 2016).

    Args:
        before, after: channels.
        stride: of the first convolution and of the shortcut.
        bias: whether the convolutions have one, which batch normalisation makes superfluous.
    """

    def __init__(self, before: int, after: int, stride: int, bias: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=bias)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=bias)
        self.norm2 = nn.BatchNorm2d(after)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=bias), nn.BatchNorm2d(after)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(out)) + self.shortcut(x))


def pooled_head(width: int, spec: ModelSpec) -> list[nn.Module]:
    """Global average pooling, dropout and one linear layer."""
    return [
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(spec.dropout),
        nn.Linear(width, spec.num_classes),
    ]
