"""Accuracy of presets beside a report's recipe: what is trained, timed, summed up and said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from headrace.bench.accuracy import main, summarise, verdicts
from headrace.bench.reaching.one_run import JUDGED_NAME
from headrace.bench.reaching.report_cost import report_cost
from headrace.bench.reaching.settings import AccuracySettings
from headrace.bench.reaching.studies import STUDIES
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import with_values
from headrace.tools.pack import main as pack
from headrace.train.command_line import read_command_line
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.presets import load_preset
from tests.builders import tinted_photos


def row(way: str, seed: int, accuracy: float, seconds: float = 60.0) -> dict[str, object]:
    told = {"accuracy": accuracy, "plain": accuracy - 0.01, "seconds": seconds, "epochs": 2}
    return {"way": way, "seed": seed, **told, "curve": []}


def settings(tmp_path: Path, preset: str = "cifar10-fast") -> AccuracySettings:
    return AccuracySettings(preset=preset, data=tmp_path, out=tmp_path, folder=tmp_path)


def test_what_is_left_out_is_compared_by_seed() -> None:
    rows = [row("a", 0, 0.9), row("without b", 0, 0.8), row("without b", 1, 0.7), row("a", 1, 0.8)]
    whole, less = summarise(rows)
    assert (whole["accuracy"], whole["gain"], whole["seeds"]) == (pytest.approx(0.85), None, 2)
    assert less["gain"] == pytest.approx(-0.1)
    assert less["plain"] == pytest.approx(0.74)


def test_a_bar_needs_accuracy_and_time(tmp_path: Path) -> None:
    given = settings(tmp_path)
    study = STUDIES["cifar10-fast"]
    assert study.target is not None and study.minutes is not None
    for accuracy, seconds, word in (
        (study.target, 60 * study.minutes, "met"),
        (study.target - 0.001, 60 * study.minutes, "missed"),
        (study.target, 60 * study.minutes + 1, "missed"),
    ):
        (line,) = verdicts(given, summarise([row("cifar10-fast", 0, accuracy, seconds)]))
        assert f"; {word}: " in line


def test_the_report_is_to_be_exceeded(tmp_path: Path) -> None:
    rows = [row("small-food", 0, 0.7), row("the report's recipe", 0, 0.59)]
    (line,) = verdicts(settings(tmp_path, "small-food"), summarise(rows))
    assert line.endswith("met: +0.1100")


@pytest.mark.parametrize("name", STUDIES)
def test_an_ingredient_can_be_left_out(name: str) -> None:
    preset = load_preset(name)
    for flags in STUDIES[name].parts.values():
        config, _ = read_command_line(["--preset", name, "--data", "x", *flags.split()])
        assert with_values(config, {"data": ""}) != preset


def test_what_is_asked_is_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="preset is 'x', expected"):
        settings(tmp_path, "x")
    with pytest.raises(ConfigError, match="--without mon: expected all, none, or of"):
        with_values(settings(tmp_path), {"without": ("mon",)})
    with pytest.raises(ConfigError, match="name their folder with --folder"):
        with_values(settings(tmp_path, "small-food"), {"folder": None})


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes that are told by their tint, in class folders."""
    return tinted_photos(tmp_path / "photos", {"train": 70, "val": 6, "test": 6})


def test_a_preset_beside_the_report_in_the_same_time(photos: Path, tmp_path: Path) -> None:
    data, found = tmp_path / "photos.beton", tmp_path / "found.json"
    assert pack([str(photos), str(data)]) == 0
    words = f"small-food --data {data} --folder {photos} --out {tmp_path}/runs --epochs 2 --seeds 3"
    words += f" --device cpu --json {found} --plot {tmp_path}/found.png --without augmentation"
    main(words.split())
    told = json.loads(found.read_text())
    ours, _, report = told["rows"]
    assert [one["way"] for one in told["rows"]] == [
        "small-food", "without augmentation", "the report's recipe",
    ]  # fmt: skip
    assert len(ours["curve"]) == ours["epochs"] == 2
    assert 0 < ours["curve"][0][0] < ours["curve"][1][0] <= ours["seconds"] * 1.001
    assert report["seconds"] >= ours["seconds"] * 0.999
    assert report["epochs"] > 0 and 0 <= report["accuracy"] <= 1
    assert (tmp_path / "found.png").stat().st_size > 1000

    # What is judged is the average of the weights, as after each epoch.
    log = (tmp_path / "runs/small-food-3/metrics.jsonl").read_text().splitlines()
    epochs = [row for row in map(json.loads, log) if row["kind"] == "epoch"]
    assert ours["plain"] == pytest.approx(epochs[-1]["val_accuracy"], abs=1e-4)
    run = tmp_path / "runs/small-food-3"
    judged, last = (load_checkpoint(run / name) for name in (JUDGED_NAME, "last.pt"))
    mean = last["hooks"]["ema"]["model"]
    assert all(torch.equal(judged["weights"][name], mean[name]) for name in mean)
    assert not all(torch.equal(last["weights"][name], mean[name]) for name in mean)

    before = (tmp_path / "runs/small-food-3/config.yaml").stat().st_mtime_ns
    main([*words.split(), "--no-report"])
    assert (tmp_path / "runs/small-food-3/config.yaml").stat().st_mtime_ns == before
    longer = words.replace("--epochs 2", "--epochs 3")
    with pytest.raises(ConfigError, match=r"other settings \(epochs was 2, now 3\)"):
        main([*longer.split(), "--no-report"])
    (photos / "test/red/0.jpg").unlink()
    with pytest.raises(ConfigError, match=r"there is no .*test/red/0.jpg"):
        main(words.split())


def test_a_report_that_takes_too_long_is_extrapolated(photos: Path, tmp_path: Path) -> None:
    data = tmp_path / "photos.beton"
    pack([str(photos), str(data)])
    given = with_values(settings(tmp_path), {"data": data, "report_batches": 1, "device": "cpu"})
    cost = report_cost("cifar10-resnet18", given, tmp_path / "scratch")
    assert (cost["epochs"], cost["batches"]) == (100, 1)
    assert cost["minutes"] == pytest.approx(140 * 100 / cost["images_per_s"] / 60)
