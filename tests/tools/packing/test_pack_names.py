"""File names that are not UTF-8 come out of a pack as they went in, and can be printed."""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from headrace.pipeline.containers.manifest import Manifest, Skipped, manifest_bytes, read_manifest
from headrace.pipeline.records import Records
from headrace.tools.info import main as info
from headrace.tools.pack import main as pack
from tests.builders import jpeg_bytes, photo

ROOT = Path(__file__).resolve().parents[3]
CLASSES = ("caf\udce9", "été 夏 😀")
IMAGES = ["caf\udce9/1.jpg", "caf\udce9/ma\udcf1ana.jpg", "été 夏 😀/\\x.jpg", "été 夏 😀/😀.jpg"]
BAD = "caf\udce9/b\udce4d.jpg"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image set of which root, a class, images and a bad file have names in Latin-1."""
    root = Path(os.fsdecode(os.fsencode(tmp_path_factory.mktemp("names")) + b"/r\xe9sum\xe9"))
    try:
        root.mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    for i, name in enumerate([*IMAGES, BAD]):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(jpeg_bytes(photo(i, 24, 32)) if name != BAD else b"nothing")
    return root


@pytest.mark.parametrize(
    "name", ["o.beton", "o/", "o.tar", "\udce9.beton", "\udce9/", "\udce9.tar"]
)
def test_names_come_out_as_they_went_in(
    source: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"{tmp_path}/{name}"
    assert pack([str(source), out]) == 0
    said = capsys.readouterr().out
    assert "caf\\udce9" in said and "b\\udce4d.jpg: not an image" in said
    assert "été 夏 😀" in said
    with Records.open(out) as records:
        assert [records.name(i) for i in range(len(records))] == IMAGES
        assert (source / records.name(1)).is_file()
        assert records.manifest.classes == CLASSES
        assert [s.name for s in records.manifest.skipped] == [BAD]
    assert info([out, "--verify", "--grid", f"{tmp_path}/sheet.png"]) == 0
    assert "caf\\udce9" in capsys.readouterr().out
    assert info([str(source)]) == 0
    assert "r\\udce9sum\\udce9 (folder): 4 images" in capsys.readouterr().out
    assert info([out, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert tuple(found["classes"]) == CLASSES and found["skipped"][0]["name"] == BAD
    assert found["path"] == str(Path(out))


def test_names_inside_shards(source: Path, tmp_path: Path) -> None:
    assert pack([str(source), str(tmp_path / "o.tar")]) == 0
    with tarfile.open(tmp_path / "o.tar") as tar:
        texts = [json.load(tar.extractfile(m)) for m in tar if m.name.endswith(".json")]  # type: ignore[arg-type]
    assert [text["name"] for text in texts] == IMAGES


def test_a_bad_file_that_stops_a_pack(source: Path, tmp_path: Path) -> None:
    command = [sys.executable, "tools/pack.py", str(source), str(tmp_path / "o.beton")]
    run = subprocess.run([*command, "--on-error", "fail"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1 and "Traceback" not in run.stderr
    assert run.stderr.splitlines()[-1].startswith("error: ")
    assert "r\\udce9sum\\udce9/caf\\udce9/b\\udce4d.jpg: not an image" in run.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_whatever_the_encoding_of_the_terminal(source: Path, tmp_path: Path, encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    out = str(tmp_path / "o.beton")
    for command in (
        ["tools/pack.py", str(source), out],
        ["tools/info.py", out],
        ["tools/info.py", out, "--json"],
    ):
        run = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True
        )
        said = run.stdout.decode(encoding)
        assert run.returncode == 0, run.stderr
        assert "caf\\udce9" in said and b"Traceback" not in run.stderr
        if "--json" in command:
            assert tuple(json.loads(said)["classes"]) == CLASSES


def test_the_packers_main_prints_to_any_stream(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert pack([str(source), str(tmp_path / "o.beton")]) == 0
    text = io.StringIO()
    monkeypatch.setattr(sys, "stdout", text)
    assert pack([str(source), str(tmp_path / "p.beton")]) == 0
    assert info([str(tmp_path / "p.beton")]) == 0
    assert "caf\udce9" in text.getvalue()


def test_every_byte_survives_in_the_manifest() -> None:
    names = [os.fsdecode(bytes([byte])) for byte in range(1, 256)] + ["夏", "😀", "\\udce9", ""]
    manifest = Manifest(
        classes=tuple(names), skipped=(Skipped(name=names[200], reason=names[250]),)
    )
    found, table = read_manifest(np.frombuffer(manifest_bytes(manifest, names), np.uint8))
    assert found == manifest and list(table) == names
    assert [os.fsencode(name) for name in table][:255] == [bytes([b]) for b in range(1, 256)]


@pytest.mark.parametrize("name", ["o.beton", "o/"])
def test_names_that_differ_by_case_are_different_images(tmp_path: Path, name: str) -> None:
    names = ["a/X.JPG", "a/X.jpg", "a/x.Jpg", "b/x.jpg"]
    for i, image in enumerate(names):
        (tmp_path / "in" / image).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / image).write_bytes(jpeg_bytes(photo(i, 24, 32)))
    if len(list((tmp_path / "in" / "a").iterdir())) < 3:
        pytest.skip("this file system does not tell them apart")
    assert pack([str(tmp_path / "in"), f"{tmp_path}/{name}"]) == 0
    with Records.open(f"{tmp_path}/{name}") as records:
        packed = {records.name(i): bytes(records.view(i)) for i in range(len(records))}
    assert sorted(packed) == sorted(names)
    assert all(data == (tmp_path / "in" / image).read_bytes() for image, data in packed.items())
