"""List files as evidence: which columns are taken, on what grounds, and what is asked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from headrace.pipeline.containers.manifest import Skipped
from headrace.pipeline.errors import ConfigError, RecordsError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.discovery import discover
from tests.pipeline.small_trees import labels_of, sizes_of, write_tree


def _reason(skipped: Iterable[Skipped], name: str) -> str:
    return next(s.reason for s in skipped if name in s.name)


@pytest.mark.parametrize(
    "heading", ["image_name,breed", "fname,label", "id_code,species", "image_path,class", "qq,zz"]
)
def test_headings_need_not_be_known(tmp_path: Path, heading: str) -> None:
    text = f"{heading}\n1.jpg,pug\n2.jpg,boxer\n3.jpg,pug\n"
    write_tree(tmp_path, ["im/1.jpg", "im/2.jpg", "im/3.jpg"], labels_csv=text)
    listing = discover(tmp_path)
    assert labels_of(listing) == {"im/1.jpg": "pug", "im/2.jpg": "boxer", "im/3.jpg": "pug"}
    assert not listing.missing


def test_file_names_win_over_numbers_that_happen_to_be_stems(tmp_path: Path) -> None:
    text = "id,filename,label\n0,2.jpg,cat\n1,0.jpg,dog\n2,1.jpg,cat\n"
    listing = discover(write_tree(tmp_path, ["im/0.jpg", "im/1.jpg", "im/2.jpg"], labels_csv=text))
    assert labels_of(listing) == {"im/0.jpg": "dog", "im/1.jpg": "cat", "im/2.jpg": "cat"}
    assert "filename (names 3 files in 3 of 3 rows" in listing.taken[0]
    assert "filename names the images" in _reason(listing.passed_over, "column id")


def test_numbers_alone_that_mean_other_images_are_a_question(tmp_path: Path) -> None:
    text = "a,b,label\n0,2,cat\n1,0,dog\n2,1,cat\n"
    write_tree(tmp_path, ["im/0.jpg", "im/1.jpg", "im/2.jpg"], labels_csv=text)
    with pytest.raises(
        ConfigError, match=r"several columns name images.*a \(.*b \(.*--path-column"
    ):
        discover(tmp_path)
    by_b = discover(tmp_path, LayoutConfig(path_column="b"))
    assert labels_of(by_b) == {"im/0.jpg": "dog", "im/1.jpg": "cat", "im/2.jpg": "cat"}
    with pytest.raises(ConfigError, match="no path column 'c'; it has a, b, label"):
        discover(tmp_path, LayoutConfig(path_column="c"))


def test_numbers_are_not_taken_where_file_names_fit_nothing(tmp_path: Path) -> None:
    text = "id,filename,label\n0,x.jpg,cat\n1,y.jpg,dog\n2,z.jpg,cat\n"
    write_tree(tmp_path, ["im/0.jpg", "im/1.jpg", "im/2.jpg"], labels_csv=text)
    with pytest.raises(ConfigError, match="filename is what holds file names"):
        discover(tmp_path)


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("filepath,source,label\n1.jpg,web,pug\n2.jpg,web,boxer\n3.jpg,cam,pug\n", "label"),
        (
            "source,filepath,class_name\nweb,1.jpg,pug\nweb,2.jpg,boxer\ncam,3.jpg,pug\n",
            "class_name",
        ),
        ("lesion_id,image_id,dx\nL1,1,pug\nL1,2,boxer\nL2,3,pug\n", "dx"),
        ("Width;ClassId;Path\n27;pug;1.jpg\n28;boxer;2.jpg\n27;pug;3.jpg\n", "ClassId"),
        ("class id,name,labels\n4,1.jpg,pug\n7,2.jpg,boxer\n4,3.jpg,pug\n", "labels"),
    ],
)
def test_the_label_is_told_by_heading_and_cells(tmp_path: Path, text: str, taken: str) -> None:
    listing = discover(write_tree(tmp_path, ["i/1.jpg", "i/2.jpg", "i/3.jpg"], labels_csv=text))
    assert labels_of(listing) == {"i/1.jpg": "pug", "i/2.jpg": "boxer", "i/3.jpg": "pug"}
    assert any(f"column {taken} (" in line for line in listing.taken)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("f,a,b\n1.jpg,x,p\n2.jpg,y,p\n3.jpg,x,q\n", r"which column is the label\? a .*b "),
        ("f,species,breed\n1.jpg,cat,p\n2.jpg,cat,q\n3.jpg,dog,r\n", "species .*breed"),
        ("f,width\n1.jpg,10\n2.jpg,20\n3.jpg,10\n", "is width the label"),
        ("1.jpg 0 1\n2.jpg 1 1\n3.jpg 2 0\n", "number 1 .*number 2"),
    ],
)
def test_two_readings_that_fit_are_a_question(tmp_path: Path, text: str, asked: str) -> None:
    write_tree(tmp_path, ["i/1.jpg", "i/2.jpg", "i/3.jpg"], labels_csv=text)
    with pytest.raises(ConfigError, match=f"{asked}.*--label-column"):
        discover(tmp_path)
    assert discover(tmp_path, LayoutConfig(label_column="1")).layout == "list"


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("filename,label\na.jpg,café\nb.jpg,tea\n".encode("utf-16"), ("café", "tea")),
        ("filename,label\na.jpg,café\nb.jpg,tea\n".encode("utf-16-le"), ("café", "tea")),
        (b"\xef\xbb\xbffilename\tlabel\r\na.jpg\tcoffee\r\nb.jpg\ttea\r\n", ("coffee", "tea")),
        (b"# made by hand\nfilename;label\na.jpg;coffee\nb.jpg;tea\n", ("coffee", "tea")),
        (b"filename,label\ra.jpg,coffee\rb.jpg,tea\r", ("coffee", "tea")),
        (b'"filename","label"\n"a.jpg","coffee, black"\n"b.jpg","tea"\n', ("coffee, black", "tea")),
        (b'a.jpg,5" pipe\nb.jpg,"tea\n', ('5" pipe', "tea")),
        (b"/kaggle/input/x/im/a.jpg coffee\n/kaggle/input/x/im/b.jpg tea\n", ("coffee", "tea")),
        (b"C:\\data\\im\\a.jpg,coffee\nC:\\data\\im\\b.jpg,tea\n", ("coffee", "tea")),
        (b"A.JPG,coffee\nB.JPG,tea\n", ("coffee", "tea")),
    ],
)
def test_lists_as_they_come(tmp_path: Path, text: bytes, labels: tuple[str, str]) -> None:
    listing = discover(write_tree(tmp_path, ["im/a.jpg", "im/b.jpg"], labels_csv=text))
    assert labels_of(listing) == {"im/a.jpg": labels[0], "im/b.jpg": labels[1]}


def test_a_label_of_which_each_image_has_another_is_a_question(tmp_path: Path) -> None:
    names = [f"im/{i}.jpg" for i in range(12)]
    text = "file,label\n" + "".join(f"{i}.jpg,logo {i}\n" for i in range(12))
    write_tree(tmp_path, names, labels_csv=text)
    with pytest.raises(
        ConfigError, match=r"label is called a label .* another value .*--label-col"
    ):
        discover(tmp_path)
    assert len(discover(tmp_path, LayoutConfig(label_column="label")).classes) == 12


def test_a_list_for_each_class(tmp_path: Path) -> None:
    names = [f"im/{i}.jpg" for i in range(4)]
    cats, dogs = (f"f,label\n{a}.jpg,{name}\n{b}.jpg,{name}\n"
                  for a, b, name in ((0, 1, "cat"), (2, 3, "dog")))  # fmt: skip
    write_tree(tmp_path, names, cats_csv=cats, dogs_csv=dogs)
    with pytest.raises(ConfigError, match=r"both list images and name different ones; .*--list"):
        discover(tmp_path)
    both = LayoutConfig(lists=(Path("cats.csv"), Path("dogs.csv")))
    assert labels_of(discover(tmp_path, both)) == dict(
        zip(names, ("cat", "cat", "dog", "dog"), strict=True)
    )


@pytest.mark.parametrize("heading", ["label", "class", "target"])
def test_a_label_that_is_called_so_and_names_splits_is_a_question(
    heading: str, tmp_path: Path
) -> None:
    names = [f"{i}.jpg" for i in range(9)]
    rows = [f"{i}.jpg,{('train', 'test')[i % 2]},{i % 3},{'xy'[i // 5]}\n" for i in range(9)]
    write_tree(tmp_path, names, labels_csv=f"file,{heading},fold,who\n" + "".join(rows))
    with pytest.raises(ConfigError, match=f"column {heading} is called the label .* who does"):
        discover(tmp_path)
    listing = discover(tmp_path, LayoutConfig(label_column=heading))
    assert listing.classes == ("test", "train") and len(listing.splits) == 3


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize(
    ("heading", "cells", "wanted"),
    [
        ("is_train,is_test", ["0,1", "1,0", "1,0"], None),
        ("is_valid,is_test", ["0,1", "1,0", "0,0"], None),
        ("split,is_test", ["test,1", "train,0", "train,0"], "split"),
        ("is_test,set,split", ["1,Test,test", "0,Train,train", "0,Train,train"], "set"),
    ],
)
def test_no_column_that_says_the_split_is_a_label(
    heading: str, cells: list[str], wanted: str | None, labelled: bool, tmp_path: Path
) -> None:
    names = [f"{'abc'[i % 3]}{i}.jpg" for i in range(9)]
    ends = [f",{'xy'[i // 5]}" if labelled else "" for i in range(9)]
    rows = [f"{name},{cells[i % 3]}{ends[i]}\n" for i, name in enumerate(names)]
    titles = f"file,{heading}{',zz' if labelled else ''}\n"
    write_tree(tmp_path, names, labels_csv=titles + "".join(rows))
    listing = discover(tmp_path, LayoutConfig(split_column=wanted))
    assert listing.classes == (("x", "y") if labelled else ())
    assert sizes_of(listing)["test"] == 3


def test_a_comment_may_be_the_heading(tmp_path: Path) -> None:
    text = "#Image CLASS-ID SPECIES BREED\nAby_1 1 1 1\npug_2 2 2 1\npug_3 2 2 2\n"
    names = ["images/Aby_1.jpg", "images/pug_2.jpg", "images/pug_3.jpg"]
    listing = discover(write_tree(tmp_path, names, list_txt=text))
    assert listing.labels.tolist() == [1, 2, 2]
    assert "column CLASS-ID" in listing.taken[1]


def test_zeros_that_a_table_lost(tmp_path: Path) -> None:
    text = "id,label\n0,cat\n1,dog\n"
    listing = discover(write_tree(tmp_path, ["im/000.jpg", "im/001.jpg"], labels_csv=text))
    assert labels_of(listing) == {"im/000.jpg": "cat", "im/001.jpg": "dog"}
    assert "without its leading zeros" in listing.taken[0]


def test_a_first_row_whose_image_is_missing_is_no_heading(tmp_path: Path) -> None:
    text = "gone.jpg,cat\na.jpg,dog\nb.jpg,cat\n"
    listing = discover(write_tree(tmp_path, ["a.jpg", "b.jpg"], labels_csv=text))
    assert [m.name for m in listing.missing] == ["gone.jpg"]
    assert labels_of(listing) == {"a.jpg": "dog", "b.jpg": "cat"}


def test_a_file_in_another_folder_is_not_the_one_that_is_listed(tmp_path: Path) -> None:
    text = "cats/1.jpg,cat\ncats/2.jpg,cat\ndogs/3.jpg,dog\ndogs/4.jpg,dog\n"
    names = ["i/cats/1.jpg", "i/dogs/2.jpg", "i/dogs/3.jpg", "i/dogs/4.jpg"]
    listing = discover(write_tree(tmp_path, names, labels_csv=text), layout="list")
    assert "i/dogs/2.jpg" not in listing.paths
    assert [m.name for m in listing.missing] == ["cats/2.jpg"]


def test_a_list_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    """Its names may come from anywhere; what they name outside is told as not there."""
    outside = write_tree(tmp_path / "outside", ["secret.jpg"]) / "secret.jpg"
    source = tmp_path / "in"
    text = f"1.jpg,cat\n2.jpg,dog\n../outside/secret.jpg,cat\n{outside},dog\nx/../2.jpg,dog\n"
    listing = discover(write_tree(source, ["1.jpg", "2.jpg"], labels_csv=text), layout="list")
    assert set(listing.paths) == {"1.jpg", "2.jpg"}
    assert {"../outside/secret.jpg", str(outside)} <= {m.name for m in listing.missing}


def test_names_below_the_folder_that_another_column_names(tmp_path: Path) -> None:
    text = "folder,name,grade\nx,1.jpg,low\ny,1.jpg,high\nx,2.jpg,high\n"
    names = ["i/x/1.jpg", "i/y/1.jpg", "i/x/2.jpg"]
    listing = discover(
        write_tree(tmp_path, names, labels_csv=text), LayoutConfig(label_column="grade")
    )
    assert labels_of(listing) == {"i/x/1.jpg": "low", "i/y/1.jpg": "high", "i/x/2.jpg": "high"}


def test_a_few_rows_that_fit_are_a_question(tmp_path: Path) -> None:
    text = "".join(f"{i}.jpg,{'ab'[i % 2]}\n" for i in range(20))
    write_tree(tmp_path, ["i/1.jpg", "i/2.jpg", "i/3.jpg"], labels_csv=text)
    with pytest.raises(ConfigError, match=r"only 3 of 20 rows .* --list labels\.csv"):
        discover(tmp_path)
    listing = discover(tmp_path, LayoutConfig(lists=(Path("labels.csv"),)))
    assert listing.labels.tolist() == [1, 0, 1] and len(listing.missing) == 17
    with pytest.raises(ConfigError, match="no such file"):
        discover(tmp_path, LayoutConfig(lists=(Path("no.csv"),)))
    (tmp_path / "other.csv").write_text("q.jpg,a\n")
    with pytest.raises(RecordsError, match="names no image that exists"):
        discover(tmp_path, LayoutConfig(lists=(Path("other.csv"),)))


def test_a_column_that_only_one_list_has(tmp_path: Path) -> None:
    names = ["train/a1.jpg", "train/a2.jpg", "train/a3.jpg", "test/a4.jpg"]
    write_tree(
        tmp_path, names, labels_csv="id,breed,size\na1,pug,s\na2,akita,l\na3,pug,l\n",
        form_csv="id,size\na4,l\n",
    )  # fmt: skip
    listing = discover(tmp_path, LayoutConfig(label_column="breed"))
    assert [labels_of(listing)[name] for name in names] == ["pug", "akita", "pug", None]
    assert "has no label column" in _reason(listing.passed_over, "form.csv")
    with pytest.raises(ConfigError, match="no label column 'kind'"):
        discover(tmp_path, LayoutConfig(label_column="kind"))


def test_many_lists_that_are_passed_over_are_one_line(tmp_path: Path) -> None:
    names = [f"train/n{c}/n{c}_{i}.jpg" for c in range(9) for i in (1, 2)]
    write_tree(tmp_path, names)
    for c in range(9):
        text = "".join(f"n{c}_{i}.jpg {c} {i} 7 {8 + i}\n" for i in (1, 2))
        (tmp_path / f"train/n{c}/n{c}_boxes.txt").write_text(text)
    listing = discover(tmp_path)
    assert len(listing.classes) == 9
    assert [s.name for s in listing.passed_over] == ["train/n0/n0_boxes.txt and 8 more such"]


# Labels that are none, or several


def test_minus_one(tmp_path: Path) -> None:
    names = [f"im/{i}.jpg" for i in range(4)]
    write_tree(tmp_path, names, labels_csv="image,label\n0.jpg,-1\n1.jpg,1\n2.jpg,1\n3.jpg,-1\n")
    listing = discover(tmp_path)
    assert labels_of(listing) == dict(zip(names, ("-1", "1", "1", "-1"), strict=True))
    assert listing.classes == ("-1", "1")
    assert any("-1 and 1 are two classes" in note for note in listing.notes)
    write_tree(tmp_path, names, labels_csv="image,label\n0.jpg,-1\n1.jpg,1\n2.jpg,0\n3.jpg,-1\n")
    with pytest.raises(ConfigError, match=r"is -1 a class beside 0, 1, .*--no-label -1 .*''"):
        discover(tmp_path)
    assert discover(tmp_path, LayoutConfig(no_label=("-1",))).labels.tolist() == [-1, 1, 0, -1]
    assert discover(tmp_path, LayoutConfig(no_label=("",))).classes == ("-1", "0", "1")


def test_minus_one_throughout_a_test_list_is_no_label(tmp_path: Path) -> None:
    names = [f"im/{i}.jpg" for i in range(4)]
    write_tree(
        tmp_path, names, train_txt="im/0.jpg 0\nim/1.jpg 1\n", test_txt="im/2.jpg -1\nim/3.jpg -1\n"
    )
    listing = discover(tmp_path)
    assert listing.labels.tolist() == [0, 1, -1, -1]
    assert any("-1 means no label in test" in note for note in listing.notes)


def test_one_hot(tmp_path: Path) -> None:
    names = ["p/a.jpg", "p/b.jpg", "p/c.jpg"]
    text = "image_id,healthy,rust,scab\na,0,0,1\nb,0,1,0\nc,1,0,0\n"
    listing = discover(write_tree(tmp_path, names, train_csv=text))
    assert labels_of(listing) == dict(zip(names, ("scab", "rust", "healthy"), strict=True))
    write_tree(tmp_path, names, train_csv=text.replace("a,0,0,1", "a,0,1,1"))
    with pytest.raises(ConfigError, match="several labels for an image"):
        discover(tmp_path)
    with pytest.raises(ConfigError, match="row 1 has 2 ones in the columns healthy, rust, scab"):
        discover(tmp_path, LayoutConfig(label_columns=("healthy", "rust", "scab")))


@pytest.mark.parametrize(
    "cells",
    [
        ("cat|dog", "dog", "cat"),
        ("cat;dog", "dog", "owl"),
        ('"cat, dog"', "dog", "cat"),
        ("cat dog", "dog", "cat"),
        ("16 0", "3", "16"),
        ("\"['cat', 'dog']\"", "['cat']", "['dog']"),
    ],
)
def test_several_labels_in_a_cell_are_refused(tmp_path: Path, cells: tuple[str, ...]) -> None:
    rows = "".join(f"{i}.jpg,{cell}\n" for i, cell in enumerate(cells))
    write_tree(tmp_path, [f"im/{i}.jpg" for i in range(3)], labels_csv="image,label\n" + rows)
    with pytest.raises(ConfigError, match=r"holds several labels .*an image has one label here"):
        discover(tmp_path)


def test_class_names_of_several_words_are_one_label(tmp_path: Path) -> None:
    rows = "0.jpg,golden retriever\n1.jpg,labrador retriever\n2.jpg,Corn (maize)\n"
    listing = discover(
        write_tree(tmp_path, [f"im/{i}.jpg" for i in range(3)], labels_csv="image,label\n" + rows)
    )
    assert listing.classes == ("Corn (maize)", "golden retriever", "labrador retriever")


def test_an_image_with_two_labels_is_refused(tmp_path: Path) -> None:
    text = "image,label\na.jpg,cat\nb.jpg,dog\na.jpg,dog\n"
    write_tree(tmp_path, ["im/a.jpg", "im/b.jpg"], labels_csv=text)
    with pytest.raises(ConfigError, match=r"lists im/a\.jpg again with another label"):
        discover(tmp_path)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"layout": "x"}, "expected one of auto"),
        ({"layout": "classes", "label_column": "1"}, "--label-column is for lists"),
        ({"label_column": "a", "label_columns": ("a", "b")}, "exclude each other: choose one"),
        ({"label_columns": ("a",)}, "expected two or more"),
        ({"merge": ("train",)}, "expected two splits"),
        ({"class_depth": 0}, "expected 1 or more"),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        LayoutConfig(**settings)
