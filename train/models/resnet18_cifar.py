"""ResNet-18 for images of about 32 px.

Source: He et al., "Deep residual learning for image recognition", CVPR 2016: the stages of its
ImageNet nets behind a stem like that of its CIFAR-10 nets (section 4.2).
"""

from __future__ import annotations

from torch import nn

from headrace.train.models.residual import ResidualBlock, pooled_head
from headrace.train.models.spec import ModelSpec


def build(spec: ModelSpec) -> nn.Module:
    """One 3×3 convolution without pooling, then the four stages of ResNet-18."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 3, 1, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
    ]
    before = 64
    for stage, width in enumerate((64, 128, 256, 512)):
        layers += [
            ResidualBlock(before, width, 1 if stage == 0 else 2),
            ResidualBlock(width, width, 1),
        ]
        before = width
    return nn.Sequential(*layers, *pooled_head(before, spec))
