"""A course report's residual net with dropout in front of its linear layer.

Source: see report_resnet.py. The probability of one half is that of Srivastava et al., "Dropout: a
simple way to prevent neural networks from overfitting", JMLR 2014; `--dropout` sets another.
"""

from __future__ import annotations

import dataclasses

from torch import nn

from headrace.train.models.report_resnet import build as build_plain
from headrace.train.models.spec import ModelSpec

DROPOUT = 0.5


def build(spec: ModelSpec) -> nn.Module:
    """The plain net, with dropout of one half where nothing else is asked for."""
    return build_plain(dataclasses.replace(spec, dropout=spec.dropout or DROPOUT))
