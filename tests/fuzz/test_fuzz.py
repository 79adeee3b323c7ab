"""A share of the fuzzer's cases, those that once failed, and whether it would tell a failure."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from headrace.pipeline.errors import RecordsError
from headrace.pipeline.records import Records
from tests.builders import available_loaders
from tests.fuzz.__main__ import QUICK, draw
from tests.fuzz.bases import BETONS, SHARDS, make_bases
from tests.fuzz.campaign import run_cases
from tests.fuzz.cases import write_case
from tests.fuzz.damage import Damage, from_text, to_text
from tests.fuzz.kept import KEPT
from tests.fuzz.oracle import judge

NUM_CASES = 500
ALL_OF = 5
"""The slower loaders take one case in so many."""


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bases")
    make_bases(folder)
    return folder


def test_every_case_is_loaded_rightly_or_refused(bases: Path) -> None:
    cases = [*KEPT, *draw(NUM_CASES, 0)]
    report = run_cases(cases, bases, list(QUICK))
    assert not report.findings, "\n".join(f"{x}: {to_text(d)}" for d, x in report.findings)
    assert set(report.kinds) == {"refused", "bad samples", "loads"}


@pytest.mark.parametrize("name", ["dali", pytest.param("ffcv", marks=pytest.mark.slow)])
def test_other_loaders_take_a_share(bases: Path, name: str) -> None:
    if name not in available_loaders():
        pytest.skip(f"{name} is not installed")
    cases = itertools.islice(draw(NUM_CASES, 0), 0, None, ALL_OF)
    report = run_cases(cases, bases, [name])
    assert not report.findings, "\n".join(f"{x}: {to_text(d)}" for d, x in report.findings)


def test_a_case_is_the_same_each_time() -> None:
    cases = list(draw(30, 5))
    assert cases == list(draw(30, 5))
    assert cases != list(draw(30, 6))
    assert [from_text(to_text(case)) for case in cases] == cases


@pytest.mark.parametrize("base", [*BETONS, *SHARDS])
def test_undamaged_files_load(bases: Path, tmp_path: Path, base: str) -> None:
    for resum in (False, True):
        sound = Damage(base=base, edits=[], resum=resum)
        path = write_case(sound, bases, tmp_path / f"{base}-{resum}")
        verdict = judge(sound, path, bases / base, ["torchvision"])
        assert (verdict.kind, verdict.findings) == ("loads", [])


def test_a_made_up_label_passes_with_made_up_checksums_only(bases: Path, tmp_path: Path) -> None:
    honest = Damage(base="levels", edits=[["set", "sample", 2, "label", 1]], resum=False)
    with pytest.raises(RecordsError, match="checksum"):
        Records.open(write_case(honest, bases, tmp_path / "honest"))
    hostile = honest._replace(resum=True)
    path = write_case(hostile, bases, tmp_path / "hostile")
    with Records.open(path) as records:
        assert records.labels.tolist() == [0, 1, 1, 0, 1, 2]
    # What would be found if checksums told nothing:
    findings = judge(honest, path, bases / "levels", []).findings
    assert findings == ["sample 2 has another label than packed"]


def test_made_up_pixels_would_be_found(bases: Path, tmp_path: Path) -> None:
    hostile = Damage(base="mixed", edits=[["flip", "sample 1", 0.5, 7]], resum=True)
    path = write_case(hostile, bases, tmp_path / "hostile")
    assert not judge(hostile, path, bases / "mixed", ["torchvision"]).findings
    findings = judge(hostile._replace(resum=False), path, bases / "mixed", []).findings
    assert findings == ["sample 1 has other pixels than packed"]


def test_other_errors_are_found(
    bases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage = Damage(base="mixed", edits=[["cut by", 8]], resum=False)
    path = write_case(damage, bases, tmp_path / "hurt")
    assert not judge(damage, path, bases / "mixed", []).findings
    for error, finding in (
        (KeyError("x"), "opening: KeyError at test_fuzz.py"),
        (RecordsError(f"{path} is\ndamaged"), "not one printable line"),
        (RecordsError("it is damaged"), "does not name the file"),
    ):

        def refuse(path: Path, error: Exception = error) -> Records:
            raise error

        monkeypatch.setattr(Records, "open", refuse)
        (found,) = judge(damage, path, bases / "mixed", []).findings
        assert found.startswith(finding)


def test_the_end_of_the_child_is_a_finding_and_the_next_case_goes_on(bases: Path) -> None:
    senseless = Damage(base="mixed", edits=[["senseless", "end", 0.5]], resum=False)
    sound = Damage(base="mixed", edits=[], resum=False)
    report = run_cases([senseless, sound], bases, ["native"])
    ((damage, finding),) = report.findings
    assert damage == senseless and "ended with 1" in finding and "AssertionError" in finding
    assert report.kinds == {"ended": 1, "loads": 1}
