"""The notebook holds no outputs, and all of it runs on the sample images."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from headrace.pipeline.command_line import SCRIPTS

PATH = Path(__file__).resolve().parents[2] / "examples" / "food11.ipynb"


def test_it_is_stripped() -> None:
    """What a run leaves in it is of no use to others, and in every difference that git shows."""
    notebook: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        assert not cell.get("outputs"), f"{cell['id']} holds outputs: clear them before saving"
        assert cell.get("execution_count") is None, f"{cell['id']} has been run: clear its outputs"
        assert set(cell["metadata"]) <= {"tags"}, f"{cell['id']} holds {sorted(cell['metadata'])}"
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert PATH.read_text(encoding="utf-8").endswith("}\n")


def test_its_commands_are_there() -> None:
    notebook: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"])
    words = re.findall(r"!{HEADRACE} (\w+)", code)
    assert words == ["sample", "pack", "preview", "train", "predict"]
    assert set(words) <= SCRIPTS.keys()


@pytest.mark.slow
def test_it_runs(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    import nbformat

    for name, value in {
        "HEADRACE_DATA": str(sample / "food"),
        "HEADRACE_EPOCHS": "1",
        "HEADRACE_FLAGS": "--model small-resnet --size 32 --device cpu --batch-size 16 --workers 0",
    }.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(PATH, as_version=4)
    nbformat.validate(notebook)
    place = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(notebook, timeout=200, kernel_name="python3", resources=place)
    client.execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    said = "\n".join(
        output.get("text", "") for cell in cells for output in cell.outputs if "text" in output
    )
    assert "error:" not in said, said
    assert "132 images, 11 classes" in said
    assert "best val accuracy" in said
    assert len((tmp_path / "answer.csv").read_text().splitlines()) == 12
    shown = [set(output.data) for cell in cells for output in cell.outputs if "data" in output]
    assert any("image/png" in kinds for kinds in shown)
    assert any("text/html" in kinds for kinds in shown)
