"""Training and evaluation see the same picture, and every way in has the same defaults."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace import Preprocess, open_loader
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from headrace.train.command_line import read_command_line
from headrace.train.data.geometry import settle_crop
from headrace.train.evaluate import EvaluateConfig, evaluate
from headrace.train.folder.checkpoint import load_checkpoint, save_checkpoint
from headrace.train.run import run_training
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import from_flat
from tests.builders import make_records, photo, stored
from tests.source_code import parsed
from tests.train.tiny_runs import rows, settings

ROOT = Path(__file__).resolve().parents[2]
QUICK: dict[str, Any] = {"epochs": 1, "limit_batches": 1, "recipe": "none", "model": "small-resnet"}
WIDE = [(60, 90), (90, 60), (64, 96)]


def wide_records(path: Path, size: tuple[int, int] | None = None) -> Records:
    sizes = [size or WIDE[i % 3] for i in range(24)]
    rows = [stored(photo(i, *sides), label=i % 3, name=f"{i}") for i, sides in enumerate(sizes)]
    return make_records(path, rows, {"train": 12, "val": 12})


def settled(records: Records, *words: str) -> tuple[CropConfig, list[str]]:
    said: list[str] = []
    config, _ = read_command_line(["--data", "x", *words])
    return settle_crop(config, records, said.append).data.crop, said


def test_whole_squeezed_images_are_not_measured_on_the_middle(tmp_path: Path) -> None:
    """--crop-scale 1 1 squeezes whole images, and --eval-crop 1 cuts the centre square."""
    with wide_records(tmp_path / "a.beton") as records:
        with pytest.raises(ConfigError) as error:
            settled(records, "--crop-scale", "1", "1", "--eval-crop", "1")
        assert str(error.value) == (
            "training shows the whole image, squeezed out of shape, evaluation the middle of the "
            "image: take --geometry squash or centre for both, or say both, --crop-mode "
            "random-resized --eval-mode centre, if it is meant"
        )
        with pytest.raises(ConfigError, match="take --geometry letterbox or centre for both"):
            settled(records, "--crop-mode", "letterbox")
        words = "--crop-mode random-resized --eval-mode centre --crop-scale 1 1".split()
        assert settled(records, *words)[1] == [
            "training shows the whole image, squeezed out of shape, evaluation the middle of the "
            "image"
        ]
        for agreeing in (
            "--geometry squash",
            "--crop-scale 0.8 1",
            "--eval-mode squash --crop-scale 1 1",
            "--geometry padded",
            "--geometry squash --crop-mode random-resized --crop-scale 0.8 1",
        ):
            assert settled(records, *agreeing.split())[1] == []
    with wide_records(tmp_path / "b.beton", (60, 60)) as squares:
        assert settled(squares, *"--crop-scale 1 1 --eval-crop 1".split())[1] == []


def test_with_squash_training_sees_what_evaluation_sees(tmp_path: Path) -> None:
    """Without it the two differ by tens of levels, as in a course report."""
    seen: dict[str, float] = {}
    common: dict[str, Any] = {"split": "val", "size": 48, "loader": "torchvision", "workers": 0}
    asked: dict[str, dict[str, Any]] = {
        "mismatch": {"crop_scale": (1, 1), "eval_crop": 1.0},
        "squash": {"geometry": "squash"},
        "letterbox": {"geometry": "letterbox"},
        "centre": {"geometry": "centre"},
    }
    with wide_records(tmp_path / "a.beton") as records:
        for name, crop in asked.items():
            both = []
            for train in (True, False):
                keywords: dict[str, Any] = {**common, **crop, "flip": 0, "train": train}
                with open_loader(records, **keywords) as loader:
                    (batch,) = loader.epoch()
                    both.append(batch.images[batch.indices.argsort()].float())
            seen[name] = float((both[0] - both[1]).abs().mean())
    assert seen.pop("mismatch") > 10
    assert seen == {"squash": 0, "letterbox": 0, "centre": 0}


def test_a_run_writes_down_how_it_cuts_and_is_measured_so_ever_after(
    data: Path, tmp_path: Path
) -> None:
    run_training(settings(data, tmp_path / "run", **QUICK, geometry="letterbox", size=[24, 40]))
    saved = yaml.safe_load((tmp_path / "run/config.yaml").read_text())
    assert (saved["geometry"], saved["size"], saved["eval_mode"]) == ("letterbox", [24, 40], None)
    best = load_checkpoint(tmp_path / "run/best.pt")
    assert (best["preprocess"]["eval_mode"], best["preprocess"]["size"]) == ("letterbox", [24, 40])
    run_training(settings(data, tmp_path / "usual", **QUICK))
    saved = yaml.safe_load((tmp_path / "usual/config.yaml").read_text())
    assert (saved["geometry"], saved["size"]) == ("crop", 32)
    preprocess = load_checkpoint(tmp_path / "usual/best.pt")["preprocess"]
    assert (preprocess["eval_mode"], preprocess["eval_crop"]) == ("centre", 0.875)


def test_an_earlier_run_goes_on_and_is_measured_as_it_was(data: Path, tmp_path: Path) -> None:
    """Also one with the mismatch; its settings name no geometry."""
    folder = tmp_path / "run"
    cut = {"crop_mode": "squash", "eval_mode": "centre", "eval_crop": 1.0}
    run_training(settings(data, folder, **QUICK, **cut))
    for name in ("last.pt", "best.pt"):
        content = load_checkpoint(folder / name)
        assert content["config"].pop("geometry") is None
        for key in ("tta", "tta_weight", "tta_scales"):
            del content["config"][key]
        save_checkpoint(folder / name, content)
    run = run_training(*read_command_line(["--resume", str(folder), "--epochs", "2"]))
    assert run.progress.epoch == 2 and run.val_loader is not None
    assert (run.preprocess.eval_mode, run.preprocess.eval_crop) == ("centre", 1.0)
    report = evaluate(
        EvaluateConfig(paths=(str(folder), str(data)), loader="torchvision", workers=0, amp="off")
    )
    assert report["count"] == 12


def test_small_images_are_trained_at_their_own_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [stored(photo(i, 32, 32), label=i % 3, name=f"{i}") for i in range(24)]
    make_records(tmp_path / "a.beton", rows, {"train": 16, "val": 8}).close()
    common = "--device cpu --loader torchvision --workers 0 --batch-size 8 --epochs 1"
    quick = f"--model small-resnet --limit-batches 1 --no-tensorboard {common}"
    words = ["--data", str(tmp_path / "a.beton"), *quick.split()]
    run = run_training(*read_command_line([*words, "--out", str(tmp_path / "run")]))
    assert run.train_loader.config.shape == (32, 32) and run.preprocess.size == 32
    assert run.train_loader.config.plan.crop.mode(train=True) == "padded"
    assert (run.preprocess.eval_mode, run.preprocess.eval_crop) == ("centre", 1.0)
    said = capsys.readouterr().out
    assert said.count("images of about 32 px") == 1
    assert "--size 32 and --geometry padded (give others to have others)" in said
    words += ["--size", "64", "--geometry", "crop", "--out", str(tmp_path / "other")]
    run = run_training(*read_command_line(words))
    assert run.train_loader.config.shape == (64, 64)
    assert "images of about 32 px" not in capsys.readouterr().out


def readme_snippet() -> str:
    (text,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return str(text)


@pytest.mark.parametrize("side", [32, 90])
@pytest.mark.parametrize("measured", [True, False])
def test_defaults_are_the_same_from_python_and_from_the_command_line(
    side: int, measured: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`open_loader`, train/run.py and the README's snippet: crops, size, normalisation, recipe."""
    monkeypatch.chdir(tmp_path)
    path = Path("food11.beton")
    rows = [stored(photo(i, side, side), label=i % 11, name=f"{i}") for i in range(22)]
    make_records(path, rows, {"train": 14, "val": 8}).close()
    if measured:
        unmeasured = Records.open

        def opened(*args: Any) -> Records:
            records = unmeasured(*args)
            changes: dict[str, Any] = {"mean": (0.4, 0.5, 0.6), "std": (0.1, 0.2, 0.3)}
            records.manifest = dataclasses.replace(records.manifest, **changes)
            return records

        monkeypatch.setattr(Records, "open", staticmethod(opened))
    found: dict[str, Any] = {}
    tree = parsed(readme_snippet())
    exec(compile(_one_epoch(tree), "README.md", "exec"), found)
    words = "--data food11.beton --model small-resnet --epochs 1 --limit-batches 1 --out run"
    quick = f"{words} --device cpu --loader torchvision --workers 0 --amp off --no-tensorboard"
    run = run_training(*read_command_line(quick.split()))
    loader, augment = found["loader"], found["augment"]
    assert _decided(loader.config.plan.crop) == _decided(run.train_loader.config.plan.crop)
    assert augment.preprocess == run.preprocess == Preprocess.of(run.train_loader)
    assert augment.config == run.augmenter.config
    assert augment.program == run.augmenter.program
    assert found["images"].shape[2:] == run.train_loader.config.shape
    expected = CropConfig(size=32, geometry="padded") if side == 32 else CropConfig()
    assert _decided(loader.config.plan.crop) == _decided(expected)
    assert RunConfig().data.crop == CropConfig() == from_flat({}, "x").data.crop
    if measured:
        assert run.preprocess.mean == (0.4, 0.5, 0.6)


def _one_epoch(tree: ast.Module) -> ast.Module:
    """The snippet, over one epoch instead of many."""
    for node in ast.walk(tree):
        if isinstance(node, ast.For) and ast.unparse(node.target) == "epoch":
            node.iter = ast.parse("range(1)", mode="eval").body
    return ast.fix_missing_locations(tree)


def _decided(crop: CropConfig) -> tuple[Any, ...]:
    sides = [(crop.shape(train), crop.mode(train)) for train in (True, False)]
    return (*sides, crop.crop_scale, crop.crop_ratio, crop.crop_padding, crop.flip, crop.eval_share)


def test_a_few_batches_show_all_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Validation samples lie class by class; the first batch of them would show one class."""
    labels = [i % 3 for i in range(12)] + sorted(i % 3 for i in range(24))
    rows_ = [stored(photo(i, 40, 40), label=n, name=f"{i}") for i, n in enumerate(labels)]
    make_records(tmp_path / "a.beton", rows_, {"train": 12, "val": 24}).close()
    run = run_training(settings(tmp_path / "a.beton", tmp_path / "run", **QUICK))
    assert run.val_loader is not None
    assert sorted(labels[i] for i in run.val_loader.plan(0).indices) == [0, 0, 0, 1, 1, 1, 2, 2]
    assert (
        "--limit-batches 1: val scores are of 8 of 24 samples, spread over all classes"
    ) in capsys.readouterr().out
    few = {**QUICK, "batch_size": 2}
    run_training(settings(tmp_path / "a.beton", tmp_path / "few", **few))
    assert "of 2 of 24 samples, spread over 2 of 3 classes" in capsys.readouterr().out
    (epoch,) = rows(tmp_path / "run", "epoch")
    assert round(epoch["val_accuracy"] * 8, 6).is_integer()
