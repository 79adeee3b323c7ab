"""--dry-run: the same table and the same refusals as a pack, and nothing written or decoded."""

from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError, FailedError
from headrace.tools.pack import main
from headrace.tools.packing import parallel
from headrace.tools.packing.claim import Claim
from tests.builders import may_write_anywhere
from tests.tools.packing.messy_folder import make_messy_folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_messy_folder(tmp_path / "in")


def _files(root: Path) -> set[str]:
    return {str(path) for path in root.rglob("*")}


@pytest.mark.parametrize("out", ["o.beton", "o.tar", "o/"])
def test_it_shows_the_table_and_writes_nothing(
    source: Path, tmp_path: Path, out: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def refuse(*arguments: object) -> object:
        raise AssertionError("a file is encoded")

    monkeypatch.setattr(parallel, "encode_sample", refuse)
    before = _files(tmp_path)
    assert main([str(source), f"{tmp_path}/{out}", "--dry-run"]) == 0
    assert _files(tmp_path) == before
    text = capsys.readouterr().out
    assert "46 images, 5 classes" in text and "(nothing is decoded or written)" in text
    assert "outside the split folders" in text and "gone.jpg: a link to nothing" in text
    assert "'Apple' / 'apple'" in text and "same file name with two labels: 1" in text
    assert main([str(source), f"{tmp_path}/{out}", "--dry-run", "--show-all"]) == 0
    assert "extra/of last year/11.jpg: outside" in capsys.readouterr().out


def _exists(source: Path, out: Path) -> None:
    out.write_bytes(b"mine")


def _part_of_others(source: Path, out: Path) -> None:
    out.with_name(f"{out.name}.part").write_bytes(b"mine")


@pytest.mark.parametrize(
    ("options", "prepare", "message"),
    [
        ([], _exists, "exists; pass --force"),
        ([], _part_of_others, "is in the way; move it"),
        (["--page-size", "3"], None, "--page-size 3: expected a power of two from 2 to 2048"),
        (["--layout", "list"], None, "list"),
        (["--val-fraction", "0.5"], None, "validation split already"),
        (["--class-names", "no such file"], None, "class names no such file cannot be read"),
    ],
)
def test_what_a_pack_refuses_it_refuses(
    source: Path, tmp_path: Path, options: list[str],
    prepare: Callable[[Path, Path], None] | None, message: str,
) -> None:  # fmt: skip
    out = tmp_path / "o.beton"
    if prepare is not None:
        prepare(source, out)
    before = _files(tmp_path)
    for mode in (["--dry-run"], []):
        with pytest.raises(ConfigError, match=message):
            main([str(source), str(out), *options, *mode])
        assert _files(tmp_path) == before


def test_shards_take_no_raw_pixels(source: Path, tmp_path: Path) -> None:
    for options in (["--format", "raw"], ["--lossless", "always"]):
        with pytest.raises(ConfigError, match=f"leave {' '.join(options)} out"):
            main([str(source), f"{tmp_path}/o.tar", "--dry-run", *options])


def test_shards_have_no_pages(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--page-size 4 does nothing for shards; leave it out"):
        main([str(source), f"{tmp_path}/o.tar", "--dry-run", "--page-size", "4"])


def test_a_name_that_another_run_writes(source: Path, tmp_path: Path) -> None:
    claim = Claim(tmp_path / "o.beton")
    try:
        with pytest.raises(ConfigError, match="is being written by another run"):
            main([str(source), f"{tmp_path}/o.beton", "--dry-run"])
    finally:
        claim.release()


def test_what_a_killed_run_left_is_no_obstacle(source: Path, tmp_path: Path) -> None:
    Claim(tmp_path / "o.beton").keep()
    assert main([str(source), f"{tmp_path}/o.beton", "--dry-run"]) == 0
    assert (tmp_path / "o.beton.part").exists()


@pytest.mark.skipif(may_write_anywhere(), reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(source: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(FailedError, match=r"cannot write .*/o\.beton: Permission denied; ask"):
        main([str(source), f"{tmp_path}/locked/o.beton", "--dry-run"])


def test_missing_images_fail_where_a_pack_would(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(source), f"{tmp_path}/o.beton", "--dry-run", "--on-error", "fail"]) == 1
    assert "gone.jpg: a link to nothing" in capsys.readouterr().err
