"""--tensorboard-media: what is shown beside the curves, and that the run is the same with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.train.run import run_training
from tests.train.tiny_runs import SPLITS, assert_same_run, settings


def test_graph_batch_and_features_are_shown(data: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    shown, plain = tmp_path / "shown", tmp_path / "plain"
    one = {"epochs": 1, "report": False, "tensorboard": True}
    run_training(settings(data, shown, **one, tensorboard_media=True))
    run_training(settings(data, plain, **one))
    assert_same_run(shown, plain, ("out", "tensorboard_media"))
    events = EventAccumulator(str(shown), size_guidance={"images": 0})
    events.Reload()
    tags = events.Tags()
    assert tags["graph"] is True
    assert any("train/augmented" in tag for tag in tags["images"])
    assert "train/loss" in tags["scalars"]
    (metadata,) = shown.glob("*/features/metadata.tsv")
    assert metadata.read_text().split("\n")[0] == "class 0"
    assert len((metadata.parent / "tensors.tsv").read_text().splitlines()) == SPLITS["val"]
    assert (metadata.parent / "sprite.png").exists()


def test_a_model_without_a_graph_is_trained_all_the_same(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object, **settings: object) -> None:
        raise RuntimeError("cannot\nbe traced")

    monkeypatch.setattr("torch.utils.tensorboard.SummaryWriter.add_graph", fail)
    changes = {"epochs": 1, "report": False, "tensorboard": True, "tensorboard_media": True}
    run_training(settings(data, tmp_path / "run", **changes))
    said = capsys.readouterr().out
    assert "--tensorboard-media: a part is left out (cannot be traced)" in said


def test_it_needs_the_events(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--tensorboard-media is True, expected off"):
        settings(data, tmp_path, tensorboard_media=True)
