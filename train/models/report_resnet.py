"""The residual net of a course report on Food-11, and its three variants' common parts.

Source: the report's network (course "Machine Learning" of Hung-yi Lee, homework 3): a 3×3 stem of
64 channels with pooling, residual blocks 64→128→256→512→1024 of stride 2, biases in all
convolutions, one linear layer after global average pooling. What it leaves open is filled in after
He et al., "Deep residual learning for image recognition", CVPR 2016, so that the parameters are as
many as the report counts: 19,527,435 at eleven classes, 25,725,963 in the deeper variant.
"""

from __future__ import annotations

import itertools

from torch import nn

from headrace.train.models.residual import ResidualBlock, pooled_head
from headrace.train.models.spec import ModelSpec

WIDTHS = (64, 128, 256, 512, 1024)
DEEPENED = (128, 256, 512)
"""Widths at which the deeper variant has a second block, which leaves width and size alone."""


def build(spec: ModelSpec) -> nn.Module:
    """Stem, four blocks, global average pooling, one linear layer."""
    return nn.Sequential(*features(), *pooled_head(WIDTHS[-1], spec))


def features(deepened: tuple[int, ...] = ()) -> list[nn.Module]:
    """Everything in front of the head: (B, 3, S, S) becomes (B, 1024, S / 32, S / 32)."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, WIDTHS[0], 3, 1, 1),
        nn.BatchNorm2d(WIDTHS[0]),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
    ]
    for before, after in itertools.pairwise(WIDTHS):
        layers.append(ResidualBlock(before, after, 2, bias=True))
        if after in deepened:
            layers.append(ResidualBlock(after, after, 1, bias=True))
    return layers
