"""The check of DALI's decoder by a child: one that is right, and ones that crash, hang and lie."""

from __future__ import annotations

import importlib.util
import io
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from headrace.pipeline import loader
from headrace.pipeline.backend import LoaderConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.loaders import dali, dali_check, resident
from headrace.pipeline.loaders.dali_check import BOX_OF, KINDS, Verdict, encoded, find_out
from headrace.pipeline.loaders.dali_decoding import WAYS
from tests.builders import make_records, samples

CUDA = torch.device("cuda", 0)
TRUE = """
    import os, signal, sys, time
    import numpy as np
    way, out = sys.argv[1:]
    with np.load({given!r}) as file:
        pixels = {{kind: file[kind] for kind in file.files}}
"""
SAVE = "np.savez(out, **pixels)\n"


def child(tmp_path: Path, body: str) -> list[str]:
    """The command of a fake child, which has the right pixels and does what `body` says."""
    y, x, height, width = BOX_OF
    pixels: dict[str, Any] = {}
    for kind in KINDS:
        image = np.asarray(Image.open(io.BytesIO(encoded(kind))).convert("RGB"))
        pixels[kind] = image[y : y + height, x : x + width]
        pixels[f"{kind} lower"] = image[y + 1 : y + 1 + height, x : x + width]
    given, script = tmp_path / "given.npz", tmp_path / "child.py"
    np.savez(given, **pixels)
    script.write_text(textwrap.dedent(TRUE).format(given=str(given)) + body)
    return [sys.executable, str(script)]


def test_a_child_that_is_right_gives_the_best_way(tmp_path: Path) -> None:
    assert find_out(child(tmp_path, SAVE)) == Verdict(way="regions", reason="")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", r"crashed \(SIGSEGV\)"),
        ("raise RuntimeError('nvImageCodec: error 8')", r"failed \(RuntimeError: .* error 8\)"),
        ("pass", "gave no pixels"),
        ("open(out, 'wb').write(b'lies')", "gave no pixels"),
        ("pixels['422'] = pixels['422 lower']; " + SAVE, r"gave wrong pixels \(422\)"),
        ("pixels['odd'] = pixels['odd'][:, ::-1]; " + SAVE, r"gave wrong pixels \(odd\)"),
        ("pixels['gray'] = pixels['gray'][:5]; " + SAVE, r"gave wrong pixels \(gray\)"),
        ("del pixels['progressive']; " + SAVE, r"gave wrong pixels \(progressive\)"),
    ],
)
def test_a_child_that_is_wrong_about_regions(tmp_path: Path, body: str, reason: str) -> None:
    """Whole images are the next best way; if that is wrong as well there is none."""
    command = child(tmp_path, f"if way == 'whole':\n    {SAVE}    sys.exit()\n{body}\n")
    verdict = find_out(command)
    assert verdict.way == "whole"
    assert re.match(f"decoding regions {reason}", verdict.reason), verdict.reason


def test_a_child_that_hangs(tmp_path: Path) -> None:
    verdict = find_out(child(tmp_path, "time.sleep(60)"), limit_s=2)
    assert verdict.way is None
    assert verdict.reason == ("decoding regions hung for 2 s; decoding whole images hung for 2 s")


@pytest.fixture
def pretend_cuda(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_verdict_is_kept_for_the_same_meeting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pretend_cuda: None
) -> None:
    asked = []

    def command(device: torch.device) -> list[str]:
        asked.append(device)
        return child(tmp_path, SAVE)

    monkeypatch.setattr(dali_check, "_child_command", command)
    first = dali_check.checked_way(CUDA)
    assert dali_check.checked_way(CUDA) == first and len(asked) == 1
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "another GPU")
    assert dali_check.checked_way(CUDA) == first and len(asked) == 2
    for kept in (tmp_path / "cache" / "headrace").iterdir():
        kept.write_text('{"way": "nonsense"}')
    assert dali_check.checked_way(CUDA) == first and len(asked) == 3


def test_the_loader_takes_the_next_best_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Verdict(way="whole", reason="decoding regions crashed (SIGSEGV)")
    monkeypatch.setattr(dali, "checked_way", lambda device: found)
    assert dali._way(CUDA) == "whole"
    assert capsys.readouterr().out == (
        "dali loader: decodes whole images on the GPU, as decoding regions crashed (SIGSEGV)\n"
    )


def test_a_loader_forced_onto_a_gpu_that_it_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Verdict(way=None, reason="decoding regions hung for 90 s")
    monkeypatch.setattr(dali, "checked_way", lambda device: found)
    with pytest.raises(ConfigError, match=r"cannot decode on this GPU: .* hung .*--loader native"):
        dali._way(CUDA)


def test_auto_takes_native_where_dali_does_not_decode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pretend_cuda: None
) -> None:
    found = Verdict(way=None, reason="decoding regions crashed (SIGSEGV)")
    monkeypatch.setattr(dali_check, "checked_way", lambda device: found)
    monkeypatch.setattr(loader, "is_installed", lambda package: True)
    monkeypatch.setattr(resident, "free_memory", lambda device: 1000)
    with make_records(tmp_path / "a.beton", samples(6)) as records:
        config = LoaderConfig(device=CUDA)
        name, reason = loader._choice(records, config, records.select("train"))
    assert name == "native" and reason.endswith(
        "does not decode: decoding regions crashed (SIGSEGV)"
    )


@pytest.mark.skipif(importlib.util.find_spec("nvidia.dali") is None, reason="needs DALI")
@pytest.mark.parametrize("way", WAYS)
def test_dali_decodes_the_set_on_a_cpu(way: str, tmp_path: Path) -> None:
    """Both ways give the same pixels there, and the child's answer is what is expected of it."""
    out = tmp_path / "pixels.npz"
    dali_check.answer(None, way, str(out))  # type: ignore[arg-type]
    with np.load(out) as found:
        assert sorted(found.files) == sorted(KINDS)
        assert all(found[kind].shape == (*BOX_OF[2:], 3) for kind in KINDS)
        assert dali_check._unlike(found) == ""
    assert len(encoded("420")) < 40_000


@pytest.mark.skipif(importlib.util.find_spec("nvidia.dali") is None, reason="needs DALI")
def test_both_ways_give_the_same_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = []
    with make_records(tmp_path / "a.beton", samples(12)) as records:
        for way in WAYS:
            monkeypatch.setattr(dali, "_way", lambda device, way=way: way)
            with open_loader(records, loader="dali", size=40, batch_size=5, workers=1) as opened:
                batches.append([batch.images for batch in opened.epoch(0)])
    for one, other in zip(*batches, strict=True):
        assert torch.equal(one, other)


@pytest.mark.skipif(importlib.util.find_spec("nvidia.dali") is None, reason="needs DALI")
def test_the_real_child_answers_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    command = dali_check._child_command(torch.device("cpu"))
    assert find_out(command, limit_s=250) == Verdict(way="regions", reason="")
