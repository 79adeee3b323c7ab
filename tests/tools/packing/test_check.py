"""tools/info.py --check: a sound pack compares equal to its source; every difference is named."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headrace.pipeline.containers.manifest import Manifest
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from headrace.tools.info import main as info
from headrace.tools.pack import main as pack
from headrace.tools.packing.check import encode_config
from headrace.tools.packing.encode import EncodeConfig
from tests.builders import StoredSample, jpeg_bytes, photo, samples, write_beton
from tests.tools.packing.messy_folder import make_messy_folder


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With images of every way to be stored: as they are, shrunk, turned, lossless."""
    root = make_messy_folder(tmp_path_factory.mktemp("check") / "in")
    picture = Image.fromarray(photo(50, 90, 160))
    picture.save(root / "train" / "Pear" / "large.jpg", quality=95)
    picture.resize((48, 40)).save(root / "train" / "Pear" / "small.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.resize((96, 80)).save(root / "val" / "Pear" / "turned.jpg", exif=exif)
    return root


def _packed(source: Path, out: Path, *options: str) -> str:
    assert pack([str(source), str(out), "--workers", "1", "--max-side", "128", *options]) == 0
    return str(out)


def _differences(path: str, source: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    status = info([path, "--check", str(source), "--json", "--workers", "1"])
    found = json.loads(capsys.readouterr().out)["check"]["differences"]
    assert status == (1 if found else 0)
    return [f"{difference['name']} {difference['what']}" for difference in found]


@pytest.mark.parametrize(
    ("out", "options"),
    [
        ("o.beton", []),
        ("o.beton", ["--format", "raw"]),
        ("o.beton", ["--reencode", "--quality", "40", "--lossless", "never"]),
        ("o.beton", ["--verify", "header", "--merge", "train,val", "--val-fraction", "0.3"]),
        ("o.beton", ["--merge", "train,val", "--folds", "3", "--seed", "4"]),
        ("o.tar", []),
        ("o", ["--shard-size", "1"]),
    ],
)
def test_a_sound_pack_is_like_its_source(
    messy: Path, tmp_path: Path, out: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = _packed(messy, tmp_path / out, *options)
    moved = tmp_path / "moved"
    shutil.copytree(messy, moved, symlinks=True)
    assert info([path, "--check", str(moved), "--workers", "2"]) == 0
    said = capsys.readouterr().out
    with Records.open(path) as records:
        count = len(records)
    assert f"{count} images, the pixels of {count}, 1" in said and "; 0 differences" in said


def test_lists_are_found_again_without_a_flag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in"
    (source / "im").mkdir(parents=True)
    rows = ["file,colour,shape"]
    for i in range(12):
        (source / "im" / f"{i}.jpg").write_bytes(jpeg_bytes(photo(i, 20, 30)))
        rows.append(f"{i}.jpg,{('red', 'blue')[i % 2]},{('disc', 'ring', 'bar')[i % 3]}")
    (source / "all.csv").write_text("\n".join(rows) + "\n")
    path = _packed(source, tmp_path / "o.beton", "--label-column", "shape")
    assert not _differences(path, source, capsys)
    status = info([path, "--check", str(source), "--label-column", "colour"])
    assert status == 1 and "im/0.jpg has the label 'disc', the source says 'red'" in (
        capsys.readouterr().err
    )


def test_class_names_are_found_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for i in range(6):
        (source / f"{i % 3}_{i}.jpg").write_bytes(jpeg_bytes(photo(i, 20, 30)))
    names = tmp_path / "names.txt"
    names.write_text("ant\nbee\ncow\n")
    path = _packed(source, tmp_path / "o.beton", "--class-names", str(names))
    assert not _differences(path, source, capsys)
    names.rename(tmp_path / "elsewhere.txt")
    with pytest.raises(ConfigError, match=r"names\.txt cannot be read"):
        info([path, "--check", str(source)])
    elsewhere = ["--class-names", str(tmp_path / "elsewhere.txt")]
    assert info([path, "--check", str(source), *elsewhere]) == 0


def test_every_difference_is_named(
    messy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _packed(messy, tmp_path / "o.beton")
    source = tmp_path / "changed"
    shutil.copytree(messy, source, symlinks=True)
    train = source / "train"
    (train / "Pear" / "new.jpg").write_bytes(jpeg_bytes(photo(1, 20, 30)))
    (train / "Apple" / "train_Apple_0001.jpg").unlink()
    (source / "val" / "Pear" / "val_Pear_0001.jpg").write_bytes(jpeg_bytes(photo(2, 30, 40)))
    (source / "val" / "Pear" / "val_Pear_0000.jpg").write_bytes(jpeg_bytes(photo(2, 24, 32)))
    Image.fromarray(photo(51, 90, 160)).save(train / "Pear" / "large.jpg", quality=95)
    Image.fromarray(photo(52, 40, 48)).save(train / "Pear" / "small.png")
    (train / "apple" / "train_apple_0000.jpg").write_bytes(b"nothing")
    (source / "extra" / "new.jpg").write_bytes(jpeg_bytes(photo(1, 20, 30)))
    (source / "extra" / "new.exr").write_bytes(b"v/1\1" + bytes(40))
    (source / "extra" / ".hidden.jpg").write_bytes(jpeg_bytes(photo(1, 20, 30)))
    found = _differences(path, source, capsys)
    beginnings = [
        "train/Pear/new.jpg is not packed, and nothing says why",
        "extra/new.jpg is not packed, and nothing says why",
        "train/Apple/train_Apple_0001.jpg is packed, the source does not have it",
        "val/Pear/val_Pear_0001.jpg the stored bytes are not those of the file",
        "val/Pear/val_Pear_0000.jpg is stored as 40x30 px, it would be 32x24",
        "train/Pear/large.jpg its pixels are ",
        "train/Pear/small.png the stored pixels are not those of the file",
        ".exr files: the source has 1, the pack has left out 0",
        "train/apple/train_apple_0000.jpg the file cannot be used any more: not an image",
    ]
    for beginning in beginnings:
        assert sum(line.startswith(beginning) for line in found) == 1, (beginning, found)
    assert len(found) == len(beginnings)


def test_labels_splits_and_classes_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in"
    for split, title, name in (
        ("train", "ant", "0.jpg"),
        ("train", "bee", "1.jpg"),
        ("val", "ant", "2.jpg"),
    ):
        folder = source / split / title
        folder.mkdir(parents=True)
        (folder / name).write_bytes(jpeg_bytes(photo(int(name[0]), 20, 30)))
    path = _packed(source, tmp_path / "o.beton")
    with Records.open(path) as records:
        stored = [
            StoredSample(
                data=bytes(records.view(i)), height=20, width=30, label=1, name=records.name(i)
            )
            for i in range(3)
        ]
        manifest = replace(
            records.manifest, classes=("ant", "bee", "cow"), splits={"train": (0, 3)}
        )
    forged = write_beton(tmp_path / "forged.beton", stored, manifest)
    assert _differences(str(forged), source, capsys) == [
        "train/ant/0.jpg has the label 'bee', the source says 'ant'",
        "val/ant/2.jpg is in the split train, the source says val",
        "class cow is not in the source",
    ]


def test_what_was_encoded_elsewhere_may_differ_a_little(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As by another version of libjpeg: other bytes, the same loss."""
    source = tmp_path / "in" / "a"
    source.mkdir(parents=True)
    picture = photo(3, 100, 120)
    Image.fromarray(picture).save(source / "x.png")
    path = _packed(tmp_path / "in", tmp_path / "o.beton")
    with Records.open(path) as records:
        manifest, name = records.manifest, records.name(0)
    shifted = np.roll(picture, 1, axis=0)
    for pixels, quality, differs in (
        (picture, 90, False),
        (picture, 40, True),
        (shifted, 90, True),
    ):
        data = jpeg_bytes(pixels, quality=quality) + b"\0"
        sample = StoredSample(data=data, height=100, width=120, name=name)
        forged = write_beton(tmp_path / "forged.beton", [sample], manifest)
        assert bool(_differences(str(forged), tmp_path / "in", capsys)) == differs


def test_some_of_the_pixels_are_enough_if_asked(
    messy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _packed(messy, tmp_path / "o.beton")
    source = tmp_path / "changed"
    shutil.copytree(messy, source, symlinks=True)
    for i, file in enumerate(sorted(source.rglob("val_*.jpg"))):
        file.write_bytes(jpeg_bytes(photo(60 + i, 30, 40)))
    capsys.readouterr()
    assert info([path, "--check", str(source), "--check-pixels", "0"]) == 0
    assert "the pixels of 0, " in capsys.readouterr().out
    assert info([path, "--check", str(source), "--check-pixels", "20"]) == 1
    said = capsys.readouterr()
    assert "the pixels of 20, " in said.out and 1 < said.err.count("differs: val/") < 15
    assert info([path, "--check", str(source)]) == 1
    said = capsys.readouterr()
    assert said.err.count("differs: val/") == 10 and "; 15 differences" in said.out
    assert info([path, "--check", str(source), "--show-all"]) == 1
    assert capsys.readouterr().err.count("differs: val/") == 15


def test_one_file_in_two_splits_is_two_samples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in"
    (source / "im").mkdir(parents=True)
    for i in range(8):
        (source / "im" / f"{i}.jpg").write_bytes(jpeg_bytes(photo(i, 20, 30)))
    for split, numbers in (("train", range(6)), ("val", (6, 7)), ("test", (6, 7))):
        lines = [f"im/{i}.jpg {('ant', 'bee')[i % 2]}" for i in numbers]
        (source / f"{split}.txt").write_text("\n".join(lines) + "\n")
    path = _packed(source, tmp_path / "o.beton")
    with Records.open(path) as records:
        assert len(records) == 10
        assert records.manifest.report is not None
        (double,) = records.manifest.report.doubles
        assert double.among == {"val + test": 2}
    assert not _differences(path, source, capsys)


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "x.jpg").write_bytes(jpeg_bytes(photo(1, 20, 30)))
    source = str(tmp_path / "in")
    nameless = write_beton(tmp_path / "ffcv.beton", samples(2))
    with pytest.raises(ConfigError, match="holds no file names"):
        info([str(nameless), "--check", source])
    with pytest.raises(ConfigError, match="is a folder, not a packed file"):
        info([source, "--check", source])
    with pytest.raises(ConfigError, match="--check-pixels some: expected a number or all"):
        info([source, "--check", source, "--check-pixels", "some"])
    with pytest.raises(ConfigError, match="add it"):
        info([source, "--layout", "flat"])


def test_settings_of_files_from_before_there_were_reports() -> None:
    for config in (EncodeConfig(lossless="never"), EncodeConfig(lossless="never", reencode=True)):
        values = config.to_dict() | {"layout": "classes", "measured": 3}
        for key in ("lossless", "truncated", "depth"):
            del values[key]
        assert encode_config(Manifest(encoding=values)) == config
    with pytest.raises(ConfigError, match="that this version does not know"):
        encode_config(Manifest(encoding={"format": "jpeg", "mood": 3}))
    with pytest.raises(ConfigError, match="packed with settings"):
        encode_config(Manifest())
