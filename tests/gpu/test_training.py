"""Training on the device: it learns in every precision, resumes to the bit, and counts rightly."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from headrace.augment import Preprocess
from headrace.pipeline.errors import Interrupted
from headrace.pipeline.loader import open_loader
from headrace.train.device.amp import choose_precision
from headrace.train.evaluation.inference import infer
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.models.build import build_model
from headrace.train.models.spec import ModelSpec
from headrace.train.run import run_training
from tests.train.test_loop import stop_after
from tests.train.tiny_runs import assert_same_run, rows, settings

ROOT = Path(__file__).resolve().parents[2]
MODEL = "small-resnet"


@pytest.fixture
def repeatable() -> Iterator[None]:
    """Operators that give the same bits each time; what has no such form warns and goes on."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    yield
    torch.use_deterministic_algorithms(before)


@pytest.mark.parametrize("amp", ["off", "bf16", "fp16"])
def test_it_learns(
    tinted: Path, tmp_path: Path, device: torch.device, amp: str, request: pytest.FixtureRequest
) -> None:
    """Classes that are told by their tint."""
    if amp != "off":
        request.getfixturevalue("cuda")
        if device.type == "cpu":
            amp = "bf16"
    config = settings(
        tinted,
        tmp_path / "run",
        device=str(device),
        amp=amp,
        model=MODEL,
        dropout=0.0,
        recipe="flip",
        compile="off",
        epochs=8,
        batch_size=8,
        lr=0.01,
        crop_scale=(0.5, 1.0),
    )
    run_training(config)
    epochs = rows(tmp_path / "run", "epoch")
    assert epochs[-1]["train_loss"] < 0.7 * epochs[0]["train_loss"]
    assert max(row["val_accuracy"] for row in epochs) >= 0.75


@pytest.mark.parametrize("amp", ["off", "auto"])
@pytest.mark.parametrize("loader", ["native", "resident"])
def test_a_stopped_run_resumes_bit_for_bit(
    tinted: Path,
    tmp_path: Path,
    device: torch.device,
    loader: str,
    amp: str,
    repeatable: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if device.type == "cpu" and (loader, amp) != ("native", "off"):
        pytest.skip("on a CPU one of these is enough")
    more = {"device": str(device), "loader": loader, "amp": amp, "compile": "off", "model": MODEL}
    run_training(settings(tinted, tmp_path / "whole", **more))
    with pytest.raises(Interrupted), monkeypatch.context() as patched:
        stop_after(4, patched)
        run_training(settings(tinted, tmp_path / "stopped", **more))
    state = load_checkpoint(tmp_path / "stopped" / "last.pt")["progress"]
    assert 0 < state["step"] < 6
    run_training(settings(tinted, tmp_path / "stopped", **more), str(tmp_path / "stopped"))
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


def test_evaluation_counts_what_the_cpu_counts(
    tinted: Path, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float32 without TF32; a tie that rounds the other way may move one sample."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    torch.manual_seed(0)
    model = build_model(ModelSpec(name=MODEL, num_classes=3, size=32)).eval()
    outcomes = []
    for place in (torch.device("cpu"), device):
        with open_loader(
            tinted, loader="native", split="train", train=False, size=32, batch_size=9, device=place
        ) as loader:
            moved = model.to(place, memory_format=torch.channels_last)
            precision = choose_precision("off", place)
            outcomes.append(infer(moved, loader, Preprocess(size=32), precision))
    here, there = outcomes
    assert np.array_equal(here.labels, there.labels)
    assert np.count_nonzero(here.predicted != there.predicted) <= 1
    assert np.allclose(here.logits, there.logits, atol=1e-3)


NCCL = """
import sys, torch, torch.distributed as dist
import headrace.train.run as run
from headrace.train.processes.world import World
from tests.train.tiny_runs import settings
from pathlib import Path

class One(World):
    # One process that believes to be one of two: all that it exchanges goes through NCCL.
    def gather(self, value):
        return [found for found in super().gather(value) if found is not None]

def join(name):
    device = torch.device(name)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return One(rank=0, size=2), device

run.join_world = join
data, out, device = sys.argv[1:]
run.run_training(settings(Path(data), Path(out), device=device, compile="off", loader="native"))
print("backend done")
"""


def test_nccl_with_one_process(tinted: Path, tmp_path: Path, cuda: torch.device) -> None:
    script = tmp_path / "one.py"
    script.write_text(NCCL)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=1"]
    done = subprocess.run(
        [*command, str(script), str(tinted), str(tmp_path / "run"), str(cuda)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "backend done" in done.stdout
