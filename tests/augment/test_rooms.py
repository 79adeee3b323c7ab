"""What holds of the folder: files of one name for an operation, no circle of imports."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AUGMENT = ROOT / "augment"
FAMILIES = {"geometry", "tone", "colour", "detail", "erase", "mix"}
FILES = {
    ".".join(("headrace", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in AUGMENT.rglob("*.py")
}


def imports(path: Path) -> set[str]:
    """The files of the folder that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # A name that is a file is that file, and the package besides: it is imported first.
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found & set(FILES)


def test_no_circle_of_imports() -> None:
    waiting = {name: imports(path) for name, path in FILES.items()}
    while ready := {name for name, needs in waiting.items() if not needs}:
        waiting = {name: needs - ready for name, needs in waiting.items() if name not in ready}
    assert not waiting, f"in a circle, or above one: {waiting}"


@pytest.mark.parametrize("folder", ["operations", "torch_code", "kernels"])
def test_each_family_has_a_file_in_each_folder(folder: str) -> None:
    assert {path.stem for path in (AUGMENT / folder).glob("*.py")} >= FAMILIES


def test_kernels_stand_alone_and_copies_are_equal() -> None:
    """numba's cache sees changes in a kernel's own file only, so shared functions are copied."""
    copies: dict[str, set[str]] = {}
    for path in (AUGMENT / "kernels").glob("*.py"):
        assert not {name for name in imports(path) if ".kernels" in name}, path
        text = path.read_text()
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef):
                copies.setdefault(node.name, set()).add(ast.get_source_segment(text, node) or "")
    different = [name for name, texts in copies.items() if len(texts) > 1]
    assert not different, f"{different} differ between files of kernels/"
