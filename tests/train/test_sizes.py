"""Runs on images that are no squares, cut in other ways, evaluated at another size."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.predict import PredictConfig, predict
from headrace.train.run import run_training
from tests.train.tiny_runs import settings

CROPS = {
    "size": [24, 40],
    "eval_size": [32, 48],
    "crop_mode": "padded",
    "eval_mode": "letterbox",
}


def test_a_run_learns_and_predicts_at_any_size(data: Path, tmp_path: Path) -> None:
    whole = run_training(settings(data, tmp_path / "whole", **CROPS))
    assert whole.train_loader.config.shape == (24, 40)
    assert whole.val_loader is not None and whole.val_loader.config.shape == (32, 48)
    found = predict(
        PredictConfig(paths=(str(tmp_path / "whole"), str(data)), split="val", loader="torchvision")
    )
    best = load_checkpoint(tmp_path / "whole" / "best.pt")
    accuracy = float((found.predicted == found.labels).mean())
    assert whole.progress.best_score == pytest.approx(accuracy)
    assert best["preprocess"]["size"] == [32, 48]
    assert best["preprocess"]["eval_mode"] == "letterbox"


def test_a_model_that_cannot_take_the_evaluation_size_is_refused_at_once(
    data: Path, tmp_path: Path
) -> None:
    config = settings(
        data, tmp_path / "run", model="timm:vit_tiny_patch16_224", size=32, eval_size=96
    )
    with pytest.raises(ConfigError, match="a model for 32 px cannot take 96x96 px"):
        run_training(config)
    assert not (tmp_path / "run").exists()


def test_settings_are_looked_at_before_images_are_decoded(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for change in ({"model": "no-such"}, {"recipe": "no-such"}):
        with pytest.raises(ConfigError):
            run_training(settings(data, tmp_path / "run", loader="auto", **change))
        said = capsys.readouterr()
        assert "loader:" not in said.out and "decoding" not in said.err
