"""Epochs, early breaks and loaders without number leave nothing behind; nor do they meet."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from headrace.pipeline.loader import open_loader
from tests.builders import available_loaders, make_records, samples
from tests.promises.many_lives import LATE_THREADS, SETTINGS, Owned, live, owned, settled

ROOT = Path(__file__).resolve().parents[2]
LOADERS = available_loaders()
NEEDS_PROC = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
FEW_MAPS, FEW_MB = 24, 12
"""What allocators keep, however long it goes on."""
CODE_MAPS, CODE_MB = 2, 6
"""Of each loader `ffcv`: Numba compiles FFCV's pipeline for it, and never gives code back."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("leaks") / "a.beton"
    make_records(path, samples(24)).close()
    return path


def check(left: Owned) -> None:
    assert left.threads <= LATE_THREADS
    assert left.descriptors <= 0
    assert left.children <= 0
    assert left.file_maps <= 0


@NEEDS_PROC
@pytest.mark.parametrize("name", LOADERS)
def test_a_few_lives_leave_nothing(file: Path, name: str) -> None:
    live(file, name, epochs=1, breaks=1, openings=1)
    before = owned(file)
    live(file, name, epochs=4, breaks=4, openings=2)
    check(settled(file, before))


@NEEDS_PROC
@pytest.mark.slow
@pytest.mark.parametrize("name", LOADERS)
def test_200_epochs_200_breaks_and_20_openings_leave_nothing(file: Path, name: str) -> None:
    command = [sys.executable, "-m", "tests.promises.many_lives", str(file), name]
    run = subprocess.run([*command, "200", "200", "20"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    left = Owned(**json.loads(run.stdout.splitlines()[-1].removeprefix("LEFT ")))
    check(left)
    openings = 20 if name == "ffcv" else 0
    assert left.maps <= FEW_MAPS + openings * CODE_MAPS, left
    assert left.private_mb <= FEW_MB + openings * CODE_MB, left


@pytest.mark.parametrize("name", LOADERS)
def test_a_loader_may_be_iterated_in_another_thread(file: Path, name: str) -> None:
    with open_loader(file, loader=name, **SETTINGS) as loader:  # type: ignore[arg-type]
        right = [batch.images.clone() for batch in loader.epoch(3)]
        found: list[torch.Tensor] = []
        thread = threading.Thread(
            target=lambda: found.extend(batch.images.clone() for batch in loader.epoch(3))
        )
        thread.start()
        thread.join(120)
        assert not thread.is_alive()
        again = [batch.images.clone() for batch in loader.epoch(3)]
    for other in (found, again):
        assert len(other) == len(right)
        assert all(torch.equal(a, b) for a, b in zip(other, right, strict=True))


def test_all_kinds_at_once_do_not_meet(file: Path) -> None:
    """Batch by batch in turn, one left early, one collected; each gives what it gives alone."""
    alone = {}
    for name in LOADERS:
        with open_loader(file, loader=name, **SETTINGS) as loader:  # type: ignore[arg-type]
            alone[name] = [batch.images.clone() for batch in loader.epoch(1)]
    with ExitStack() as stack:
        loaders = {
            name: stack.enter_context(open_loader(file, loader=name, **SETTINGS))  # type: ignore[arg-type]
            for name in LOADERS
        }
        left = {name: loader.epoch(0) for name, loader in loaders.items()}
        for epoch in left.values():
            next(epoch)
        epochs = {name: loader.epoch(1) for name, loader in loaders.items()}
        for step in range(len(alone[LOADERS[0]])):
            for name, epoch in epochs.items():
                assert torch.equal(next(epoch).images, alone[name][step]), (name, step)
        assert all(list(epoch) == [] for epoch in (*epochs.values(), *left.values()))
