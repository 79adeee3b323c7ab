"""WebDataset shards: readable by us, by webdataset and by DALI, with the index of wds2idx."""

import importlib.util
import json
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.pipeline.containers.level_table import LEVEL
from headrace.pipeline.containers.manifest import manifest_bytes
from headrace.pipeline.errors import RecordsError
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.records import Records
from headrace.tools.pack import main
from headrace.tools.packing.encode import EncodeConfig
from headrace.tools.packing.output import Output
from headrace.tools.packing.run import pack_shards
from tests.builders import jpeg_bytes, photo


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shards")
    for i in range(24):
        split = "train" if i < 16 else "val"
        folder = root / "in" / split / f"class{i % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        image = photo(i, 200 + i, 300)
        (folder / f"{i}.jpg").write_bytes(jpeg_bytes(image, "444", 99))
    for out in ("one.tar", "many/", "plain.beton"):
        options = ["--shard-size", "1"] if out == "many/" else []
        assert main([str(root / "in"), f"{root}/{out}", *options]) == 0
    return root


def test_records_are_those_of_the_beton(packed: Path) -> None:
    with Records.open(packed / "plain.beton") as wanted:
        for name in ("one.tar", "many"):
            with Records.open(packed / name) as records:
                assert records.kind == "shards"
                assert records.splits == wanted.splits
                assert records.manifest.classes == wanted.manifest.classes
                assert records.manifest.mean == wanted.manifest.mean
                assert records.labels.tolist() == wanted.labels.tolist()
                assert records.heights.tolist() == wanted.heights.tolist()
                for i in range(len(wanted)):
                    assert np.array_equal(records.view(i), wanted.view(i))
                    assert records.name(i) == wanted.name(i)
    assert len(list((packed / "many").glob("train-*.tar"))) > 1


def test_the_index_alone_is_enough(packed: Path, tmp_path: Path) -> None:
    for file in (packed / "many").iterdir():
        if file.suffix in (".tar", ".idx"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with Records.open(tmp_path) as records, Records.open(packed / "many") as wanted:
        assert records.splits == wanted.splits
        assert records.labels.tolist() == wanted.labels.tolist()
        assert records.widths.tolist() == wanted.widths.tolist()
        assert np.array_equal(records.decode(20), wanted.decode(20))


def test_tar_members(packed: Path) -> None:
    with tarfile.open(packed / "one.tar") as tar:
        members = tar.getmembers()
        assert [m.name for m in members[:3]] == [f"{0:09d}.{e}" for e in ("jpg", "cls", "json")]
        text = json.load(tar.extractfile(members[-1]))  # type: ignore[arg-type]
    assert text["split"] == "val" and text["name"].startswith("val/class")


def test_webdataset_reads_them(packed: Path) -> None:
    wds = pytest.importorskip("webdataset")
    found = list(
        wds.WebDataset(str(packed / "one.tar"), shardshuffle=False)
        .decode("rgb8")
        .to_tuple("jpg", "cls", "json")
    )
    with Records.open(packed / "one.tar") as records:
        assert [label for _, label, _ in found] == records.labels.tolist()
        assert np.array_equal(found[5][0], records.decode(5))
        assert [text["name"] for _, _, text in found] == [records.name(i) for i in range(24)]


@pytest.mark.skipif(importlib.util.find_spec("wds2idx") is None, reason="DALI is not installed")
def test_the_index_is_that_of_wds2idx(packed: Path, tmp_path: Path) -> None:
    from wds2idx import IndexCreator

    theirs = tmp_path / "theirs.idx"
    with IndexCreator(str(packed / "one.tar"), str(theirs), verbose=False) as creator:
        creator.create_index()
    assert theirs.read_text() == (packed / "one.idx").read_text()


@pytest.mark.skipif(
    importlib.util.find_spec("nvidia") is None or importlib.util.find_spec("nvidia.dali") is None,
    reason="DALI is not installed",
)
def test_dali_reads_them(packed: Path) -> None:
    from nvidia.dali import fn, pipeline_def

    @pipeline_def(batch_size=24, num_threads=1, device_id=None)
    def read() -> object:
        jpeg, label = fn.readers.webdataset(
            paths=str(packed / "one.tar"),
            index_paths=str(packed / "one.idx"),
            ext=["jpg", "cls"],
        )
        return jpeg, label

    pipe = read()
    pipe.build()
    images, labels = pipe.run()
    with Records.open(packed / "one.tar") as records:
        for i in range(24):
            assert int(bytes(labels.at(i))) == records.labels[i]
            assert np.array_equal(images.at(i), records.view(i))


def test_damaged_tables_and_missing_shards(packed: Path, tmp_path: Path) -> None:
    for file in (packed / "many").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tables = tmp_path / "headrace.npz"
    good = tables.read_bytes()
    tables.write_bytes(good[: len(good) // 2])
    with pytest.raises(RecordsError, match="damaged"):
        Records.open(tmp_path)
    tables.write_bytes(good)
    shard = tmp_path / "train-000000.tar"
    shard.write_bytes(shard.read_bytes()[:5000])
    with pytest.raises(RecordsError, match="damaged at sample"):
        Records.open(tmp_path)
    shard.unlink()
    with pytest.raises(RecordsError, match=r"train-000000\.tar is missing"):
        Records.open(tmp_path)
    tables.unlink()
    (tmp_path / "train-000001.idx").unlink()
    with pytest.raises(RecordsError, match="wds2idx"):
        Records.open(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="limits descriptors")
def test_more_shards_than_descriptors(tmp_path: Path) -> None:
    num_shards = 90
    (tmp_path / "in").mkdir()
    for i in range(num_shards):
        (tmp_path / "in" / f"{i % 2}_{i}.jpg").write_bytes(jpeg_bytes(photo(i, 20, 30)))
    config = EncodeConfig()
    out = Output(path=tmp_path / "out", kind="folder")
    pack_shards(discover(tmp_path / "in"), out, config, workers=1, shard_bytes=1)
    assert len(list((tmp_path / "out").glob("*.tar"))) == num_shards
    code = (
        "import resource, sys; from headrace import Records;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60));"
        "records = Records.open(sys.argv[1]);"
        "print(len([records.decode(i) for i in range(len(records))]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out")], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == num_shards


def test_tables_of_earlier_and_later_versions_open(tmp_path: Path) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "x.jpg").write_bytes(jpeg_bytes(photo(1, 20, 30)))
    out = Output(path=tmp_path / "o", kind="folder")
    pack_shards(discover(tmp_path / "in"), out, EncodeConfig(), workers=1, shard_bytes=1 << 20)
    with np.load(tmp_path / "o" / "headrace.npz") as found:
        tables = dict(found)
    with Records.open(tmp_path / "o") as records:
        manifest = records.manifest
        assert manifest.report is not None
    body = manifest_bytes(replace(manifest, report=None), ["a/x.jpg"])
    tables["manifest"] = np.frombuffer(body, np.uint8)
    np.savez(tmp_path / "o" / "headrace.npz", **tables, captions=np.zeros(3))
    with Records.open(tmp_path / "o") as records:
        assert records.manifest == replace(manifest, report=None) and records.name(0) == "a/x.jpg"


@pytest.fixture(scope="module")
def with_levels(packed: Path) -> Path:
    for out in ("levels.tar", "levels.beton"):
        assert main([str(packed / "in"), str(packed / out), "--levels", "2"]) == 0
    return packed / "levels.tar"


def test_levels_are_further_members(with_levels: Path) -> None:
    with Records.open(with_levels) as records, tarfile.open(with_levels) as tar:
        assert records.levels.shape == (24, 2) and records.levels.all()
        wanted = Records.open(with_levels.with_suffix(".beton"))
        for i in range(24):
            members = [tar.extractfile(f"{i:09d}.{name}jpg") for name in ("", "1.", "2.")]
            for level, member in enumerate(members):
                assert member is not None
                data = member.read()
                assert records.view(i, level).tobytes() == data
                assert wanted.view(i, level).tobytes() == data
    names = with_levels.with_suffix(".idx").read_text().splitlines()[1].split()[::4]
    assert names == ["jpg", "cls", "json", "1.jpg", "2.jpg"]


def test_webdataset_leaves_levels_aside_where_told_to(with_levels: Path) -> None:
    """As docs/levels.md says."""
    wds = pytest.importorskip("webdataset")
    for keywords, names in (
        ({}, {"jpg", "cls", "json", "1.jpg", "2.jpg"}),
        ({"select_files": lambda name: name.count(".") == 1}, {"jpg", "cls", "json"}),
    ):
        found = wds.WebDataset(str(with_levels), shardshuffle=False, **keywords).decode("pil")
        samples = [{key for key in sample if not key.startswith("__")} for sample in found]
        assert samples == [names] * 24


def test_the_index_alone_leads_to_the_images(with_levels: Path, tmp_path: Path) -> None:
    for suffix in (".tar", ".idx"):
        file = with_levels.with_suffix(suffix)
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with Records.open(tmp_path / "levels.tar") as records, Records.open(with_levels) as wanted:
        assert records.levels.shape == (24, 0)
        assert all(np.array_equal(records.view(i), wanted.view(i)) for i in range(24))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((3, 1), (2**40, 5), "damaged at level 2 of sample 3: 5 bytes at 1099511627776"),
        ((0, 0), (0, 2**32 - 1), "damaged at level 1 of sample 0"),
        ((7, 0), (512, 0), "damaged at level 1 of sample 7"),
        (None, np.zeros((24, 5)), "its tables have other columns"),
        (None, np.zeros((24, 5), LEVEL), "has 5 levels, expected 1 to 4"),
        (None, np.zeros((23, 2), LEVEL), "its tables have other columns"),
        (None, np.zeros(24, LEVEL), "its tables have other columns"),
    ],
)
def test_tables_of_levels_that_lie_are_refused(
    with_levels: Path, tmp_path: Path, place: tuple[int, int] | None, value: Any, message: str
) -> None:
    (tmp_path / "a.tar").write_bytes(with_levels.read_bytes())
    with np.load(with_levels.with_name("levels.headrace.npz")) as tables:
        found = dict(tables)
    if place is None:
        found["levels"] = value
    else:
        found["levels"][place] = value
    found["shards"] = np.array(["a.tar"])
    np.savez(tmp_path / "a.headrace.npz", **found)
    with pytest.raises(RecordsError, match=message):
        Records.open(tmp_path / "a.tar")
