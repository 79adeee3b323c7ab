"""Planted faults come out on top: flipped labels, and a copy in another split."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headrace.pipeline.containers import beton
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import parse
from headrace.tools.suspects import SuspectsSettings, find_suspects, judge_lines
from headrace.train.command_line import read_flags
from headrace.train.run import run_trials
from tests.builders import StoredSample, make_records, photo, stored

FLIPPED = (3, 17, 40)
TWICE, COPY = 5, 62
"""A record of the training split and the one of val that is its copy."""
SPLITS = {"train": 60, "val": 9}


def coloured(number: int, label: int) -> StoredSample:
    """A faint photo in one of three strong colours, which are what a few epochs learn."""
    image = photo(number, 40, 44) // 2
    image[..., number % 3] += 120
    return stored(image, label=label, name=f"{number % 3}_{number}.jpg")


def again_compressed(sample: StoredSample) -> StoredSample:
    file = io.BytesIO()
    Image.open(io.BytesIO(sample.data)).save(file, "JPEG", quality=60)
    return StoredSample(
        data=file.getvalue(),
        height=sample.height,
        width=sample.width,
        label=sample.label,
        mode=beton.MODE_JPEG,
        name="copy.jpg",
    )


def write(path: Path, num_flipped: int = len(FLIPPED)) -> Path:
    flipped = FLIPPED[:num_flipped]
    samples = [coloured(i, (i + (i in flipped)) % 3) for i in range(sum(SPLITS.values()))]
    samples[COPY] = again_compressed(samples[TWICE])
    make_records(path, samples, SPLITS).close()
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("suspects") / "tiny.beton")


@pytest.fixture(scope="module")
def folds(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("suspects") / "folds"
    words = (
        "--model timm:test_resnet --size 32 --batch-size 8 --epochs 6 --workers 0 --lr 0.003 "
        "--loader torchvision --device cpu --no-tensorboard --recipe none --folds 3 "
        "--crop-scale 0.8 1 --amp off"
    )
    run_trials(read_flags(["--data", str(data), "--out", str(out), *words.split()]))
    return out


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_flipped_labels_and_a_copy_are_found(
    folds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "suspects"
    doubts, (double,) = find_suspects(SuspectsSettings(folder=folds, out=out))
    labels = table(out / "labels.csv")
    assert {int(row["record"]) for row in labels[:3]} == set(FLIPPED)
    assert len(labels) == len(doubts.places)
    first = labels[0]
    assert first["class"] == f"class {first['label']}" and first["sure"] == "1"
    assert (int(first["label"]) - 1) % 3 == int(first["predicted"])  # what it was before
    assert float(first["margin"]) == pytest.approx(
        float(first["probability"]) - float(first["predicted_probability"]), abs=2e-4
    )
    assert double.group.indices.tolist() == [TWICE, COPY] and double.wrong == ("two splits",)
    doubles = table(out / "doubles.csv")
    assert [(row["record"], row["split"]) for row in doubles] == [("5", "train"), ("62", "val")]
    assert doubles[0]["fold"] in "012" and doubles[1]["fold"] == ""
    for name in ("labels.png", "doubles.png"):
        with Image.open(out / name) as picture:
            assert np.asarray(picture).std() > 5
    shown = capsys.readouterr().out
    assert f"labels: {len(labels)} of 60 samples look like another class" in shown
    assert f"for {1 - len(labels) / 60:.1%} of the 60 samples" in shown.splitlines()[0]
    assert f": labelled {first['class']} (0." in shown
    assert f", looks like {first['predicted_class']} (0." in shown
    assert "0 with two labels, 1 with two splits, 0 with two folds, 0 harmless" in shown


@pytest.mark.parametrize(("doubtful", "is_weak"), [(259, True), (94, True), (31, False)])
def test_weak_judges_are_called_so_before_what_they_doubt(doubtful: int, is_weak: bool) -> None:
    first, *more, last = judge_lines(doubtful, 25, 311)
    assert first.startswith(f"the folds answer as the labels do for {1 - doubtful / 311:.1%} of")
    assert bool(more) == is_weak and all("a weak judge" in line for line in more)
    assert last.startswith(f"labels: {doubtful} of 311 samples look like another class, 25 of them")
    assert "surely" not in last and "confident learning" in last
    assert judge_lines(0, 0, 0)[-1].startswith("labels: 0 of 0")


def test_labels_alone(folds: Path) -> None:
    settings = parse(SuspectsSettings, "suspects", [str(folds), "--no-doubles", "--top", "1"])
    assert find_suspects(settings)[1] == []
    assert {p.name for p in (folds / "suspects").iterdir()} == {"labels.csv", "labels.png"}


@pytest.mark.parametrize("name", ["labels.csv", "doubles.csv"])
def test_a_list_of_somebody_elses_is_not_replaced(folds: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("name,label\na.jpg,3\n")
    with pytest.raises(ConfigError, match=f"{name} is in the way, which this command did not"):
        find_suspects(SuspectsSettings(folder=folds, out=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    (tmp_path / name).unlink()
    for _ in range(2):  # its own lists it replaces
        find_suspects(SuspectsSettings(folder=folds, out=tmp_path, top=1))


def test_what_is_refused(folds: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no runs of --folds; name the folder of such"):
        find_suspects(SuspectsSettings(folder=tmp_path))
    other = write(tmp_path / "other.beton", num_flipped=2)
    with pytest.raises(ConfigError, match=r"holds other samples than .* was trained on"):
        find_suspects(SuspectsSettings(folder=folds, data=str(other), out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="--bits 30: expected 0 to 12"):
        SuspectsSettings(folder=folds, bits=30)
