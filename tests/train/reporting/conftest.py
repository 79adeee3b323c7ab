"""Runs of a second that reports are made of."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from headrace.pipeline.containers.manifest import Manifest
from headrace.train.run import run_training
from tests.builders import write_beton
from tests.train.tiny_runs import settings, tinted

HOSTILE = ("<script>document.title='hacked'</script>", "a \"quoted\" 'name' & more", "ré$name{x}@y")
"""Names of classes that are markup, quotes, and what templates of plots might take for theirs."""
SPLITS = {"train": 42, "val": 24}


@pytest.fixture(scope="package")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of three epochs, whose classes and files have the worst of names."""
    folder = tmp_path_factory.mktemp("hostile")
    named = [
        dataclasses.replace(
            tinted(i, i % 3, i % 3), name=f"folder/{i} \"'><img src=x onerror=alert(1)>.jpg"
        )
        for i in range(sum(SPLITS.values()))
    ]
    ranges = {"train": (0, 42), "val": (42, 66)}
    manifest = Manifest(classes=HOSTILE, splits=ranges, encoding={"format": "jpeg"})
    write_beton(folder / "data.beton", named, manifest)
    run_training(settings(folder / "data.beton", folder / "run", epochs=3, dropout=0.0))
    return folder / "run"


@pytest.fixture(scope="package")
def other_run(hostile_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another run on the same data."""
    folder = tmp_path_factory.mktemp("other") / "run"
    data = hostile_run.parent / "data.beton"
    run_training(settings(data, folder, epochs=2, lr=0.001, seed=5))
    return folder
