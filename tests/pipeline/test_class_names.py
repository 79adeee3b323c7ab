"""Files of class names: which line names which number."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.discovery import discover
from tests.pipeline.small_trees import write_tree


def _classes(folder: Path, text: str, near: bool) -> tuple[str, ...]:
    write_tree(folder / "data", [f"{label}_{i}.jpg" for label in (0, 1, 2) for i in (1, 2)])
    path = folder / ("data/classes.txt" if near else "names.txt")
    path.write_text(text)
    return discover(folder / "data", class_names=None if near else path).classes


@pytest.mark.parametrize("near", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "cat\ndog\nowl\n\n",
        "# in the order of the labels\ncat\ndog\nowl\n",
        "0 cat\n1 dog\n2 owl\n",
        "2: owl\n0: cat\n1: dog\n",
        "id,name\n0,cat\n1,dog\n2,owl\n",
        "## a\n#\ncat\ndog\nowl\n",
        "class name\n1\tdog\n2\towl\n0\tcat\n",
    ],
)
def test_each_number_has_its_own_name(text: str, near: bool, tmp_path: Path) -> None:
    assert _classes(tmp_path, text, near) == ("cat", "dog", "owl")


@pytest.mark.parametrize("near", [False, True])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("owl 2\ncat 0\ndog 1\n", "has numbers behind its names"),
        ("name,id\ncat,0\ndog,1\nowl,2\n", "has numbers behind its names"),
        ("name\ncat\ndog\nowl\n", "its first, 'name', may be a heading"),
        ("Class Name\ncat\ndog\nowl\n", "its first, 'Class Name', may be a heading"),
        ("cat\n\ndog\nowl\n", "has an empty line above 'dog'"),
        ("cat\n#1\ndog\nowl\n", "has the line '#1': put a space behind its #"),
    ],
)
def test_names_that_may_be_another_number_s_are_refused(
    text: str, said: str, near: bool, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        _classes(tmp_path, text, near)


def test_lines_that_count_from_1_name_no_class_0(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="numbers its lines from 1, and there is a label 0"):
        _classes(tmp_path, "1 cat\n2 dog\n3 owl\n", near=False)
    assert _classes(tmp_path, "1 cat\n2 dog\n3 owl\n", near=True) == ("0", "1", "2")


def test_numbers_may_be_a_part_of_names(tmp_path: Path) -> None:
    coins = ("2 pence", "5 pence", "10 pence")
    assert _classes(tmp_path, "\n".join(coins), near=False) == coins
    alike = ("0 cat", "1 cat", "2 cat")
    assert _classes(tmp_path, "\n".join(alike), near=False) == alike
    assert _classes(tmp_path, "id\nkey\nfob\n", near=False) == ("id", "key", "fob")


def test_names_of_numbers_that_are_not_there_are_kept(tmp_path: Path) -> None:
    text = "".join(f"{i} class {chr(97 + i)}\n" for i in reversed(range(5)))
    assert _classes(tmp_path, text, near=False) == tuple(f"class {c}" for c in "abcde")


@pytest.mark.parametrize("near", [False, True])
def test_names_in_any_script_are_no_heading(near: bool, tmp_path: Path) -> None:
    names = ("猫", "犬", "鳥", "魚")
    assert _classes(tmp_path, "\n".join(names), near) == names


def test_a_list_called_classes_is_told(tmp_path: Path) -> None:
    rows = "file,label\n" + "".join(f"{i}.jpg,{'ab'[i % 2]}\n" for i in range(4))
    write_tree(tmp_path, [f"{i}.jpg" for i in range(4)], classes_csv=rows)
    listing = discover(tmp_path)
    assert listing.classes == ()
    assert [(one.name, one.reason) for one in listing.passed_over] == [
        (
            "classes.csv",
            "by its name it says what classes are called; --list takes it for a list of images",
        )
    ]
    assert discover(tmp_path, LayoutConfig(lists=(Path("classes.csv"),))).classes == ("a", "b")
