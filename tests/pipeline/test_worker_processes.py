"""Worker processes: whence they are forked, what they know, and that they end with their loader."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import queues
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from headrace.pipeline.errors import FailedError, RecordsError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.loaders.worker_processes import SERVER_IMPORTS
from headrace.pipeline.records import Records
from tests.builders import make_records, photo, samples

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a server is Linux' way")
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
print("top", flush=True)
from headrace.pipeline.loader import open_loader
loader = open_loader(sys.argv[1], loader="torchvision", workers=2, batch_size=2, size=24)
batches = iter(loader.epoch(0))
next(batches)
print("going", flush=True)
sys.stdin.readline()
print(1 + len(list(batches)), flush=True)
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("workers") / "a.beton"
    make_records(path, samples(24)).close()
    return path


@pytest.fixture
def script(file: Path, tmp_path: Path) -> subprocess.Popen[str]:
    """A user's script without `if __name__ == "__main__"`, in the middle of an epoch."""
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(path), str(file)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["top\n", "going\n"]
    return process


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def servers(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if SERVER_IMPORTS[0] in " ".join(p.cmdline())]


def test_the_script_is_not_run_again_in_workers(script: subprocess.Popen[str]) -> None:
    said, errors = script.communicate("\n", timeout=120)
    assert (said, errors) == ("12\n", "")


def test_workers_are_forked_from_a_process_of_one_thread(script: subprocess.Popen[str]) -> None:
    found = servers(descendants(script))
    server = min(found, key=lambda process: process.create_time())
    assert server.ppid() == script.pid
    workers = server.children()
    assert len(workers) == 2
    assert server.num_threads() == 1, "a fork of it could inherit a lock that nobody lets go of"
    script.communicate("\n", timeout=120)


def test_a_signal_to_all_of_a_group_leaves_the_end_to_the_script(
    script: subprocess.Popen[str],
) -> None:
    """As a cluster sends it; the script alone says what becomes of it."""
    for process in descendants(script):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if "resource_tracker" not in " ".join(process.cmdline()):
                process.send_signal(number)
    time.sleep(0.2)
    said, errors = script.communicate("\n", timeout=120)
    assert (said, errors) == ("12\n", "")


def test_nobody_outlives_a_script_that_is_killed(script: subprocess.Popen[str]) -> None:
    found = descendants(script)
    assert len(servers(found)) >= 3  # the server and its two forks
    script.kill()
    _, alive = psutil.wait_procs(found, timeout=60)
    assert not alive
    script.communicate()


def test_a_script_that_dies_with_workers_ends(file: Path, tmp_path: Path) -> None:
    """Whatever still holds them: an uncaught error's frames do."""
    lines = SCRIPT.splitlines()
    held = "held = loader._running.backend._batches._iterator; assert held is not None"
    script = [*lines[: lines.index("next(batches)") + 1], held, "raise RuntimeError('uncaught')"]
    path = tmp_path / "dies.py"
    path.write_text("\n".join(script))
    ended = subprocess.run(
        [sys.executable, str(path), str(file)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "RuntimeError: uncaught"


def test_a_worker_that_is_killed_is_told(file: Path) -> None:
    """As the system does where memory runs out."""
    with open_loader(file, loader="torchvision", size=24, batch_size=2, workers=1) as loader:
        epoch = loader.epoch(0)
        next(epoch)
        for server in servers(psutil.Process().children()):
            for worker in server.children():
                worker.kill()
        with pytest.raises(FailedError, match="was killed, most often as memory ran out; take few"):
            list(epoch)


def test_no_thread_that_fed_workers_outlives_the_loader(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One would lose semaphores, and have Python warn of them, where the script ends before it."""
    feed = queues.Queue._feed  # type: ignore[attr-defined]

    def slowly(*arguments: object) -> None:
        feed(*arguments)
        time.sleep(0.3)

    monkeypatch.setattr(queues.Queue, "_feed", staticmethod(slowly))
    with open_loader(file, loader="torchvision", size=24, batch_size=2, workers=2) as loader:
        next(loader.epoch(0))
    assert not [one for one in threading.enumerate() if one.name == "QueueFeederThread"]


def test_a_worker_without_memory_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, which stands for a worker."""

    def none_left(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("headrace.pipeline.loaders.torchvision.decode_stored", none_left)
    with (
        open_loader(file, loader="torchvision", size=24, batch_size=2, workers=0) as loader,
        pytest.raises(FailedError, match="has no memory left; take fewer --workers or a smaller"),
    ):
        list(loader.epoch(0))


NO_ROOM = """
import resource, sys
from headrace.pipeline.loader import open_loader
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
loader = open_loader(sys.argv[1], loader="torchvision", size=24, batch_size=4, workers=1)
try:
    list(loader.epoch(0))
except Exception as error:
    print(type(error).__name__, error, file=sys.stderr)
"""


def test_shared_memory_without_room_is_told(file: Path) -> None:
    """As in a container, which has 64 MiB of it; a limit for files counts for it too."""
    command = [sys.executable, "-c", NO_ROOM, str(file)]
    run = subprocess.run(
        command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, timeout=500
    )
    (line,) = run.stderr.splitlines()
    assert line.startswith("FailedError shared memory (/dev/shm) has no room for the batches of")


def test_a_worker_gets_only_where_its_samples_are(file: Path, tmp_path: Path) -> None:
    """Tables of a million records stay where they are; what travels is a few numbers a sample."""
    with Records.open(file) as records:
        indices = np.array([7, 3, 20])
        part = records.storage.part(indices)
        travelled = pickle.dumps(part)
        assert len(travelled) < 1500
        other = pickle.loads(travelled)
        for place, index in enumerate(indices):
            assert (other.view(place) == records.view(int(index))).all()
            assert (part.view(place) == records.view(int(index))).all()
    short = tmp_path / "short.beton"
    short.write_bytes(file.read_bytes())
    with Records.open(short) as records:
        part = records.storage.part(indices)
        os.truncate(short, 100)
        with pytest.raises(RecordsError, match=r"short.beton became shorter while it was being"):
            pickle.loads(pickle.dumps(part))


def test_workers_find_a_folder_that_was_named_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        place = tmp_path / "data/train" / "ab"[number % 2] / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(number, 30, 20)).save(place)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with Records.open("data") as records:
        monkeypatch.chdir(tmp_path / "other")
        with open_loader(records, loader="torchvision", workers=1, size=16) as loader:
            found = list(loader.epoch(0))
    monkeypatch.chdir(tmp_path)
    with open_loader("data", loader="torchvision", workers=0, size=16) as loader:
        assert torch.equal(found[0].images, next(iter(loader.epoch(0))).images)


def _in_a_child(file: Path) -> None:
    with open_loader(file, loader="torchvision", workers=1, size=16, batch_size=5) as loader:
        os._exit(0 if len(list(loader.epoch(0))) == 5 else 1)


def test_a_forked_child_has_a_server_of_its_own(file: Path) -> None:
    with open_loader(file, loader="torchvision", workers=1, size=16, batch_size=5) as loader:
        assert len(list(loader.epoch(0))) == 5
        child = os.fork()
        if not child:
            try:
                _in_a_child(file)
            finally:
                os._exit(2)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert len(list(loader.epoch(1))) == 5
