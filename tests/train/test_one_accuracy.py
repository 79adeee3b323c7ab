"""One accuracy: of the trainer, of train/evaluate.py, and of a script that knows nothing of us."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headrace.train.evaluate import EvaluateConfig, evaluate
from headrace.train.evaluation.views import View
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.run import run_training
from tests.builders import photo
from tests.train.tiny_runs import rows, settings

NET = """
from torch import nn

def net(num_classes):
    layers = [nn.Conv2d(3, 8, 5, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32, num_classes))
"""
SCRIPT = """
import sys, torch, net
from pathlib import Path
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor
saved = torch.load(sys.argv[1], weights_only=True)
model = net.net(3).eval(); model.load_state_dict(saved["weights"])
mean, std = (torch.tensor(saved["preprocess"][key])[:, None, None] for key in ("mean", "std"))
right, files = 0, sorted(Path(sys.argv[2]).rglob("*.jpg"))
for file in files:
    image = Image.open(file).crop((11, 3, 53, 45)).resize((32, 32), Image.Resampling.BILINEAR)
    logits = model(((pil_to_tensor(image) / 255 - mean) / std)[None])
    right += saved["classes"][int(logits.argmax())] == file.parent.name
print(right / len(files), len(files))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of 64x48 px whose tint tells the class, if not always."""
    root = tmp_path_factory.mktemp("photos")
    for split, count in (("train", 60), ("val", 40)):
        for number in range(count):
            image = photo(number + len(split), 48, 64).astype(int)
            image[..., number % 3] += 35
            place = root / split / "abc"[number % 3] / f"{number}.jpg"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(place, quality=95)
    return root


def test_the_trainer_evaluate_and_an_independent_script_agree(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "script.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)

    def never(*arguments: object, **named: object) -> None:
        raise AssertionError("a validation looked at another view of its images")

    with monkeypatch.context() as patch:
        patch.setattr(View, "__init__", never)
        quick = {"amp": "off", "recipe": "none", "dropout": 0.0, "epochs": 6, "lr": 0.03}
        run = run_training(settings(folder, tmp_path / "run", model="net.py:net", **quick))
    epochs = rows(tmp_path / "run", "epoch")
    best = max(epochs, key=lambda row: row["val_accuracy"])
    assert run.progress.best_score == best["val_accuracy"]

    paths = (str(tmp_path / "run"), str(folder))
    report = evaluate(
        EvaluateConfig(paths=paths, loader="torchvision", workers=0, json=Path("out.json"))
    )
    saved = load_checkpoint(tmp_path / "run/best.pt")["scores"]["accuracy"]
    assert report["accuracy"] == saved == best["val_accuracy"]
    for name in ("loss", "macro_f1", "auroc", "ece", "top5"):
        assert report[name] == pytest.approx(best[f"val_{name}"], rel=1e-5), name
    assert json.loads(Path("out.json").read_text()) == json.loads(json.dumps(report))

    command = [sys.executable, "script.py", "run/best.pt", str(folder / "val")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    accuracy, count = map(float, done.stdout.split())
    assert (accuracy, count) == (report["accuracy"], report["count"])
    assert count == 40
    assert 0.34 < accuracy < 1.0  # something was learnt, and it tells
