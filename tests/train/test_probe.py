"""Features computed once, the classifier of them, and the run folder that comes of it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from headrace.augment import Preprocess
from headrace.pipeline.errors import ConfigError, FailedError, HeadraceError
from headrace.pipeline.flags import parse
from headrace.pipeline.loader import open_loader
from headrace.pipeline.records import Records
from headrace.tools.report import main as write_page
from headrace.train import probe as probing
from headrace.train.command_line import read_command_line
from headrace.train.device import amp
from headrace.train.evaluate import EvaluateConfig, evaluate
from headrace.train.features.content import hash_of_samples
from headrace.train.features.logistic import Regression
from headrace.train.features.store import create, opened, stored
from headrace.train.features.tap import check_tap, head_of
from headrace.train.folder.checkpoint import load_checkpoint, save_checkpoint
from headrace.train.models.saved import saved_model
from headrace.train.predict import PredictConfig, predict
from headrace.train.probe import ProbeConfig, probe
from headrace.train.reporting.run_log import read_run
from headrace.train.run import run_training
from tests.builders import make_records, samples, with_levels, write_by_writer
from tests.train.tiny_runs import rows, settings, tinted, write_data


@pytest.fixture(scope="module")
def base(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose network is probed."""
    folder = tmp_path_factory.mktemp("base") / "run"
    run_training(settings(data, folder, epochs=1))
    return folder


def asked(data: Path, base: Path, folder: Path, *words: str) -> ProbeConfig:
    told = ["--data", str(data), "--weights", str(base), "--model", "timm:test_resnet"]
    told += ["--size", "32", "--loader", "torchvision", "--workers", "0", "--device", "cpu"]
    told += ["--features", str(folder / "features"), "--out", str(folder / "run")]
    return parse(ProbeConfig, "probe", [*told, "--batch-size", "8", *words])


def test_the_run_predicts_on_images_what_was_fitted_on_features(
    data: Path, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = probe(asked(data, base, tmp_path, "--amp", "off"))
    shown = capsys.readouterr().out
    assert "--l2 0.1: val accuracy" in shown and "features: " in shown
    told = rows(folder, "epoch")[0]
    ask: dict[str, Any] = {"loader": "torchvision", "workers": 0, "device": "cpu"}
    report = evaluate(EvaluateConfig(paths=(str(folder), str(data)), amp="off", **ask))
    assert report["accuracy"] == told["val_accuracy"]
    assert report["loss"] == pytest.approx(told["val_loss"], rel=1e-4)
    found = predict(PredictConfig(paths=(str(folder), str(data)), split="val", **ask))
    assert float((found.predicted == found.labels).mean()) == pytest.approx(told["val_accuracy"])
    # Only the head is another.
    before, after = (load_checkpoint(place / "best.pt")["weights"] for place in (base, folder))
    differing = {name for name in before if not torch.equal(before[name], after[name])}
    assert differing == {"fc.weight", "fc.bias"}
    assert rows(folder, "start")[0]["trained_parameters"] == 96 * 3 + 3
    # Fine-tuning starts from it; the folder itself is no run to go on with.
    run_training(settings(data, tmp_path / "tuned", weights=str(folder), epochs=1))
    with pytest.raises(ConfigError, match="holds weights but no state to continue from"):
        read_command_line(["--resume", str(folder)])


@pytest.mark.parametrize("loader", ["torchvision", "native", "resident"])
def test_the_features_are_what_the_head_reads(
    loader: str, data: Path, base: Path, tmp_path: Path
) -> None:
    probe(asked(data, base, tmp_path, "--amp", "off", "--loader", loader, "--workers", "1"))
    found = opened(tmp_path / "features", "val")
    assert found is not None and found.values.shape == (1, 12, 96)
    assert isinstance(found.values, np.memmap)
    model = saved_model(load_checkpoint(base / "best.pt")).eval()
    model.fc = torch.nn.Identity()
    content = load_checkpoint(tmp_path / "run/best.pt")
    normalise = Preprocess.from_dict(content["preprocess"]).normalise
    keywords: dict[str, Any] = {"size": 32, "batch_size": 5, "train": False, "workers": 1}
    with open_loader(data, split="val", loader=loader, **keywords) as batches:
        for batch in batches.epoch(0):
            with torch.no_grad():
                expected = model(normalise(batch.images)).numpy()
            places = [list(found.indices).index(i) for i in batch.indices.tolist()]
            np.testing.assert_allclose(found.values[0, places], expected, atol=1e-5)
            assert found.labels[places].tolist() == batch.labels.tolist()


def test_they_are_computed_once_and_refused_for_anything_else(
    data: Path,
    base: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probe(asked(data, base, tmp_path, "--copies", "2"))
    found = opened(tmp_path / "features", "train")
    assert found is not None and found.values.shape == (3, 42, 96)
    assert not np.array_equal(found.values[1], found.values[2])
    assert np.abs(found.values).sum(2).min() > 0, "each sample of each copy is there"
    written = (tmp_path / "features/train.npy").stat().st_mtime_ns
    capsys.readouterr()
    probe(asked(data, base, tmp_path, "--copies", "2", "--l2", "0.01", "--overwrite"))
    shown = capsys.readouterr().out
    assert "computed before" in shown and "fitted in" in shown and "--l2 0.01" in shown
    assert (tmp_path / "features/train.npy").stat().st_mtime_ns == written
    other = write_data(tmp_path / "other.beton")
    run_training(settings(data, tmp_path / "second", epochs=1, seed=1))
    for words, kinds in (
        (("--copies", "2", "--weights", str(tmp_path / "second")), "model"),
        (("--copies", "1"), "copies"),
        (("--copies", "2", "--train-split", "train[:50%]"), "data"),
        (("--copies", "2", "--eval-crop", "1", "--eval-mode", "squash"), "view and copies"),
    ):
        with pytest.raises(ConfigError, match=f"holds those of other {kinds}; name another"):
            probe(asked(data, base, tmp_path, *words, "--overwrite"))
    probe(asked(other, base, tmp_path, "--copies", "2", "--overwrite"))  # the same samples
    monkeypatch.chdir(tmp_path)
    probe(asked(data, base, tmp_path, "--features", "", "--overwrite"))
    assert [path.name[:25] for path in Path("runs/features").iterdir()] == [
        "tiny-timm-test_resnet-" + next(Path("runs/features").iterdir()).name[22:25]
    ]


def test_features_depend_on_the_number_format_that_was_used(
    data: Path,
    base: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And on the kind of device; not on the words that chose them."""
    monkeypatch.setattr(amp, "_on_cpu", lambda: (torch.float32, "made up"))
    probe(asked(data, base, tmp_path, "--amp", "auto"))
    about = json.loads((tmp_path / "features/about.json").read_text())
    assert about["precision"] == "float32 on cpu"
    capsys.readouterr()
    probe(asked(data, base, tmp_path, "--amp", "off", "--overwrite"))
    assert "computed before" in capsys.readouterr().out
    monkeypatch.setattr(amp, "_on_cpu", lambda: (torch.bfloat16, "made up"))
    with pytest.raises(ConfigError, match="holds those of other precision; name another folder"):
        probe(asked(data, base, tmp_path, "--amp", "auto", "--overwrite"))
    about["precision"] = "bfloat16 on cuda"
    (tmp_path / "features/about.json").write_text(json.dumps(about))
    with pytest.raises(ConfigError, match="holds those of other precision; name another folder"):
        probe(asked(data, base, tmp_path, "--amp", "bf16", "--overwrite"))


def test_features_depend_on_the_smaller_sizes_that_are_read(tmp_path: Path) -> None:
    """The same photographs, packed again: their levels are others, or there are none."""
    plain = samples(6, low=100, high=200)
    hashes = []
    for number, qualities in enumerate(((90, 90), (90, 90), (90, 50), (50, 90), (None, None))):
        made = [
            sample if quality is None else with_levels(sample, 1, quality)
            for sample, quality in zip(plain, qualities * 3, strict=True)
        ]
        with Records.open(write_by_writer(tmp_path / f"{number}.beton", made)) as records:
            hashes.append(hash_of_samples(records, ("train",)))
    assert hashes[0] == hashes[1] and len({*hashes}) == 4


def test_a_fit_is_that_of_scikit_learn(tmp_path: Path) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    random = np.random.default_rng(0)
    features = create(tmp_path, "train", (1, 300, 4))
    labels = random.integers(0, 3, 300)
    values = (random.normal(size=(300, 4)) + labels[:, None] * [1, 0, -1, 0]) * [1, 10, 0.1, 0]
    features.values[0], features.labels[:] = values, labels
    features.values[0, :, 3] = 7  # says nothing
    penalty = 0.01
    found = Regression(features, 3, torch.device("cpu")).fit(penalty).logits(features).numpy()
    scaled = values[:, :3] - values[:, :3].mean(0)
    scaled /= scaled.std(0)
    theirs = linear_model.LogisticRegression(C=1 / (penalty * 300), tol=1e-8, max_iter=1000)
    expected = theirs.fit(scaled, labels).decision_function(scaled)
    centred = found - found.mean(1, keepdims=True)
    np.testing.assert_allclose(centred, expected - expected.mean(1, keepdims=True), atol=2e-3)


def test_nothing_half_written_gets_the_name(tmp_path: Path) -> None:
    def broken(folder: Path) -> None:
        (folder / "train.npy").write_bytes(b"half")
        raise HeadraceError("no")

    with pytest.raises(HeadraceError, match="no"):
        stored(tmp_path / "f", {"data": "1"}, broken)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "f").mkdir()
    with pytest.raises(ConfigError, match="holds no features; name a folder that is not there"):
        stored(tmp_path / "f", {"data": "1"}, broken)


def test_who_comes_second_takes_what_is_there_meanwhile(tmp_path: Path) -> None:
    def make(folder: Path, of: str) -> None:
        stored(tmp_path / "there", {"data": of}, lambda other: (other / "train.npy").touch())

    place = tmp_path / "there"
    assert not stored(place, {"data": "1"}, lambda folder: make(folder, "1"))
    assert (place / "train.npy").exists()
    (place / "train.npy").unlink()
    (place / "about.json").unlink()
    place.rmdir()
    with pytest.raises(ConfigError, match="holds those of other data"):
        stored(place, {"data": "1"}, lambda folder: make(folder, "2"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there"]


def test_damaged_features_are_refused(data: Path, base: Path, tmp_path: Path) -> None:
    probe(asked(data, base, tmp_path))
    folder = tmp_path / "features"
    whole = {path.name: path.read_bytes() for path in folder.glob("*.npy")}
    short = tmp_path / "short.npy"
    np.save(short, np.zeros(5, np.int64))
    for name in whole:
        for content in (None, b"", whole[name][:100], whole[name][:-4], short.read_bytes()):
            (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
            with pytest.raises(ConfigError, match=r"is damaged \(.*\); remove it"):
                probe(asked(data, base, tmp_path, "--overwrite"))
        (folder / name).write_bytes(whole[name])


def test_other_images_of_the_same_sizes_and_labels_are_other_data(
    base: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    for split, count in (("train", 8), ("val", 4)):
        for number in range(count):
            path = folder / split / "abc"[number % 3] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 40), (20 * number, 0, 0)).save(path)
    probe(asked(folder, base, tmp_path))
    Image.new("RGB", (40, 40), (0, 0, 99)).save(folder / "train/a/0.png")
    with pytest.raises(ConfigError, match="holds those of other data"):
        probe(asked(folder, base, tmp_path, "--overwrite"))


def test_a_copy_has_what_stands_in_for_a_bad_sample(base: Path, tmp_path: Path) -> None:
    samples = [tinted(i, i % 3, i % 3) for i in range(30)]
    samples[4] = dataclasses.replace(samples[4], data=samples[4].data[:200])
    make_records(tmp_path / "bad.beton", samples, {"train": 20, "val": 10}).close()
    words = ("--copies", "2", "--on-bad-sample", "skip", "--seed", "1")
    probe(asked(tmp_path / "bad.beton", base, tmp_path, *words))
    found = opened(tmp_path / "features", "train")
    assert 4 not in found.indices and len(set(found.indices)) == 19
    assert np.abs(found.values).sum(2).min() > 0


def test_several_processes_are_refused(
    data: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="torchrun has started 2; start it without"):
        probe(asked(data, base, tmp_path))
    with pytest.raises(ConfigError, match="torchrun has started 2; start it without"):
        evaluate(EvaluateConfig(paths=(str(base), str(data)), workers=0, device="cpu"))


def test_a_probe_has_a_report_by_itself_and_beside_runs(
    data: Path, base: Path, tmp_path: Path
) -> None:
    pytest.importorskip("bokeh")
    folder = probe(asked(data, base, tmp_path))
    for places in ((folder,), (base, folder)):
        out = tmp_path / f"{len(places)}.html"
        write_page([*map(str, places), "--out", str(out), "--workers", "0", "--device", "cpu"])
        assert ">Curves</h2>" in out.read_text(encoding="utf-8")
    assert read_run(base).median_rate is not None and read_run(folder).median_rate is None


def test_what_cannot_be_is_refused(data: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"features of resnet18 would be those of random weights"):
        ProbeConfig(data="x", model="resnet18")
    with pytest.raises(ConfigError, match="--recipe mixes images"):
        probe(asked(data, base, tmp_path, "--copies", "1", "--recipe", "report"))
    assert not (tmp_path / "features").exists() and not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match="there is no split 'none' to choose the penalty on"):
        probe(asked(data, base, tmp_path, "--val-split", "none"))
    probe(asked(data, base, tmp_path, "--val-split", "none", "--l2", "0.1"))
    expected = {"epochs_done": 1, "global_step": 1, "accuracy": None}
    assert load_checkpoint(tmp_path / "run/best.pt")["scores"] == expected


@pytest.mark.parametrize("view", ["evaluation", "copy"])
def test_features_that_are_no_numbers_are_told_as_that(
    view: str, data: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of damaged weights, which are NaN, or of an augmented copy alone, as where fp16 overflows."""
    folder = base
    if view == "evaluation":
        folder = tmp_path / "nan.pt"
        content = load_checkpoint(base / "best.pt")
        weights = content["weights"]
        nan = {
            k: torch.full_like(v, torch.nan) for k, v in weights.items() if v.is_floating_point()
        }
        save_checkpoint(folder, {**content, "weights": {**weights, **nan}})
    else:

        def augment(images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return torch.full(images.shape, torch.nan), labels

        monkeypatch.setattr(probing, "seeded_augmenter", lambda *_: augment)
    with pytest.raises(FailedError, match="what the network says of the images is not a number"):
        probe(asked(data, folder, tmp_path, "--copies", "1", "--amp", "off"))
    assert not (tmp_path / "run").exists()


def test_a_network_must_end_with_a_linear_layer_that_can_be_replaced() -> None:
    linear = torch.nn.Linear(3, 2)
    assert head_of(torch.nn.Sequential(torch.nn.Flatten(), linear)) is linear
    for last, kind in (
        (torch.nn.Linear(3, 2, bias=False), "Linear"),
        (torch.nn.Conv2d(3, 2, 1), "Conv2d"),
        (torch.nn.ReLU(), "no layer"),
    ):
        with pytest.raises(ConfigError, match=f"ends with {kind}, expected a linear layer with"):
            head_of(torch.nn.Sequential(last))
    scaled = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2), torch.nn.Softmax(1))
    with pytest.raises(ConfigError, match="does not end with its last linear layer"):
        check_tap(scaled, torch.rand(1, 3, 2, 2))
    assert check_tap(scaled[:2], torch.rand(1, 3, 2, 2)) == 12
