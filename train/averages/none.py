"""No average: the weights that are judged are those that are trained.

Source: what is usual.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from headrace.train.averages.average import Average
from headrace.train.schedules.span import Span
from headrace.train.settings.technique import Technique


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """There is nothing to set."""


def build(settings: Settings, model: nn.Module, span: Span) -> Average:
    """The model itself."""
    return Average(model)
