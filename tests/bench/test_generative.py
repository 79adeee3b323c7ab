"""Classifiers without and with made-up images: what is trained, and how it is summed up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headrace.bench.generative import main, summarise, summarise_made
from headrace.pipeline.records import Records
from tests.train.tiny_runs import write_data


def row(form: str, seed: int, accuracy: float, per_class: int = 10) -> dict[str, object]:
    shared = {"per_class": per_class, "seed": seed, "form": form}
    return {**shared, "steps": 5, "accuracy": accuracy, "cpu_s": 2.0, "seconds": 3.0}


def test_what_is_added_is_paired_by_seed() -> None:
    rows = [row("real", 0, 0.3), row("flow", 0, 0.4), row("flow", 1, 0.6), row("real", 1, 0.5)]
    alone, made = summarise(rows)
    assert (alone["form"], alone["mean"]) == ("real", pytest.approx(0.4))
    assert alone["low"] is None and alone["high"] is None
    assert [made[key] for key in ("gain", "low", "high")] == pytest.approx([0.1] * 3)
    assert made["each"] == [0.4, 0.6]


def test_one_seed_has_no_interval_and_all_images_come_last() -> None:
    rows = [row("real", 0, 0.9, per_class=0), row("real", 0, 0.3), row("flow", 0, 0.2)]
    found = summarise(rows)
    assert [(one["per_class"], one["form"]) for one in found][-1] == ("all", "real")
    assert found[1]["gain"] == pytest.approx(-0.1) and found[1]["low"] is None


def test_generator_and_classifiers_learn_from_the_same_images(tmp_path: Path) -> None:
    data, out = write_data(tmp_path / "tiny.beton"), tmp_path / "runs"
    words = f"--data {data} --out {out} --json {tmp_path}/made.json --test-split val --size 16"
    words += " --width 8 --per-class 4 --seeds 3 --generator-images 24 --drawn 3 --judge-epochs 1"
    words += " --model small-resnet --classifier-steps 4 --classifier-batch 6 --recipe flip"
    main(words.split())
    told = json.loads((tmp_path / "made.json").read_text())
    forms = [one["form"] for one in told["classifiers"]]
    assert forms == ["real", "flow", "real, as long as flow"]
    assert [one["generator"] for one in told["generators"]] == ["flow"]
    assert told["rows"][0]["steps"] == told["rows"][2]["steps"] == 4
    assert told["rows"][3]["steps"] > 4
    (cell,) = (folder for folder in out.iterdir() if folder.name.startswith("4-"))
    real = (cell / "real.txt").read_text().splitlines()
    assert len(real) == 12
    both = (cell / "flow.txt").read_text().splitlines()
    with Records.open(cell / "flow.beton") as made:
        drawn = [made.name(index) for index in range(len(made.labels))]
        assert made.manifest.synthetic is not None
        assert str(made.manifest.synthetic["trained_on"]["split"]).endswith("real.txt")
    assert both == [*real, *drawn]

    before = sorted((path, path.stat().st_mtime_ns) for path in cell.glob("*.json"))
    main(words.split())
    assert sorted((path, path.stat().st_mtime_ns) for path in cell.glob("*.json")) == before


def test_generators_are_means_over_seeds() -> None:
    found = {"frechet": 2.0, "precision": 0.5, "recall": 0.25}
    shared = {"generator": "gan", "images_seen": 96, "fit_cpu_s": 10.0}
    shared |= {"fidelity": 0.5, "copies": 0.0}
    rows = [
        {"per_class": 10, "seed": seed, **shared, "drawn": found, "real": {"frechet": real}}
        for seed, real in enumerate((1.0, 3.0))
    ]
    (mean,) = summarise_made(rows)
    assert mean["frechet_real"] == 2.0 and mean["recall"] == 0.25 and mean["fit_cpu_s"] == 10.0
