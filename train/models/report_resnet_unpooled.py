"""A course report's residual net without global average pooling.

Source: see report_resnet.py. At 128 px the linear layer reads the whole 4×4 map of the last block.
"""

from __future__ import annotations

from torch import nn

from headrace.train.models.report_resnet import WIDTHS, features
from headrace.train.models.spec import ModelSpec


def build(spec: ModelSpec) -> nn.Module:
    """Stem, four blocks, one linear layer over 4×4 positions.

    The adaptive pooling changes nothing at 128 px and makes every other size fit.
    """
    return nn.Sequential(
        *features(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Dropout(spec.dropout),
        nn.Linear(WIDTHS[-1] * 4 * 4, spec.num_classes),
    )
