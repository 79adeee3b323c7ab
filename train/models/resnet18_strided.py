"""ResNet-18 with a small strided stem and no early pooling: a default for 128 px.

Source: He et al., "Deep residual learning for image recognition", CVPR 2016; the stem (one 3×3
convolution of 32 channels instead of 7×7 of 64 and a pooling) is this project's choice.
"""

from __future__ import annotations

from torch import nn

from headrace.train.models.residual import ResidualBlock, pooled_head
from headrace.train.models.spec import ModelSpec


def build(spec: ModelSpec) -> nn.Module:
    """A strided stem, then four stages of two blocks, global average pooling, one linear layer.

    The image is halved five times as in homework-cnn, at a fraction of its work.
    """
    widths = (64, 128, 256, 512)
    layers: list[nn.Module] = [
        nn.Conv2d(3, 32, 3, 2, 1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(inplace=True),
    ]
    before = 32
    for width in widths:
        layers += [ResidualBlock(before, width, 2), ResidualBlock(width, width, 1)]
        before = width
    return nn.Sequential(*layers, *pooled_head(before, spec))
