"""Services that show a run's numbers while it goes on, each through its own client (`--log`)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from headrace.pipeline.errors import MissingPackageError
from headrace.pipeline.installed import is_installed
from headrace.pipeline.user_paths import resolved

TRACKERS = {
    "wandb": "headrace.train.trackers.weights_and_biases",
    "mlflow": "headrace.train.trackers.of_mlflow",
}
"""What --log takes, which is also what pip installs, and the modules with `open_tracker(about)`."""
PROJECT = "headrace"
"""Of Weights & Biases, experiment of MLflow, where its environment variable names none."""


@dataclass(frozen=True, kw_only=True)
class About:
    """A run, as a service is told of it.

    Attributes:
        folder: where it is; its name is the run's.
        settings: with flat names.
        run_id: what the service called the run when it began; "" for a new one.
    """

    folder: Path
    settings: Mapping[str, Any]
    run_id: str = ""

    @property
    def name(self) -> str:
        """The folder's, as UTF-8."""
        return resolved(self.folder).name.encode("utf-8", "replace").decode()


class Tracker(Protocol):
    """A run that has begun, or goes on, in a service. Any method may raise what its client does.

    Attributes:
        run_id: what the service calls it.
    """

    run_id: str

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Adds points to curves."""
        ...

    def close(self, complete: bool) -> None:
        """Sends what is left.

        Args:
            complete: whether the run has come to its end, rather than to an error or a signal.
        """
        ...


def check_tracker(name: str) -> None:
    """Refuses a service whose client is not there; "none" is none.

    Raises:
        MissingPackageError: naming what to install.
    """
    if name in TRACKERS and not is_installed(name):
        raise MissingPackageError(
            f"--log {name} needs the package {name}, which is not installed; pip install {name}, "
            "or take --log none"
        )


def open_tracker(name: str, about: About) -> Tracker:
    """Begins a run in a service, or goes on with one."""
    tracker: Tracker = importlib.import_module(TRACKERS[name]).open_tracker(about)
    return tracker
