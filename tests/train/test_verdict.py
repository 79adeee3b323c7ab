"""Where the time goes, in shares, and that the verdict tells what is true and can be done."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from headrace.pipeline.loader import open_loader
from headrace.pipeline.loaders import resident
from headrace.pipeline.records import Records
from headrace.train import verdict
from headrace.train.clock import PHASES
from headrace.train.run import run_training
from headrace.train.settings.config_file import from_flat
from headrace.train.verdict import Circumstances, circumstances, shares, verdict_line
from tests.builders import photo
from tests.train.tiny_runs import rows, settings

USUAL = Circumstances(
    loader="native",
    workers=4,
    cores=4,
    kind="beton",
    data="a.beton",
    resident_bytes=0,
    on_gpu=False,
    has_dali=False,
    amp_off=False,
    compile_off=False,
    recipe="report",
    val_split="val",
    save_every=0,
    processes=1,
)


def said(phase: str, share: float = 0.6, **changes: Any) -> str:
    found = {**dict.fromkeys(PHASES, 0.02), "step": 0.3, "other": 0.0, phase: share}
    return verdict_line(found, dataclasses.replace(USUAL, **changes))


def test_shares_add_up() -> None:
    found = shares({"data": 2, "augment": 1, "step": 5, "evaluate": 1, "save": 0, "total": 10})
    assert found["data"] == 0.2 and found["other"] == pytest.approx(0.1)
    assert sum(found.values()) == pytest.approx(1.0)
    overlapping = shares(
        {"data": 9, "augment": 4, "step": 9, "evaluate": 0, "save": 0, "total": 10}
    )
    assert overlapping["other"] == 0.0
    assert set(shares(dict.fromkeys([*PHASES, "total"], 0.0)).values()) <= {0.0, 1.0}


def test_waiting_for_data() -> None:
    assert said("data", 0.41, resident_bytes=12_300_000).startswith(
        "verdict: waiting for data 41%: try --loader resident, which would hold the images in 12 MB"
    )
    assert "resident" not in said("data")
    assert "try --loader native" in said("data", loader="torchvision")
    assert "native" not in said("data") + said("data", loader="torchvision", kind="folder")
    assert "pack the folder: headrace pack a.beton FILE.beton" in said("data", kind="folder")
    assert "dali" in said("data", on_gpu=True, has_dali=True)
    assert "dali" not in said("data", on_gpu=True) + said("data", has_dali=True)
    assert "dali" not in said("data", on_gpu=True, has_dali=True, loader="dali")
    assert said("data", workers=1).endswith("try --workers 4 (now 1)")
    assert said("data", workers=2, processes=2).endswith("would change it much")
    assert "--workers" not in said("data", loader="resident", workers=1)


def test_the_other_phases() -> None:
    assert "augmenting 60%: a lighter --recipe than report" in said("augment")
    assert "--recipe" not in said("augment", recipe="flip")
    assert "--val-split 'val[:50%]'" in said("evaluate")
    assert "[:50%]" not in said("evaluate", val_split="val+test")
    assert "saving 60%: save more seldom than --save-every 5" in said("save", save_every=5)
    assert "--save-every" not in said("save")
    assert said("step") == (
        "verdict: forward and backward 60%: a smaller --model or --size computes less"
    )
    assert "--amp auto" in said("step", on_gpu=True, amp_off=True)
    assert "--compile auto" in said("step", on_gpu=True, compile_off=True)
    assert "--amp" not in said("step", amp_off=True, compile_off=True)


def test_small_shares_are_not_complained_of() -> None:
    for phase in verdict.MUCH:
        assert said(phase, 0.05).startswith("verdict: forward and backward")


def test_resident_is_offered_where_it_fits(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = from_flat({"data": str(data)}, "test")
    with Records.open(data) as records:
        loaders = [
            open_loader(records, loader="torchvision", workers=0, split=name)
            for name in ("train", "val")
        ]
        found = circumstances(config, records, loaders, 1)
        assert found.resident_bytes == (42 + 12) * 3 * 44 * 44
        assert (found.kind, found.workers, found.on_gpu) == ("beton", 0, False)
        monkeypatch.setattr(resident, "free_memory", lambda device: 2 * found.resident_bytes)
        assert circumstances(config, records, loaders, 1).resident_bytes
        assert not circumstances(config, records, loaders, 2).resident_bytes
        with open_loader(records, loader="resident", split="train") as there:
            assert not circumstances(config, records, [there, None], 1).resident_bytes


def test_the_advice_for_a_folder_works(tmp_path: Path) -> None:
    """resident takes a folder too."""
    for number in range(4):
        place = tmp_path / "train" / "ab"[number % 2] / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(number, 30, 20 + number)).save(place)
    with open_loader(tmp_path, loader="resident", split="train", size=16) as loader:
        assert len(list(loader.epoch(0))) == 1


def test_a_run_tells_it_by_epoch_and_at_its_end(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    run_training(settings(data, folder, save_every=2))
    lines = capsys.readouterr().out.splitlines()
    epochs = [line for line in lines if line.startswith("epoch ")]
    for line in epochs:
        assert all(f"{name} " in line for name in ("data wait", "augment", "step", "evaluation"))
    told = [number for number, line in enumerate(lines) if line.startswith("verdict: ")]
    assert len(told) == 2  # after the first epoch, which is not the last, and at the end
    assert lines[told[0] - 1] == epochs[0]
    logged = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for row in (row for row in logged if row["kind"] == "epoch"):
        assert set(row["shares"]) == {*PHASES, "other"}
        assert sum(row["shares"].values()) == pytest.approx(1.0)
        assert row["shares"]["save"] > 0
    end = logged[-1]
    assert end["verdict"] == lines[told[1]] and end["shares"]["step"] > 0
    assert len(rows(folder, "end")) == 1
