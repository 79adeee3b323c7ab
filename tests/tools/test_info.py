"""tools/info.py: what it says of a file, its contact sheet, and what --verify finds."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headrace.pipeline.containers.manifest import Manifest
from headrace.pipeline.errors import ConfigError
from headrace.tools.info import main
from headrace.tools.pack import main as pack
from tests.builders import samples, write_beton


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("info")
    for i, sample in enumerate(samples(12)):
        folder = root / "in" / ("train" if i < 9 else "test") / ("fig", "kiwi", "pear")[i % 3]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i}.jpg").write_bytes(sample.data)
    (root / "in" / "train" / "fig" / "bad.jpg").write_bytes(b"nothing")
    assert pack([str(root / "in"), str(root / "o.beton")]) == 0
    return root / "o.beton"


def test_text_and_json_tell_the_same(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(packed)]) == 0
    text = capsys.readouterr().out
    assert main([str(packed), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["samples"] == 12 and found["classes"] == ["fig", "kiwi", "pear"]
    assert found["splits"]["test"] == {
        "start": 9,
        "stop": 12,
        "samples": 3,
        "classes": {"0": 1, "1": 1, "2": 1},
    }
    assert found["encodings"] == {"jpeg": 12}
    assert found["skipped"][0]["name"] == "train/fig/bad.jpg"
    assert "12 images, 3 classes" in text and "train/fig/bad.jpg: not an image" in text
    assert "kiwi" in text and "max_side 512" in text


def test_an_image_folder(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (packed.parent / "in" / "train" / "fig" / "bad.jpg").unlink(missing_ok=True)
    assert main([str(packed.parent / "in"), "--json", "--verify"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "folder" and found["samples"] == 12 and found["problems"] == []


def test_contact_sheet(packed: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    assert main([str(packed), "--grid", str(sheet), "--columns", "4"]) == 0
    with Image.open(sheet) as image:
        assert image.height > 3 * 100 and image.width > 4 * 100
        assert len(np.unique(np.asarray(image))) > 50


def test_a_contact_sheet_replaces_no_record_file(packed: Path) -> None:
    before = packed.read_bytes()
    with pytest.raises(ConfigError, match=r"--grid .*: expected a name that ends in .png"):
        main([str(packed), "--grid", str(packed)])
    assert packed.read_bytes() == before


def test_a_contact_sheet_says_which_share_of_the_classes_it_shows(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(packed), "--grid", str(tmp_path / "all.png")]) == 0
    assert "classes shown" not in capsys.readouterr().out
    names = [f"class {number}" for number in range(43)]
    many = [dataclasses.replace(s, label=i) for i, s in enumerate(samples(43, low=8, high=9))]
    manifest = Manifest(classes=tuple(names), splits={"train": (0, 43)})
    write_beton(tmp_path / "many.beton", many, manifest)
    sheet = tmp_path / "many.png"
    assert main([str(tmp_path / "many.beton"), "--grid", str(sheet)]) == 0
    assert f"contact sheet: {sheet} (40 of 43 classes shown)" in capsys.readouterr().out
    with Image.open(sheet) as image:
        foot = np.asarray(image)[40 * (112 + 6) + 6 :]
    assert (foot[..., 0] > foot[..., 1] + 100).any()  # red letters under the last row


def test_a_file_of_synthetic_images_says_so(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"generator": "flow\x1b[2J", "seed": 3, "steps": 10}
    path = write_beton(tmp_path / "made.beton", samples(2), Manifest(synthetic=told))
    assert main([str(path)]) == 0
    said = capsys.readouterr().out
    assert "  synthetic: made by flow\\x1b[2J, seed 3, not photographs\n" in said
    assert main([str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["synthetic"] == told
    assert main([str(packed)]) == 0
    assert "synthetic" not in capsys.readouterr().out


def test_a_sound_file_verifies(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(packed), "--verify"]) == 0
    assert "verified: 12 images, 0 problems" in capsys.readouterr().out


def test_verify_finds_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = samples(70)
    cut = stored[40]
    stored[40] = type(cut)(
        data=cut.data[: len(cut.data) // 2],
        height=cut.height,
        width=cut.width,
        label=cut.label,
        name="cut.jpg",
    )
    wide = stored[41]
    stored[41] = type(wide)(
        data=wide.data, height=wide.height, width=wide.width + 1, label=9, name="wide.jpg"
    )
    path = write_beton(
        tmp_path / "o.beton",
        stored,
        Manifest(classes=("a", "b", "c"), splits={"train": (0, 40), "val": (39, 60)}),
    )
    assert main([str(path), "--verify", "--json", "--workers", "2"]) == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    told = [f"{p['name']}: {p['problem']}" for p in problems]
    assert any(t.startswith("cut.jpg: Premature end") for t in told)
    assert any(t.startswith("wide.jpg: is ") and "tables say" in t for t in told)
    assert any("label 9 has no name" in t for t in told)
    assert any("sample 39 is in two splits" in t for t in told)
    assert any("sample 60 is in no split" in t for t in told)
    assert len(told) == 5
