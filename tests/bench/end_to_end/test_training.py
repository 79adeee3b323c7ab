"""bench/training.py on a handful of images: loaders beside synthetic batches, whole trainers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headrace.bench import document, training
from headrace.bench.core.tables import markdown
from headrace.bench.end_to_end import compare_loaders, compare_trainers
from headrace.bench.end_to_end.comparison import Compared
from headrace.bench.end_to_end.long_epochs import long_epoch, resident_turns
from headrace.bench.end_to_end.paired_steps import PairedSteps
from headrace.bench.end_to_end.timed_trainer import PEERS, TRAINERS, TimedTrainer
from headrace.bench.end_to_end.trainer_under_test import Stopwatch, TrainerJob
from headrace.bench.loading.image_forms import ImageForms
from headrace.bench.loading.image_sets import ImageSet, folder_image_set, packed_image_set
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from tests.builders import jpeg_bytes, photo

CLASSES, IMAGES = 2, 6


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for i in range(IMAGES):
        file = folder / f"class{i % CLASSES}" / f"{i}.jpg"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(jpeg_bytes(photo(i, 50, 60)))
    return folder


@pytest.fixture(scope="module")
def packed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    forms = ImageForms(tmp_path_factory.mktemp("packed"))
    return packed_image_set(forms.pack(photos), "train", 0)


@pytest.fixture
def compared(tmp_path: Path) -> Compared:
    return Compared(
        model="torchvision:resnet18",
        size=32,
        batch_size=4,
        workers=1,
        device="cpu",
        amp="off",
        epoch_images=8,
        repeats=1,
        min_s=0.0,
        settling=1,
        scratch=tmp_path,
    )


def test_a_result_has_both_tables(
    photos: Path, packed: ImageSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "training.json"
    words = f"--data {packed.path} --folder {photos} --loaders native --workers 1 --size 32 "
    words += "--peers torchvision course-script --batch-size 4 --epoch-images 8 --repeats 1 "
    words += f"--min-seconds 0 --settling 1 --json {result}"
    assert training.main(words.split()) == 0
    shown = capsys.readouterr().out
    assert "synthetic ms/image" in shown and "times best peer" in shown
    found = json.loads(result.read_text())
    assert str(tmp_path) not in json.dumps(found) and not found["unavailable"]
    (row,) = found["rows"]
    assert row["loader"] == "native" and row["dtype"] == "float32"
    assert row["share"] > 0 and row["synthetic_ms"] > 0 and 0 <= row["waited"] <= 1
    peers = {row["trainer"]: row for row in found["training-peers"]}
    assert set(peers) == {
        compare_trainers.SYNTHETIC, "native", "resident", "peer:torchvision", "peer:course-script"
    }  # fmt: skip
    others = [row["ratio"] for name, row in peers.items() if name.startswith("peer:")]
    assert max(others) == 1
    assert peers["peer:course-script"]["workers"] == 0 and peers["native"]["workers"] == 1
    for kind in ("training-loaders", "training-peers"):
        text = document.fill(f"<!-- table {kind} training.json -->\n<!-- end -->", tmp_path)
        assert "| native |" in text and "ms/image" in text


def test_synthetic_steps_and_a_loaders_are_of_one_run(packed: ImageSet, compared: Compared) -> None:
    paired = PairedSteps()
    opened = paired.open(compare_loaders.run_settings(packed, "torchvision", compared), 1)
    assert opened.images == 12 and opened.dtype == "float32"
    same, loaded = paired.synthetic(0), paired.loaded(0)
    paired.close()
    assert same.images == loaded.images == compared.batch_size, "one step at least"
    assert loaded.images_per_s > 0 and loaded.waited_s <= loaded.elapsed_s


def job_of(name: str, packed: ImageSet, photos: Path, compared: Compared) -> TrainerJob:
    if name in PEERS:
        tree = ImageForms(compared.scratch).folder(folder_image_set(photos, "train", 0))
    else:
        tree = photos
    chosen = compare_trainers.entrants([packed], tree, IMAGES, CLASSES, tuple(PEERS), compared)
    (job,) = (entrant.job for entrant in chosen if entrant.job.trainer == name)
    return job if name not in PEERS else replace(job, workers=0)


@pytest.mark.parametrize("name", TRAINERS)
def test_every_trainer_trains_whole_epochs(
    name: str, photos: Path, packed: ImageSet, compared: Compared
) -> None:
    if name in ("timm", "lightning"):
        pytest.importorskip(name)
    trainer = TimedTrainer()
    first_step_s = trainer.open(job_of(name, packed, photos, compared))
    run = trainer.run(0)
    trainer.close()
    assert run.images == 12 and run.images_per_s > 0 and run.cpu_s >= 0
    assert first_step_s > 0


def test_peers_know_the_model_without_its_source(
    packed: ImageSet, photos: Path, compared: Compared
) -> None:
    assert job_of("timm", packed, photos, compared).model == "resnet18"
    ours = job_of("native", packed, photos, compared)
    assert ours.model == "torchvision:resnet18" and ours.num_classes == CLASSES


def test_a_watch_times_one_epoch_at_least() -> None:
    watch = Stopwatch("cpu", 0.0)
    watch.start()
    assert not watch.enough
    watch.add(5)
    assert watch.enough and watch.run.images == 5
    patient = Stopwatch("cpu", math.inf)
    patient.start()
    patient.add(5)
    assert not patient.enough


def test_short_epochs_are_repeated(packed: ImageSet, compared: Compared, tmp_path: Path) -> None:
    assert compared.turns(IMAGES) == 2 and compared.turns(100) == 1
    assert replace(compared, batch_size=64).turns(IMAGES) == 11, "a batch is full"
    assert resident_turns(packed.path, "train", IMAGES) >= 2
    path = long_epoch(packed.path, "train", IMAGES, 3, tmp_path)
    with Records.open(path) as records:
        assert len(records) == 3 * IMAGES and records.splits == {"train": (0, 3 * IMAGES)}


def test_ratios_are_to_the_best_peer() -> None:
    rows: list[dict[str, Any]] = [
        {"trainer": compare_trainers.SYNTHETIC, "images_per_s": 40.0},
        {"trainer": "native", "images_per_s": 30.0},
        {"trainer": "peer:timm", "images_per_s": 10.0},
        {"trainer": "peer:torchvision", "images_per_s": 5.0},
    ]
    compare_trainers.add_comparisons(rows)
    assert [row["ratio"] for row in rows] == [4.0, 3.0, 1.0, 0.5]
    assert [row["share"] for row in rows] == [1.0, 0.75, 0.25, 0.125]
    alone = rows[1:2]
    compare_trainers.add_comparisons(alone)
    assert alone[0]["ratio"] is None and alone[0]["share"] is None
    assert "| native | 30 |" in markdown(rows, compare_trainers.COLUMNS)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("--loaders nonsense", "--loaders nonsense: expected all, none, or of torchvision"),
        ("--folder {photos} --peers nobody", "--peers nobody: expected"),
        ("--folder /no/such/folder", "is not a folder"),
        ("--folder {photos} --model small-resnet", "--model small-resnet: other trainers know"),
        ("--folder {photos}/class0", "fewer than two classes to train on"),
    ],
)
def test_wrong_choices_are_named(words: str, text: str, photos: Path) -> None:
    with pytest.raises(ConfigError, match=text):
        training.main(words.format(photos=photos).split())


def test_other_photos_are_refused(photos: Path, packed: ImageSet, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / "three" / name).mkdir(parents=True)
        (tmp_path / "three" / name / "1.jpg").write_bytes(jpeg_bytes(photo(1, 20, 20)))
    words = ["--data", str(packed.path), "--folder", str(tmp_path / "three"), "--loaders", "none"]
    with pytest.raises(ConfigError, match="give the same photos"):
        training.main([*words, "--min-seconds", "0", "--workers", "1"])
