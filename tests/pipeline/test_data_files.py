"""Which files are meant by what stands behind --data, and their shares."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.data_files import DataFile, in_words, read_data
from headrace.pipeline.errors import ConfigError


def test_one_file_and_several() -> None:
    assert read_data("a.beton") == (DataFile(path=Path("a.beton")),)
    assert read_data(Path("a.beton")) == read_data(["a.beton"])
    found = read_data(["a.beton", "b.beton:0.3", "c.beton", Path("d:.25")])
    assert [str(file.path) for file in found] == ["a.beton", "b.beton", "c.beton", "d"]
    assert [file.share for file in found] == [None, 0.3, None, 0.25]


def test_a_share_is_a_number_behind_the_last_colon() -> None:
    first, windows, word, twice, tiny = read_data(
        ["a", r"C:\data\b.beton", "s3:bucket", "at:9:0.5", "b:1e-3"]
    )
    assert first.share is windows.share is word.share is None
    assert (str(windows.path), str(word.path)) == (r"C:\data\b.beton", "s3:bucket")
    assert (str(twice.path), twice.share) == ("at:9", 0.5)
    assert tiny.share == 0.001


def test_a_file_of_the_whole_name_is_that_file(tmp_path: Path) -> None:
    whole = tmp_path / "at:0.5"
    whole.touch()
    assert read_data(["a", whole])[1] == DataFile(path=whole)
    assert read_data(str(whole)) == (DataFile(path=whole),)
    assert read_data(["a", f"{whole}:0.25"])[1] == DataFile(path=whole, share=0.25)


def test_what_was_given_reads_back() -> None:
    given = ["a.beton", "b.beton:0.30000001", "c:0.1"]
    files = read_data(given)
    assert in_words(files) == in_words(given) == " ".join(given)
    assert read_data(list(map(str, files))) == files
    assert in_words("a.beton") == "a.beton"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "no data: expected at least one file"),
        ("a.beton:0.3", "a.beton:0.3: the first file cannot have a share, since"),
        (["a:0.3", "b"], "name a file without one first"),
        (["a", "b:0"], "b:0: its share is 0, expected above 0 and below 1, as b:0.3"),
        (["a", "b:1.5"], "expected above 0 and below 1"),
        (["a", "b:-0.5"], "expected above 0 and below 1"),
        (["a", "b:0.5", "c:.5"], "the shares 0.5, 0.5 are 1 together, expected below 1"),
    ],
)
def test_shares_that_none_can_have(given: list[str] | str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_data(given)
    assert message in str(error.value) and "\n" not in str(error.value)
