"""Kernels kept as machine code: stored once, loaded without numba, never from a damaged file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from headrace.pipeline.resampling import machine_code
from headrace.pipeline.resampling.boxes import box_row, resize_image
from headrace.pipeline.resampling.machine_code import MachineCode

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)


def kernel() -> MachineCode:
    module = "headrace.pipeline.resampling.kernel"
    return MachineCode(module, "resize_boxes", 2)


def resized(function: MachineCode) -> np.ndarray:
    out = np.zeros((4, 5, 3), np.uint8)
    table = np.array([box_row(PIXELS, False, out)], np.int64)
    assert function.is_ready()
    assert function(1, table.ctypes.data) == 0
    return out


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(machine_code, "_folders", lambda: [tmp_path / "kept"])
    return tmp_path / "kept"


def test_it_is_compiled_once_and_again_after_damage(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = resized(kernel())
    assert "compiling resize_boxes" in capsys.readouterr().err
    (stored,) = folder.iterdir()
    assert np.array_equal(resized(kernel()), expected)
    assert capsys.readouterr().err == ""
    code = bytearray(stored.read_bytes())
    code[len(code) // 2] ^= 255
    stored.write_bytes(code)
    assert np.array_equal(resized(kernel()), expected)
    assert "compiling resize_boxes" in capsys.readouterr().err
    assert [file.name for file in folder.iterdir()] == [stored.name]


def test_other_sources_or_processors_have_other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = machine_code._sources()
    assert {"kernel.py", "simd.py", "machine_code.py", "jit.py"} <= {p.name for p in sources}
    here = machine_code._fingerprint(sources[:1])
    assert machine_code._fingerprint(sources[:1]) == here
    assert machine_code._fingerprint(sources[1:2]) != here
    monkeypatch.setattr(machine_code.llvm, "get_host_cpu_name", lambda: "another")
    assert machine_code._fingerprint(sources[:1]) != here


def test_it_works_where_nothing_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(machine_code, "_folders", lambda: [tmp_path / "file"])
    assert resized(kernel()).any()


def test_a_kept_kernel_needs_no_numba() -> None:
    program = (
        "import sys, numpy as np\n"
        "from headrace.pipeline.resampling.boxes import resize_image\n"
        "image = resize_image(np.full((9, 9, 3), 7, np.uint8), 4, 4)\n"
        "assert (image == 7).all() and 'numba' not in sys.modules\n"
    )
    resize_image(PIXELS, 4, 5)
    subprocess.run([sys.executable, "-c", program], check=True)
