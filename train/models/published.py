"""Libraries of published models: what they give, and what is said where one cannot be built."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.wording import one_line


class Published(NamedTuple):
    """A library's model with our number of classes.

    Attributes:
        model: in training mode, on the CPU.
        num_classes: what its published weights tell; None where they were not asked for.
    """

    model: nn.Module
    num_classes: int | None


def cannot_build(name: str, pretrained: bool, error: Exception) -> HeadraceError:
    """The error to raise: what could not be built or fetched, and why."""
    reason = one_line(error, 160) or type(error).__name__
    if pretrained:
        return HeadraceError(
            f"--pretrained: the weights of {name} could not be loaded ({reason}); "
            "connect to the network, give a file of them with --weights FILE, or train from "
            "scratch with --no-pretrained"
        )
    return ConfigError(f"--model {name} could not be built: {reason}")
