"""Lists whose columns are parted by nothing but spaces, and whose cells hold spaces, too."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.discovery import discover
from tests.pipeline.small_trees import labels_of, sizes_of, write_tree

_DOGS = ("golden retriever", "pug", "some other dog")
_SPLITS = ("train", "val")


def _lines(order: str, cells: dict[str, list[str]]) -> str:
    columns = [cells[key] for key in order]
    return "".join(" ".join(row) + "\n" for row in zip(*columns, strict=True))


_IN_A_FOLDER = "my folder/img {}.jpg"


@pytest.mark.parametrize("order", ["".join(order) for order in permutations("pls")])
@pytest.mark.parametrize(
    ("path", "names"),
    [(_IN_A_FOLDER, "012"), (_IN_A_FOLDER, "abc"), ("im/{}.jpg", _DOGS)],
    ids=["numbers", "letters", "labels with spaces"],
)
def test_cells_with_spaces_stand_anywhere_among_three_columns(
    tmp_path: Path, order: str, path: str, names: str | tuple[str, ...]
) -> None:
    paths = [path.format(i) for i in range(9)]
    labels = [names[i % 3] for i in range(9)]
    splits = [_SPLITS[i // 3 % 2] for i in range(9)]
    text = _lines(order, {"p": paths, "l": labels, "s": splits})
    listing = discover(write_tree(tmp_path, paths, list_txt=text))
    assert labels_of(listing) == dict(zip(paths, labels, strict=True))
    assert sizes_of(listing) == {"train": 6, "val": 3}


@pytest.mark.parametrize("folders", [("big cat", "old dog"), ("big cat", "old red fox")])
@pytest.mark.parametrize("labelled", [False, True])
def test_the_first_word_of_a_folder_that_is_not_there_is_no_label(
    tmp_path: Path, folders: tuple[str, str], labelled: bool
) -> None:
    images = [f"{i}.jpg" for i in range(6)]
    labels = [f" {i // 3}" if labelled else "" for i in range(6)]
    paths = [f"{folders[i % 2]}/{i}.jpg" for i in range(6)]
    write_tree(
        tmp_path,
        images,
        train_txt="".join(p + n + "\n" for p, n in zip(paths, labels, strict=True)),
    )
    with pytest.raises(ConfigError, match=r"is 'big' before 'cat/0.jpg' .*--label-column 0"):
        discover(tmp_path)
    if labelled:
        quoted = "".join(f'"{path}"{label}\n' for path, label in zip(paths, labels, strict=True))
        write_tree(tmp_path, [], train_txt=quoted)
        found = labels_of(discover(tmp_path))
        assert found == {f"{i}.jpg": label.strip() for i, label in enumerate(labels)}


def test_a_word_before_a_path_is_a_label_where_the_user_or_the_tree_says_so(tmp_path: Path) -> None:
    images = [f"im/{i}.jpg" for i in range(6)]
    expected = {f"im/{i}.jpg": ("cat", "dog")[i % 2] for i in range(6)}
    for folder, column in (("im", None), ("/data/im", None), ("x", "0")):
        rows = [f"{('cat', 'dog')[i % 2]} {folder}/{i}.jpg\n" for i in range(6)]
        write_tree(tmp_path, images, list_txt="".join(rows))
        assert labels_of(discover(tmp_path, LayoutConfig(label_column=column))) == expected
    with pytest.raises(ConfigError, match=r"is 'cat' before 'x/0.jpg' a cell of its own"):
        discover(tmp_path)


def test_lines_that_name_other_images_if_they_are_cut_otherwise_are_refused(tmp_path: Path) -> None:
    images = [f"a/{name}{i}.jpg" for name in ("", "img ") for i in range(9)]
    rows = [f"a/img {i}.jpg {i % 2}\n" for i in range(9)]
    write_tree(tmp_path, images, train_txt="".join(rows))
    with pytest.raises(ConfigError, match=r"names a/0.jpg by its spaces and a/img 0.jpg by its la"):
        discover(tmp_path)
    write_tree(tmp_path, [], train_txt="".join(row.replace("jpg ", "jpg\t") for row in rows))
    found = {path: label for path, label in labels_of(discover(tmp_path)).items() if label}
    assert found == {f"a/img {i}.jpg": str(i % 2) for i in range(9)}


@pytest.mark.parametrize("labels", [_DOGS, ("golden retriever", "pug", "boxer")])
def test_words_behind_a_name_that_holds_spaces_are_not_cut(
    tmp_path: Path, labels: tuple[str, ...]
) -> None:
    rows = [f"img {i}.jpg {labels[i % 3]}\n" for i in range(9)]
    write_tree(tmp_path, [f"a/img {i}.jpg" for i in range(9)], list_txt="".join(rows))
    with pytest.raises(ConfigError, match=r"'img \d.jpg \w+' goes on behind the name of a"):
        discover(tmp_path)


def test_tabs_part_columns_where_spaces_could(tmp_path: Path) -> None:
    labels = ("test tube", "train station")
    rows = "".join(f"{i}\t{labels[i % 2]}\n" for i in range(6))
    write_tree(tmp_path, [f"im/{i}.jpg" for i in range(6)], list_txt="file\tlabel\n" + rows)
    assert labels_of(discover(tmp_path)) == {f"im/{i}.jpg": labels[i % 2] for i in range(6)}


def test_numbers_beside_labels_with_spaces_are_a_question(tmp_path: Path) -> None:
    labels = [("old dog", "dog")[i % 2] for i in range(6)]
    rows = [f"{label} {i} im/x{i}.jpg train" for i, label in enumerate(labels)]
    write_tree(tmp_path, [f"im/x{i}.jpg" for i in range(6)], list_txt="\n".join(rows))
    with pytest.raises(ConfigError, match=r"each label in number 0 ends with a number, as 'old do"):
        discover(tmp_path)
    glued = labels_of(discover(tmp_path, LayoutConfig(label_column="0")))
    assert glued["im/x0.jpg"] == "old dog 0"
    write_tree(tmp_path, [], list_txt="\n".join(["label number path split", *rows]))
    with pytest.raises(ConfigError, match=r"may be 'old . dog 0 .* or 'old dog . 0 .*put tabs"):
        discover(tmp_path)


def test_the_number_in_a_name_is_no_answer_to_what_a_list_asks(tmp_path: Path) -> None:
    rows = "".join(f"{i % 3}_{i}.jpg,{'ab'[i % 2]},{'xy'[i // 2 % 2]}\n" for i in range(12))
    write_tree(tmp_path, [f"{i % 3}_{i}.jpg" for i in range(12)], list_csv=rows)
    with pytest.raises(ConfigError, match="which column is the label"):
        discover(tmp_path)
    assert set(labels_of(discover(tmp_path, layout="names")).values()) == {"0", "1", "2"}


def test_a_mark_within_names_that_parts_columns_too_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"{('cat', 'dog')[i % 2]};im/a;{i}.jpg\n" for i in range(6))
    write_tree(tmp_path, [f"im/a;{i}.jpg" for i in range(6)], list_txt=rows)
    with pytest.raises(ConfigError, match=r"'cat;im/a;0.jpg' names an image behind its first ';'"):
        discover(tmp_path)


_SPLIT_WORDS = [
    ("test tube", "train station"),
    ("freight train", "blood test"),
    ("test tube", "test bench"),
]


@pytest.mark.parametrize("order", ["pl", "lp"])
@pytest.mark.parametrize("names", _SPLIT_WORDS)
def test_a_label_with_a_word_for_a_split_is_a_question(
    tmp_path: Path, names: tuple[str, str], order: str
) -> None:
    cells = {"p": [f"{i}.jpg" for i in range(6)], "l": [names[i % 2] for i in range(6)]}
    write_tree(tmp_path, cells["p"], list_txt=_lines(order, cells))
    with pytest.raises(ConfigError, match=rf"is '{names[0]}' a label, or .*--split-column \d"):
        discover(tmp_path)
    cells["l"] = [f'"{label}"' for label in cells["l"]]
    write_tree(tmp_path, [], list_txt=_lines(order, cells))
    assert set(discover(tmp_path).classes) == set(names)


def test_the_flag_says_that_it_is_a_split(tmp_path: Path) -> None:
    images = [f"{i}.jpg" for i in range(6)]
    text = "".join(f"{i}.jpg {['test tube', 'train station'][i % 2]}\n" for i in range(6))
    write_tree(tmp_path, images, list_txt=text)
    listing = discover(tmp_path, LayoutConfig(split_column="1"))
    assert listing.classes == ("station", "tube") and sizes_of(listing) == {"train": 3, "test": 3}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list", "0.jpg train cat\n1.jpg test dog\n2.jpg test cat\n"),
        ("list", "image set what\n0.jpg train cat\n1.jpg test dog\n2.jpg test owl\n"),
        ("train", "0.jpg train cat\n1.jpg train dog\n2.jpg train cat\n"),
    ],
    ids=["a class in both", "a heading", "the list's name"],
)
def test_what_shows_that_it_is_a_split(tmp_path: Path, name: str, text: str) -> None:
    images = [f"{i}.jpg" for i in range(3)]
    listing = discover(write_tree(tmp_path, images, **{f"{name}_txt": text}))
    assert {"cat", "dog"} <= set(listing.classes)


@pytest.mark.parametrize("front", ["/home/u/", "C:\\data\\", "old/"])
def test_a_second_word_of_few_labels_is_no_begin_of_a_path(tmp_path: Path, front: str) -> None:
    images = [f"im/my photo {i}.jpg" for i in range(5)]
    labels = ["cat", "dog", "dr. no", "cat", "dog"]
    rows = zip(labels, images, strict=True)
    write_tree(tmp_path, images, list_txt="".join(f"{x} {front}{path}\n" for x, path in rows))
    with pytest.raises(ConfigError, match=r"does 'no' belong to the path in 'no .*, or to the lab"):
        discover(tmp_path)


@pytest.mark.parametrize("order", ["pwl", "plw", "wlp", "lwp"])
def test_a_word_that_comes_with_all_labels_of_one_word_or_two_is_a_question(
    tmp_path: Path, order: str
) -> None:
    images = [f"{i}.jpg" for i in range(12)]
    labels = [("red fox", "cat", "barn owl")[i % 3] for i in range(12)]
    words = [("web", "camera")[i // 3 % 2] for i in range(12)]
    text = _lines(order, {"p": images, "w": words, "l": labels})
    write_tree(tmp_path, images, list_txt=text)
    with pytest.raises(ConfigError, match=r"with a word that others do, .*--label-column \d"):
        discover(tmp_path)


def test_words_that_some_labels_have_in_common_are_none(tmp_path: Path) -> None:
    images = [f"{i}.jpg" for i in range(12)]
    labels = [("red fox", "red deer", "grey big wolf")[i % 3] for i in range(12)]
    write_tree(tmp_path, images, list_txt=_lines("pl", {"p": images, "l": labels}))
    assert set(discover(tmp_path).classes) == set(labels)
