"""The deeper variant of a course report's residual net.

Source: see report_resnet.py. One more block, with an identity for a shortcut, at 128, 256 and 512
channels each makes the parameters as many as the report counts.
"""

from __future__ import annotations

from torch import nn

from headrace.train.models.report_resnet import DEEPENED, WIDTHS, features
from headrace.train.models.residual import pooled_head
from headrace.train.models.spec import ModelSpec


def build(spec: ModelSpec) -> nn.Module:
    """Stem, seven blocks, global average pooling, one linear layer."""
    return nn.Sequential(*features(DEEPENED), *pooled_head(WIDTHS[-1], spec))
