"""--log mlflow: MLflow, through its own client.

MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME say where; without them MLflow's default holds, a
database in the working directory. Source: mlflow.org/docs/latest/api_reference/python_api.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from typing import Any

from headrace.train.trackers import PROJECT, About

_MOST_PARAMS = 100
"""Of one request, as the REST interface limits it."""
_LONGEST = 500
"""Characters of a parameter that every store takes."""


class MlflowRun:
    """One run there; see Tracker."""

    def __init__(self, client: Any, run_id: str) -> None:
        self._client, self.run_id = client, run_id
        self._last: dict[str, int] = {}

    def log(self, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(name, float(value), now, step)
            for name, value in values.items()
            if math.isfinite(value) and step > self._last_step(name)
        ]
        self._client.log_batch(self.run_id, metrics=metrics)

    def close(self, complete: bool) -> None:
        self._client.set_terminated(self.run_id, "FINISHED" if complete else "KILLED")

    def go_on(self) -> None:
        """From where it was when it ended: points that it has already are left out."""
        self._client.update_run(self.run_id, status="RUNNING")
        for name in self._client.get_run(self.run_id).data.metrics:
            history = self._client.get_metric_history(self.run_id, name)
            self._last[name] = max((point.step for point in history), default=-1)

    def _last_step(self, name: str) -> int:
        return self._last.get(name, -1)


def open_tracker(about: About) -> MlflowRun:
    """Begins a run, or goes on with the one of `about.run_id`."""
    from mlflow import MlflowClient
    from mlflow.entities import Param

    client = MlflowClient()
    if about.run_id:
        run = MlflowRun(client, about.run_id)
        run.go_on()
        return run
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
    experiment = client.get_experiment_by_name(name)
    place = client.create_experiment(name) if experiment is None else experiment.experiment_id
    run_id = client.create_run(place, run_name=about.name).info.run_id
    params = [Param(key, str(value)[:_LONGEST]) for key, value in about.settings.items()]
    for first in range(0, len(params), _MOST_PARAMS):
        client.log_batch(run_id, params=params[first : first + _MOST_PARAMS])
    return MlflowRun(client, run_id)
