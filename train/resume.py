"""What a continued run must have in common with the one it continues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.errors import ConfigError
from train.config import RunConfig
from train.config_file import changed_keys, from_flat, to_flat

_NEEDED = ("optimizer", "scaler", "progress", "ranks", "seconds", "log_bytes", "data_fingerprint")


def checkpoint_config(checkpoint: Mapping[str, Any], source: str) -> RunConfig:
    """The settings of the run that a checkpoint was taken of.

    Raises:
        ConfigError: if the checkpoint only holds weights.
    """
    if any(key not in checkpoint for key in _NEEDED):
        raise ConfigError(
            f"{source} holds weights but no state to continue from; resume from last.pt"
        )
    return from_flat(checkpoint["config"], source)


def check_resumable(
    checkpoint: Mapping[str, Any], config: RunConfig, fingerprint: str, world_size: int
) -> None:
    """Refuses to continue as another run than the one that was started.

    Raises:
        ConfigError: naming what differs.
    """
    before = from_flat(checkpoint["config"], "the checkpoint")
    changed = changed_keys(before, config)
    if changed:
        old, new = to_flat(before), to_flat(config)
        flags = ", ".join(
            f"--{key.replace('_', '-')} (was {old[key]!r}, now {new[key]!r})" for key in changed
        )
        raise ConfigError(
            f"cannot resume with a changed {flags}: the result would be neither run; "
            "leave it as it was, or start a new run"
        )
    if fingerprint != checkpoint["data_fingerprint"]:
        raise ConfigError(
            f"cannot resume: --data {config.data.data} holds other samples than the run was "
            "started on"
        )
    if world_size != len(checkpoint["ranks"]):
        raise ConfigError(
            f"cannot resume with {world_size} processes: the run was started with "
            f"{len(checkpoint['ranks'])}"
        )
