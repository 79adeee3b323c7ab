"""The sample data set: its layout, its bytes, and that it is no riddle of mean colours."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.discovery import discover
from headrace.tools.painting.foods import CLASS_NAMES
from headrace.tools.painting.textures import make_textures
from headrace.tools.sample import SampleConfig, draw_photo, main

SMALL = ["--train", "22", "--valid", "11", "--test", "5", "--size", "128"]


def _files(root: Path) -> dict[str, bytes]:
    return {str(f.relative_to(root)): f.read_bytes() for f in sorted(root.rglob("*.jpg"))}


def test_laid_out_as_food11(tmp_path: Path) -> None:
    assert main([str(tmp_path / "s"), *SMALL, "--workers", "1"]) == 0
    listing = discover(tmp_path / "s")
    assert listing.layout == "names"
    assert listing.splits == {"train": (0, 22), "val": (22, 33), "test": (33, 38)}
    assert listing.classes == CLASS_NAMES
    assert sorted(listing.labels[:22].tolist()) == sorted([*range(11), *range(11)])
    assert listing.labels[33:].tolist() == [-1] * 5
    assert (tmp_path / "s" / "test" / "0004.jpg").is_file()
    assert not list(tmp_path.glob("*.part"))


def test_same_seed_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    for name, options in (("a", ["--workers", "1"]), ("b", ["--workers", "2"])):
        main([str(tmp_path / name), *SMALL, *options])
    assert _files(tmp_path / "a") == _files(tmp_path / "b")
    main([str(tmp_path / "c"), *SMALL, "--seed", "1", "--workers", "1"])
    assert not set(_files(tmp_path / "a").values()) & set(_files(tmp_path / "c").values())


def test_an_older_set_is_kept_and_a_strange_folder_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s"
    few = ["--train", "2", "--valid", "0", "--test", "0", "--size", "64", "--workers", "1"]
    main([str(out), *few])
    main([str(out), *few])
    assert "already there" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="other settings: pass --force"):
        main([str(out), *few, "--seed", "5"])
    main([str(out), *few, "--seed", "5", "--force"])
    assert json.loads((out / "sample.json").read_text())["seed"] == 5
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="is not a sample data set"):
        main([str(mine), *few, "--force"])
    assert (mine / "thesis.txt").exists()


@pytest.mark.parametrize("theirs", ["thesis.txt", "train/best.pt", "runs/best.pt", "train/0_9.jpg"])
def test_nothing_is_replaced_that_was_not_drawn(theirs: str, tmp_path: Path) -> None:
    out = tmp_path / "s"
    few = ["--train", "2", "--valid", "0", "--test", "0", "--size", "64", "--workers", "1"]
    main([str(out), *few])
    (out / theirs).parent.mkdir(exist_ok=True)
    (out / theirs).write_text("years of work")
    with pytest.raises(ConfigError, match="is not of the sample data set: move it"):
        main([str(out), *few, "--seed", "5", "--force"])
    assert (out / theirs).read_text() == "years of work"
    assert json.loads((out / "sample.json").read_text())["seed"] == 0


@pytest.mark.parametrize("marker", ['{"anything": 1}', "[]", '{"version": 1, "seed": 0}', "3"])
def test_somebody_elses_marker_is_none(marker: str, tmp_path: Path) -> None:
    (tmp_path / "sample.json").write_text(marker)
    with pytest.raises(ConfigError, match="is not a sample data set"):
        main([str(tmp_path), "--train", "2", "--force"])
    assert (tmp_path / "sample.json").read_text() == marker


def test_images_weigh_what_photos_weigh() -> None:
    config = SampleConfig()
    textures = make_textures(0)
    photos = [draw_photo(config, textures, "train", n) for n in range(22)]
    shapes = [simplejpeg.decode_jpeg_header(p)[:2] for p in photos]
    assert {max(s) for s in shapes} == {500}
    per_pixel = sum(map(len, photos)) / sum(h * w for h, w in shapes)
    assert 0.35 < per_pixel < 0.75


def test_mean_colour_does_not_tell_the_class() -> None:
    config = SampleConfig(size=64)
    textures = make_textures(0)
    features, labels = [], []
    for number in range(165):
        image = simplejpeg.decode_jpeg(draw_photo(config, textures, "train", number)) / 255
        features.append([*image.mean((0, 1)), *image.std((0, 1)), 1.0])
        labels.append(number % 11)
    x, y = np.array(features), np.eye(11)[labels]
    weights = np.linalg.lstsq(x[:99], y[:99], rcond=None)[0]
    hits = ((x[99:] @ weights).argmax(1) == np.array(labels)[99:]).mean()
    assert hits < 0.35


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "5"], "--size 5"),
        (["--train", "-1"], "--train -1"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_impossible_settings(tmp_path: Path, options: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        main([str(tmp_path / "s"), *options])


@pytest.mark.skipif(sys.platform == "win32", reason="groups of processes are POSIX")
def test_ctrl_c_in_a_terminal_is_told_once(tmp_path: Path) -> None:
    """It reaches every process of the command, those that draw too."""
    words = [sys.executable, "-m", "headrace", "sample", "out", "--train", "4000", "--workers", "2"]
    root = Path(__file__).resolve().parents[2]
    run = subprocess.Popen(
        words,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while run.poll() is None and not list(tmp_path.glob(".out.*/new/train/*.jpg")):
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGINT)
    assert run.communicate()[1] == "error: interrupted\n"
    assert run.returncode == 130
    assert not list(tmp_path.iterdir())
