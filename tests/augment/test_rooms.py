"""What holds of the folder: an operation has files of one name in three folders."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AUGMENT = ROOT / "augment"
FAMILIES = {"geometry", "tone", "colour", "detail", "erase", "mix"}


@pytest.mark.parametrize("folder", ["operations", "torch_code", "kernels"])
def test_each_family_has_a_file_in_each_folder(folder: str) -> None:
    assert {path.stem for path in (AUGMENT / folder).glob("*.py")} >= FAMILIES
