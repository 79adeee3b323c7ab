"""bench/augmentation.py: a run of it, and what it says of its bars."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest
import torch

from headrace.augment import build_augmenter
from headrace.bench.augmentation import main
from headrace.bench.augmenting.compare_engines import bars_reached
from headrace.bench.augmenting.peers import COMPILED_PEERS, PEERS
from headrace.bench.augmenting.torchvision_peer import one_draw_per_batch
from headrace.bench.augmenting.works import WORK
from headrace.pipeline.errors import ConfigError


def test_a_small_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--work", "flip", "--batch-size", "4", "--size", "16", "--repeats", "1"]
    files = ["--json", str(tmp_path / "r.json"), "--plot", str(tmp_path / "r.png")]
    assert main([*words, "--min-seconds", "0.01", *files]) == 0
    assert "torchvision" in capsys.readouterr().out
    found = json.loads((tmp_path / "r.json").read_text())
    engines = {row["engine"] for row in found["rows"]}
    assert {"ours", "ours, torch path", "torchvision"} <= engines
    assert all(row["images_per_s"] > 0 for row in found["rows"])
    assert (tmp_path / "r.png").stat().st_size > 1000


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.name)
def test_every_engine_can_do_its_work(work: object) -> None:
    assert work in WORK
    chosen = next(w for w in WORK if w is work)
    images = torch.randint(0, 256, (4, 3, 24, 24), dtype=torch.uint8)
    labels = torch.arange(4)
    out, _ = build_augmenter(chosen.recipe, num_classes=11)(images, labels)
    assert out.shape == images.shape
    calls = [build(chosen, images, labels) for build in PEERS.values()]
    for call in [one_draw_per_batch(chosen, images, labels), *calls]:
        if call is not None:
            result = call()
            pixels = result[0] if isinstance(result, (tuple, list)) else result
            assert pixels.shape == images.shape and pixels.dtype == torch.float32


def test_kornia_is_compiled_from_bytes_to_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced as for a measurement, but without a compiler's minutes; draws stay fresh."""
    pytest.importorskip("kornia")
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    images = torch.randint(0, 256, (4, 3, 24, 24), dtype=torch.uint8)
    flip, trivial = (next(w for w in WORK if w.name == name) for name in ("flip", "trivial"))
    build = COMPILED_PEERS["kornia, compiled"]
    assert build(trivial, images, torch.arange(4)) is None
    call = build(flip, images, torch.arange(4))
    assert call is not None
    batches = [call() for _ in range(8)]
    assert all(out.shape == images.shape and out.dtype == torch.float32 for out in batches)
    assert not all(torch.equal(out, batches[0]) for out in batches)


def test_bars() -> None:
    row = {"work": "report", "engine": "kornia", "batch": 128, "size": 128, "ours_ratio": 1.4}
    (bar,) = bars_reached([row, {**row, "batch": 32}])
    assert bar["at_least"] == 1.5 and not bar["reached"]


def test_unknown_work() -> None:
    with pytest.raises(ConfigError, match="--work"):
        main(["--work", "magic"])
