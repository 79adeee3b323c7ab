"""Encodings of lists and class names: found where they show themselves, asked for where not."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.layouts.text_files import read_text
from tests.pipeline.small_trees import labels_of, write_tree

_IMAGES = [f"{i}.jpg" for i in range(4)]
_WORDS = {
    "cp1252": ("café", "thé"),
    "latin-1": ("café", "thé"),
    "cp1250": ("łódź", "most"),
    "cp1251": ("кот", "пёс"),
    "koi8-r": ("кот", "пёс"),
    "gb18030": ("猫", "狗"),
    "big5": ("貓", "狗"),
    "shift_jis": ("表", "ねこ"),
    "iso2022_jp": ("表", "ねこ"),
    "euc-kr": ("고양이", "개"),
}


def _list(words: tuple[str, str]) -> str:
    return "file,label\n" + "".join(f"{path},{words[i % 2]}\n" for i, path in enumerate(_IMAGES))


@pytest.mark.parametrize("encoding", _WORDS)
def test_an_encoding_that_does_not_show_itself_is_a_question(encoding: str, tmp_path: Path) -> None:
    words = _WORDS[encoding]
    write_tree(tmp_path, _IMAGES, labels_csv=_list(words).encode(encoding))
    with pytest.raises(ConfigError, match=r"labels.csv: line [23] is not UTF-8; .*--encoding"):
        discover(tmp_path)
    listing = discover(tmp_path, LayoutConfig(encoding=encoding))
    assert [labels_of(listing)[path] for path in _IMAGES] == [*words, *words]
    assert f", {encoding})" in listing.taken[0]


@pytest.mark.parametrize("said", [None, "cp1252"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_an_encoding_that_shows_itself_needs_no_flag(
    encoding: str, said: str | None, tmp_path: Path
) -> None:
    write_tree(tmp_path, _IMAGES, labels_csv=_list(("猫", "狗")).encode(encoding))
    assert set(discover(tmp_path, LayoutConfig(encoding=said)).classes) == {"猫", "狗"}


@pytest.mark.parametrize(
    ("name", "text"), [("classes.txt", "café\nthé\n"), ("classes.csv", "name,n\ncafé,0\nthé,1\n")]
)
def test_so_are_class_names(name: str, text: str, tmp_path: Path) -> None:
    write_tree(tmp_path, _IMAGES, labels_csv=_list(("0", "1")))
    (tmp_path / name).write_bytes(text.encode("cp1252"))
    with pytest.raises(ConfigError, match=r"in cp1252 it is 'café.*say --encoding cp1252"):
        discover(tmp_path)
    assert discover(tmp_path, LayoutConfig(encoding="cp1252")).classes == ("café", "thé")


@pytest.mark.parametrize("data", [b"\x89PNG\0\0\0\x01" * 9, b"\xff\xfe\x00\xd8\x00\x00"])
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.txt").write_bytes(data)
    with pytest.raises(ConfigError, match=r"is no text|begins as utf-16 and is not"):
        read_text(tmp_path / "x.txt")


def test_what_is_not_in_the_encoding_that_is_said_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"a\n\xff\xff\n")
    with pytest.raises(ConfigError, match="line 2 is neither UTF-8 nor gb18030"):
        read_text(tmp_path / "x.txt", "gb18030")


@pytest.mark.parametrize("name", ["klingon", "base64", "a\0b", ""])
def test_what_is_no_encoding_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"--encoding .*expected one such as cp1252"):
        LayoutConfig(encoding=name)
