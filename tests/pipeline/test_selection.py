"""Which records an expression means: sums, differences, patterns and shares of splits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headrace.pipeline.errors import RecordsError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.plan import PlanConfig, make_plan
from headrace.pipeline.selection import Known, select
from tests.builders import available_loaders, make_records, samples

SPLITS = {"fold0": (0, 10), "fold1": (10, 25), "fold2": (25, 40), "test": (40, 50), "a-b": (50, 52)}
LABELS = np.arange(52) % 3
KNOWN = Known(
    splits=SPLITS,
    labels=LABELS,
    classes=("pear", "red apple", "plum, dried"),
    names=[f"a/{i % 50}.jpg" for i in range(52)],
)


def chosen(expression: str) -> set[int]:
    found = select(expression, KNOWN)
    assert found.dtype == np.int64 and (np.diff(found) > 0).all()
    return set(found.tolist())


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("fold1", range(10, 25)),
        ("fold0+test", [*range(10), *range(40, 50)]),
        ("fold0 + fold0", range(10)),
        ("fold*-fold1", [*range(10), *range(25, 40)]),
        ("all-fold*", range(40, 52)),
        ("all", range(52)),
        ("a-b", [50, 51]),
        ("fold0+a-b", [*range(10), 50, 51]),
        ("fold0+a-b-fold0", [50, 51]),
        ("all-a-b", range(50)),
        ("fold0[:4]", range(4)),
        ("fold0[4:]", range(4, 10)),
        ("fold1[2:5]", range(12, 15)),
        ("fold*[:]", range(40)),
        ("fold0+fold1-fold1[:3]", [*range(10), *range(13, 25)]),
        ("fold0[pear]", [0, 3, 6, 9]),
        ("fold*[pear, red apple] - fold1", [i for i in [*range(10), *range(25, 40)] if i % 3 < 2]),
        ("test[plum, dried]", [41, 44, 47]),
        ("all-all[red apple]", [i for i in range(52) if i % 3 != 1]),
    ],
)
def test_what_is_meant(expression: str, expected: range) -> None:
    assert chosen(expression) == set(expected)


ODD = Known(
    splits={
        "train": (0, 4),
        "train-1": (4, 5),
        "10": (5, 6),
        "a-b": (6, 7),
        "b": (7, 8),
        "xa": (8, 10),
        "a@b": (10, 12),
        "train[a]": (12, 16),
        "traina": (16, 18),
        "10-x": (18, 20),
    },
    labels=np.arange(20) % 4,
    classes=("a", "b", "c-d", "1:2"),
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("train-1", [4]),
        ("train-10", range(4)),
        ("train-1-10", [4]),
        ("train-1[:1]", [4]),
        ("train-1*", [4]),
        ("xa-b", [8, 9]),
        ("xa+a-b", [6, 8, 9]),
        ("train + 10-x - b", [*range(4), 18, 19]),
        ("a@b-b", [10, 11]),
        ("train[a]", range(12, 16)),
        ("train[a][:1]", [12]),
        ("train[a][b]", [13]),
        ("train[1:2]", [3]),
        ("all-all[c-d]", [i for i in range(20) if i % 4 != 2]),
    ],
)
def test_odd_names(expression: str, expected: Sequence[int]) -> None:
    assert select(expression, ODD).tolist() == list(expected)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("train", "no split 'train'; it has fold0, fold1"),
        ("fold0+train", r"no split 'train' \(in 'fold0\+train'\)"),
        ("fold9*", r"no split 'fold9\*'"),
        ("", "no split '': expected NAME, NAME"),
        ("+", r"no split '\+': expected NAME, NAME"),
        ("fold0+", r"no split 'fold0\+': expected NAME, NAME"),
        ("-fold0", "no split '-fold0': expected NAME, NAME"),
        ("fold0--fold1", "no split 'fold0--fold1': expected NAME, NAME"),
        ("fold0[:x]", r"no split 'fold0\[:x\]': between the brackets expected two"),
        ("fold0[1:50%]", "between the brackets expected two whole numbers"),
        ("fold0[0.5:]", "between the brackets expected two whole numbers"),
        ("fold0[:1:2]", "no class ':1:2'; it has pear, red apple, plum, dried"),
        ("fold0[paer]", "no class 'paer'; did you mean 'pear'"),
        ("fold0-@/no/such.txt", r"no split '@/no/such.txt': that list .* \(No such file"),
    ],
)
def test_what_makes_no_sense(expression: str, text: str) -> None:
    with pytest.raises(RecordsError, match=text):
        select(expression, KNOWN)


def test_a_list_of_classes_that_is_a_class_too_is_a_question() -> None:
    known = Known(splits={"all": (0, 3)}, labels=np.arange(3), classes=("a", "b", "a,b"))
    with pytest.raises(RecordsError, match="both a class 'a,b' and all of a, b: take them one by"):
        select("all[a,b]", known)
    assert select("all[a]+all[b]", known).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("keep-1+2.txt", "3\n\n# no more\n41\n", [3, 41]),
        ("names.txt", "\ufeffa/7.jpg\r\na/2.jpg\n", [2, 7]),
        ("none.txt", "", []),
    ],
)
def test_a_file_may_list_records(
    tmp_path: Path, name: str, content: str, expected: list[int]
) -> None:
    path = tmp_path / name
    path.write_text(content, "utf-8")
    assert chosen(f"@{path}") == set(expected)
    assert chosen(f"all-@{path} +test") == (set(range(52)) - set(expected)) | set(range(40, 50))
    np.save(tmp_path / "a.npy", np.array(expected, np.int64))
    assert chosen(f"@{tmp_path / 'a.npy'}") == set(expected)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("52", "no sample 52, which .*: expected 0 to 51"),
        ("3\n" + 20 * "9", r"no sample 9{18}\.\.\., which .*: expected 0 to 51"),
        ("a/60.jpg", "no sample 'a/60.jpg', which .* such as 'a/0.jpg', or numbers"),
        ("a/1.jpg", "two samples 'a/1.jpg', which .*: list their numbers instead"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, content: str, text: str) -> None:
    (tmp_path / "bad.txt").write_text(content)
    with pytest.raises(RecordsError, match=text):
        chosen(f"@{tmp_path / 'bad.txt'}")
    (tmp_path / "archive.npy").write_bytes(b"PK\x03\x04" + bytes(60))
    with pytest.raises(RecordsError, match=r"no split '@.*': that list .*magic string"):
        chosen(f"@{tmp_path / 'archive.npy'}")
    np.save(tmp_path / "a.npy", np.zeros((2, 2)))
    with pytest.raises(RecordsError, match="expected whole numbers in one row"):
        chosen(f"@{tmp_path / 'a.npy'}")


@given(
    labels=st.lists(st.integers(-1, 4), min_size=1, max_size=60),
    cut=st.integers(0, 1000).map(lambda n: n / 10),
)
def test_shares_complete_each_other_in_every_class(labels: list[int], cut: float) -> None:
    values = np.array(labels, np.int64)
    known = Known(splits={"train": (0, len(labels))}, labels=values)
    first = select(f"train[:{cut}%]", known)
    rest = select(f"train[{cut}%:]", known)
    assert sorted([*first, *rest]) == list(range(len(labels)))
    for label in set(labels):
        have, of = (values[first] == label).sum(), (values == label).sum()
        assert abs(have - of * cut / 100) < 1


def test_a_plan_takes_any_records_in_any_order() -> None:
    rng = np.random.default_rng(0)
    heights, widths = rng.integers(20, 90, (2, 50))
    picked = rng.permutation(50)[:17]
    config = PlanConfig(batch_size=5, seed=3)
    plan = make_plan(heights, widths, picked, config, 2)
    assert sorted(plan.indices) == sorted(picked)
    inside = plan.boxes[:, 0] + plan.boxes[:, 2] <= heights[plan.indices]
    assert inside.all()
    shifted = make_plan(heights[picked], widths[picked], np.arange(17), config, 2)
    assert np.array_equal(picked[shifted.indices], plan.indices)
    assert np.array_equal(shifted.boxes, plan.boxes)


@pytest.mark.parametrize("name", available_loaders())
def test_every_loader_loads_what_is_selected(tmp_path: Path, name: str) -> None:
    splits = {"fold0": 7, "fold1": 6, "fold2": 8, "test": 4}
    with make_records(tmp_path / "a.beton", samples(25), splits) as records:
        for expression in ("fold*-fold1", "fold0+test", "fold*[:50%]", "all"):
            with open_loader(
                records, split=expression, loader=name, size=24, batch_size=6, train=False
            ) as loader:
                found = list(loader.epoch(0))
                plan = loader.plan(0)
            indices = torch.cat([batch.indices for batch in found]).numpy()
            assert np.array_equal(indices, records.select(expression))
            with open_loader(
                records, split=None, loader="torchvision", size=24, batch_size=25, train=False
            ) as reference:
                (whole,) = reference.epoch(0)
            images = torch.cat([batch.images for batch in found]).int()
            assert (images - whole.images[plan.indices].int()).abs().max() <= 8


def test_a_class_of_any_name_can_be_quoted() -> None:
    classes = ("a[1]", "b, c", "d", "e:f", '5" plate', '"g"')
    known = Known(splits={"train": (0, 12)}, labels=np.arange(12) % 6, classes=classes)

    def labels(expression: str) -> set[int]:
        return {int(index) % 6 for index in select(expression, known)}

    assert labels('train["a[1]"]') == {0}
    assert labels('train["b, c", d]') == {1, 2}
    assert labels('train - train["a[1]","b, c","e:f"]') == {2, 4, 5}
    assert labels("train[b, c]") == labels('train["b, c"]') == {1}
    assert labels("train[e:f]") == labels('train["e:f"]') == {3}
    assert labels('train[5" plate]') == {4}
    assert labels('train["g"]') == {5}
    with pytest.raises(RecordsError, match=r"no class 'a\]1'; it has a\[1\], b"):
        select('train["a]1"]', known)
