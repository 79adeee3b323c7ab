"""Which files a scan lists, which it leaves out and counts, and what it does about links."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headrace.pipeline.layouts import scanning
from headrace.pipeline.layouts.scanning import Scan, scan_images
from tests.builders import jpeg_bytes, may_write_anywhere, photo

JPEG = jpeg_bytes(photo(1, 16, 16))


def touch(root: Path, *names: str, data: bytes = b"x") -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def left_out(scan: Scan) -> dict[str, int]:
    counts: dict[str, int] = {}
    for group in scan.left_out:
        counts[group.kind] = counts.get(group.kind, 0) + group.count
    return counts


def test_every_file_is_listed_or_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "a/2.PNG", "a/3.tga", "a/4.jp2", "a/5.pnm")
    touch(tmp_path, "a/n01440764_10", "a/photo.v2", data=JPEG)
    touch(tmp_path, *(f"labels/{i}.txt" for i in range(7)), "a/data.json", "a/._1.jpg")
    touch(tmp_path, "a/strange", "a/clip.mp4", ".git/1.jpg", "__MACOSX/1.jpg", "lost+found/2.jpg")
    scan = scan_images(tmp_path)
    assert len(scan.images) == 7 and not scan.missing
    assert left_out(scan) == {
        ".txt": 7, ".json": 1, "hidden": 2, "no extension": 1, ".mp4": 1, "__MACOSX": 1,
        "lost+found": 1,
    }  # fmt: skip
    (texts,) = [group for group in scan.left_out if group.kind == ".txt"]
    assert texts.reason == "not an image" and len(texts.examples) == 3


def test_only_files_with_unknown_extensions_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a/1.jpg", "a/2.png", "a/3.txt", "a/4.csv")
    opened: list[str] = []

    def read(path: str) -> bytes:
        opened.append(path)
        return JPEG

    monkeypatch.setattr(scanning, "_read_head", read)
    touch(tmp_path, "a/5.odd", "a/6")
    scan_images(tmp_path)
    assert sorted(Path(path).name for path in opened) == ["5.odd", "6"]


def test_linked_folders_keep_their_files(tmp_path: Path) -> None:
    touch(tmp_path, "train/a/1.jpg", "train/b/2.jpg", "test/a/3.jpg", "test/b/4.jpg")
    (tmp_path / "val").symlink_to("test")
    scan = scan_images(tmp_path)
    assert [p for p in scan.images if p.startswith("val/")] == ["val/a/3.jpg", "val/b/4.jpg"]
    assert len(scan.images) == 6 and not scan.left_out


def test_only_links_back_to_where_one_is_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "here").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "b").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "a").symlink_to(tmp_path / "a")
    scan = scan_images(tmp_path)
    assert scan.images == ["a/1.jpg", "a/b/2.jpg", "b/2.jpg", "b/a/1.jpg"]
    assert left_out(scan) == {"linked folder": 6}
    assert not scan.missing


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_never_waited_for(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg")
    os.mkfifo(tmp_path / "a" / "pipe")
    os.mkfifo(tmp_path / "a" / "pipe.jpg")
    scan = scan_images(tmp_path)
    assert scan.images == ["a/1.jpg"]
    assert left_out(scan) == {"special file": 1}
    assert [(m.name, m.reason) for m in scan.missing] == [("a/pipe.jpg", "not a file")]


@pytest.mark.skipif(os.name != "posix" or may_write_anywhere(), reason="root may read everything")
def test_an_unreadable_file_of_unknown_kind_is_missing(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "a/locked")
    (tmp_path / "a" / "locked").chmod(0)
    (missing,) = scan_images(tmp_path).missing
    assert missing.name == "a/locked" and "Permission denied" in missing.reason


def test_empty_folders_are_counted(tmp_path: Path) -> None:
    (tmp_path / "train/cat").mkdir(parents=True)
    (tmp_path / "train/dog").mkdir()
    (tmp_path / "train/cat/1.jpg").write_bytes(b"x")
    (group,) = scan_images(tmp_path).left_out
    assert (group.kind, group.count, group.examples) == ("empty folder", 1, ("train/dog",))
