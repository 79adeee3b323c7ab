"""What all loaders share: settings, epochs, closing, and choosing the number of workers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import torch

from headrace.pipeline.backend import Decoded, LoaderConfig
from headrace.pipeline.errors import ClosedError, ConfigError, RecordsError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.plan import EpochPlan, make_plan
from headrace.pipeline.records import Records
from headrace.pipeline.tuning import candidates, pick_workers
from tests.builders import available_loaders, make_records, samples


@pytest.fixture
def file(tmp_path: Path) -> Path:
    make_records(tmp_path / "a.beton", samples(20), {"train": 13, "val": 7})
    return tmp_path / "a.beton"


def test_batches_carry_the_plan(file: Path) -> None:
    with open_loader(file, loader="native", size=24, batch_size=5, seed=3) as loader:
        plan = loader.plan(2)
        batches = list(loader.epoch(2))
        assert len(loader) == len(batches) == 3
        indices = torch.cat([b.indices for b in batches]).numpy()
        assert np.array_equal(indices, plan.indices)
        labels = torch.cat([b.labels for b in batches]).numpy()
        assert np.array_equal(labels, loader.records.labels[plan.indices])
        assert batches[0].images.dtype == torch.uint8
        assert batches[0].images.is_contiguous(memory_format=torch.channels_last)


def test_an_epoch_may_start_anywhere(file: Path) -> None:
    with open_loader(file, loader="native", size=24, batch_size=4, split=None) as loader:
        whole = list(loader.epoch(1))
        for start in range(len(loader) + 1):
            rest = list(loader.epoch(1, start=start))
            assert len(rest) == len(whole) - start
            for got, want in zip(rest, whole[start:], strict=True):
                assert torch.equal(got.images, want.images)
        with pytest.raises(ConfigError, match="start is 6, expected 0 to 5 batches"):
            loader.epoch(1, start=6)


def test_another_epoch_ends_the_one_before(file: Path) -> None:
    with open_loader(file, loader="native", size=24, batch_size=4) as loader:
        first = loader.epoch(0)
        next(first)
        second = list(loader.epoch(1))
        assert list(first) == []
        assert torch.equal(second[0].images, next(loader.epoch(1)).images)


def test_a_closed_loader_says_so(file: Path) -> None:
    loader = open_loader(file, loader="native", size=24)
    loader.close()
    loader.close()
    with pytest.raises(ConfigError, match="closed"):
        loader.epoch(0)


def test_ranks_together_load_every_sample_once(file: Path) -> None:
    seen: list[int] = []
    for rank in range(2):
        with open_loader(
            file, loader="native", size=16, batch_size=6, rank=rank, world_size=2, split=None
        ) as loader:
            seen += [int(i) for batch in loader.epoch(0) for i in batch.indices]
    assert sorted(seen) == list(range(20))


def test_a_split_without_samples_gives_no_batches(tmp_path: Path) -> None:
    make_records(tmp_path / "a.beton", samples(3), {"train": 3, "val": 0})
    for name in ("native", "torchvision", "resident"):
        with open_loader(tmp_path / "a.beton", loader=name, split="val") as loader:
            assert len(loader) == 0
            assert list(loader.epoch(0)) == []


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"loader": "fast"}, "loader is 'fast', expected auto, torchvision"),
        ({"size": 0}, "size is 0"),
        ({"workers": -1}, "workers is -1"),
        ({"workers": "many"}, "workers is 'many', expected a number or auto"),
        ({"device": "gpu"}, "device is 'gpu', expected auto, cpu or cuda"),
        ({"on_bad_sample": "hide"}, "on_bad_sample is 'hide'"),
        ({"resident_memory": 0.0}, "resident_memory is 0.0"),
    ],
)
def test_settings_that_cannot_work_are_refused(file: Path, values: dict, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        open_loader(file, **values)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_said_in_one_line(file: Path) -> None:
    with pytest.raises(ConfigError, match="torch sees no CUDA GPU; use --device cpu"):
        open_loader(file, device="cuda")


def test_a_wrong_split_is_an_error_at_once(file: Path) -> None:
    with pytest.raises(RecordsError, match="no split 'test'; it has train, val"):
        open_loader(file, split="test")


class _Paced:
    """A backend whose speed is known: it waits, then hands out a blank batch."""

    def __init__(self, clock: list[float], seconds: float) -> None:
        self.clock, self.seconds = clock, seconds

    def stream(self, plan: EpochPlan, start: int) -> Generator[Decoded, None, None]:
        for _ in range(start, plan.num_batches):
            self.clock[0] += self.seconds
            yield Decoded(torch.zeros(4, 3, 2, 2, dtype=torch.uint8), [])

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("seconds", "picked"),
    [
        ({1: 0.1, 2: 0.05, 4: 0.02, 5: 0.02}, 4),
        ({1: 0.1, 2: 0.1, 4: 0.099, 5: 0.2}, 1),
    ],
)
def test_auto_takes_the_fewest_workers_that_are_fast(
    file: Path,
    seconds: dict[int, float],
    picked: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = [1.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    records, config = Records.open(file), LoaderConfig()
    chosen = records.select(None)
    plan = make_plan(records.heights, records.widths, chosen, config.plan, 0)
    narrow = EpochPlan(
        indices=plan.indices,
        boxes=plan.boxes,
        flips=plan.flips,
        bounds=np.arange(21),
        shape=plan.shape,
    )

    def open_backend(records: Records, config: LoaderConfig, chosen: np.ndarray) -> _Paced:
        return _Paced(clock, seconds[config.num_workers])

    assert candidates(4) == sorted(seconds)
    assert pick_workers(open_backend, records, config, chosen, narrow, cores=4) == picked
    assert capsys.readouterr().out.startswith(f"workers: {picked} (images/s by workers: 1: ")


def test_auto_workers_load(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_loader(file, loader="native", size=16, batch_size=4, workers="auto") as loader:
        assert len(list(loader.epoch(0))) == 4
    assert "workers: " in capsys.readouterr().out


@pytest.mark.parametrize("name", available_loaders())
def test_a_process_may_end_in_the_middle_of_an_epoch(file: Path, name: str) -> None:
    code = (
        "import sys; from headrace import open_loader;"
        f"loader = open_loader(sys.argv[1], loader={name!r}, size=24, batch_size=2);"
        "epoch = loader.epoch(0); next(epoch)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr


def test_nothing_begins_once_the_interpreter_has_ended_the_loader(file: Path) -> None:
    """A thread that goes on at exit would start a library's threads again, which abort it."""
    loader = open_loader(file, loader="native", size=24, batch_size=2)
    epoch = loader.epoch(0)
    next(epoch)
    loader._let_go()  # as at exit
    assert list(epoch) == []
    with pytest.raises(ClosedError, match="this loader is closed"):
        loader.epoch(1)
