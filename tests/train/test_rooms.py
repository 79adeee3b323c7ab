"""What holds of train/ as a whole: one technique is one file, and imports make no circle."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.pipeline.flat_settings import setting_types, walk
from headrace.train.averages import AVERAGES
from headrace.train.losses import LOSSES
from headrace.train.metrics import METRICS, TABLES
from headrace.train.models import LIBRARIES, MODELS
from headrace.train.objectives import OBJECTIVES
from headrace.train.optimizers import OPTIMIZERS
from headrace.train.probe import ProbeConfig
from headrace.train.schedules import SCHEDULES
from headrace.train.settings.config import RunConfig
from headrace.train.settings.rooms import ROOMS as CHOSEN
from headrace.train.settings.rooms import settings_kind

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "optimizers": (OPTIMIZERS, "build(groups, settings, fused)"),
    "schedules": (SCHEDULES, "build(settings, span)"),
    "losses": (LOSSES, "build(settings, class_weights)"),
    "objectives": (OBJECTIVES, "build(settings, model)"),
    "averages": (AVERAGES, "build(settings, model, span)"),
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
    names -= {"step", "loss", "none", "one"}  # words that every loop has
    assert not [name for name in names if name in text.lower()]


def test_the_documents_table_of_techniques_is_right() -> None:
    text = (ROOT / "docs/training/techniques.md").read_text()
    rows = re.findall(
        r"^\| [^|]+ \| `--([\w-]+) ([\w-]+)` \| `(train/\S+\.py)` \|", text, re.MULTILINE
    )
    named = {(room, name): file for room, name, file in rows}
    plain = {("objective", "loss"), ("average", "none")}
    for room, techniques in CHOSEN.items():
        for name, module in techniques.items():
            file = module.removeprefix("headrace.").replace(".", "/") + ".py"
            assert f"`{file}`" in text
            assert (room, name) in plain or named.pop((room, name)) == file
    assert not named


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs/training").glob("*.md")), ids=lambda p: p.stem
)
def test_files_that_the_documents_name_are_there(page: Path) -> None:
    for file in re.findall(r"`((?:train|pipeline|tools)/\S+\.py)`", page.read_text()):
        assert (ROOT / file).is_file() or "*" in file, file


def test_the_documents_rates_are_those_of_the_optimizers() -> None:
    text = (ROOT / "docs/training/techniques.md").read_text().partition("\n## Optimizers")[2]
    found = re.findall(r"\*\*`(\w+)`\*\*\s\(([\d.e-]+)(?:,\sdecay\s([\d.e-]+))?", text)
    assert {name for name, _, _ in found} == set(OPTIMIZERS)
    for name, lr, decay in found:
        settings = importlib.import_module(OPTIMIZERS[name]).Settings()
        assert settings.lr == float(lr), name
        assert not decay or settings.weight_decay == float(decay), name


@pytest.mark.parametrize("page", ["techniques", "transfer", "inputs", "presets", "runs"])
def test_flags_in_the_documents_are_settings(page: str) -> None:
    text = (ROOT / f"docs/training/{page}.md").read_text()
    known = {name for kind in (RunConfig, ProbeConfig) for name, _ in walk(kind)}
    for room, techniques in CHOSEN.items():
        for name in techniques:
            known |= setting_types(settings_kind(room, name)).keys()
    for part, flag in set(re.findall(r"--(?:no-)?((?:[a-z]+\.)?)([a-z][a-z-]+)", text)):
        assert flag.replace("-", "_") in known | {
            "help",
            "help_all",
            "config",
            "name",
            "preset",
            "resume",
        }, part + flag
