"""What training has left is told apart from images, wherever these are expected."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headrace.pipeline.errors import RecordsError
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.records import Records


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A run, and several of folds beside a list of images, in one folder."""
    for name, files in (
        ("one", "config.yaml metrics.jsonl best.pt"),
        ("folds", "trials.yaml labels.csv"),
    ):
        (tmp_path / "runs" / name).mkdir(parents=True)
        for file in files.split():
            (tmp_path / "runs" / name / file).write_text("path,label\n1.jpg,0\n")
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("one", "is the folder of a run"),
        ("folds", "is the folder of a run"),
        (".", "is a folder of runs"),
        ("one/best.pt", "holds a model's weights"),
    ],
)
def test_it_is_called_what_it_is(place: str, what: str, runs: Path) -> None:
    for read in (Records.open, discover):
        with pytest.raises(RecordsError, match=f"{what}.* headrace predict RUN DATA, "):
            read(runs / place)


def test_images_with_a_run_beside_them_are_images(runs: Path) -> None:
    (runs / "a").mkdir()
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(runs / "a" / "1.jpg")
    assert discover(runs, layout="classes").paths == ["a/1.jpg"]


def test_of_one_image_in_one_folder_no_plurals_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "a" / "1.jpg")
    assert discover(tmp_path).why == "classes: 1 image lies in folders of 1 name"
