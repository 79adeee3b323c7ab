"""Where the run was carried out: device, versions, command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace.pipeline.data_files import DataPath, in_words
from headrace.train.reporting.elements import Column, Section, Table, text_cell
from headrace.train.reporting.subject import Subject

_STARTED = {
    "device": "Device",
    "precision": "Precision",
    "compile": "torch.compile",
    "processes": "Processes",
    "loader": "Loader",
    "torch": "torch",
}
_AROUND = {
    "headrace": "Headrace",
    "python": "Python",
    "torchvision": "torchvision",
    "numpy": "NumPy",
    "cuda": "CUDA of torch",
    "gpu": "GPU",
    "platform": "System",
    "processor": "Processor",
    "cores": "Cores at hand",
    "memory_gb": "Memory, GB",
    "started": "Started",
}


def make(subject: Subject) -> Section:
    """What the log's start says of it."""
    log = subject.log
    return section(log.start, log.folder, log.config.data.data)


def section(start: Mapping[str, Any], folder: Path, data: DataPath) -> Section:
    """What the first row of a log says of it, and where the run and its data are."""
    around: dict[str, Any] = start.get("environment", {})
    found = [(title, start[key]) for key, title in _STARTED.items() if key in start]
    found += [(title, around[key]) for key, title in _AROUND.items() if around.get(key)]
    if command := around.get("command"):
        found.append(("Command", shlex.join(map(str, command))))
    found.append(("Run folder", folder))
    found.append(("Data", in_words(data)))
    table = Table(
        id="around",
        caption="Environment of the run",
        columns=[Column(name="What"), Column(name="Of this run")],
        rows=[[text_cell(title), text_cell(value)] for title, value in found],
    )
    return Section(id="surroundings", title="Environment", values={"table": table})
