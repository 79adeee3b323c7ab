"""The sections by name, in the order in which they run: where each is, and how long it may take."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from headrace.bench.device.job import Job, Row


class Module(Protocol):
    """What a section's module has."""

    def parts(self, job: Job) -> list[str]:
        """Names of what runs in a process of its own, in order."""
        ...

    def run(self, part: str, job: Job) -> Iterator[Row]:
        """Results, each as soon as it is there."""
        ...


class Section(NamedTuple):
    """A section.

    Attributes:
        module: that has `parts` and `run`.
        limit_s: after which a part is ended.
        at_once: parts that run beside each other, where none is timed.
    """

    module: str
    limit_s: float
    at_once: int = 1


SECTIONS = {
    "environment": Section("headrace.bench.device.environment", 60),
    "tests": Section("headrace.bench.device.gpu_tests", 240, at_once=6),
    "decoders": Section("headrace.bench.device.decoders", 60, at_once=8),
    "warp": Section("headrace.bench.device.warps", 60),
    "loading": Section("headrace.bench.device.loading", 90),
    "recipes": Section("headrace.bench.device.recipes", 90),
    "training": Section("headrace.bench.device.training", 120),
    "compiled": Section("headrace.bench.device.compiled", 150),
}


def module_of(section: str) -> Module:
    """The section's module, imported now."""
    module: Module = importlib.import_module(SECTIONS[section].module)
    return module
