"""Archives are told by content and by name, and each by the command that unpacks it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from headrace.pipeline.archives import archive_at
from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.records import Records
from tests.builders import jpeg_bytes, photo

COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}
SEVEN, RAR, ZST = b"7z\xbc\xaf\x27\x1c\0\4", b"Rar!\x1a\x07\x01\0", b"\x28\xb5\x2f\xfd\0"


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("cat/1.txt", "x" * 5000)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("cat/1.txt")
        member.size = 5000
        archive.addfile(member, io.BytesIO(b"x" * 5000))
    return file.getvalue()


CASES = [
    ("a.zip", zipped(), "zip", "unzip -q {} -d {}"),
    ("a.bin", zipped(), "zip", "unzip -q {} -d {}.bin.unpacked"),
    ("a.tar", tarred(), "tar", "mkdir -p {1} && tar xf {0} -C {1}"),
    ("A.TGZ", gzip.compress(tarred()), "tar.gz", "mkdir -p {1} && tar xf {0} -C {1}"),
    ("a.7z", SEVEN, "7z", "7z x {} -o{}"),
    ("a.rar", RAR, "rar", "unrar x {} {}/"),
    ("a.tar.zst", ZST, "tar.zst", "mkdir -p {1} && tar xf {0} -C {1}"),
    ("a.txt.gz", gzip.compress(b"a.jpg,1"), "gz", "gunzip -k {}"),
    *(
        (f"a.tar.{how}", pack(tarred()), f"tar.{how}", "mkdir -p {1} && tar xf {0} -C {1}")
        for how, pack in COMPRESSED.items()
    ),
    *(
        (f"a.{how}", pack(tarred()), f"tar.{how}", "mkdir -p {1} && tar xf {0} -C {1}")
        for how, pack in COMPRESSED.items()
    ),
]


@pytest.mark.parametrize(("name", "data", "kind", "command"), CASES, ids=[c[0] for c in CASES])
def test_each_kind_has_its_command(
    tmp_path: Path, name: str, data: bytes, kind: str, command: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    found = archive_at(path)
    assert found is not None and not found.is_broken
    assert found.kind == kind
    assert found.command == command.format(path, tmp_path / name.split(".")[0])


@pytest.mark.parametrize("case", [case for case in CASES if case[0].startswith(("a.z", "a.tar"))])
def test_the_command_unpacks(tmp_path: Path, case: tuple[str, bytes, str, str]) -> None:
    path = tmp_path / "my data" / case[0]
    path.parent.mkdir()
    path.write_bytes(case[1])
    found = archive_at(path)
    assert found is not None
    tool = "unzip" if case[2] == "zip" else "tar"
    if case[2] == "tar.zst" or shutil.which(tool) is None:
        pytest.skip("a stub, or no such tool here")
    subprocess.run(found.command, shell=True, check=True)
    assert (found.folder / "cat" / "1.txt").read_text() == "x" * 5000


@pytest.mark.parametrize("name", ["labels.csv", "a.jpg", "notes"])
def test_other_files_are_no_archives(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"a.jpg,1\n")
    assert archive_at(tmp_path / name) is None
    assert archive_at(tmp_path / "absent.txt") is None


def test_arrays_in_a_zip_are_no_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.zeros(3))
    assert archive_at(tmp_path / "a.npz") is None


def test_what_only_its_name_calls_an_archive_is_to_be_fetched_again(tmp_path: Path) -> None:
    path = tmp_path / "food.zip"
    path.write_text("<html>Sign in</html>")
    with pytest.raises(ConfigError, match=r"called \.zip and is no such archive: fetch it again"):
        discover(path)


@pytest.mark.parametrize("name", ["food.zip", "food.tar.gz", "food.7z"])
def test_a_source_that_is_an_archive_is_told(tmp_path: Path, name: str) -> None:
    data = {"food.zip": zipped(), "food.tar.gz": gzip.compress(tarred()), "food.7z": SEVEN}
    path = tmp_path / name
    path.write_bytes(data[name])
    found = archive_at(path)
    assert found is not None
    for read in (discover, Records.open):
        with pytest.raises(HeadraceError) as error:
            read(path)
        assert f"; unpack it first: `{found.command}`" in str(error.value)


def test_a_folder_without_images_names_the_archive_in_it(tmp_path: Path) -> None:
    (tmp_path / "food.zip").write_bytes(zipped())
    with pytest.raises(HeadraceError, match=r"holds no images .* food\.zip is an archive \(zip\)"):
        discover(tmp_path)


def test_a_list_or_names_in_an_archive_are_told(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.jpg").write_bytes(jpeg_bytes(photo(1, 20, 20)))
    path = tmp_path / "list.zip"
    path.write_bytes(zipped())
    with pytest.raises(ConfigError, match=r"list\.zip is an archive"):
        discover(tmp_path, class_names=path)


def test_a_tar_without_index_may_be_a_folders(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tarred())
    with pytest.raises(HeadraceError, match=r"has no index; .*if it is a folder's archive.*tar xf"):
        Records.open(tmp_path / "a.tar")


def test_an_image_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(jpeg_bytes(photo(1, 20, 20)))
    with pytest.raises(ConfigError, match="is a single image: expected a folder of images"):
        discover(tmp_path / "1.jpg")


@pytest.mark.parametrize("word", ["mustard", "ustard", "custard  apple"])
def test_a_text_that_says_mustard_where_a_tar_is_signed_is_none(word: str, tmp_path: Path) -> None:
    for before in range(250, 258):
        (tmp_path / "l.txt").write_text("x" * before + word + "\n")
        assert archive_at(tmp_path / "l.txt") is None
