"""What holds of the code as a whole: imports point one way and in no circle, scripts run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from headrace.pipeline.command_line import SCRIPTS
from tests.promises.import_graph import circles, import_graph
from tests.source_code import parsed

ROOT = Path(__file__).resolve().parents[2]
MAY_IMPORT = {
    "pipeline": {"pipeline"},
    "augment": {"pipeline", "augment"},
    "train": {"pipeline", "augment", "train"},
    "tools": {"pipeline", "augment", "train", "tools"},
    "bench": {"pipeline", "augment", "train", "tools", "bench"},
}

PACKAGES = set(
    "torch torchvision nvidia ffcv kornia numba tqdm numpy PIL simplejpeg timm torchmetrics tyro "
    "yaml matplotlib tensorboard psutil webdataset hypothesis pytest cv2 tests bokeh sklearn "
    "jinja2 onnx onnxscript onnxruntime safetensors lightning accelerate wandb mlflow "
    "nbclient".split()
)


def imported_modules(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(parsed(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} imports relatively"
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        modules = [m.split(".") for m in imported_modules(path)]
        ours = {m[1] for m in modules if m[0] == "headrace" and len(m) > 1} & set(MAY_IMPORT)
        assert ours <= MAY_IMPORT[package], f"{path} imports {ours - MAY_IMPORT[package]}"


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_no_name_hides_one_of_pythons_own(package: str) -> None:
    """The folder of a script that is run is the first place where every import looks."""
    names = {path.stem for path in (ROOT / package).iterdir() if not path.name.startswith("_")}
    assert not names & set(sys.stdlib_module_names)


def test_no_files_import_each_other_in_a_circle() -> None:
    found = circles(import_graph(ROOT, MAY_IMPORT.keys()))
    assert not found, f"import each other in a circle: {sorted(map(sorted, found))}"


@pytest.mark.parametrize(
    ("import_of_b", "in_a_circle"),
    [
        ("from headrace.tools import b", True),
        ("from headrace.tools.b import name", True),
        ("import headrace.tools.b", True),
        ("def late():\n    from headrace.tools import b", True),
        ("if TYPE_CHECKING:\n    from headrace.tools import b", False),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    from headrace.tools import b", True),
        ("from headrace.tools import name", True),
        ("from headrace.tools import c", False),
    ],
)
def test_what_counts_as_a_circle(tmp_path: Path, import_of_b: str, in_a_circle: bool) -> None:
    (tmp_path / "tools").mkdir()
    files = {"a": import_of_b, "b": "import headrace.tools.a", "c": ""}
    for name, text in {**files, "__init__": "from headrace.tools.b import name"}.items():
        (tmp_path / "tools" / f"{name}.py").write_text(text)
    found = circles(import_graph(tmp_path, {"tools"}))
    assert any("headrace.tools.a" in circle for circle in found) == in_a_circle


def test_source_is_read_whatever_is_collected() -> None:
    reading = """
import ast, gc
from tests.source_code import parsed

class Reader:
    def __init__(self):
        self.itself = self
    def __del__(self):
        ast.parse("1")

gc.set_threshold(100, 1, 1)
for _ in range(10):
    Reader()
    parsed("[" + "1, " * 1000 + "]")
"""
    run = subprocess.run([sys.executable, "-c", reading], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_the_files_of_augment_are_explained() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text().partition("### augment/, file by file")[2]
    rows = [line.split("|")[1] for line in guide.partition("\n## ")[0].splitlines() if "|" in line]
    named = [name for row in rows for name in re.findall(r"`(\w+\.py)`", row)]
    assert sorted(named) == sorted(p.name for p in (ROOT / "augment").glob("[!_]*.py"))


def test_flags_are_read_in_one_way() -> None:
    """With headrace.pipeline.flags: what is asked, told and shown is alike for all commands."""
    for package in MAY_IMPORT:
        for path in (ROOT / package).rglob("*.py"):
            assert not imported_modules(path) & {"argparse", "optparse", "getopt", "click"}, path


def test_tqdm_is_never_the_automatic_one() -> None:
    """tqdm.auto picks a notebook widget that breaks with other versions of ipywidgets."""
    for package in MAY_IMPORT:
        for path in (ROOT / package).rglob("*.py"):
            assert not {m for m in imported_modules(path) if m.startswith("tqdm.auto")}, path


def test_bars_are_made_in_one_place() -> None:
    """What keeps them out of log files is said there."""
    for package in MAY_IMPORT:
        for path in (ROOT / package).rglob("*.py"):
            made = any(m.split(".")[0] == "tqdm" for m in imported_modules(path))
            assert not made or path == ROOT / "pipeline/bars.py", path


def test_no_script_folder_shadows_a_module() -> None:
    """A script run by path has its folder first on sys.path."""
    taken = set(sys.stdlib_module_names) | set(MAY_IMPORT) | PACKAGES
    for folder in ("tools", "train", "bench"):
        names = {p.stem for p in (ROOT / folder).iterdir() if not p.name.startswith(("_", "."))}
        assert not names & taken, f"{folder}/: {names & taken}"


def test_importing_touches_no_gpu_and_no_arguments() -> None:
    """Nor does a command's start wait for what only some of its work needs."""
    slow = ["ffcv", "nvidia.dali", "timm", "matplotlib", "torchvision", "kornia", "torch._dynamo"]
    slow += ["bokeh", "sklearn", "jinja2", "lightning", "wandb", "mlflow", "torchmetrics", "scipy"]
    modules = [
        ".".join(("headrace", *Path(script).with_suffix("").parts)) for script in SCRIPTS.values()
    ]
    code = (
        "import sys; sys.argv = ['x', '--nonsense'];"
        f"import headrace.pipeline, headrace.augment, {', '.join(modules)}, torch;"
        "assert not torch.cuda.is_initialized();"
        f"early = set({slow}) & set(sys.modules); assert not early, early"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("most", [2, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("folder", ["tools", "train", "bench"])
def test_scripts_run_by_path_and_as_modules(folder: str, most: int) -> None:
    found = sorted(p for p in (ROOT / folder).rglob("*.py") if p.read_text().startswith("#!"))
    scripts = Random(0).sample(found, min(most, len(found)))
    assert scripts
    module = ".".join(scripts[0].relative_to(ROOT).with_suffix("").parts)
    commands = [["-m", f"headrace.{module}"]]  # one is enough: what differs is sys.path
    for script in scripts:
        assert script.stat().st_mode & 0o111, f"{script} is not executable"
        commands.append([str(script)])
    runs = [  # side by side: each of them imports torch
        subprocess.Popen(
            [sys.executable, *command, "--help"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    for command, run in zip(commands, runs, strict=True):
        out, errors = run.communicate()
        assert run.returncode == 0, f"{command}: {errors}"
        assert "usage" in out.lower()
