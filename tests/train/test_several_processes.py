"""One, two and three processes train the same model, and go on with each other's runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.folder.other_world import other_world_line, regrouped
from headrace.train.settings.config import DataConfig
from tests.train.test_world import NEEDS_GROUP, processes
from tests.train.tiny_runs import rows

CODE = """
import json
import sys
from pathlib import Path
import torch
from tests.train.tiny_runs import settings
from headrace.pipeline.errors import Interrupted
from headrace.pipeline.planned import PlannedLoader
from headrace.train.processes.stop import StopRequest
from headrace.train.run import run_training

data, out, resume, steps = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
seen, real = [], PlannedLoader.epoch

def watched(self, epoch, start=0):
    for step, batch in enumerate(real(self, epoch, start), start):
        if self.config.plan.train:
            seen.append([epoch, step, batch.indices.tolist()])
        yield batch

PlannedLoader.epoch = watched
left = iter(range(1, 1000))
StopRequest.agreed = lambda *rest, **named: next(left) == steps
changes = {"model": "timm:test_vit", "dropout": 0.0, "amp": "off", "batch_size": 6}
changes |= {"recipe": "none", "log_every": 3, "lr": 0.003}
try:
    run_training(settings(data, out, **changes), resume)
except Interrupted as stop:
    print(stop, file=sys.stderr)
print(json.dumps(seen))
"""
STEPS = 14
Order = dict[tuple[int, int], list[int]]


def train(number: int, data: Path, out: Path, resume: str = "", steps: int = 0) -> Order:
    """The global batch of each (epoch, step), sorted, of a run with so many processes."""
    found: Order = {}
    for status, said, errors in processes(number, CODE, str(data), str(out), resume, str(steps)):
        assert status == 0, errors
        for epoch, step, indices in json.loads(said.splitlines()[-1]):
            found.setdefault((epoch, step), []).extend(indices)
    # What a loader has ready beyond the last step is not the run's.
    done = load_checkpoint(out)["progress"]
    place = (done["epoch"], done["step"])
    return {step: sorted(batch) for step, batch in found.items() if step < place}


def assert_alike(out: Path, whole: Path) -> None:
    """The same samples, losses, scores and weights, save for rounding."""
    for kind, names in (("step", ("loss",)), ("epoch", ("train_loss", "val_loss"))):
        there, here = rows(whole, kind), rows(out, kind)
        assert [row["global_step"] for row in here] == [row["global_step"] for row in there]
        for one, other in zip(here, there, strict=True):
            for name in names:
                assert one[name] == pytest.approx(other[name], rel=1e-3), (kind, one, other)
            if kind == "epoch":
                assert one["val_accuracy"] == other["val_accuracy"]
    weights = load_checkpoint(whole)["weights"]
    for name, value in load_checkpoint(out)["weights"].items():
        torch.testing.assert_close(value, weights[name], rtol=1e-2, atol=1e-3)


@pytest.fixture(scope="module")
def alone(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Order]:
    out = tmp_path_factory.mktemp("alone") / "run"
    return out, train(1, data, out)


@NEEDS_GROUP
@pytest.mark.parametrize("number", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_the_global_batch_the_loss_and_the_scores_are_those_of_one_process(
    number: int, data: Path, alone: tuple[Path, Order], tmp_path: Path
) -> None:
    whole, order = alone
    assert len(order) == STEPS and all(len(batch) == 6 for batch in order.values())
    assert train(number, data, tmp_path / "run") == order
    assert_alike(tmp_path / "run", whole)
    assert len(load_checkpoint(tmp_path / "run")["ranks"]) == number


@NEEDS_GROUP
@pytest.mark.parametrize(
    "numbers", [(2, 1), pytest.param((2, 3, 1), marks=pytest.mark.slow)], ids=str
)
def test_a_run_goes_on_with_other_numbers_of_processes_in_the_same_order(
    numbers: tuple[int, ...], data: Path, alone: tuple[Path, Order], tmp_path: Path
) -> None:
    """The first are stopped between two log rows, others in the next epoch, and one ends it."""
    whole, order = alone
    out = tmp_path / "run"
    found = train(numbers[0], data, out, steps=5)
    assert len(found) == 5
    for number in numbers[1:-1]:
        found |= train(number, data, out, str(out), steps=7)  # evaluation asks twice, too
        assert len(found) == 10
    found |= train(numbers[-1], data, out, str(out))
    assert found == order
    assert_alike(out, whole)
    assert [row["processes"] for row in rows(out, "start")] == list(numbers)


def test_another_number_of_processes_is_said_or_refused(data: Path) -> None:
    with Records.open(data) as records:

        def line(before: int, now: int, batch_size: int) -> str:
            return other_world_line(before, now, DataConfig(batch_size=batch_size), records)

        assert line(2, 2, 8) == ""
        assert line(1, 3, 6).startswith("processes: 3, until now 1: the global batches stay the")
        with pytest.raises(ConfigError, match="with 3 processes: expected a number"):
            line(2, 3, 8)
        # Of 41 samples a single process leaves the last out, a batch of one; two fill it up.
        with pytest.raises(ConfigError, match=r"\(2, until now 1\): an epoch would have 21 steps"):
            other_world_line(1, 2, DataConfig(batch_size=2, train_split="train[:41]"), records)
        assert "last" not in line(1, 2, 2)
        # Of 42 samples two are left over: alone they are a batch, two processes fill it up to 8.
        some = DataConfig(batch_size=8, train_split="train[:42]")
        assert "an epoch's last, which is filled up" in other_world_line(1, 2, some, records)
        assert "which is no longer filled up" in other_world_line(2, 1, some, records)
        assert "last" not in other_world_line(2, 4, some, records)


def test_what_each_process_takes_over() -> None:
    states = [{"augmenter": f"stream {r}", "meter": torch.tensor([r, 1.0])} for r in range(2)]
    assert regrouped(states, 1, 2) == states[1]
    first, second, third = (regrouped(states, rank, 3) for rank in range(3))
    assert (first["augmenter"], second["augmenter"]) == ("stream 0", "stream 1")
    assert "augmenter" not in third
    sums = torch.stack([state["meter"] for state in (first, second, third)]).sum(0)
    assert sums.tolist() == first["meter"].tolist() == [1.0, 2.0]
    assert regrouped(states, 0, 1)["meter"].tolist() == [1.0, 2.0]
