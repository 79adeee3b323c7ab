"""tools/preview.py: what it draws and refuses."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from headrace.augment import Preprocess, build_augmenter
from headrace.pipeline.command_line import called
from headrace.pipeline.errors import ConfigError, RecordsError
from headrace.pipeline.records import Records
from headrace.tools.preview import Subject, _subject, caption, choose, main, make_block
from headrace.tools.preview_sheet import LEGEND, as_shown
from headrace.train.command_line import read_command_line
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.run import run_training
from tests.builders import samples, write_beton


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("preview") / "small.beton"
    write_beton(path, samples(12))
    return path


def test_preview_of_recipes(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheets" / "preview.png"
    words = ["--recipe", "report", "[hflip, {op: mixup, alpha: 0.4}]", "--size", "48"]
    assert main([str(packed), *words, "--samples", "3", "--draws", "2", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "evaluation: what validation and prediction see: mean" in said
    assert "training, recipe report: mean" in said and "alpha: 0.4" in said
    assert f"{LEGEND}\n" in said
    assert said.endswith(
        f"next: {called('train', '--data', packed)}\n"
    )  # of several none is chosen
    assert (
        main([str(packed), "--recipe", "medium", *words[3:], "--out", str(tmp_path / "one.png")])
        == 0
    )
    one = called("train", "--data", packed, "--recipe", "medium")
    assert capsys.readouterr().out.endswith(f"next: {one}\n")
    with Image.open(out) as sheet:
        # Evaluation's view, two draws beside it; a row of blocks for each recipe.
        assert sheet.width > (1 + 2) * 128 and sheet.height > 2 * 3 * 128


def test_a_run_is_shown_by_what_it_trains_on(packed: Path, tmp_path: Path) -> None:
    run, told = tmp_path / "run", tmp_path / "told.json"
    train_flags = "--val-fraction 0.5 --epochs 1 --size 32 --batch-size 2 --no-report --workers 1"
    train_flags += " --no-tensorboard --model small-resnet --recipe none"
    words = ["--data", str(packed), *train_flags.split(), "--out", str(run)]
    run_training(read_command_line(words)[0])
    words = ["--run", str(run), "--samples", "12", "--draws", "1", "--out", str(run / "a.png")]
    with Records.open(packed) as records:
        trained = load_checkpoint(str(run))["config"]["train_split"]
        names = {records.name(int(index)) for index in records.select(trained)}
    assert 0 < len(names) < 12
    main([*words, "--json", str(told)])
    assert set(json.loads(told.read_text())["samples"]) == names
    main([*words, "--split", "train[:25%]", "--json", str(told)])
    assert len(json.loads(told.read_text())["samples"]) == 3
    with pytest.raises(RecordsError, match="no split 'other'"):
        main([*words, "--split", "other"])


def test_evaluation_stands_beside_the_training_draws_of_the_same_samples(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.png"
    words = ["--recipe", "none", "--geometry", "squash", "--size", "128", "--samples", "2"]
    assert main([str(packed), *words, "--draws", "8", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "training: squash at 128x128 px; evaluation: squash at 128x128 px" in said
    with Image.open(out) as sheet:
        pixels = np.asarray(sheet).astype(int)
    evaluation, *draws = tiles(pixels)
    assert len(draws) == 8
    alike = [np.array_equal(draw, evaluation) for draw in draws]
    mirrored = [np.array_equal(draw, evaluation[:, ::-1]) for draw in draws]
    assert any(alike) and any(mirrored)  # nothing but a flip is drawn
    assert all(one or other for one, other in zip(alike, mirrored, strict=True))


def tiles(sheet: np.ndarray) -> list[np.ndarray]:
    """The images of a sheet's first row, (128, 128, 3) each: runs of columns without paper."""
    top = 15 + 8 + 8 + 2 * 15 + 4  # below the legend and a title of two lines
    paper = (sheet[top : top + 128] == (250, 250, 248)).all(2).mean(0) > 0.5
    edges = np.flatnonzero(np.diff(np.concatenate([[1], paper, [1]])))
    runs = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a == 128]
    return [sheet[top : top + 128, a:b] for a, b in runs]


def subject(packed: Path, preprocess: Preprocess | None = None) -> Subject:
    found = _subject(str(packed), "", 48, 0)
    return dataclasses.replace(found, preprocess=preprocess) if preprocess else found


def test_a_wrong_normalisation_is_called_out(packed: Path) -> None:
    good = subject(packed)
    chosen = good.records.select(None)
    indices = choose(chosen, good.records.labels, 4, 0)
    assert make_block(good, "", "none", chosen, indices, 2, train=False).is_normalised()
    # Numbers left in 0..1, as in the course report's test loader.
    left_out = subject(packed, Preprocess(size=48, mean=(0.0,) * 3, std=(1.0,) * 3))
    assert not make_block(left_out, "", "none", chosen, indices, 2, train=False).is_normalised()


def test_an_evaluation_that_augments_is_called_out(packed: Path) -> None:
    own = subject(packed)
    chosen = own.records.select(None)
    indices = choose(chosen, own.records.labels, 4, 0)
    assert make_block(own, "", "none", chosen, indices, 3, train=False).alarm == ""
    wrong = make_block(own, "", "trivial", chosen, indices, 3, train=False)
    assert wrong.alarm == "EVALUATION CHANGES FROM DRAW TO DRAW"


def test_the_preview_shows_numbers_not_bytes() -> None:
    values = np.array([[[-2.5, 0.0, 2.5]]], np.float32)
    shown = np.asarray(as_shown(np.repeat(np.repeat(values, 2, 0), 2, 1)))[0, 0]
    assert shown.tolist() == [0, 128, 255]


def test_a_caption_tells_the_shares_wherever_images_are_mixed() -> None:
    names = ["Rice", "Soup"]
    assert caption(torch.tensor(1), names) == "Soup"
    assert caption(torch.tensor(-1), names) == "no label"
    assert caption(torch.tensor([0.38, 0.62]), names) == "62% Soup + 38% Rice"
    assert caption(torch.tensor([1.0, 0.0]), names) == "100% Rice"


def test_training_draws_are_the_augmenters(packed: Path) -> None:
    own = subject(packed)
    chosen = own.records.select(None)
    indices = choose(chosen, own.records.labels, 4, 0)
    block = make_block(own, "", "trivial", chosen, indices, 3)
    from headrace.tools.preview import draw_batch

    aug = build_augmenter("trivial", num_classes=12, preprocess=own.preprocess)
    labels = torch.from_numpy(own.records.labels[indices])
    for draw in range(3):
        out, _ = aug(draw_batch(own, chosen, indices, draw, True), labels)
        assert np.array_equal(block.values[draw], out.permute(0, 2, 3, 1).numpy())


def test_every_class_is_shown_before_any_twice() -> None:
    labels = np.array([0] * 50 + [1] * 3 + [2])
    picked = choose(np.arange(54), labels, 3, seed=1)
    assert sorted(labels[picked]) == [0, 1, 2]
    assert len(set(choose(np.arange(54), labels, 20, seed=1).tolist())) == 20


def test_preview_refuses_a_place_before_it_draws(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, said in (("file/a.png", "cannot be made"), ("made.png", "is a folder")):
        (tmp_path / "made.png").mkdir(exist_ok=True)
        with pytest.raises(ConfigError, match=said):
            main([str(packed), "--recipe", "unknown too", "--out", str(tmp_path / name)])


def test_preview_refusals(packed: Path) -> None:
    with pytest.raises(ConfigError, match="expected DATA or --run RUN: give"):
        main([])
    with pytest.raises(ConfigError, match="--draws 0: expected 1 to 64"):
        main([str(packed), "--draws", "0"])
    with pytest.raises(ConfigError, match=r"ends in \.png"):
        main([str(packed), "--out", "x.jpg"])
    with pytest.raises(ConfigError, match="unknown recipe 'wild'"):
        main([str(packed), "--recipe", "wild", "--size", "32"])
    for words in (["--size", "32"], ["--geometry", "squash"], ["--seed", "1"]):
        with pytest.raises(ConfigError, match=f"{words[0]} beside --run: a run is shown with"):
            main(["--run", "runs/some", *words])
