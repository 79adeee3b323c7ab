"""What pip installs: one package, which works from a folder full of namesakes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import headrace
from tests.builders import jpeg_bytes, photo

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("pipeline", "augment", "train", "tools", "bench")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist, made from a copy of what git would clone."""
    source = tmp_path_factory.mktemp("source") / "headrace"
    ignored = shutil.ignore_patterns(
        ".*", "__pycache__", "*.egg-info", "build", "dist", "demo", "site"
    )
    shutil.copytree(ROOT, source, symlinks=True, ignore=ignored)
    out = tmp_path_factory.mktemp("built")
    run = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return out


def names_in(built: Path) -> dict[str, list[str]]:
    (wheel,) = built.glob("*.whl")
    (sdist,) = built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = archive.namelist()
    with tarfile.open(sdist) as archive:
        in_sdist = [name.partition("/")[2] for name in archive.getnames()]
    return {"wheel": in_wheel, "sdist": in_sdist}


def test_one_top_level_package(built: Path) -> None:
    names = names_in(built)
    tops = {name.split("/")[0] for name in names["wheel"]}
    assert tops == {"headrace", f"headrace-{headrace.__version__}.dist-info"}
    modules = {
        f"headrace/{path.relative_to(ROOT).as_posix()}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
    } | {"headrace/__init__.py", "headrace/__main__.py", "headrace/py.typed"}
    modules |= {f"headrace/{path.relative_to(ROOT)}" for path in ROOT.glob("train/presets/*.yaml")}
    assets = (path for path in ROOT.glob("train/reporting/assets/**/*") if path.is_file())
    modules |= {f"headrace/{path.relative_to(ROOT)}" for path in assets}
    for kind, found in names.items():
        assert modules <= set(found), f"{kind} lacks {sorted(modules - set(found))[:5]}"
    assert not any(name.startswith("headrace/tests") for name in names["wheel"])


@pytest.fixture(scope="module")
def python(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel; other packages are this environment's own."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    run = subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps",
         "--no-index", "--quiet", str(wheel)],
        env=no_python_path(),  # or a headrace there would count as installed
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    (site,) = place.glob("lib/python*/site-packages")
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n")
    return python


def no_python_path() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.mark.skipif(sys.platform == "win32", reason="an environment has another layout there")
def test_packs_trains_and_predicts_among_namesakes(python: Path, tmp_path: Path) -> None:
    decoy = "raise ImportError('this is not ours')\n"
    for name in ("train.py", "augment.py", "info.py"):
        (tmp_path / name).write_text(decoy)
    for name in ("tools", "pipeline", "bench"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(decoy)
    for split in ("train", "val", "test"):
        for number in range(8):
            place = tmp_path / "images" / split / f"class{number % 2}" / f"{number}.jpg"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(jpeg_bytes(photo(number, 40, 50)))

    def headrace_command(*arguments: str) -> str:
        run = subprocess.run(
            [str(python.parent / "headrace"), *arguments],
            cwd=tmp_path, env=no_python_path(), capture_output=True, text=True,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        return run.stdout

    assert headrace_command("--version") == f"headrace {headrace.__version__}\n"
    assert "24 images, 2 classes" in headrace_command("pack", "images", "a.beton")
    # A preset and the parts of a report are files of the wheel's own.
    settings = "--preset food11-sample --size 32 --batch-size 4 --epochs 1 --limit-batches 1"
    headrace_command(
        "train", "--data", "a.beton", "--out", "run", "--device", "cpu", *settings.split()
    )
    assert (tmp_path / "run" / "report.html").is_file()
    headrace_command("predict", "run", "a.beton", "--csv", "answer.csv")
    assert len((tmp_path / "answer.csv").read_text().splitlines()) == 9
    where = subprocess.run(
        [str(python), "-c", "import headrace.tools.pack; print(headrace.tools.pack.__file__)"],
        cwd=tmp_path, env=no_python_path(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(python.parent.parent) in where.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="an environment has another layout there")
def test_messages_name_the_command_as_it_was_called(python: Path, tmp_path: Path) -> None:
    calls = {
        "headrace pack": [str(python.parent / "headrace"), "train", "--data", "nothing.beton"],
        "tools/pack.py": [sys.executable, str(ROOT / "train/run.py"), "--data", "nothing.beton"],
    }
    for expected, command in calls.items():
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 2
        assert f"make it with {expected} FOLDER nothing.beton" in run.stderr
