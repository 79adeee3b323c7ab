"""bench/studies/paired_runs.py compares repeated runs seed by seed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from headrace.bench.studies.paired_runs import main
from headrace.pipeline.errors import ConfigError


def trials(folder: Path, sharpness: float, runs: list[float]) -> Path:
    folder.mkdir()
    content = {"folds": 0, "repeats": len(runs), "split_seed": 0}
    config = {"data": "a.beton", "sharpness": sharpness}
    (folder / "trials.yaml").write_text(yaml.safe_dump({**content, "config": config}))
    (folder / "summary.json").write_text(json.dumps({"accuracy": {"runs": runs}}))
    return folder


def test_the_difference_is_that_of_each_pair(tmp_path: Path) -> None:
    base = trials(tmp_path / "base", float("inf"), [0.5, 0.7, 0.6])
    other = trials(tmp_path / "other", 1.0, [0.4, 0.6, 0.5])
    out = tmp_path / "out.json"
    assert main([str(base), str(other), "--setting", "sharpness", "--json", str(out)]) == 0
    first, second = json.loads(out.read_text())["rows"]
    assert (first["value"], second["value"]) == ("inf", "1.0")
    assert first["mean"] == pytest.approx(0.6) and "difference" not in first
    assert second["difference"] == pytest.approx(-0.1)
    # Every pair differs alike, so the interval is narrow, however far the seeds are apart.
    assert second["difference_high"] - second["difference_low"] < 1e-3
    assert second["high"] - second["low"] > 0.2


def test_what_cannot_be_paired_is_refused(tmp_path: Path) -> None:
    base = trials(tmp_path / "base", 1.0, [0.5, 0.7, 0.6])
    other = trials(tmp_path / "other", 2.0, [0.4, 0.5])
    with pytest.raises(ConfigError, match="has 2 runs and"):
        main([str(base), str(other), "--setting", "sharpness"])
    with pytest.raises(ConfigError, match="knows no setting 'sharp', or no metric 'accuracy'"):
        main([str(base), str(base), "--setting", "sharp"])
    with pytest.raises(ConfigError, match="expected BASE and at least one OTHER"):
        main([str(base), "--setting", "sharpness"])
