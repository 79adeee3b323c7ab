"""An image folder opened as Records."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from headrace.pipeline.errors import RecordsError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.pixels import decode_any_rgb
from headrace.pipeline.records import Records
from tests.builders import photo


def save(path: Path, seed: int, height: int, width: int, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo(seed, height, width)).save(path, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(3):
        save(tmp_path / "train" / "cat" / f"{i}.jpg", i, 40, 60)
        save(tmp_path / "train" / "dog" / f"{i}.png", i, 50, 30)
    save(tmp_path / "val" / "dog" / "9.jpg", 9, 40, 60)
    (tmp_path / "train" / "cat" / "1.jpg").write_bytes(b"not an image")
    return tmp_path


def test_a_folder_opens_without_its_unreadable_files(folder: Path) -> None:
    records = Records.open(folder)
    assert records.kind == "folder"
    assert records.splits == {"train": (0, 5), "val": (5, 6)}
    assert records.manifest.classes == ("cat", "dog")
    assert records.labels.tolist() == [0, 0, 1, 1, 1, 1]
    assert [s.name for s in records.manifest.skipped] == ["train/cat/1.jpg"]
    for i in range(6):
        assert records.decode(i).shape == (records.heights[i], records.widths[i], 3)


def test_a_rotated_photo_stands_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "a" / "x.jpg", 0, 40, 60, exif=exif, quality=95)
    save(tmp_path / "b" / "y.jpg", 0, 40, 60, quality=95)
    records = Records.open(tmp_path)
    assert (records.heights[0], records.widths[0]) == (60, 40)
    assert np.array_equal(records.decode(0), np.rot90(records.decode(1), -1))


def turned_png(*, behind_pixels: bool) -> bytes:
    """40x60 px as stored; its orientation stands in front of its pixels or behind them."""
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.fromarray(photo(0, 40, 60)).save(file, "PNG", exif=exif)
    data = file.getvalue()
    start = data.index(b"eXIf") - 4
    end = start + int.from_bytes(data[start : start + 4], "big") + 12
    last = len(data) - 12
    moved = data[:start] + data[end:last] + data[start:end] + data[last:]
    return moved if behind_pixels else data


@pytest.mark.parametrize("behind_pixels", [False, True])
def test_a_png_stands_upright_wherever_it_says_so(tmp_path: Path, behind_pixels: bool) -> None:
    (tmp_path / "x.png").write_bytes(turned_png(behind_pixels=behind_pixels))
    records = Records.open(tmp_path)
    assert (records.heights[0], records.widths[0]) == (60, 40)
    assert np.array_equal(records.decode(0), np.rot90(photo(0, 40, 60), -1))


def test_pngs_are_opened_by_their_headers_and_decoded_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []
    load_end = PngImageFile.load_end

    def counted(image: PngImageFile) -> None:
        decoded.append(1)
        load_end(image)

    monkeypatch.setattr(PngImageFile, "load_end", counted)
    records = Records.open(folder)
    assert not decoded
    records.decode(2)
    assert len(decoded) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpegs_are_read_as_pil_reads_them(tmp_path: Path, mode: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(photo(3, 41, 58)).convert(mode)
    image.save(tmp_path / "x.jpg", exif=exif)
    records = Records.open(tmp_path)
    assert np.array_equal(records.decode(0), decode_any_rgb(records.view(0)))


def test_a_folder_loads_with_torchvision(folder: Path) -> None:
    with open_loader(folder, loader="torchvision", size=32, batch_size=4, workers=0) as loader:
        batches = list(loader.epoch(0))
    assert [len(b.labels) for b in batches] == [4, 1]


def test_a_folder_of_broken_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.jpg").write_bytes(b"broken")
    with pytest.raises(RecordsError, match=r"holds no image .*; 1 file left out, a/x\.jpg: ."):
        Records.open(tmp_path)
