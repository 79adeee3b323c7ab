"""Checkpoints of models that nobody has trained."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch

from headrace.augment.preprocess import Preprocess
from headrace.train.folder.checkpoint import save_checkpoint
from headrace.train.models.build import build_model
from headrace.train.models.places import code_hash
from headrace.train.models.spec import ModelSpec

CLASSES = ["apple pie", "bäckerei", "c"]
OWN_MODEL = """
import torch

class Net(torch.nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, stride=2)
        self.norm = torch.nn.BatchNorm2d(8)
        self.last = torch.nn.Linear(8, num_classes)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu().mean((2, 3))
        return self.last(BODY)

def net(num_classes):
    return Net(num_classes)
"""
"""Of a file of a user's own; BODY says what goes into the last layer."""

needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime", "onnxscript")),
    reason='needs onnx, onnxruntime and onnxscript: pip install "headrace[export]"',
)
SUFFIXES = [pytest.param(".onnx", marks=needs_onnx), ".pt2", ".safetensors"]


def small_checkpoint(folder: Path, body: str = "x", **preprocess: Any) -> Path:
    """best.pt of a net of three layers in a run folder that it makes.

    Args:
        folder: of the run.
        body: expression of `OWN_MODEL`.
        preprocess: of `Preprocess`, 16 px by default.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True)
    code = folder / "own.py"
    code.write_text(OWN_MODEL.replace("BODY", body))
    return checkpoint_of(folder, f"{code}:net", Preprocess(**{"size": 16, **preprocess}))


def checkpoint_of(
    folder: Path, name: str, preprocess: Preprocess, seed: int = 0, **spec: Any
) -> Path:
    """best.pt of a model by name, whose logits are far enough apart to tell images by."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = ModelSpec(
        name=name,
        num_classes=len(CLASSES),
        size=preprocess.size,
        code=code_hash(name),
        **spec,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build_model(shown)
    with torch.no_grad():
        for value in list(model.parameters())[-2:]:
            value.mul_(4)
    content = {
        "model": shown.to_dict(),
        "classes": CLASSES,
        "preprocess": preprocess.to_dict(),
        "config": {"data": "", "val_split": "val"},
        "scores": {"epochs_done": 2, "global_step": 9, "accuracy": 0.5},
        "weights": model.state_dict(),
    }
    save_checkpoint(folder / "best.pt", content)
    return folder
