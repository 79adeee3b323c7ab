"""A folder of runs in the place of a run: each command names those that are in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.pipeline.errors import HeadraceError
from headrace.tools.suspects import SuspectsSettings, find_suspects
from headrace.train.evaluation.members import load_members
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.folder.resume import earlier_folder
from headrace.train.generating.generator_file import read_generator_file
from headrace.train.models.weights_file import read_weights
from headrace.train.reporting.run_log import read_run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """What is in it: runs of classifiers, one without best.pt, folds, a generator, no runs."""
    for name in (
        *(f"{letter}/{file}" for letter in "abcd" for file in ("best.pt", "last.pt")),
        *("begun/config.yaml", "begun/last.pt", "folds/trials.yaml", "flow/generator.pt"),
        *("notes/best.txt", "notes.txt", "weights/metrics.jsonl"),
    ):
        (tmp_path / "runs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "runs" / name).touch()
    return tmp_path / "runs"


ASKED: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "predict": (lambda place: load_members([str(place)]), ["a", "b", "c", "and 2 more"]),
    "preview": (load_checkpoint, ["a", "b", "begun", "and 3 more"]),
    "resume": (lambda place: earlier_folder(str(place)), ["a", "b", "begun", "and 3 more"]),
    "weights": (lambda place: read_weights(str(place)), ["a", "b", "c", "and 2 more"]),
    "draw": (read_generator_file, ["flow"]),
    "suspects": (lambda place: find_suspects(SuspectsSettings(folder=place)), ["folds"]),
}


@pytest.mark.parametrize("command", ASKED)
def test_a_folder_of_runs_names_those_that_would_do(command: str, runs: Path) -> None:
    ask, (*named, last) = ASKED[command]
    with pytest.raises(HeadraceError) as error:
        ask(runs)
    listed = [str(runs / name) for name in named]
    listed += [] if last.startswith("and") else [str(runs / last)]
    end = f" {last}" if last.startswith("and") else ""
    wanted = f"; name one of the run folders in {runs}: {', '.join(listed)}{end}"
    assert str(error.value).endswith(wanted)


@pytest.mark.parametrize("command", ["predict", "preview", "resume", "weights", "report"])
def test_a_run_that_is_not_there_is_one_of_those_beside_it(command: str, runs: Path) -> None:
    ask = read_run if command == "report" else ASKED[command][0]
    with pytest.raises(HeadraceError, match=r"typo does not exist; name one of the run folders in"):
        ask(runs / "typo")


@pytest.mark.parametrize("command", ASKED)
def test_a_folder_without_runs_is_told_what_is_expected(command: str, tmp_path: Path) -> None:
    with pytest.raises(HeadraceError, match=r"; (give|name) (a|the) .*(run|runs|\.pt)"):
        ASKED[command][0](tmp_path)
    with pytest.raises(HeadraceError) as error:
        ASKED[command][0](tmp_path / "nowhere" / "run")
    assert "name one of" not in str(error.value)
