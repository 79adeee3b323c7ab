"""What last.pt holds: one list, from which saving, restoring and what is needed follow."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import headrace.train.hooks.build
from headrace.pipeline.errors import ConfigError
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.folder.parts import PARTS, Named, Own, restore, state_of
from headrace.train.folder.resume import checkpoint_config
from headrace.train.hooks import Hook
from headrace.train.processes.world import World
from headrace.train.progress import Progress
from headrace.train.run import run_training
from headrace.train.state import Run
from tests.train.tiny_runs import assert_same, settings, write_data

DESCRIBED = {"format", "model", "classes", "preprocess", "config", "scores"}
SAVED = {
    *("weights", "optimizer", "scaler", "progress", "ranks", "seconds", "epoch_began"),
    *("log_bytes", "data_fingerprint"),
}
"""The keys of the files that are around; without one of them a run cannot be continued."""
LATER = {"hooks", "teachers"}
"""Keys that the first files lack."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    place = tmp_path_factory.mktemp("parts")
    data = write_data(place / "tiny.beton")
    return run_training(settings(data, place / "run", epochs=1, limit_batches=2))


def test_the_keys_on_disk_are_the_parts(run: Run) -> None:
    assert set(PARTS) == SAVED | LATER
    assert set(load_checkpoint(run.folder / "last.pt")) == DESCRIBED | SAVED | LATER
    assert set(load_checkpoint(run.folder / "best.pt")) == DESCRIBED | {"weights"}


@pytest.mark.parametrize("key", sorted(SAVED - {"weights"}))
def test_a_checkpoint_without_a_part_has_nothing_to_continue_from(key: str, run: Run) -> None:
    content = load_checkpoint(run.folder / "last.pt")
    assert checkpoint_config(content, "last.pt") == run.config
    del content[key]
    with pytest.raises(ConfigError, match=r"resume from last\.pt"):
        checkpoint_config(content, "last.pt")


def test_a_checkpoint_of_before_there_was_a_choice_of_loss_and_schedule(run: Run) -> None:
    content = load_checkpoint(run.folder / "last.pt")
    del content["config"]["loss"], content["config"]["schedule"]
    assert checkpoint_config(content, "last.pt") == run.config


def test_an_earlier_file_without_what_hooks_keep_goes_on(run: Run) -> None:
    """As of a run whose hooks have kept nothing: that is what `ADDED` says in its stead."""
    content = load_checkpoint(run.folder / "last.pt")
    del content["hooks"]
    assert checkpoint_config(content, "last.pt") == run.config
    restore(run, content)
    assert state_of(run)["hooks"] == {}


def test_what_hooks_keep_is_kept_by_name(run: Run) -> None:
    class Count(Hook):
        def __init__(self, name: str, value: int) -> None:
            self.name, self.value = name, value

        def state_dict(self) -> dict[str, Any]:
            return {"value": self.value} if self.value else {}

        def load_state_dict(self, state: dict[str, Any]) -> None:
            self.value = state["value"]

    kept = Named([Count("a", 1), Count("b", 0), Count("c", 3), *run.hooks]).state_dict()
    assert kept == {"a": {"value": 1}, "c": {"value": 3}}
    later = [Count("c", 7), Count("b", 8), Count("new", 9)]
    Named(later).load_state_dict(kept)
    assert [hook.value for hook in later] == [3, 8, 9]
    with pytest.raises(AssertionError, match="a name of its own"):
        Named([Count("a", 1), Count("a", 2)]).state_dict()


def test_a_resumed_run_gives_hooks_back_what_they_kept(tmp_path: Path) -> None:
    class Epochs(Hook):
        name = "epochs"
        seen = 0

        def after_epoch(self, progress: Progress, row: Mapping[str, Any], best: bool) -> None:
            self.seen += 1

        def state_dict(self) -> dict[str, Any]:
            return {"seen": self.seen}

        def load_state_dict(self, state: dict[str, Any]) -> None:
            self.seen = state["seen"]

    class Two(Epochs):
        def wants_end(self, progress: Progress) -> bool:
            return self.seen == 2

    data = write_data(tmp_path / "tiny.beton")
    config = settings(data, tmp_path / "run", epochs=4, limit_batches=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headrace.train.hooks.build, "Patience", lambda patience: Two())
        run_training(config)
        patch.setattr(headrace.train.hooks.build, "Patience", lambda patience: Epochs())
        run = run_training(config, str(tmp_path / "run"))
    assert run.progress.epoch == 4
    assert load_checkpoint(tmp_path / "run")["hooks"] == {"epochs": {"seen": 4}}


def test_restoring_undoes_whatever_came_in_between(run: Run, tmp_path: Path) -> None:
    torch.save(state_of(run), tmp_path / "state.pt")
    before = torch.load(tmp_path / "state.pt", weights_only=True)
    with torch.no_grad():
        for parameter in run.model.parameters():
            parameter += 1
    run.progress.next_epoch()
    run.meter.sums += 3
    run.augmenter.generator.manual_seed(5)
    run.clock.seconds["step"] += 100
    restore(run, before)
    after = state_of(run)
    for state in (before, after):
        state["seconds"].pop("total")  # goes on all the time
    assert_same(after, before)


def test_each_process_gets_its_own_part_back() -> None:
    class Kept:
        state: Any = None

        def state_dict(self) -> Any:
            return self.state

        def load_state_dict(self, state: Any) -> None:
            self.state = state

    kept = Kept()
    Own(World(rank=1, size=2), {"stream": kept}).load_state_dict([{"stream": 3}, {"stream": 7}])
    assert kept.state == 7


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("weights", {"w": torch.ones(2)}),
        ("optimizer", {"state": {}}),
        ("optimizer", {"state": {}, "param_groups": []}),
        ("optimizer", "moments"),
        ("optimizer", "rates"),
        ("progress", {"epoch": 1}),
        ("ranks", [{}]),
        ("ranks", [{"meter": torch.zeros(7), "augmenter": {}}]),
        ("seconds", 3),
    ],
)
def test_a_part_of_another_kind_is_named_before_a_step(key: str, wrong: Any, run: Run) -> None:
    content = load_checkpoint(run.folder / "last.pt")
    if key == "optimizer" and isinstance(wrong, str):
        saved = copy.deepcopy(content["optimizer"])
        if wrong == "moments":
            saved["state"][0]["exp_avg"] = torch.zeros(3, 99)
        else:
            saved["param_groups"][0]["lr"] = "fast"
        wrong = saved
    try:
        with pytest.raises(ConfigError) as error:
            restore(run, {**content, key: wrong})
        said = str(error.value)
        assert said.startswith(f"cannot resume {run.folder}: ") or "augmenter's saved state" in said
        assert "\n" not in said and (key in said or key == "ranks")
    finally:
        restore(run, content)
