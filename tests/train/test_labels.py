"""Labels are looked at before any work is done, and a senseless one costs no memory."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

import headrace.train.evaluation.members
import headrace.train.opening.course
from headrace.pipeline.class_names import class_names
from headrace.pipeline.command_line import called
from headrace.pipeline.containers.manifest import Manifest
from headrace.pipeline.errors import ConfigError, HeadraceError, RecordsError
from headrace.pipeline.layouts.classes import MAX_CLASSES
from headrace.pipeline.records import Records
from headrace.train.data.labels import check_held_out, check_labels, check_range
from headrace.train.folder.checkpoint import save_checkpoint
from headrace.train.models.build import build_model
from headrace.train.models.spec import ModelSpec
from headrace.train.predict import PredictConfig, predict
from headrace.train.run import run_training
from tests.builders import StoredSample, jpeg_bytes, make_records, photo, stored, write_beton
from tests.train.tiny_runs import settings

HUGE = 2**40


def labelled(*labels: int) -> list[StoredSample]:
    return [
        stored(photo(number, 36, 40), label=label, name=f"{number}.jpg")
        for number, label in enumerate(labels)
    ]


def foreign(path: Path, *labels: int) -> Path:
    """A .beton as FFCV writes it: no manifest, all samples in `train`."""
    return write_beton(path, labelled(*labels))


def own(path: Path, labels: list[int], splits: dict[str, tuple[int, int]]) -> Path:
    """A .beton with three class names, whatever its labels are."""
    manifest = Manifest(classes=("a", "b", "c"), splits=splits)
    return write_beton(path, labelled(*labels), manifest)


def shard(path: Path, *labels: str) -> Path:
    """A WebDataset shard and its index as others make them, without our tables."""
    lines = []
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for number, label in enumerate(labels):
            parts = []
            files = {"jpg": jpeg_bytes(photo(number, 36, 40)), "cls": label.encode()}
            for ending, data in files.items():
                member = tarfile.TarInfo(f"{number:03d}.{ending}")
                member.size = len(data)
                offset = tar.offset + 512
                tar.addfile(member, io.BytesIO(data))
                parts.append(f"{ending} {offset} {len(data)} {member.name}")
            lines.append(" ".join(parts))
    path.with_suffix(".idx").write_text("\n".join([f"v1.2 {len(lines)}", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that knows three classes."""
    path = tmp_path_factory.mktemp("model") / "best.pt"
    spec = ModelSpec(name="timm:test_resnet", num_classes=3, size=32)
    content = {
        "model": spec.to_dict(),
        "classes": ["a", "b", "c"],
        "preprocess": {"size": 32, "eval_crop": 1.0, "mean": [0.5] * 3, "std": [0.2] * 3},
        "config": {},
        "weights": build_model(spec).state_dict(),
    }
    save_checkpoint(path, content)
    return path


def predicting(model: Path, data: Path, split: str) -> PredictConfig:
    return PredictConfig(
        paths=(str(model), str(data)), split=split, loader="torchvision", workers=0
    )


def no_work(*arguments: object, **named: object) -> None:
    raise AssertionError("work was begun on labels that cannot be used")


def test_classes_without_names_are_called_by_their_numbers(tmp_path: Path) -> None:
    with Records.open(foreign(tmp_path / "a.beton", 0, 4, -1)) as records:
        assert class_names(records) == ("0", "1", "2", "3", "4")
    with Records.open(foreign(tmp_path / "b.beton", -1, -1)) as records:
        assert class_names(records) == ()
    with make_records(tmp_path / "c.beton", labelled(0, 1)) as records:
        assert class_names(records) == ("class 0", "class 1")
    with Records.open(shard(tmp_path / "d.tar", "2", "0")) as records:
        assert records.labels.tolist() == [2, 0]
        assert class_names(records) == ("0", "1", "2")
    with Records.open(foreign(tmp_path / "e.beton", 0, MAX_CLASSES - 1)) as records:
        assert len(class_names(records)) == MAX_CLASSES


@pytest.mark.parametrize("label", [HUGE, MAX_CLASSES, 2**63 - 1])
@pytest.mark.parametrize("kind", ["beton", "shard"])
def test_a_senseless_label_is_refused_at_once(kind: str, label: int, tmp_path: Path) -> None:
    if kind == "beton":
        path = foreign(tmp_path / "a.beton", 0, 1, label, 1)
    else:
        path = shard(tmp_path / "a.tar", "0", "1", str(label), "1")
    tracemalloc.start()
    try:
        with Records.open(path) as records:
            assert records.labels[2] == label
            with pytest.raises(RecordsError) as error:
                class_names(records)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert called("pack") in str(error.value)
    assert "\n" not in str(error.value)
    assert peak_bytes < 16e6
    with Records.open(path) as records:  # the images are sound, and a loader may have them
        assert records.decode(2).size
    with pytest.raises(RecordsError, match=rf"sample 2 \(.*\) has label {label}, expected"):
        run_training(settings(path, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_label_that_no_integer_holds_is_refused_on_opening(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match=rf"000\.jpg has label {'9' * 30}, .*mend its \.cls"):
        Records.open(shard(tmp_path / "a.tar", "9" * 30))


@pytest.mark.parametrize("label", [3, 7, -2, -(2**63), HUGE])
def test_a_label_outside_the_classes_stops_training_before_any_work(
    label: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headrace.train.opening.course, "open_loaders", no_work)
    splits = {"train": (0, 4), "val": (4, 6)}
    for place, split in ((2, "train"), (5, "val")):
        labels = [0, 1, 2, 0, 1, 2]
        labels[place] = label
        path = own(tmp_path / f"{split}.beton", labels, splits)
        with pytest.raises(ConfigError) as error:
            run_training(settings(path, tmp_path / "run"))
        text = str(error.value)
        assert f"split '{split}': sample {place} ({place}.jpg) has label {label}, " in text
        assert "but there are 3 classes: expected 0 to 2, or -1 for none" in text
        assert "\n" not in text


def test_what_is_not_measured_may_hold_anything(tmp_path: Path) -> None:
    path = own(tmp_path / "a.beton", [0, 1, 99], {"train": (0, 2), "test": (2, 3)})
    with Records.open(path) as records:
        assert check_labels(records, "train") == ("a", "b", "c")
        check_held_out(records, "val", 3, "train")  # is not there
        with pytest.raises(ConfigError, match="sample 2 "):
            check_range(records, None, 3)


def test_labels_that_are_all_senseless(tmp_path: Path) -> None:
    with Records.open(foreign(tmp_path / "a.beton", -5, -5)) as records:
        with pytest.raises(ConfigError, match=r"has label -5, .* 0 classes: expected -1 for none"):
            check_labels(records, "train")


@pytest.mark.parametrize("label", [3, -2, HUGE])
def test_a_label_outside_the_classes_stops_a_prediction_before_any_work(
    label: int, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own(tmp_path / "own.beton", [0, 1, label, -1], {"train": (0, 2), "test": (2, 4)})
    bare = foreign(tmp_path / "bare.beton", 0, 1, label, -1)
    tar = shard(tmp_path / "test.tar", "0", "1", str(label), "-1")
    with monkeypatch.context() as patch:
        patch.setattr(headrace.train.evaluation.members, "saved_model", no_work)
        for data, split, where in (
            (path, "test", "split 'test'"),
            (path, "all", "all samples"),
            (bare, "train", "split 'train'"),
            (bare, "all", "all samples"),
            (tar, "test", "split 'test'"),
        ):
            with pytest.raises(ConfigError) as error:
                predict(predicting(model, data, split))
            assert f"{where}: sample 2 (" in str(error.value)
            assert f" has label {label}, but there are 3 classes" in str(error.value)
    outcome = predict(predicting(model, path, "train"))  # its labels are sound
    assert outcome.labels.tolist() == [0, 1]


def test_labels_without_class_names_are_scored(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Data that names no class contradicts no model, in whatever container it lies."""
    for data, split in (
        (foreign(tmp_path / "a.beton", 0, 1, -1), "all"),
        (shard(tmp_path / "test.tar", "0", "1", "none"), "test"),
    ):
        outcome = predict(predicting(model, data, split))
        assert outcome.labels.tolist() == [0, 1, -1]
        assert "on 2 samples" in capsys.readouterr().out
        assert np.isfinite(outcome.loss).all()


def test_a_run_on_shards_of_others(tmp_path: Path) -> None:
    path = shard(tmp_path / "headrace.train.tar", *"01201201")
    run = run_training(settings(path, tmp_path / "run", epochs=1, batch_size=4))
    assert run.classes == ("0", "1", "2")
    assert all(torch.isfinite(p).all() for p in run.model.parameters())
    with pytest.raises(HeadraceError, match=r"sample 1 .*label 3, but there are 3 classes"):
        predict(predicting(tmp_path / "run", shard(tmp_path / "test.tar", "0", "3"), "test"))
