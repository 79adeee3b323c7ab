"""The study of transfer: each way is trained and measured, and nothing is told on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.bench.studies.transfer import AS_LONG, PROBE, SCRATCH, Study
from tests.builders import make_records
from tests.train.tiny_runs import tinted


def test_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    splits = {"train": 30, "val": 12, "test": 12}
    for name, classes in (("coarse", 2), ("fine", 3)):
        samples = [tinted(i, i % 3, i % classes) for i in range(54)]
        make_records(tmp_path / f"{name}.beton", samples, splits).close()
    settings = {
        "model": "small-resnet", "size": 32, "recipe": "flip", "batch_size": 10, "amp": "off",
        "loader": "torchvision", "workers": 0, "device": "cpu", "tensorboard": False,
    }  # fmt: skip
    study = Study(
        coarse=tmp_path / "coarse.beton",
        fine=tmp_path / "fine.beton",
        folder=tmp_path / "runs",
        settings={**settings, "report": False},
        pretrain_epochs=1,
        epochs=1,
    )
    base, seconds = study.pretrain()
    assert seconds > 0 and (base / "best.pt").is_file()
    ways = ((SCRATCH, 1), (AS_LONG, 2), (PROBE, None), ("the head alone", 1))
    for name, epochs in ways:
        row = study.way(name, base, seeds=2)
        assert (row["way"], row["epochs"]) == (name, epochs)
        assert row["accuracy"] == pytest.approx(sum(row["accuracies"]) / 2)
        assert len(row["accuracies"]) == 2 and 0 <= row["accuracy"] <= 1
    assert capsys.readouterr().out == ""
