"""Lists that leave open what they mean, beside class folders: is a split lost with them?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.discovery import discover
from tests.pipeline.small_trees import write_tree

_PATHS = [f"{('cat', 'dog')[i % 2]}/{i}.jpg" for i in range(8)]


def _rows(heading: str, cells: Sequence[str]) -> str:
    lines = [f"{path},{cells[i % len(cells)]}\n" for i, path in enumerate(_PATHS)]
    return f"file,{heading}\n" + "".join(lines)


_OF_SPLITS: dict[str, tuple[str, str | bytes]] = {
    "a split that is none": ("meta.csv", _rows("split", ["query", "gallery"])),
    "valid or validation": ("meta.csv", _rows("valid", ["0", "1"])),
    "two words for one": ("meta.csv", _rows("part", ["PublicTest", "PrivateTest", "train"])),
    "two columns": ("meta.csv", _rows("split,fold", ["train,0", "test,0", "train,1"])),
    "a label of two words": (
        "meta.txt",
        "".join(f"{p} {'test tube' if 'cat' in p else 'train bus'}\n" for p in _PATHS),
    ),
    "a label with the mark of comments": (
        "meta.csv",
        "".join(
            f"{'#c' if 'cat' in p else 'd'},{p},{['train', 'test'][i // 4]}\n"
            for i, p in enumerate(_PATHS)
        ),
    ),
    "no image there": ("test.txt", "a.jpg\nb.jpg\n"),
    "few images there": ("test.txt", f"{_PATHS[0]}\na.jpg\nb.jpg\n"),
    "unknown letters": ("test.txt", f"{_PATHS[0]}\n{_PATHS[1]}\né\n".encode("cp1252")),
    "unknown letters beside splits": (
        "meta.csv",
        _rows("split,café", ["train,0", "test,0"]).encode("cp1252"),
    ),
}


@pytest.mark.parametrize(("name", "text"), _OF_SPLITS.values(), ids=list(_OF_SPLITS))
def test_what_may_say_splits_is_a_question(name: str, text: str | bytes, tmp_path: Path) -> None:
    lists = {name.replace(".", "_"): text}
    write_tree(tmp_path / "one", _PATHS, **lists)
    with pytest.raises(ConfigError, match=rf"{name}.* (say .*--|put )"):
        discover(tmp_path / "one")
    by_folders = discover(tmp_path / "one", LayoutConfig(layout="classes"))
    assert by_folders.classes == ("cat", "dog") and list(by_folders.splits) == ["train"]
    in_splits = [f"{'train' if i < 4 else 'val'}/{path}" for i, path in enumerate(_PATHS)]
    write_tree(tmp_path / "two", in_splits, **lists)
    listing = discover(tmp_path / "two")
    assert list(listing.splits) == ["train", "val"]
    assert any(name in f"{one.name} {one.reason}" for one in listing.passed_over)


@pytest.mark.parametrize(
    ("name", "text"), [("notes.txt", "café\nthé\n".encode("cp1252")), ("meta.csv", "file\na.jpg\n")]
)
def test_other_lists_are_passed_over(name: str, text: str | bytes, tmp_path: Path) -> None:
    listing = discover(write_tree(tmp_path, _PATHS, **{name.replace(".", "_"): text}))
    assert listing.classes == ("cat", "dog") and len(listing.passed_over) == 1
