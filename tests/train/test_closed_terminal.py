"""A run whose terminal is closed, or whose connection is lost, saves and can go on."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.processes.stop import StopRequest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGHUP there")
ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--loader torchvision --workers 1 --model timm:test_resnet --size 32 --batch-size 8 --device "
    "cpu --amp off --recipe flip --no-tensorboard --log-every 1 --epochs 4000"
).split()


@pytest.mark.skipif(sys.platform != "linux", reason="workers leave signals alone on Linux")
@pytest.mark.parametrize("told", [True, False])
def test_a_closed_terminal_ends_a_run_that_goes_on(told: bool, data: Path, tmp_path: Path) -> None:
    """The system refuses what is written to it, and sends SIGHUP to everyone whose it is: not to a
    run behind `disown` or `nohup`, which trains to its end."""
    import pty
    import termios
    from fcntl import ioctl

    out = tmp_path / "run"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "train/run.py"),
            "--data",
            str(data),
            "--out",
            str(out),
            *FLAGS,
            *([] if told else ["--epochs", "5"]),
        ],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=(lambda: ioctl(0, termios.TIOCSCTTY, 0)) if told else None,
    )
    os.close(theirs)
    try:
        log, deadline = out / "log.txt", time.monotonic() + 200
        while not (log.exists() and log.read_text()):
            assert process.poll() is None and time.monotonic() < deadline
            if select.select([ours], [], [], 0.1)[0]:
                os.read(ours, 4096)  # or it would wait for a reader
        others = psutil.Process(process.pid).children(recursive=True)
        os.close(ours)
        assert process.wait(100) == (130 if told else 0)
    finally:
        process.kill()
        process.wait()
    assert others and not psutil.wait_procs(others, timeout=60)[1]
    saved = load_checkpoint(out)["progress"]
    assert saved["global_step"] == 6 * saved["epoch"] + saved["step"] > 6
    assert len(log.read_text().splitlines()) == saved["epoch"]
    assert told or saved["epoch"] == 5


def test_a_hangup_asks_however_often_it_comes_and_takes_no_signal_from_others() -> None:
    """As a session's end sends SIGHUP behind SIGTERM, and a shell behind the system."""
    numbers = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    with StopRequest() as stop:
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
            signal.raise_signal(number)
            assert stop.requested
        assert signal.getsignal(signal.SIGTERM) == before[1], "once more stops at once"
    assert [signal.getsignal(number) for number in numbers] == before


def test_an_ignored_hangup_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.requested
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
