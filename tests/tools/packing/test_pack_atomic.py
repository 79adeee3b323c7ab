"""A packing run that is stopped leaves nothing under the output's name, and says why."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headrace.pipeline.records import Records
from tests.builders import jpeg_bytes, may_write_anywhere, photo

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "tools" / "pack.py"

ENDED = {
    signal.SIGINT: (130, "error: interrupted"),
    signal.SIGTERM: (143, "error: terminated"),
}
"""How a run ends that is told to, and what it says."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many names for one image: two workers take seconds, on any machine."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "a").mkdir()
    first = folder / "a" / "0.jpg"
    first.write_bytes(jpeg_bytes(photo(1, 480, 640), "444", 97))
    for i in range(1, 4000):
        os.link(first, folder / "a" / f"{i}.jpg")
    return folder


def _start(source: Path, out: Path | str, *options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(SCRIPT), str(source), str(out), "--max-side", "400", *options]
    command += ["--workers", "2"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it has been renamed just now
        return 0


def _wait_until_writing(folder: Path, process: "subprocess.Popen[str]") -> None:
    while not any(_size(file) > 1 << 20 for file in folder.rglob("*")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def _refused_beside(first: "subprocess.Popen[str]", source: Path, out: Path | str) -> None:
    """What is started while `first`, which is held meanwhile, is writing the same output."""
    first.send_signal(signal.SIGSTOP)
    second = _start(source, out)
    _, error = second.communicate()
    first.send_signal(signal.SIGCONT)
    assert second.returncode == 2 and "being written by another run; wait for it" in error


@pytest.mark.parametrize("kind", [signal.SIGKILL, *ENDED])
def test_killed_in_the_middle(source: Path, tmp_path: Path, kind: signal.Signals) -> None:
    out = tmp_path / "o.beton"
    process = _start(source, out)
    _wait_until_writing(tmp_path, process)
    process.send_signal(kind)
    _, error = process.communicate()
    assert not out.exists()
    if kind in ENDED:
        assert (process.returncode, error.splitlines()[-1]) == ENDED[kind]
        assert "Traceback" not in error
        assert not list(tmp_path.iterdir())
    else:
        # What a kill leaves behind is in nobody's way.
        (source / "a" / "0.jpg").stat()
        small = tmp_path / "small" / "a"
        small.mkdir(parents=True)
        (small / "x.jpg").write_bytes((source / "a" / "0.jpg").read_bytes())
        assert _start(small.parent, out).wait() == 0
        assert len(Records.open(out)) == 1
        assert not out.with_name("o.beton.part").exists()


def test_a_full_disk_leaves_nothing(source: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    out = tmp_path / "o.beton"
    limit = 6 << 20
    process = subprocess.run(
        [sys.executable, str(SCRIPT), str(source), str(out), "--max-side", "400"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
    )
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1].startswith("error: ")
    assert "too large" in process.stderr.splitlines()[-1] and "Traceback" not in process.stderr
    assert not list(tmp_path.iterdir())


def test_two_runs_do_not_write_one_file(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.beton"
    first = _start(source, out)
    _wait_until_writing(tmp_path, first)
    _refused_beside(first, source, out)
    first.kill()
    first.communicate()


@pytest.mark.skipif(may_write_anywhere(), reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(source: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    process = _start(source, tmp_path / "o.beton")
    _, error = process.communicate()
    assert process.returncode == 1
    assert error.endswith("/o.beton: Permission denied; ask whose it is, or name another place\n")


@pytest.mark.parametrize("kind", [signal.SIGKILL, *ENDED])
@pytest.mark.parametrize("name", ["o/", "o.tar"])
def test_shards_stopped_in_the_middle(
    source: Path, tmp_path: Path, name: str, kind: signal.Signals
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    process = _start(source, f"{out}/{name}")
    _wait_until_writing(out, process)
    _refused_beside(process, source, f"{out}/{name}")
    process.send_signal(kind)
    _, error = process.communicate()
    assert not (out / name).exists()
    if kind in ENDED:
        assert (process.returncode, error.splitlines()[-1]) == ENDED[kind]
        assert not list(out.iterdir())
    else:
        small = tmp_path / "small" / "a"
        small.mkdir(parents=True)
        (small / "x.jpg").write_bytes((source / "a" / "0.jpg").read_bytes())
        assert _start(small.parent, f"{out}/{name}").wait() == 0
        assert len(Records.open(out / name)) == 1
        assert {p.name for p in out.iterdir()} in ({"o"}, {"o.tar", "o.idx", "o.headrace.npz"})
