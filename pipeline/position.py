"""Where a loader stands, and whether what another one noted of that fits its plan and data.

The protocol is that of torchdata's StatefulDataLoader: `state_dict`, `load_state_dict`, and a pass
that was loaded in its middle goes on there. Source: github.com/pytorch/data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.mix import Mix
from headrace.pipeline.plan import PlanConfig
from headrace.pipeline.records import Records

_VERSION = 1
_KEYS = {"version", "epoch", "step", "plan", "data"}
_ADDED = {"size_schedule": [], "epochs": 0}
"""What states that were saved before these were there would hold."""
_NOT_THE_PLANS = ("rank", "world_size")
"""A step takes the same samples whatever the number of processes, so a position fits any."""


@dataclass
class Position:
    """A place in the sequence of epochs.

    Attributes:
        epoch: of the running or the next pass.
        step: batches of it that were handed out; what was only loaded ahead is not counted.
        begun: whether a pass has begun there. The pass after it goes through the next epoch.
    """

    epoch: int = 0
    step: int = 0
    begun: bool = False

    def following(self) -> Position:
        """Where a new pass begins."""
        return Position(self.epoch + 1) if self.begun else Position(self.epoch, self.step)


def checked_epoch(epoch: object) -> int:
    """An epoch's number.

    Raises:
        ConfigError: if it is none.
    """
    if isinstance(epoch, bool) or not isinstance(epoch, int | np.integer) or epoch < 0:
        raise ConfigError(f"epoch is {epoch!r}, expected a whole number from 0")
    return int(epoch)


def described_data(
    records: Records, chosen: np.ndarray, weights: np.ndarray | None, mix: Mix | None = None
) -> dict[str, Any]:
    """What a plan's samples and their labels depend on, in short.

    Args:
        chosen: (n,) int64, the records that take part.
        weights: (n,) float64 of them, None where each comes as often as the others.
        mix: how many are drawn of some files; None where no file has a share.
    """
    digest = hashlib.sha256(np.ascontiguousarray(chosen, np.int64).tobytes())
    for array in (records.heights, records.widths, records.labels):
        digest.update(np.ascontiguousarray(array[chosen], np.int64).tobytes())
    digest.update(records.levels[chosen].tobytes())
    if weights is not None:
        digest.update(np.ascontiguousarray(weights, np.float64).tobytes())
    if mix is not None:
        for places, count in zip(mix.shared, mix.counts, strict=True):
            digest.update(places.tobytes() + count.to_bytes(8, "little"))
    return {"samples": len(chosen), "sha256": digest.hexdigest()[:16]}


def noted(position: Position, plan: PlanConfig, data: Mapping[str, Any]) -> dict[str, Any]:
    """A position as what JSON holds, with what it depends on."""
    return {
        "version": _VERSION,
        "epoch": position.epoch,
        "step": position.step,
        "plan": _described_plan(plan),
        "data": dict(data),
    }


def read_position(
    state: Mapping[str, Any], plan: PlanConfig, data: Mapping[str, Any], num_batches: int
) -> Position:
    """The position that `noted` made such a state of.

    Raises:
        ConfigError: if it is none, or of another plan or other data.
    """
    whole = isinstance(state, Mapping) and state.keys() >= _KEYS
    if not whole or not isinstance(state["plan"], Mapping):
        raise ConfigError(
            f"a loader's state is {_in_short(state)}, expected what state_dict() of a loader gave"
        )
    if state["version"] != _VERSION:
        raise ConfigError(
            f"a loader's state is of version {state['version']!r}, this Headrace reads {_VERSION}; "
            "install the one that saved it"
        )
    saved, now = {**_ADDED, **state["plan"]}, _described_plan(plan)
    changes = [
        f"{name} was {saved[name]!r}, is {now[name]!r}"
        for name in now
        if name in saved and saved[name] != now[name]
    ]
    if changes:
        raise ConfigError(
            f"a loader's state is of another plan: {'; '.join(changes)}; open the loader as it was "
            "when it was saved, or begin without the state"
        )
    if state["data"] != dict(data):
        raise ConfigError(
            f"a loader's state is of other data ({_samples(state['data'])}, here are "
            f"{_samples(data)}; their order, sizes, levels, labels or weights differ); open the "
            "loader on the records and split that it was saved with, or begin without the state"
        )
    step = state["step"]
    if isinstance(step, bool) or not isinstance(step, int) or step < 0:
        raise ConfigError(f"a loader's state has step {step!r}, expected a whole number from 0")
    # With the tail kept a process may have a batch less than the one that saved.
    return Position(checked_epoch(state["epoch"]), min(step, num_batches))


def _described_plan(plan: PlanConfig) -> dict[str, Any]:
    values = {name: value for name, value in asdict(plan).items() if name not in _NOT_THE_PLANS}
    crop = values.pop("crop")
    if not crop["size_schedule"]:
        values["epochs"] = 0  # which says nothing then
    flat: dict[str, Any] = json.loads(json.dumps({**values, **crop}))
    return flat


def _samples(data: Any) -> str:
    return f"{data.get('samples') if isinstance(data, Mapping) else '?'} samples"


def _in_short(state: object) -> str:
    keys = f" with {', '.join(map(str, state)) or 'nothing'}" if isinstance(state, Mapping) else ""
    return f"a {type(state).__name__}{keys}"
