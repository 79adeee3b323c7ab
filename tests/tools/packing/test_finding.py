"""The settings that samples are found with: from flags, into a manifest and back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import parse
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.tools.packing.find_flags import FindFlags, find_config
from headrace.tools.packing.finding import FindConfig, found_again, from_json, to_json

words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=5)
layouts = st.builds(
    LayoutConfig,
    list_folder=st.none() | words,
    path_column=st.none() | words,
    split_column=st.none() | words,
    no_label=st.none() | st.tuples(words),
    split_folders=st.just(()) | st.tuples(st.tuples(words, words)),
    class_depth=st.none() | st.integers(1, 9),
    merge=st.just(()) | st.tuples(words, words),
    encoding=st.none() | st.sampled_from("cp1252 gb18030".split()),
)
configs = st.builds(FindConfig, layout=layouts, folds=st.none() | st.integers(2, 9)) | st.builds(
    FindConfig, layout=layouts, val_fraction=st.none() | st.floats(0.1, 0.9), seed=st.integers(0, 9)
)


@given(configs)
def test_settings_read_back(config: FindConfig) -> None:
    assert from_json(to_json(config, Path("in")), Path("in")) == config


def test_what_is_as_by_default_is_not_kept() -> None:
    assert to_json(FindConfig(), Path("in")) == {}


def test_files_of_the_source_are_found_where_it_was_moved(tmp_path: Path) -> None:
    (tmp_path / "a" / "lists").mkdir(parents=True)
    (tmp_path / "a" / "lists" / "l.csv").write_text("x")
    (tmp_path / "names.txt").write_text("x")
    lists = (tmp_path / "a" / "lists" / "l.csv", Path("lists/l.csv"))
    layout = LayoutConfig(lists=lists, class_names=tmp_path / "names.txt")
    kept = to_json(FindConfig(layout=layout), tmp_path / "a")
    assert kept == {"lists": ["lists/l.csv"] * 2, "class_names": str(tmp_path / "names.txt")}
    moved = (tmp_path / "a").rename(tmp_path / "b")
    found = from_json(kept, moved).layout
    assert found.lists == (moved / "lists" / "l.csv",) * 2
    assert found.class_names == tmp_path / "names.txt"


def test_what_is_said_now_goes_before_what_was_kept() -> None:
    given_now = FindConfig(layout=LayoutConfig(merge=("train", "dev")))
    kept = {"merge": ["train", "val"], "seed": 3}
    found = found_again(kept, given_now, Path("in"))
    assert found.layout.merge == ("train", "dev") and found.seed == 3


@pytest.mark.parametrize(
    ("kept", "message"),
    [({"mood": 1}, "the setting mood that this version"), ({"merge": 3}, "damaged")],
)
def test_settings_that_nobody_knows_are_refused(kept: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_json(kept, Path("in"))


def test_every_setting_has_a_flag() -> None:
    words = (
        "--layout list --list a.csv --list b.csv --list-folder im --path-column file "
        "--split-column fold --no-label -1 --no-label none --split train=tr --split val=im/va "
        "--class-depth 2 --merge train,val --class-names c.txt --encoding big5 --val-fraction 0.5 "
        "--seed 7"
    ).split()
    config = find_config(parse(FindFlags, "pack", [*words, "--label-columns", 'a,"b,c",d']))
    assert config == FindConfig(
        layout=LayoutConfig(
            layout="list",
            lists=(Path("a.csv"), Path("b.csv")),
            list_folder="im",
            path_column="file",
            label_columns=("a", "b,c", "d"),
            split_column="fold",
            no_label=("-1", "none"),
            split_folders=(("train", "tr"), ("val", "im/va")),
            class_depth=2,
            merge=("train", "val"),
            class_names=Path("c.txt"),
            encoding="big5",
        ),
        val_fraction=0.5,
        seed=7,
    )
    config = find_config(parse(FindFlags, "pack", ["--label-column", "2", "--folds", "3"]))
    assert config.layout.label_column == "2" and config.folds == 3
    assert find_config(FindFlags()) == FindConfig()


@pytest.mark.parametrize("text", ["train", "=x", "train="])
def test_a_split_folder_needs_both_sides(text: str) -> None:
    with pytest.raises(ConfigError, match="expected NAME=DIR"):
        find_config(FindFlags(split=(text,)))
