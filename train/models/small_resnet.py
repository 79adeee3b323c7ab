"""A residual net for a processor without a GPU: 0.7 M parameters.

Source: the blocks are of He et al., "Deep residual learning for image recognition", CVPR 2016; the
widths are this project's choice.
"""

from __future__ import annotations

from torch import nn

from headrace.train.models.residual import ResidualBlock, pooled_head
from headrace.train.models.spec import ModelSpec


def build(spec: ModelSpec) -> nn.Module:
    """A 5×5 stem with pooling, three blocks of 48, 96 and 192 channels, one linear layer."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 5, 2, 2, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2, ceil_mode=True),
        ResidualBlock(32, 48, 1),
        ResidualBlock(48, 96, 2),
        ResidualBlock(96, 192, 2),
        *pooled_head(192, spec),
    )
