"""Where the run was carried out: device, versions, command."""

from __future__ import annotations

import shlex
from typing import Any

from headrace.pipeline.data_files import in_words
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
    start = subject.log.start
    around: dict[str, Any] = start.get("environment", {})
    found = [(title, start[key]) for key, title in _STARTED.items() if key in start]
    found += [(title, around[key]) for key, title in _AROUND.items() if around.get(key)]
    if command := around.get("command"):
        found.append(("Command", shlex.join(map(str, command))))
    found.append(("Run folder", subject.log.folder))
    found.append(("Data", in_words(subject.log.config.data.data)))
    table = Table(
        id="around",
        caption="Environment of the run",
        columns=[Column(name="What"), Column(name="Of this run")],
        rows=[[text_cell(title), text_cell(value)] for title, value in found],
    )
    return Section(id="surroundings", title="Environment", values={"table": table})
