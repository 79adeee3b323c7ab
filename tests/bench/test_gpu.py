"""bench/gpu.py on the CPU: its sections, and parts that crash, hang or have something missing."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

import headrace.bench.gpu
from headrace.bench.device import part_process
from headrace.bench.device.job import Job, Row, shown
from headrace.bench.device.result import Result
from headrace.bench.device.sections import SECTIONS, module_of
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import parse
from tests.builders import make_records, samples


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "a.beton"
    make_records(path, samples(16), {"train": 16}).close()
    return path


def rows_of(data: Path, out: Path, sections: str, status: int = 0) -> list[Row]:
    arguments = f"--device cpu --quick --workers 1 --data {data} --out {out} --sections {sections}"
    assert headrace.bench.gpu.main(arguments.split()) == status
    document = json.loads((out / "gpu.json").read_text())
    assert document["finished"] and str(data.parent) not in json.dumps(document)
    rows: list[Row] = document["rows"]
    text = (out / "gpu.md").read_text()
    for section in sections.split():
        assert f"## {section}" in text
    return rows


def test_sections_run_in_their_order(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows_of(data, tmp_path / "out", "environment warp")
    assert {row["section"] for row in rows} == {"environment", "warp"}
    assert any(row["what"] == "torch" and row["note"] for row in rows)
    assert any(row.get("missing") == "run on the CPU" for row in rows)
    assert any(row["what"].startswith("ours") and row.get("value") for row in rows)
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == len(rows) + 1, "one line for each result"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_section_runs_on_a_cpu(data: Path, tmp_path: Path) -> None:
    rows = rows_of(data, tmp_path / "out", " ".join(name for name in SECTIONS if name != "tests"))
    assert not [row for row in rows if row.get("ok") is False]
    for section in set(SECTIONS) - {"tests"}:
        assert any(row["section"] == section and "missing" not in row for row in rows)


def test_a_budget_that_is_spent_is_said(data: Path, tmp_path: Path) -> None:
    arguments = f"--device cpu --quick --data {data} --out {tmp_path} --sections warp --budget 0"
    assert headrace.bench.gpu.main(arguments.split()) == 0
    (row,) = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert row["missing"] == "not run: the budget of 0 s is spent"


def test_unknown_sections_are_named() -> None:
    with pytest.raises(ConfigError, match=r"--sections wrap: expected .*did you mean warp"):
        headrace.bench.gpu.main(["--sections", "wrap"])


def test_every_section_has_parts(data: Path) -> None:
    for name in SECTIONS:
        assert module_of(name).parts(job(data))


def job(data: Path) -> Job:
    return Job(
        device="cpu",
        data=str(data),
        resident_data=str(data),
        quick=True,
        workers=1,
        scratch=str(data.parent),
    )


CHILD = """
import json, os, signal, subprocess, sys, time
def tell(**row): print(json.dumps(row), flush=True)
tell(what="first", value=1)
"""


@pytest.mark.parametrize(
    ("body", "note"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "killed by SIGSEGV after 'first'"),
        ("raise RuntimeError('error 8')", "status 1 after 'first': RuntimeError: error 8"),
        ("print('no JSON'); time.sleep(3600)", "ended after its limit of 10 s after 'first'"),
        (
            "subprocess.Popen(['sleep', '3600'])\nsys.exit(3)",
            "ended with status 3 after 'first'",
        ),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_part_that_dies_is_a_row(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, note: str
) -> None:
    script = tmp_path / "child.py"
    script.write_text(CHILD + body)
    fake = types.SimpleNamespace(executable=str(tmp_path / "python"))
    Path(fake.executable).write_text(f"#!/bin/sh\nexec {sys.executable} {script}\n")
    Path(fake.executable).chmod(0o755)
    monkeypatch.setattr(part_process, "sys", fake)
    rows: list[Row] = []
    limit_s = 10 if "limit" in note else 3600
    part_process.run_part("warp", "it", job(data), limit_s, tmp_path / "log", rows.append)
    first, end, seconds = rows
    assert first["value"] == 1 and end["ok"] is False and "seconds" in seconds
    assert note in end["note"]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"value": 12345.6, "unit": "images/s"}, "12,346 images/s"),
        ({"value": 0.1234, "unit": "s"}, "0.123 s"),
        ({"ok": True}, "ok"),
        ({"ok": False, "value": 3}, "FAILED"),
        ({"missing": "no GPU"}, "missing: no GPU"),
        ({"note": "only words"}, ""),
    ],
)
def test_values_in_words(row: Row, text: str) -> None:
    assert shown(row) == text


def test_outcomes_of_tests_become_rows(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headrace.bench.device import gpu_tests

    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_x.py").write_text(
        "import os, pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert 1 == 2, 'one is not two'\n"
        "@pytest.mark.skip(reason='not here')\ndef test_left(): pass\n"
        "def test_crash(): os.abort()\n"
    )
    monkeypatch.setattr(gpu_tests, "FOLDER", folder)
    rows = list(gpu_tests.run("x", job(data)))

    def found(what: str) -> Iterator[Row]:
        return (row for row in rows if row["what"] == what)

    assert "one is not two" in next(found("x.py::test_bad"))["note"]
    assert next(found("x: 1 test"))["missing"] == "not here"
    assert next(found("x: passed"))["value"] == 1
    assert next(found("x"))["note"] == "pytest was killed by SIGABRT in or after x.py::test_crash"


def test_words_are_fit_for_a_table(tmp_path: Path) -> None:
    result = Result(tmp_path, "bench/gpu.py")
    note = "Error: a | b in\n/home/me/some-folder/x.beton, 3 images/s and a/b/c"
    result.add("warp", {"what": "it", "ok": False, "note": note})
    result.finish()
    (row,) = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert row["note"] == "Error: a / b in x.beton, 3 images/s and a/b/c"
    assert "| it | FAILED | Error: a / b in" in (tmp_path / "gpu.md").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_a_part_ends_with_whoever_started_it(data: Path, tmp_path: Path) -> None:
    """However that ended: parts are in sessions of their own, which nobody else would end."""
    words = ["-m", "headrace.bench.device.child", "warp", "x", job(data).to_text()]
    script = (
        "import os, subprocess, sys, time\n"
        f"command = [sys.executable, *{words!r}, str(os.getpid())]\n"
        "process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)\n"
        "print(process.pid, flush=True)\n"
        "process.stdout.readline()\n"
        "print('hangs', flush=True)\n"
        "time.sleep(3600)\n"
    )
    # The child hangs after its first result.
    hanging = tmp_path / "sitecustomize.py"
    hanging.write_text(
        "import sys\n"
        "if 'headrace.bench.device.child' in sys.orig_argv:\n"
        "    import headrace.bench.device.warps as warps, time\n"
        "    def run(part, job):\n"
        "        yield {'what': 'first'}\n"
        "        time.sleep(3600)\n"
        "    warps.run = run\n"
    )
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).resolve().parents[2])])
    starter = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert starter.stdout is not None
    part = psutil.Process(int(starter.stdout.readline()))
    assert starter.stdout.readline() == b"hangs\n"
    starter.kill()
    starter.wait()
    gone, _ = psutil.wait_procs([part], timeout=200)
    assert gone


def test_the_workflow_for_a_gpu_calls_commands_that_exist() -> None:
    root = Path(__file__).resolve().parents[2]
    workflow = yaml.safe_load((root / ".github/workflows/gpu.yml").read_text())
    # YAML 1.1 reads the word `on` as true. Strangers' code stays away from a runner of one's own.
    assert set(workflow[True]) == {"workflow_dispatch", "schedule"}
    (job,) = workflow["jobs"].values()
    assert job["runs-on"] == ["self-hosted", "gpu"]
    commands = [shlex.split(step["run"]) for step in job["steps"] if "run" in step]
    assert ["./dev", "setup"] in commands and os.access(root / "dev", os.X_OK)
    (asked,) = ([*words] for words in commands if "bench/gpu.py" in words)
    assert (root / "bench/gpu.py").is_file()
    given = workflow[True]["workflow_dispatch"]["inputs"]
    values = {"$SECTIONS": given["sections"]["default"], "$BUDGET": given["budget"]["default"]}
    flags = [values.get(word, word) for word in asked[asked.index("bench/gpu.py") + 1 :]]
    settings = parse(headrace.bench.gpu.GpuSettings, "bench/gpu.py", flags)
    assert settings.chosen() == list(SECTIONS)
    assert settings.budget < 60 * job["timeout-minutes"]
    (kept,) = (s["with"]["path"].split() for s in job["steps"] if "upload" in s.get("uses", ""))
    assert {f"{settings.out}/gpu.json", f"{settings.out}/gpu.md"} <= set(kept)
