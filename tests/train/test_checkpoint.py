"""Checkpoints: whole or absent, and loaded without running code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from headrace.pipeline.errors import HeadraceError
from headrace.train.folder.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from headrace.train.progress import Progress
from tests.builders import make_records, samples

CONTENT: dict[str, Any] = {
    "model": {"name": "x"},
    "classes": ["a", "b"],
    "preprocess": {},
    "config": {},
    "weights": {"w": torch.arange(3.0)},
}


def test_round_trip(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "last.pt", CONTENT)
    loaded = load_checkpoint(tmp_path)  # a folder stands for its last.pt
    assert loaded["classes"] == ["a", "b"]
    assert torch.equal(loaded["weights"]["w"], torch.arange(3.0))
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]


def test_a_failed_write_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, CONTENT)
    before = path.read_bytes()

    def half(content: object, file: Any) -> None:
        file.write(b"half")
        raise RuntimeError("unexpected pos 64 vs 0: no space left on device")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(HeadraceError, match="cannot write"):
        save_checkpoint(path, {**CONTENT, "classes": []})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]


def test_an_interrupted_write_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, CONTENT)
    before = path.read_bytes()

    def interrupted(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, CONTENT)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


class Trap:
    """Would make a folder if a checkpoint could run code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_loading_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "evil.pt"
    torch.save({**CONTENT, "format": 1, "scores": Trap(tmp_path / "hacked")}, path)
    with pytest.raises(CheckpointError, match="damaged, or not a checkpoint"):
        load_checkpoint(path)
    assert not (tmp_path / "hacked").exists()


def test_data_in_a_checkpoints_place_is_not_called_damaged(tmp_path: Path) -> None:
    data = tmp_path / "a.beton"
    make_records(data, samples(1)).close()
    with pytest.raises(CheckpointError, match=r"a\.beton holds packed images, and is no"):
        load_checkpoint(data)


def test_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is no run folder: it holds no best\.pt; give"):
        load_checkpoint(tmp_path / "best.pt")
    with pytest.raises(CheckpointError, match="does not exist"):
        load_checkpoint(tmp_path / "nope.pt")
    garbage = tmp_path / "garbage.pt"
    garbage.write_bytes(b"PK\x03\x04 garbage")
    with pytest.raises(CheckpointError, match=r"garbage\.pt is damaged"):
        load_checkpoint(garbage)
    torch.save({"weights": {}}, garbage)
    with pytest.raises(CheckpointError, match="is not a checkpoint of"):
        load_checkpoint(garbage)
    save_checkpoint(garbage, {**CONTENT, "format": 99})
    with pytest.raises(CheckpointError, match="checkpoint format 99"):
        load_checkpoint(garbage)
    for no_number in (True, 1.0, None):
        save_checkpoint(garbage, {**CONTENT, "format": no_number})
        with pytest.raises(CheckpointError, match=f"checkpoint format {no_number}, expected 1"):
            load_checkpoint(garbage)


@pytest.mark.parametrize(
    ("name", "earlier", "now"),
    [
        ("best.pt", {"epoch": 3, "global_step": 12, "accuracy": 0.5}, 3),
        ("best.pt", {"epoch": 1, "global_step": 1, "accuracy": None}, 1),
        ("probe.pt", {"epoch": 0, "global_step": 1, "accuracy": 0.5}, 1),
        ("last.pt", {"epoch": 0, "global_step": 1, "accuracy": None}, 0),
        ("last.pt", {"epochs_done": 2, "global_step": 8, "accuracy": None}, 2),
    ],
)
def test_earlier_ones_called_the_epochs_done_otherwise(
    name: str, earlier: dict[str, Any], now: int, tmp_path: Path
) -> None:
    content = {**CONTENT, "scores": earlier}
    if name == "last.pt":
        content["progress"] = Progress().state_dict()
    save_checkpoint(tmp_path / name, content)
    rest = {key: earlier[key] for key in ("global_step", "accuracy")}
    assert load_checkpoint(tmp_path / name)["scores"] == {"epochs_done": now, **rest}
