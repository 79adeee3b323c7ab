"""What loaders and records leave behind, and what becomes of whoever uses them too late."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from headrace.pipeline.errors import BadSampleError, ClosedError, ConfigError, RecordsError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.mapped import map_file
from headrace.pipeline.records import Records
from tests.builders import available_loaders, make_records, samples, write_beton
from tests.promises.many_lives import LATE_THREADS, owned, settled

LOADERS = available_loaders()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lifetime")
    make_records(folder / "jpeg.beton", samples(24))
    write_beton(folder / "raw.beton", samples(24, variant="raw"))  # FFCV's own has no manifest
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", LOADERS)
def test_a_loader_that_nobody_holds_leaves_nothing(
    folder: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = folder / "jpeg.beton"

    def load() -> None:
        for _ in open_loader(path, loader=name, size=24, batch_size=5).epoch():
            pass

    load()
    before = owned(path)
    for _ in range(8):
        load()
    left = settled(path, before)
    assert left.threads <= LATE_THREADS
    assert left.descriptors <= 0
    assert "Exception ignored" not in capfd.readouterr().err


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("file", ["jpeg.beton", "raw.beton"])
def test_closing_the_records_ends_the_epoch(folder: Path, name: str, file: str) -> None:
    records = Records.open(folder / file)
    with open_loader(records, loader=name, size=24, batch_size=2, workers=2) as loader:
        epoch = loader.epoch(0)
        next(epoch)
        records.close()
        with pytest.raises(ClosedError, match=f"the records of .*{file} are closed; keep them"):
            list(epoch)
        with pytest.raises(ClosedError, match="are closed"):
            loader.epoch(1)
    with pytest.raises(ClosedError, match="are closed"):
        open_loader(records, loader=name)
    with pytest.raises(ClosedError):
        records.view(0)
    with pytest.raises(ClosedError):
        records.decode(0)


def test_a_view_outlives_its_records(folder: Path) -> None:
    records = Records.open(folder / "raw.beton")
    view, image = records.view(3), records.decode(3)
    before = view.copy()
    records.close()
    del records
    assert (view == before).all()
    assert image.size == view.size


@pytest.mark.parametrize("name", LOADERS)
def test_an_epoch_may_be_closed_from_another_thread(folder: Path, name: str) -> None:
    loader = open_loader(folder / "jpeg.beton", loader=name, size=24, batch_size=2)
    epoch = loader.epoch(0)
    next(epoch)
    failures: list[BaseException] = []

    def consume() -> None:
        try:
            for _ in epoch:
                pass
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=consume)
    thread.start()
    loader.close()
    thread.join(200)
    assert not thread.is_alive()
    assert failures == []


def _use_in_child(loader: object, epoch: object, path: Path, name: str, answer: Connection) -> None:
    said = []
    for use in (lambda: next(epoch), lambda: loader.epoch(0)):  # type: ignore[call-overload, attr-defined]
        try:
            use()
        except ConfigError as error:
            said.append(str(error))
    loader.close()  # type: ignore[attr-defined]
    with open_loader(path, loader=name, size=24, batch_size=5, workers=0) as own:
        said.append(str(len(list(own.epoch(0)))))
    answer.send(said)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("name", [name for name in LOADERS if name != "ffcv"])
def test_a_forked_child_is_told(folder: Path, name: str) -> None:
    """Threads are not copied by a fork: a child that went on would wait for ever."""
    path = folder / "jpeg.beton"
    with open_loader(path, loader=name, size=24, batch_size=2, workers=2) as loader:
        epoch = loader.epoch(0)
        next(epoch)
        ours, theirs = multiprocessing.Pipe()
        child = multiprocessing.get_context("fork").Process(
            target=_use_in_child, args=(loader, epoch, path, name, theirs)
        )
        child.start()
        try:
            assert ours.poll(200), "the child hangs"
            *refused, num_batches = ours.recv()
        finally:
            child.kill()
            child.join()
        assert num_batches == "5"
        assert len(refused) == 2
        assert all("cannot be used in its forked child" in text for text in refused)
        assert len(list(epoch)) == len(loader) - 1, "the parent's epoch goes on"


def test_maps_keep_no_descriptor(folder: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        maps = [map_file(folder / "jpeg.beton") for _ in range(400)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert all(len(each) == len(maps[0]) for each in maps)
    with pytest.raises(ValueError):
        maps[0].setflags(write=True)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGBUS there")
@pytest.mark.parametrize("name", ["native", "resident", "torchvision"])
def test_a_file_cut_short_says_so(folder: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "short.beton"
    path.write_bytes((folder / "raw.beton").read_bytes())
    code = (
        "import os, sys; from headrace import open_loader, Records;"
        "records = Records.open(sys.argv[1]);"
        "cut = lambda: os.truncate(sys.argv[1], 100);"
        f"early = {name!r} == 'resident';"  # which reads the file when it is opened
        "early and cut();"
        f"epoch = open_loader(records, loader={name!r}, workers=0).epoch();"
        "early or cut();"
        "list(epoch)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert run.returncode < 0
    assert "a record file became shorter while it was being read" in run.stderr


def test_a_worker_that_dies_of_it_is_explained(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.beton"
    path.write_bytes((folder / "raw.beton").read_bytes())
    with open_loader(path, loader="torchvision", size=24, batch_size=2, workers=1) as loader:
        epoch = loader.epoch()
        os.truncate(path, 100)
        with pytest.raises(RecordsError, match=r"short.beton became shorter while it was being"):
            list(epoch)


@pytest.mark.skipif(sys.platform == "win32", reason="mapped files are locked there")
@pytest.mark.parametrize("name", LOADERS)
def test_a_file_that_was_cut_short_begins_no_epoch(folder: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "short.beton"
    path.write_bytes((folder / "raw.beton").read_bytes())
    with open_loader(path, loader=name, size=24, batch_size=5, workers=1) as loader:
        list(loader.epoch(0))
        os.truncate(path, 100)
        with pytest.raises(RecordsError, match=r"short.beton became shorter while it was being"):
            loader.epoch(1)


def test_a_bad_sample_does_not_keep_the_loader(folder: Path, tmp_path: Path) -> None:
    content = samples(4)
    content[1] = content[1].__class__(data=b"nothing", height=9, width=9)
    make_records(tmp_path / "bad.beton", content)
    for name in LOADERS:
        with pytest.raises(BadSampleError):
            list(open_loader(tmp_path / "bad.beton", loader=name, batch_size=2).epoch())
