"""Runs of which something is missing, small, or much: what can be told is told."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from headrace.pipeline.containers.manifest import Manifest
from headrace.pipeline.errors import ConfigError, HeadraceError, MissingPackageError
from headrace.pipeline.records import Records
from headrace.train.reporting import plotting, write
from headrace.train.reporting.asked import ReportConfig
from headrace.train.reporting.judged import judge, share_of_split
from headrace.train.reporting.names import short_names
from headrace.train.reporting.run_log import read_run
from headrace.train.reporting.sections.confusion import most_confused
from headrace.train.reporting.write import write_at_end, write_report
from headrace.train.run import run_training
from tests.builders import make_records, write_beton
from tests.train.reporting.parsed_page import Page, parsed
from tests.train.tiny_runs import settings, tinted

ANNOUNCED = "making the report; what was trained is complete and saved"
CURVES_ALONE = ["verdict", "curves", "run_settings", "surroundings"]


def page_of(folder: Path, out: Path | None = None, **asked: object) -> Page:
    out = out or folder / "report.html"
    write_report([folder], out, ReportConfig(device="cpu", **asked))  # type: ignore[arg-type]
    return parsed(out.read_bytes())


def test_without_validation(data: Path, tmp_path: Path) -> None:
    run_training(settings(data, tmp_path / "run", val_split="none", epochs=1))
    page = page_of(tmp_path / "run")
    assert page.sections == CURVES_ALONE
    assert "Nothing was held out, so how good it is on new images is not known" in page.text
    assert "--val-fraction 0.2" in page.text
    page = page_of(tmp_path / "run", split="val")
    assert "per_class" in page.sections
    assert "Classes and images are judged on val" in page.text


def test_cut_off_before_its_first_epoch(hostile_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(hostile_run / "config.yaml", folder)
    lines = (hostile_run / "metrics.jsonl").read_text().splitlines()
    (folder / "metrics.jsonl").write_text("\n".join(lines[:3]) + '\n{"kind": "st')
    page = page_of(folder)
    assert page.sections == CURVES_ALONE
    assert "no epoch was finished" in page.text and "There is no best.pt" in page.text
    assert f"--resume {folder}" in page.text
    (folder / "metrics.jsonl").unlink()
    assert page_of(folder).sections == ["verdict", "run_settings", "surroundings"]


def test_the_data_is_gone_or_moved(data: Path, tmp_path: Path) -> None:
    here = tmp_path / "data.beton"
    shutil.copy(data, here)
    run_training(settings(here, tmp_path / "run", epochs=1))
    here.rename(tmp_path / "moved.beton")
    page = page_of(tmp_path / "run")
    assert page.sections == CURVES_ALONE
    assert "The data is not there" in page.text
    page = page_of(tmp_path / "run", data=str(tmp_path / "moved.beton"))
    assert "feature_map" in page.sections
    with pytest.raises(HeadraceError, match="nowhere does not exist"):
        page_of(tmp_path / "run", data=str(tmp_path / "nowhere"))


def test_what_was_asked_for_by_name_is_no_gap(hostile_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    with pytest.raises(
        ConfigError, match=r"--layer fcc: the model has no such layer; did you mean"
    ):
        page_of(hostile_run, out, layer="fcc")
    with pytest.raises(HeadraceError, match="has no split 'tset'"):
        page_of(hostile_run, out, split="tset")
    assert not out.exists()
    assert "layer “layer1”" in page_of(hostile_run, out, layer="layer1").text


def write_data(path: Path, labels: list[int], num_classes: int, num_val: int) -> Path:
    """A .beton whose last samples are held out."""
    classes = tuple(f"class {i}" for i in range(num_classes))
    total = len(labels)
    splits = {"train": (0, total - num_val), "val": (total - num_val, total)}
    manifest = Manifest(classes=classes, splits=splits, encoding={"format": "jpeg"})
    samples = [tinted(i, i % 3, label) for i, label in enumerate(labels)]
    write_beton(path, samples, manifest)
    return path


def test_one_class_and_three_samples_are_held_out(tmp_path: Path) -> None:
    data = write_data(tmp_path / "one.beton", [0, 1] * 8 + [0] * 3, 2, 3)
    run_training(settings(data, tmp_path / "run", epochs=1, recipe="none"))
    page = page_of(tmp_path / "run")
    assert page.sections == [
        "verdict", "curves", "confusion", "per_class", "calibration", "mistakes", "augmented",
        "run_settings", "surroundings",
    ]  # fmt: skip
    assert "accuracy on val, epoch 1 of 1" in page.text and "3 samples" in page.text
    assert "1 class has no sample in this split" in page.text
    assert "There is no map of features: 3 samples are too few" in page.text


def test_a_thousand_classes(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 1000, 240).tolist()
    data = write_data(tmp_path / "many.beton", [*labels, 999], 1000, 121)
    run_training(settings(data, tmp_path / "run", epochs=1, recipe="none"))
    out = tmp_path / "report.html"
    page = page_of(tmp_path / "run", out)
    assert out.stat().st_size < 4_000_000
    assert "Of 1000 classes, those that are mixed up most are drawn" in page.text
    assert "class 999" in page.text
    assert any(a.get("data-filters") == "classes" for a in page.having("input"))


def test_the_most_confused_of_many_classes() -> None:
    counts = np.diag([5, 5, 5, 5, 0])
    counts[2, 0] = 3
    assert most_confused(counts, 10).tolist() == [0, 1, 2, 3]  # one is nowhere
    assert most_confused(counts, 2).tolist() == [0, 2]


def test_a_run_that_used_a_part_of_its_data_is_judged_on_that(data: Path, tmp_path: Path) -> None:
    run_training(settings(data, tmp_path / "run", epochs=1, limit_batches=1))
    page = page_of(tmp_path / "run")
    assert "95% interval" in page.text and ", 8 samples" in page.text


def test_such_a_part_is_the_runs_own_and_shows_all_classes(tmp_path: Path) -> None:
    data, labels = tmp_path / "sorted.beton", np.repeat(np.arange(3), 8)
    images = [tinted(number, label, label) for number, label in enumerate([*labels, *labels])]
    make_records(data, images, {"train": 24, "val": 24}).close()
    run_training(settings(data, tmp_path / "run", epochs=1, limit_batches=1))
    log = read_run(tmp_path / "run")
    with Records.open(data) as records:
        judged = judge(log, records, ReportConfig(device="cpu"))
    assert set(judged.outcome.labels.tolist()) == {0, 1, 2} and len(judged.outcome.labels) == 8
    right = float((judged.outcome.predicted == judged.outcome.labels).mean())
    assert right == pytest.approx(log.epochs[0]["val_accuracy"])


def test_a_preset_that_the_command_named_is_compared_with(
    hostile_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(hostile_run, folder)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    rows[0]["environment"]["command"] = ["train/run.py", "--preset", "food11-sample"]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    page = page_of(folder)
    assert "Unlike the preset food11-sample" in page.text
    assert "train/run.py --preset food11-sample" in page.text
    assert "Unlike the preset food11-report" in page_of(folder, preset="food11-report").text


def test_a_package_that_is_missing_is_named(
    hostile_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plotting, "is_installed", lambda name: False)
    with pytest.raises(MissingPackageError, match=r"pip install 'headrace\[report\]'"):
        page_of(hostile_run, tmp_path / "report.html")


def test_a_package_that_is_too_old_is_refused(
    hostile_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bokeh.__version__", "3.8.2")
    with pytest.raises(MissingPackageError, match=r"needs bokeh 3.9 or newer, and 3.8.2 is inst"):
        page_of(hostile_run, tmp_path / "report.html")


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    samples = [
        dataclasses.replace(tinted(i, i % 2, i % 2), name=f"\udce9{i}.jpg") for i in range(24)
    ]
    manifest = Manifest(
        classes=("th\udce9", "other"),
        splits={"train": (0, 16), "val": (16, 24)},
        encoding={"format": "jpeg"},
    )
    write_beton(tmp_path / "data.beton", samples, manifest)
    run_training(settings(tmp_path / "data.beton", tmp_path / "run", epochs=1, recipe="none"))
    page = page_of(tmp_path / "run")
    assert "th\\udce9" in page.text and "feature_map" in page.sections


def test_the_end_of_a_run_writes_it_or_says_why_not(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = run_training(settings(data, tmp_path / "run", epochs=1))
    write_at_end(run)
    assert capsys.readouterr().out.splitlines()[-1] == f"report: {run.folder / 'report.html'}"
    page = parsed((run.folder / "report.html").read_bytes())
    assert "feature_map" in page.sections and page.having("h1")

    def fail(*given: object) -> None:
        raise ZeroDivisionError("a fault\nof ours")

    monkeypatch.setattr(write, "write_report", fail)
    write_at_end(run)
    said = capsys.readouterr().out
    later = f"make it later with headrace report {run.folder}, or train with --no-report"
    assert said == f"{ANNOUNCED}\nno report: a fault of ours; {later}\n"

    def lack(*given: object) -> None:
        raise MissingPackageError("bokeh is not here")

    with monkeypatch.context() as without:
        without.setattr(write, "check_plots", lack)
        write_at_end(run)
    assert capsys.readouterr().out == f"no report: bokeh is not here; {later}\n"

    def stop(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "write_report", stop)
    with pytest.raises(KeyboardInterrupt) as stopped:
        write_at_end(run)
    assert str(stopped.value) == (
        f"{run.folder} is complete; its report is made by `headrace report {run.folder}`"
    )

    run = run_training(settings(data, tmp_path / "quiet", epochs=1, report=False))
    capsys.readouterr()
    write_at_end(run)
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(sys.platform == "win32", reason="there signals cannot be sent to oneself")
@pytest.mark.parametrize(
    ("name", "status", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")]
)
def test_stopped_at_its_report_it_says_that_the_run_is_complete(
    name: str, status: int, word: str, tmp_path: Path
) -> None:
    code = (
        "import os, signal, sys, time\n"
        "from pathlib import Path\n"
        "from headrace.pipeline.command_line import run_command\n"
        "from headrace.train.reporting import write\n"
        "def stop(*given):\n"
        f"    os.kill(os.getpid(), signal.{name})\n"
        "    time.sleep(60)\n"
        "write.write_report = stop\n"
        "sys.argv = ['headrace']\n"
        f"run_command(lambda: write.write_of_generator(Path({str(tmp_path)!r}), 'cpu'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (status, f"{ANNOUNCED}\n")
    made = f"its report is made by `headrace report {tmp_path}`"
    assert done.stderr == f"{word}: {tmp_path} is complete; {made}\n"


def test_a_slow_evaluation_is_cut_down_at_the_end_of_a_run(data: Path, tmp_path: Path) -> None:
    run = run_training(settings(data, tmp_path / "run", epochs=1))
    assert write._split_in_time(run) == ""
    run.clock.seconds["evaluate"] = 600.0
    assert write._split_in_time(run) == "val[:10%]"
    assert share_of_split("val", 1e-9) == "val[:1%]"
    assert share_of_split("fold1+fold2", 0.5) == "fold1+fold2"


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "run", tmp_path / "b" / "run"]
    assert short_names(paths) == ["a/run", "b/run"]
    assert short_names([tmp_path / "x"]) == ["x"]
    assert short_names([tmp_path / "x", tmp_path / "x"]) == ["x (1)", "x (2)"]


def test_an_overwritten_run_takes_its_report_with_it(data: Path, tmp_path: Path) -> None:
    run_training(settings(data, tmp_path / "run", epochs=1))
    (tmp_path / "run/report.html").write_text("old")
    run_training(settings(data, tmp_path / "run", epochs=1, overwrite=True))
    assert not (tmp_path / "run/report.html").exists()
