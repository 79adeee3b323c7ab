"""What holds of train/ as a whole: one technique is one file, and imports make no circle."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.train.losses import LOSSES
from headrace.train.metrics import METRICS, TABLES
from headrace.train.models import LIBRARIES, MODELS
from headrace.train.optimizers import OPTIMIZERS
from headrace.train.schedules import SCHEDULES

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "optimizers": (OPTIMIZERS, "build(groups, settings, fused)"),
    "schedules": (SCHEDULES, "build(config, steps_per_epoch)"),
    "losses": (LOSSES, "build(config)"),
    "metrics": (METRICS, "compute(outcome, num_classes)"),
    "tables of metrics": (TABLES, "compute(outcome, num_classes)"),
    "models": (MODELS, "build(spec)"),
    "models of libraries": (LIBRARIES, "build(name, spec, pretrained)"),
}
TECHNIQUES = [(room, name) for room, (modules, _) in ROOMS.items() for name in modules]


@pytest.mark.parametrize(("room", "name"), TECHNIQUES)
def test_a_technique_is_a_module_with_its_builder_and_its_docstring(room: str, name: str) -> None:
    modules, contract = ROOMS[room]
    module = importlib.import_module(modules[name])
    function, _, parameters = contract.rstrip(")").partition("(")
    found = inspect.signature(getattr(module, function)).parameters
    assert ", ".join(found) == parameters
    assert (module.__doc__ or "").strip()


def test_techniques_are_imported_only_when_asked_for() -> None:
    code = (
        "import sys\n"
        "import headrace.train.optimizers, headrace.train.schedules, headrace.train.losses\n"
        "import headrace.train.metrics, headrace.train.models, headrace.train.settings.config\n"
        "assert 'torch' not in sys.modules, 'torch'\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_loop_is_short_and_names_no_technique() -> None:
    text = (ROOT / "train/loop.py").read_text()
    assert len(text.splitlines()) <= 90
    names = {name.partition("-")[0] for _, name in TECHNIQUES} | {"patience", "smoothing", "clip"}
    assert not [name for name in names if name in text.lower()]
