"""The convolutional net that the Food-11 homework hands out.

Source: Hung-yi Lee, Machine Learning (National Taiwan University), homework 3, image
classification on Food-11, `Classifier` of its sample code.
"""

from __future__ import annotations

import itertools

from torch import nn

from headrace.train.models.spec import ModelSpec


def build(spec: ModelSpec) -> nn.Module:
    """Five convolution blocks and three linear layers.

    At 128 pixels and without dropout it is the homework's own; the adaptive pooling in front of
    the linear layers changes nothing there and makes every other size fit.
    """
    widths = (3, 64, 128, 256, 512, 512)
    blocks: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        blocks += [
            nn.Conv2d(before, after, 3, padding=1),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            # Rounding up lets images below 32 pixels shrink to one pixel instead of to none.
            nn.MaxPool2d(2, ceil_mode=True),
        ]
    return nn.Sequential(
        *blocks,
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Dropout(spec.dropout),
        nn.Linear(512 * 4 * 4, 1024),
        nn.ReLU(inplace=True),
        nn.Dropout(spec.dropout),
        nn.Linear(1024, 512),
        nn.ReLU(inplace=True),
        nn.Linear(512, spec.num_classes),
    )
