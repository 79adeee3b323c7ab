"""Libraries of published models: what is said where one of theirs cannot be built."""

from __future__ import annotations

from headrace.pipeline.errors import ConfigError, HeadraceError


def cannot_build(name: str, pretrained: bool, error: Exception) -> HeadraceError:
    """The error to raise: what could not be built or fetched, and why."""
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    if pretrained:
        return HeadraceError(
            f"--pretrained: the weights of {name} could not be loaded ({reason}); "
            "connect to the network, or train from scratch without --pretrained"
        )
    return ConfigError(f"--model {name} could not be built: {reason}")
