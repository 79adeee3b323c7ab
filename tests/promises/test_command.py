"""The command `headrace`: its words, what a wrong one is told, and Ctrl-C while it starts."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.__main__ import main
from headrace.pipeline.command_line import SCRIPTS

ROOT = Path(__file__).resolve().parents[2]


def said(words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a wrong command line is told."""
    monkeypatch.setattr(sys, "argv", ["headrace", *words.split()])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    text = capsys.readouterr()
    assert text.out == "" and text.err.count("\n") == 1
    return text.err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("pakc a b", "pack"),
        ("thoughput", "bench throughput"),
        ("bench thoughput", "bench throughput"),
        ("throughput", "bench throughput"),
        ("bnech", "bench NAME"),
    ],
)
def test_the_nearest_command_is_named(
    words: str, meant: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(words, monkeypatch, capsys)
    assert text.endswith(f"; did you mean headrace {meant}?\n")
    assert all(name in text for name in SCRIPTS)


def test_a_word_that_is_near_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said("xyzzy", monkeypatch, capsys)
    assert text == f"error: 'xyzzy' is no command of headrace, which has {', '.join(SCRIPTS)}\n"


@pytest.mark.parametrize("words", ["bench", "bench --size 128"])
def test_bench_asks_for_a_name(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(words, monkeypatch, capsys)
    names = "throughput, augmentation, packing, scaling, max-side, gpu, training, transfer"
    assert f"expected a name of {names}, distillation, generative" in text


def test_every_benchmark_that_has_flags_is_a_command() -> None:
    scripts = [path for path in (ROOT / "bench").glob("*.py") if path.read_text().startswith("#!")]
    ours = {"bench/document.py"}  # makes this repository's tables
    assert {f"bench/{path.name}" for path in scripts} - ours <= set(SCRIPTS.values())


@pytest.mark.parametrize("words", ["", "--help", "-h", "bench --help"])
def test_the_commands_are_listed(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["headrace", *words.split()])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    shown = capsys.readouterr().out
    assert "bench throughput" in shown and ("  pack" in shown) == (words != "bench --help")


@pytest.mark.skipif(sys.platform == "win32", reason="there SIGINT cannot be sent to one process")
def test_ctrl_c_while_a_command_is_imported_is_one_line(tmp_path: Path) -> None:
    """A torch that sends Ctrl-C and takes its time stands for the user who does not wait."""
    (tmp_path / "torch.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"
    )
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; sys.argv = ['headrace', 'train'];"
        "from headrace.__main__ import main; main()"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 130
    assert run.stderr == "error: interrupted\n"


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="masks are POSIX")
def test_processes_that_start_meanwhile_never_hear_ctrl_c() -> None:
    code = (
        "import multiprocessing, signal\n"
        "from headrace.pipeline.interrupts import interrupts_held\n"
        "def held(): return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())\n"
        "process = multiprocessing.get_context('forkserver').Process(target=print)\n"
        "with interrupts_held():\n"
        "    process.start()\n"  # starts what starts processes, too
        "    assert held()\n"
        "process.join()\n"
        "assert not held()\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=100)
