"""bench/training.py --reach on two tints: seconds of training until an accuracy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from headrace.bench import document, training
from headrace.bench.end_to_end import reach_accuracy
from headrace.bench.end_to_end.compare_trainers import Entrant
from headrace.bench.end_to_end.pursuit import Goal, Pursued, Pursuit
from headrace.bench.end_to_end.reach_accuracy import add_ratios
from headrace.bench.end_to_end.timed_trainer import PEERS, TRAINERS, TimedTrainer
from headrace.bench.end_to_end.trainer_under_test import IMAGENET, Stopwatch, TrainerJob
from headrace.pipeline.errors import ConfigError
from headrace.tools.pack import main as pack
from tests.builders import tinted_photos

SIZE = 32


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes that are told by their tint, with a split to test on."""
    return tinted_photos(tmp_path_factory.mktemp("tints") / "photos", {"train": 16, "test": 5})


@pytest.fixture(scope="module")
def packed(photos: Path) -> Path:
    data = photos.with_name("photos.beton")
    assert pack([str(photos), str(data)]) == 0
    return data


@pytest.fixture(scope="module")
def held_out(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = sorted((photos / "test").glob("*/*.jpg"))
    pixels = [np.asarray(Image.open(file).resize((SIZE, SIZE))) for file in files]
    images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()
    path = tmp_path_factory.mktemp("held") / "out.pt"
    torch.save((images, torch.tensor([0] * 5 + [1] * 5)), path)
    return path


def job_of(name: str, path: Path, scratch: Path, seed: int = 0) -> TrainerJob:
    return TrainerJob(
        trainer=name,
        path=str(path),
        num_classes=2,
        model="resnet18" if name in PEERS else "torchvision:resnet18",
        size=SIZE,
        batch_size=8,
        workers=0 if name in PEERS else 1,
        device="cpu",
        amp="off",
        scratch=scratch,
        seed=seed,
    )


@pytest.mark.parametrize("name", TRAINERS)
def test_every_trainer_learns_what_is_measured(
    name: str, photos: Path, packed: Path, held_out: Path, tmp_path: Path
) -> None:
    if name in ("timm", "lightning"):
        pytest.importorskip(name)
    trainer = TimedTrainer()
    path = photos / "train" if name in PEERS else packed
    goal = Goal(images=held_out, accuracy=0.9, most_s=3600)
    pursued = trainer.reach(job_of(name, path, tmp_path / "run"), goal)
    trainer.close()
    curve = pursued.curve
    assert pursued.opening_s > 0
    assert curve[-1][1] >= 0.9, "two tints"
    seconds = [at for at, _ in curve]
    assert seconds == sorted(seconds) and seconds[0] > 0
    assert all(found < 0.9 for _, found in curve[:-1])


class Still:
    """A trainer that always says the first class."""

    preprocess = IMAGENET

    def __init__(self) -> None:
        self.model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * SIZE * SIZE, 2))
        torch.nn.init.zeros_(self.model[1].weight)
        torch.nn.init.zeros_(self.model[1].bias)

    def first_step(self) -> None: ...
    def train(self, watch: Stopwatch) -> None: ...
    def close(self) -> None: ...


@pytest.mark.parametrize(("asked", "most_s", "enough"), [(0.5, 1e6, 1), (0.6, 0, 1), (0.6, 1e6, 0)])
def test_a_pursuit_ends_at_the_goal_or_when_time_is_over(
    asked: float, most_s: float, enough: int, held_out: Path, tmp_path: Path
) -> None:
    goal = Goal(images=held_out, accuracy=asked, most_s=most_s)
    pursuit = Pursuit(Still(), job_of("timm", tmp_path, tmp_path), goal)
    pursuit.start()
    assert not pursuit.enough
    pursuit.add(10)
    ((seconds, accuracy),) = pursuit.curve
    assert accuracy == 0.5 and pursuit.enough == bool(enough)
    pursuit.add(10)
    assert pursuit.curve[1][0] >= seconds


def test_a_row_has_every_runs_curve(
    photos: Path, packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "training.json"
    words = f"--data {packed} --folder {photos} --reach 0.6 --reach-split test --reach-seeds 1 "
    words += "--peers torchvision --workers 1 --size 32 --batch-size 8 --most-seconds 5 "
    assert training.main([*words.split(), "--json", str(result)]) == 0
    assert "s to it" in capsys.readouterr().out
    found = json.loads(result.read_text())
    assert not found["rows"] and not found["training-peers"] and not found["unavailable"]
    rows = {row["trainer"]: row for row in found["training-reach"]}
    assert set(rows) == {"native", "resident", "peer:torchvision"}
    for row in rows.values():
        (curve,) = row["curves"]
        assert row["reached"] == f"{int(curve[-1][1] >= 0.6)} of 1"
        assert row["epoch_s"] > 0
    text = document.fill("<!-- table training-reach training.json -->\n<!-- end -->", tmp_path)
    assert "| native |" in text


def test_what_is_reached_is_kept_and_not_done_again(
    photos: Path, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, kept = tmp_path / "training.json", tmp_path / "kept"
    words = f"--data {packed} --folder {photos} --reach 0.6 --reach-split test --reach-seeds 1 "
    words += f"--peers none --workers 1 --size 32 --batch-size 8 --out {kept} --json {result}"
    done: list[str] = []

    def trained(entrant: Entrant, goal: Goal) -> Pursued:
        if done:
            raise KeyboardInterrupt
        done.append(entrant.name)
        return Pursued(0.5, [(1.5, 0.5), (2.5, 0.7)])

    monkeypatch.setattr(reach_accuracy, "_trained", trained)
    with pytest.raises(KeyboardInterrupt):
        training.main(words.split())
    assert not result.exists()
    done_there = [path.name for path in kept.iterdir() if "row" in json.loads(path.read_text())]
    assert done_there == ["native-photos-1.json"]
    monkeypatch.setattr(reach_accuracy, "_trained", lambda *_: Pursued(0.25, [(1.0, 0.9)]))
    assert training.main(words.split()) == 0
    rows = {row["trainer"]: row for row in json.loads(result.read_text())["training-reach"]}
    assert rows["native"]["curves"] == [[[1.5, 0.5], [2.5, 0.7]]], "the first run's"
    assert rows["resident"]["curves"] == [[[1.0, 0.9]]]
    with pytest.raises(ConfigError, match=r"accuracy was 0.6, now 0.7.*another --out"):
        training.main(words.replace("--reach 0.6", "--reach 0.7").split())


def test_ratios_are_to_the_quickest_peer_that_got_there() -> None:
    rows: list[dict[str, Any]] = [
        {"trainer": "native", "seconds": 10.0},
        {"trainer": "peer:timm", "seconds": None},
        {"trainer": "peer:torchvision", "seconds": 25.0},
    ]
    add_ratios(rows)
    assert [row["ratio"] for row in rows] == [2.5, None, 1.0]
    add_ratios(rows[:2])
    assert [row["ratio"] for row in rows[:2]] == [None, None]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("--most-seconds 9", "--most-seconds 9.0 does nothing without --reach; leave it out"),
        ("--out kept", "--out kept does nothing without --reach; leave it out"),
        ("--reach 0.5 --repeats 2", "--repeats 2 does nothing with --reach"),
        ("--reach 0.5 --loaders native", "--loaders native does nothing with --reach"),
        ("--reach 1.5", "reach is 1.5, expected above 0, at most 1"),
        ("--reach 0.5 --reach-seeds 1 1", "expected each once"),
        ("--reach 0.5", "give --data and, with --folder"),
        ("--reach 0.5 --data {packed} --folder {photos} --reach-split train", "is trained on"),
        (
            "--reach 0.5 --data {packed} --folder {photos} --reach-split train[:50%]",
            "is trained on",
        ),
        ("--reach 0.5 --data {renamed} --folder {photos} --reach-split test", "are other ones"),
    ],
)
def test_what_cannot_be_reached_is_said_first(
    words: str, text: str, photos: Path, packed: Path, tmp_path: Path
) -> None:
    renamed, names = tmp_path / "renamed.beton", tmp_path / "names.txt"
    if "renamed" in words:
        names.write_text("red\ngreen\n")
        pack([str(photos), str(renamed), "--class-names", str(names)])
    told = words.format(photos=photos, packed=packed, renamed=renamed)
    with pytest.raises(ConfigError, match=text):
        training.main(told.split())
