"""The public way in: what `headrace` exports is listed once, is there, and is documented."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import headrace

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_listed_is_there() -> None:
    assert sorted(headrace.__all__) == sorted([*headrace._HOMES, "__version__"])
    for name in headrace.__all__:
        assert getattr(headrace, name) is not None
        if name != "__version__":
            assert (getattr(headrace, name).__doc__ or "").strip(), f"{name} has no docstring"
    assert set(dir(headrace)) == set(headrace.__all__)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'headrace' has no attribute 'nothing'"):
        headrace.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_every_name_is_documented() -> None:
    page = (ROOT / "docs/python.md").read_text()
    missing = [name for name in headrace.__all__ if f"`{name}" not in page]
    assert missing == []


def test_the_types_are_whole(tmp_path: Path) -> None:
    """A user's type checker sees what each name is, through the lazy imports."""
    heavy = "torch torchvision numba timm kornia nvidia ffcv torchmetrics tensorboard".split()
    sections = "".join(f"[mypy-{name}.*]\nfollow_imports = skip\n" for name in heavy)
    (tmp_path / "mypy.ini").write_text(f"[mypy]\nignore_missing_imports = true\n{sections}")
    (tmp_path / "user.py").write_text(
        "import headrace\n"
        "reveal_type(headrace.open_loader)\n"
        "reveal_type(headrace.Records.open)\n"
        "reveal_type(headrace.RunConfig().data.batch_size)\n"
        "headrace.nothing\n"
    )
    command = ["mypy", "--config-file", str(tmp_path / "mypy.ini"), str(tmp_path / "user.py")]
    run = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    lines = [line for line in run.stdout.splitlines() if "user.py" in line]
    assert "-> headrace.pipeline.planned.PlannedLoader" in lines[0], run.stdout + run.stderr
    assert "-> headrace.pipeline.records.Records" in lines[1]
    assert 'type is "int"' in lines[2]
    assert 'Module has no attribute "nothing"' in lines[3]


def test_opening_records_needs_no_torch() -> None:
    code = "import sys; from headrace import ConfigError; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
