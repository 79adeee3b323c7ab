"""The parts of a run that last.pt holds: saving, restoring and what a resumed run needs are this
one list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor
from torch.optim import Optimizer

from headrace.pipeline.checking import value_text
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.wording import one_line
from headrace.train.folder.other_world import regrouped
from headrace.train.hooks import Hook
from headrace.train.processes.world import World
from headrace.train.state import Run


class Part(Protocol):
    """Something whose state is plain data: tensors, numbers, text, and lists and dicts of them."""

    def state_dict(self) -> Any: ...

    def load_state_dict(self, state: Any) -> Any:
        """Goes on from where another of the same kind gave `state`."""
        ...


@dataclass(frozen=True)
class Own:
    """Parts of which every process has its own; a list by rank, see other_world.py for others."""

    world: World
    parts: Mapping[str, Part]

    def state_dict(self) -> list[dict[str, Any]]:
        """Of all processes, all of which have to call it."""
        return self.world.gather({key: part.state_dict() for key, part in self.parts.items()})

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        mine = regrouped(state, self.world.rank, self.world.size)
        for key, part in self.parts.items():
            if key in mine:
                part.load_state_dict(mine[key])
            elif len(state) == self.world.size:  # of another number some begin anew
                raise ValueError(f"{key} of process {self.world.rank} is not in it")


@dataclass(frozen=True)
class Noted:
    """What is looked at before a run goes on (resume.py, journal.py), and so is in place by now."""

    value: Any

    def state_dict(self) -> Any:
        return self.value

    def load_state_dict(self, state: Any) -> None:
        pass


@dataclass(frozen=True)
class Named:
    """What hooks keep, by their names; those that keep nothing are left out."""

    hooks: Sequence[Hook]

    def state_dict(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for hook in self.hooks:
            if state := hook.state_dict():
                assert hook.name and hook.name not in found, f"{hook} needs a name of its own"
                found[hook.name] = state
        return found

    def load_state_dict(self, state: dict[str, dict[str, Any]]) -> None:
        for hook in self.hooks:
            if hook.name in state:
                hook.load_state_dict(state[hook.name])


PARTS: dict[str, Callable[[Run], Part]] = {
    "weights": lambda run: run.model,
    "optimizer": lambda run: run.optimizer,
    "scaler": lambda run: run.scaler,
    "progress": lambda run: run.progress,
    "ranks": lambda run: Own(run.world, {"augmenter": run.augmenter, "meter": run.meter}),
    "seconds": lambda run: run.clock,
    "epoch_began": lambda run: run.epoch_time,
    "log_bytes": lambda run: Noted(run.journal.position_bytes()),
    "data_fingerprint": lambda run: Noted(run.fingerprint),
    "hooks": lambda run: Named(run.hooks),
    "teachers": lambda run: Noted(run.teachers.fingerprint),
}
"""Keys of last.pt, and where in a run their parts are."""
ADDED: dict[str, Any] = {"hooks": {}, "teachers": ""}
"""Keys that earlier files lack, and what they would have held."""
REQUIRED = tuple(key for key in PARTS if key not in ADDED)
"""Keys without which a run cannot go on."""


def state_of(run: Run) -> dict[str, Any]:
    """The state of every part; all processes take part."""
    return {key: part(run).state_dict() for key, part in PARTS.items()}


def restore(run: Run, checkpoint: Mapping[str, Any]) -> None:
    """Puts a new run where the checkpoint's run was, to the last bit.

    Raises:
        ConfigError: if a field of it is not what such a run saves, naming it.
    """
    parts = {key: part(run) for key, part in PARTS.items()}
    restore_parts(
        parts,
        {**ADDED, **checkpoint},
        run.folder,
        "start a new run, with --weights from its best.pt",
    )


def load_part(part: Part, state: Any) -> None:
    """Gives a part its state; an optimizer's moments have to fit its weights, too.

    Raises:
        Exception: whatever a part says of what is not its state.
    """
    part.load_state_dict(state)
    if isinstance(part, Optimizer):
        check_moments(part)


def restore_parts(
    parts: Mapping[str, Part], content: Mapping[str, Any], folder: Path, advice: str
) -> None:
    """Gives parts the states that a checkpoint holds of them.

    Args:
        parts: by their keys in the checkpoint.
        content: of the checkpoint, with all of these keys.
        folder: the run's, for errors.
        advice: what to do instead, for errors.

    Raises:
        ConfigError: if a part cannot take its state, naming it.
    """
    for key, part in parts.items():
        try:
            load_part(part, content[key])
        except (ConfigError, MemoryError):
            raise
        except Exception as error:  # each part has errors of its own for what is not its state
            raise ConfigError(
                f"cannot resume {folder}: {key} of its checkpoint is not what this run saves: "
                f"{one_line(error, 300) or type(error).__name__}; {advice}"
            ) from error


def check_moments(optimizer: Optimizer) -> None:
    """Refuses what an optimizer keeps of a weight in another shape, before a step meets it.

    Raises:
        ValueError: naming it.
    """
    for group in optimizer.param_groups:
        for name in ("lr", "weight_decay"):
            value = group.get(name, 0.0)
            if not isinstance(value, int | float | Tensor):
                raise ValueError(f"{name} is {value_text(value)}, expected a number")
        for weight in group["params"]:
            for name, value in optimizer.state.get(weight, {}).items():
                if isinstance(value, Tensor) and value.ndim and value.shape != weight.shape:
                    raise ValueError(
                        f"{name} has shape {tuple(value.shape)}, its weight {tuple(weight.shape)}"
                    )
