"""A process that is killed: the others end with an error, and a launcher's restart goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import torch
from torch import nn

import headrace.train.loop
import headrace.train.run
from headrace.pipeline.errors import ConfigError, Finished
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from headrace.train.command_line import read_command_line
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.folder.journal import Journal
from headrace.train.processes.lost import lost_process
from headrace.train.processes.sync_norms import sync_norms
from headrace.train.processes.world import World
from headrace.train.run import run_training
from tests.train.test_stopped_processes import FLAGS, ROOT, start
from tests.train.test_world import NEEDS_GROUP, free_port
from tests.train.tiny_runs import assert_same_run, rows, settings

CPU = torch.device("cpu")
TWO = World(size=2)


def wait_for_epochs(log: Path, number: int, processes: list[subprocess.Popen[str]]) -> None:
    deadline = time.monotonic() + 300
    while not (log.exists() and len(log.read_text().splitlines()) >= number):
        assert all(process.poll() is None for process in processes), processes[0].communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are gone when the test is over."""
    found: list[subprocess.Popen[str]] = []
    yield found
    for process in found:
        process.kill()
        process.wait()


HELD = """
import os
import time
from pathlib import Path

import headrace.train.loop
from headrace.pipeline.command_line import run_command
from headrace.train.run import main

optimise = headrace.train.loop.optimise
held = Path(os.environ["HELD"])

def hold(run, images, targets):
    here = os.environ.get("HOLDS") == os.environ["LOCAL_RANK"]
    if here and run.progress.global_step == 13 and not held.exists():
        held.touch()
        time.sleep(300)
    optimise(run, images, targets)

headrace.train.loop.optimise = hold
run_command(main)
"""
"""A command line of training, which waits in its third epoch to be killed: process HOLDS, once."""


def wait_for(held: Path, agents: list[subprocess.Popen[str]]) -> None:
    while not held.exists():
        assert all(agent.poll() is None for agent in agents), agents[0].communicate()
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether a process of this machine does."""
    return any(
        found.laddr.port == port and found.status == psutil.CONN_LISTEN
        for found in psutil.net_connections("tcp")
        if found.laddr
    )


def start_agent(
    launcher: str, data: Path, out: Path, epochs: int, environment: dict[str, str]
) -> subprocess.Popen[str]:
    """A torchrun with `launcher`'s flags, whose run begins or goes on in `out`; see HELD."""
    script, held = out.with_name("held.py"), out.with_name("held")
    script.write_text(HELD)
    environment = {**environment, "HELD": str(held), "PYTHONPATH": str(ROOT)}
    words = ["-m", "torch.distributed.run", *launcher.split(), str(script)]
    flags = [*FLAGS, "--epochs", str(epochs), "--no-report", "--resume", "auto"]
    return subprocess.Popen(
        [sys.executable, *words, "--data", str(data), "--out", str(out), *flags],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@NEEDS_GROUP
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
@pytest.mark.parametrize("killed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_the_others_end_with_an_error_and_a_run_that_goes_on(
    killed: int, data: Path, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    out = tmp_path / "run"
    started += start(["--data", str(data), "--out", str(out), *FLAGS])
    wait_for_epochs(out / "log.txt", 2, started)
    started[killed].send_signal(signal.SIGKILL)
    _, errors = started[1 - killed].communicate(timeout=200)
    assert started[1 - killed].returncode == 1, errors
    line = errors.splitlines()[-1]
    assert line.startswith("error: another process of the run has gone"), errors
    assert f"torchrun --nproc-per-node 2 train/run.py --resume {out}`" in line
    assert "Traceback" not in errors
    assert load_checkpoint(out)["progress"]["epoch"] >= 1


@NEEDS_GROUP
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_torchrun_restarts_and_the_same_command_goes_on_from_last_pt(
    data: Path, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    out, epochs = tmp_path / "run", 5
    launcher = "--standalone --nproc-per-node 2 --max-restarts 1"
    agent = start_agent(launcher, data, out, epochs, {"HOLDS": "1"})
    started.append(agent)
    wait_for(tmp_path / "held", [agent])
    workers = [
        child
        for child in psutil.Process(agent.pid).children()
        if child.environ().get("RANK") == "1"
    ]
    workers[0].kill()
    said, errors = agent.communicate(timeout=400)
    assert agent.returncode == 0, errors
    starts = rows(out, "start")
    assert len(starts) == 2, "the first and the one that was started again"
    assert starts[1]["global_step"] == 12
    assert [row["epoch"] for row in rows(out, "epoch")] == list(range(epochs))
    assert [row["global_step"] for row in rows(out, "step")] == list(range(1, 6 * epochs + 1))
    assert len((out / "log.txt").read_text().splitlines()) == epochs
    assert said.count("best val accuracy") == 1


@NEEDS_GROUP
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_lost_node_leaves_a_run_that_goes_on_with_the_other(
    data: Path, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    """A node is an agent of torchrun with its process here; both die at once."""
    out, epochs, port = tmp_path / "run", 5, free_port()
    launcher = (
        "--nnodes 1:2 --nproc-per-node 1 --max-restarts 3 --rdzv-backend c10d --rdzv-id lost "
        f"--rdzv-endpoint 127.0.0.1:{port} --rdzv-conf last_call_timeout=5"
    )
    own_store = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    first = start_agent(launcher, data, out, epochs, own_store)
    started.append(first)
    while not listens(int(port)):  # and holds the store of both
        assert first.poll() is None, first.communicate()
        time.sleep(0.05)
    second = start_agent(launcher, data, out, epochs, {**own_store, "HOLDS": "0"})
    started.append(second)
    wait_for(tmp_path / "held", started)
    node = [psutil.Process(second.pid), *psutil.Process(second.pid).children(recursive=True)]
    for process in node:
        process.kill()
    _, errors = first.communicate(timeout=280)
    assert first.returncode == 0, errors
    starts = rows(out, "start")
    assert [row["processes"] for row in starts] == [2, 1], "two nodes, and the one that is left"
    assert [row["epoch"] for row in rows(out, "epoch")] == list(range(epochs))
    assert len((out / "log.txt").read_text().splitlines()) == epochs


def test_resume_auto_begins_goes_on_and_finishes(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The very same command, whatever there is of its run."""
    out = tmp_path / "run"
    words = "--loader torchvision --workers 0 --model timm:test_resnet --size 32 --batch-size 8"
    words += f" --device cpu --amp off --no-tensorboard --epochs 2 --data {data}"
    command = [*words.split(), "--val-fraction", "0.2", "--out", str(out), "--resume", "auto"]
    real = headrace.train.loop.optimise

    def crash(run, images, targets):  # type: ignore[no-untyped-def]
        if run.progress.global_step == 7:
            raise KeyboardInterrupt
        real(run, images, targets)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headrace.train.loop, "optimise", crash)
        with pytest.raises(KeyboardInterrupt):
            run_training(*read_command_line(command))
    assert load_checkpoint(out)["progress"]["epoch"] == 1
    run_training(*read_command_line(command))
    alone = [word.replace(str(out), str(tmp_path / "alone")) for word in command[:-2]]
    run_training(*read_command_line(alone))
    assert_same_run(tmp_path / "alone", out)
    with pytest.raises(Finished, match="is finished already"):
        run_training(*read_command_line(command))
    with pytest.raises(ConfigError, match="cannot resume with a changed --seed"):
        run_training(*read_command_line([*command, "--seed", "3"]))
    (out / "last.pt").unlink()
    with pytest.raises(ConfigError, match=r"has lost its last\.pt"):
        run_training(*read_command_line(command))
    (out / "metrics.jsonl").unlink()  # as of a run that was killed before it was saved
    capsys.readouterr()
    run_training(*read_command_line(command))
    assert "holds no last.pt" in capsys.readouterr().out
    assert_same_run(tmp_path / "alone", out)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--data x --resume auto", "--resume auto needs --out DIR"),
        ("--data x --out y --overwrite --resume auto", "--resume auto and --overwrite exclude"),
    ],
)
def test_resume_auto_needs_a_folder_that_stays(words: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_command_line(words.split())


def test_which_errors_tell_of_a_lost_process() -> None:
    gone = RuntimeError("[../gloo/transport/tcp/pair.cc:553] Connection closed by peer [::1]:1")
    assert lost_process(gone, TWO) and not lost_process(gone, World())
    assert not lost_process(RuntimeError("mat1 and mat2 shapes cannot be multiplied"), TWO)
    assert not lost_process(RuntimeError("the image server: connection reset"), TWO)


def test_what_has_threads_is_closed_in_one_order(data: Path, tmp_path: Path) -> None:
    """The writer of the log first, then loaders and records, and the group at last."""
    order: list[str] = []
    places = [(Journal, "close"), (PlannedLoader, "close"), (Records, "close")]
    with pytest.MonkeyPatch.context() as patch:
        for kind, name in places:
            real = getattr(kind, name)

            def noted(self, *failure, real=real, kind=kind):  # type: ignore[no-untyped-def]
                order.append(kind.__name__)
                real(self, *failure)

            patch.setattr(kind, name, noted)
        patch.setattr(headrace.train.run, "leave_world", lambda: order.append("group"))
        run_training(settings(data, tmp_path / "run", epochs=1, limit_batches=1))
    assert list(dict.fromkeys(order)) == ["Journal", "PlannedLoader", "Records", "group"]


def test_sync_bn_keeps_names_and_weights_and_needs_cuda(data: Path, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ConfigError, match="--sync-bn needs CUDA, and these 2 processes train on"):
        sync_norms(model, TWO, CPU)
    assert sync_norms(model, World(), CPU) is model
    synced = sync_norms(model, TWO, torch.device("cuda"))
    assert isinstance(synced[1], nn.SyncBatchNorm)
    assert synced.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in synced.state_dict().items())
    # Alone, the batch is the whole one, and nothing is lacking.
    run = run_training(settings(data, tmp_path / "run", sync_bn=True, limit_batches=1, epochs=1))
    assert run.config.model.sync_bn
