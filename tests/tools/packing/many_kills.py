"""Packs killed at random moments, each followed by one that nobody kills.

    OPENBLAS_NUM_THREADS=1 python -m tests.tools.packing.many_kills FOLDER KILLS [SECONDS] [SEED]

After each kill the output is absent, or the whole older or the whole new one; the next pack makes
what one in peace has made, to the byte. Prints a line `KILLS {json}`.
"""

from __future__ import annotations

import collections
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from headrace.tools.pack import main as pack
from tests.builders import jpeg_bytes, photo

OUTPUTS = ("o.beton", "o.tar", "o/")


def start(source: Path, out: str) -> int:
    """Forks a pack that may replace what is there."""
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        status = pack([str(source), out, "--workers", "1", "--levels", "auto", "--force"])
    finally:
        os._exit(status)


def content(folder: Path) -> dict[str, bytes]:
    """Every file with a final name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".part" not in str(path.relative_to(folder))
    }


def write_images(root: Path, count: int, seed: int) -> Path:
    """Two classes of small photos, and one large enough for levels."""
    for number in range(count):
        path = root / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg_bytes(photo(seed + number, 300, 400 + number)))
    return root


def peaceful(source: Path, out: str) -> tuple[dict[str, bytes], float]:
    """What a pack that nobody kills leaves, and the seconds that it takes."""
    began = time.monotonic()
    _, status = os.waitpid(start(source, out), 0)
    assert status == 0
    return content(Path(out).parent), time.monotonic() - began


def main() -> None:
    root, kills = Path(sys.argv[1]), int(sys.argv[2])
    until = time.monotonic() + (float(sys.argv[3]) if len(sys.argv) > 3 else float("inf"))
    chance = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 0)
    old, new = write_images(root / "old", 12, 0), write_images(root / "new", 60, 100)
    done: collections.Counter[str] = collections.Counter()
    folders = [root / f"peace{number}" for number in range(2 * len(OUTPUTS))]
    for folder in folders:
        folder.mkdir()
    known = {
        name: (peaceful(old, f"{a}/{name}")[0], *peaceful(new, f"{b}/{name}"))
        for name, a, b in zip(OUTPUTS, folders[::2], folders[1::2], strict=True)
    }
    while done["kills"] < kills and time.monotonic() < until:
        name = chance.choice(OUTPUTS)
        before, after, duration_s = known[name]
        folder = root / "run"
        folder.mkdir()
        out, replaces = f"{folder}/{name}", chance.random() < 0.5
        if replaces:
            assert peaceful(old, out)[0] == before
        child = start(new, out)
        time.sleep(chance.uniform(0, duration_s))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        found = content(folder)
        assert found in ([before, after] if replaces else [{}, after]), sorted(found)
        done["kills"] += os.WIFSIGNALED(status)
        done["in time"] += not os.WIFSIGNALED(status)
        assert peaceful(new, out)[0] == after
        assert not [path.name for path in folder.iterdir() if ".part" in path.name]
        shutil.rmtree(folder)
    print("KILLS", json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
