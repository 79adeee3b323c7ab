"""Predictions by several checkpoints and views, and the files that they are written into."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from headrace.pipeline.errors import ConfigError, FailedError
from headrace.pipeline.records import Records
from headrace.train.evaluate import EvaluateConfig, evaluate
from headrace.train.evaluation.outcome import Outcome
from headrace.train.evaluation.prediction_csv import write_submission
from headrace.train.folder.checkpoint import load_checkpoint, save_checkpoint
from headrace.train.metrics import METRICS
from headrace.train.predict import PredictConfig, predict
from headrace.train.run import run_training
from tests.builders import make_records, photo, stored
from tests.train.tiny_runs import settings

QUICK: dict[str, Any] = {"loader": "torchvision", "workers": 0, "amp": "off", "batch_size": 8}


@pytest.fixture(scope="module")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two runs that differ by their seed; their recipe mixes images."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in range(2):
        changes = {"seed": seed, "epochs": 1, "amp": "off", "model": "small-resnet"}
        run_training(settings(data, folder / str(seed), recipe="report", **changes))
    return str(folder / "0"), str(folder / "1")


def ask(*paths: object, **changes: Any) -> Outcome:
    return predict(PredictConfig(paths=tuple(map(str, paths)), **{**QUICK, **changes}))


def probabilities(outcome: Outcome) -> np.ndarray:
    found: np.ndarray = torch.from_numpy(outcome.logits).double().softmax(1).numpy()
    return found


def test_two_checkpoints_are_averaged_and_one_is_itself(
    runs: tuple[str, str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (ask(run, data, split="val") for run in runs)
    assert not np.array_equal(one.logits, two.logits)
    capsys.readouterr()
    both = ask(*runs, data, split="val")
    assert "ensemble of 2: probs" in capsys.readouterr().out
    mean = (probabilities(one) + probabilities(two)) / 2
    assert probabilities(both) == pytest.approx(mean, abs=1e-6)
    alone = ask(runs[0], data, split="val", ensemble="fitted")
    assert np.array_equal(alone.logits, one.logits)
    best = load_checkpoint(Path(runs[0]) / "best.pt")["scores"]["accuracy"]
    assert (alone.predicted == alone.labels).mean() == best


def test_answers_that_are_no_numbers_are_refused_and_nothing_is_written(
    runs: tuple[str, str], data: Path, tmp_path: Path
) -> None:
    broken, table = tmp_path / "broken.pt", tmp_path / "out.csv"
    content = load_checkpoint(Path(runs[0]) / "best.pt")
    next(v for k, v in content["weights"].items() if "running_var" in k).fill_(float("nan"))
    save_checkpoint(broken, {k: v for k, v in content.items() if k != "format"})
    wrong = r"broken.pt: its answers to 6 of 6 samples are not numbers; try --amp off, or take ano"
    with pytest.raises(FailedError, match=wrong):
        ask(runs[1], broken, data, split="test", csv=str(table))
    assert not table.exists()
    with pytest.raises(FailedError, match="its answers to 12 of 12 samples are not numbers"):
        evaluate(EvaluateConfig(paths=(str(broken), str(data)), **QUICK))


def test_evaluate_takes_ensembles_as_predict_does(
    runs: tuple[str, str], data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    paths = (*runs, str(data))
    report = evaluate(EvaluateConfig(paths=paths, ensemble="votes", json=out, **QUICK))
    assert json.loads(out.read_text()) == report
    assert {*METRICS, "loss", "count", "confusion", "per_class", "temperature"} <= report.keys()
    found = ask(*paths, split="val", ensemble="votes")
    assert report["accuracy"] == (found.predicted == found.labels).mean()
    assert report["count"] == 12 == sum(map(sum, report["confusion"]))
    assert [row["class"] for row in report["per_class"]] == ["class 0", "class 1", "class 2"]
    assert sum(row["count"] for row in report["per_class"]) == 12
    with pytest.raises(ConfigError, match=r"--split test of .* has no labelled sample"):
        evaluate(EvaluateConfig(paths=paths, split="test", **QUICK))
    assert not any("tta" in field.name for field in dataclasses.fields(EvaluateConfig))


def test_weights_are_fitted_on_other_samples_than_those_asked_about(
    runs: tuple[str, str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ask(*runs, data, ensemble="fitted")
    said = re.search(r"fitted on val: ([\d.]+) \S+, ([\d.]+) ", capsys.readouterr().out)
    assert said is not None
    weights = [float(share) for share in said.groups()]
    assert sum(weights) == pytest.approx(1, abs=0.002)
    alone = [probabilities(ask(run, data)) for run in runs]
    mean = weights[0] * alone[0] + weights[1] * alone[1]
    assert probabilities(found) == pytest.approx(mean, abs=0.002)
    with pytest.raises(ConfigError, match=r"shares 12 samples with --split val"):
        ask(*runs, data, ensemble="fitted", split="val")
    ask(*runs, data, ensemble="fitted", fit_split="val[:50%]", split="val[50%:]")
    with pytest.raises(ConfigError, match=r"--fit-split test has no labelled sample"):
        ask(*runs, data, ensemble="fitted", fit_split="test", split="val")


def test_draws_share_what_the_image_leaves_and_a_seed_fixes_them(
    runs: tuple[str, str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = ask(runs[0], data)
    capsys.readouterr()
    drawn = ask(runs[0], data, tta="3", seed=5)
    assert (
        "the image 0.5, 3 draws sharing 0.5, by the run's own training augmentation: crop "
        "random-resized 0.25 to 1, flip 0.5, recipe report, nothing mixed"
    ) in capsys.readouterr().out
    assert np.array_equal(drawn.logits, ask(runs[0], data, tta="3", seed=5).logits)
    assert not np.array_equal(drawn.logits, ask(runs[0], data, tta="3", seed=6).logits)
    assert drawn.indices.tolist() == plain.indices.tolist()
    # What the draws alone say follows from two different weights.
    other = ask(runs[0], data, tta="3", seed=5, tta_weight=0.8)
    of_draws = (probabilities(drawn) - 0.5 * probabilities(plain)) / 0.5
    mean = 0.8 * probabilities(plain) + 0.2 * of_draws
    assert probabilities(other) == pytest.approx(mean, abs=1e-5)
    assert not np.allclose(of_draws, probabilities(plain), atol=1e-4)


def test_each_draw_is_another(runs: tuple[str, str], data: Path) -> None:
    plain, one, two = (probabilities(ask(runs[0], data, tta=n)) for n in ("0", "1", "2"))
    first = 2 * one - plain
    second = 4 * two - 2 * plain - first
    assert not np.allclose(first, second, atol=1e-4)


def test_the_mirror_image_by_hand(runs: tuple[str, str], data: Path) -> None:
    plain, both = (ask(runs[0], data, tta=views) for views in ("0", "flip"))
    mirrored = 2 * probabilities(both) - probabilities(plain)
    assert mirrored.sum(1) == pytest.approx(np.ones(6), abs=1e-5)
    assert not np.allclose(mirrored, probabilities(plain), atol=1e-5)


def test_views_that_make_no_sense(runs: tuple[str, str], data: Path) -> None:
    for changes, message in (
        (
            {"tta": "five"},
            "--tta is 'five', expected flip, five-crops, ten-crops, scales, or 0 to 1000 draws",
        ),
        ({"tta_weight": 1.0}, "--tta-weight is 1.0"),
        (
            {"tta": "flip", "tta_scales": (0.5,)},
            "--tta-scales is .* expected none: it is for --tta",
        ),
        (
            {"tta": "scales", "tta_scales": (0.5, 2.0)},
            r"--tta-scales is \(0.5, 2.0\), expected shares",
        ),
        ({"seed": -1}, "--seed is -1"),
    ):
        with pytest.raises(ConfigError, match=message):
            ask(runs[0], data, **changes)
    with pytest.raises(ConfigError, match="expected CHECKPOINT and DATA, got only"):
        ask("only")


def test_checkpoints_of_other_classes_are_no_ensemble(
    runs: tuple[str, str], data: Path, tmp_path: Path
) -> None:
    content = load_checkpoint(Path(runs[0]) / "best.pt")
    save_checkpoint(tmp_path / "b.pt", {**content, "classes": ["class 0", "class 2", "class 1"]})
    with pytest.raises(ConfigError, match=r"no ensemble: class 1 is 'class 1' for one, 'class 2'"):
        ask(runs[0], tmp_path / "b.pt", data)


def test_files_of_a_prediction(runs: tuple[str, str], data: Path, tmp_path: Path) -> None:
    names = {"csv": "out.csv", "npz": "out.npz", "submission": "submission.csv"}
    files = {kind: str(tmp_path / name) for kind, name in names.items()}
    found = ask(runs[0], data, split="val+test", **files)
    with Path(files["csv"]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["name", "label", "predicted", "class", "confidence"]
    truth = ["" if label < 0 else str(label) for label in found.labels]
    assert [row["label"] for row in rows] == truth and {"", "0", "1", "2"} == set(truth)
    assert [int(row["predicted"]) for row in rows] == found.predicted.tolist()
    assert all(row["class"] == f"class {row['predicted']}" for row in rows)
    with np.load(files["npz"], allow_pickle=False) as arrays:
        assert arrays["probabilities"] == pytest.approx(probabilities(found), abs=1e-6)
        assert arrays["names"].tolist() == [row["name"] for row in rows]
        assert arrays["labels"].tolist() == found.labels.tolist()
        assert arrays["predicted"].tolist() == found.predicted.tolist()
        assert arrays["classes"].tolist() == ["class 0", "class 1", "class 2"]
    lines = Path(files["submission"]).read_text().splitlines()
    assert lines[0] == "Id,Category"
    by_name = sorted(rows, key=lambda row: row["name"])
    assert lines[1:] == [f"{i:04d},{row['predicted']}" for i, row in enumerate(by_name)]
    with pytest.raises(ConfigError, match=r"--npz .*/nope/x.npz: the folder .* does not exist"):
        ask(runs[0], data, npz=str(tmp_path / "nope/x.npz"))


def test_a_file_replaces_neither_another_nor_what_is_read(
    runs: tuple[str, str], data: Path, tmp_path: Path
) -> None:
    one = str(tmp_path / "one.csv")
    best = f"{runs[0]}/best.pt"
    for files, message in (
        ({"csv": one, "submission": one}, "--submission .* would replace the file of --csv; name"),
        ({"npz": str(data)}, r"--npz .* would replace .*; name another file"),
        ({"csv": best}, "--csv .*best.pt would replace .*best.pt; name another file"),
        ({"npz": f"{runs[0]}/last.pt"}, "--npz .*last.pt would replace .*last.pt; name another"),
    ):
        with pytest.raises(ConfigError, match=message):
            ask(runs[0], data, **files)
    for name, ending in {"csv": ".csv", "submission": ".csv", "npz": ".npz"}.items():
        other = tmp_path / "other.beton"
        other.write_bytes(b"mine")
        with pytest.raises(
            ConfigError, match=rf"--{name} .*: expected a name that ends in {ending}$"
        ):
            ask(runs[0], data, **{name: str(other)})
        assert other.read_bytes() == b"mine"
    with pytest.raises(ConfigError, match=r"--json .* would replace .*; name another file"):
        evaluate(EvaluateConfig(paths=(runs[0], str(data)), json=data))
    assert load_checkpoint(Path(best)) and not Path(one).exists()
    ask(runs[0], data, csv="/dev/null", submission="/dev/null")


def test_a_category_is_the_number_that_a_class_is_called(tmp_path: Path) -> None:
    """Classes named by numbers may stand in the order of text: 0, 1, 10, 2."""
    predicted = np.array([2, 3, 0])
    outcome = Outcome(
        indices=np.arange(3),
        labels=np.full(3, -1),
        predicted=predicted,
        confidence=np.ones(3, np.float32),
        loss=np.zeros(3, np.float32),
        logits=np.eye(4, dtype=np.float32)[predicted],
    )
    rows = [stored(photo(i, 20, 20), name=name) for i, name in enumerate(("b", "c", "a"))]
    with make_records(tmp_path / "a.beton", rows) as records:
        for classes, expected in (
            (["0", "1", "10", "2"], "0000,0\n0001,10\n0002,2\n"),
            (["w", "x", "y", "z"], "0000,0\n0001,2\n0002,3\n"),
        ):
            write_submission(tmp_path / "s.csv", outcome, records, classes)
            assert (tmp_path / "s.csv").read_bytes().decode().replace("\r", "") == (
                f"Id,Category\n{expected}"
            )


def test_an_unlabelled_folder_is_predicted_whole(
    runs: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(12):
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(photo(number, 40, 44)).save(tmp_path / f"images/{number}.jpg")
    found = ask(runs[0], tmp_path / "images", submission=str(tmp_path / "out.csv"))
    assert len(found.indices) == 12
    lines = capsys.readouterr().out.splitlines()
    place = lines.index("12 samples, none of them labelled")
    numbers = np.bincount(found.predicted)
    told = re.findall(r"class (\d+) (\d+)", lines[place + 1])
    assert [(int(c), int(n)) for c, n in told] == sorted(
        ((c, n) for c, n in enumerate(numbers.tolist()) if n), key=lambda pair: -pair[1]
    )
    with Records.open(tmp_path / "images") as records:
        names = [Path(records.name(int(i))).name for i in found.indices]
    predicted = dict(zip(names, found.predicted.tolist(), strict=True))
    lines = (tmp_path / "out.csv").read_text().splitlines()[1:]
    assert lines == [f"{i:04d},{predicted[name]}" for i, name in enumerate(sorted(names))]


def test_of_several_splits_without_the_usual_one_the_user_chooses(
    runs: tuple[str, str], tmp_path: Path
) -> None:
    rows = [stored(photo(i, 40, 44), label=-1, name=f"{i}.jpg") for i in range(4)]
    make_records(tmp_path / "a.beton", rows, {"train": 2, "holdout": 2}).close()
    with pytest.raises(ConfigError, match=r"no split 'test', but train, holdout; choose with"):
        ask(runs[0], tmp_path / "a.beton")
    assert len(ask(runs[0], tmp_path / "a.beton", split="all").indices) == 4


def test_that_no_answer_is_kept_is_said_before_any_is_computed(
    runs: tuple[str, str], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(runs[0], data)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "no answer is kept, as none of --csv, --submission, --npz is given"
    for name, file in {"csv": "x.csv", "submission": "x.csv", "npz": "x.npz"}.items():
        ask(runs[0], data, **{name: str(tmp_path / file)})
        assert "no answer is kept" not in capsys.readouterr().out
    ask(runs[0], data, json=tmp_path / "x.json")
    assert "no answer is kept" not in capsys.readouterr().out


def test_it_says_what_is_predicted_and_what_is_left_out(
    runs: tuple[str, str], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(path: Path, **changes: Any) -> str:
        capsys.readouterr()
        ask(runs[0], path, **changes)
        return capsys.readouterr().out

    assert said(data).startswith(
        "predicting test: 6 of 60 samples; left out: 42 of train, 12 of val (--split all takes"
    )
    assert "predicting val: 12 of 60 samples; left" in said(data, split="validation")
    assert "left out: 36 of train, 12 of val, 6 of test (" in said(data, split="train[:6]")
    assert "predicting all samples: 60 of 60 samples\n" in said(data, split="all")
    images = tmp_path / "images"
    images.mkdir()
    for number in range(3):
        Image.fromarray(photo(number, 40, 44)).save(images / f"{number}.jpg")
    (images / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no image")
    lines = said(images).splitlines()
    assert lines[0].endswith(": 3 of 3 samples")
    assert lines[1].startswith("left out, and so not predicted: 1 file (bad.jpg: ")
    rows = [stored(photo(i, 40, 44), label=-1, name=f"{i}.jpg") for i in range(4)]
    make_records(tmp_path / "a.beton", rows, {"train": 2, "testing": 2}).close()
    assert "predicting testing: 2 of 4 samples; left out: 2 of train" in said(tmp_path / "a.beton")
