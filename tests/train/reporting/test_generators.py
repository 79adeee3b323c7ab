"""The page of a generator: what is drawn, what is near to it, and what is told where something is
missing."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.tools.report import main
from headrace.train import generate
from headrace.train.generating.fit import fit
from headrace.train.reporting import write
from headrace.train.reporting.asked import DrawnConfig, ReportConfig
from headrace.train.reporting.generators import material
from headrace.train.reporting.generators.log import is_generator, read_generator_run
from headrace.train.reporting.generators.losses import loss_chart, make
from headrace.train.reporting.generators.material import Limits, look
from headrace.train.reporting.write import write_of_generator, write_report
from tests.train.generating.tiny_fits import fit_config
from tests.train.reporting.browser import CHROMIUM, look_at
from tests.train.reporting.conftest import HOSTILE
from tests.train.reporting.parsed_page import Page, parsed

OF_THE_LOG = ["verdict", "curves", "run_settings", "surroundings"]
ALL = ["verdict", "curves", "drawn", "real_neighbours", "run_settings", "surroundings"]


@pytest.fixture(scope="module")
def generator(hostile_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flow of classes and files with the worst of names."""
    data = hostile_run.parent / "data.beton"
    return fit(fit_config(data, tmp_path_factory.mktemp("flow") / "run"))


@pytest.fixture
def copied(generator: Path, tmp_path: Path) -> Path:
    """The same, to break."""
    for name in ("generator.pt", "metrics.jsonl", "config.yaml"):
        (tmp_path / "run").mkdir(exist_ok=True)
        shutil.copy(generator / name, tmp_path / "run")
    return tmp_path / "run"


def page_of(folders: Path | list[Path], limits: Limits | None = None, **asked: object) -> Page:
    places = folders if isinstance(folders, list) else [folders]
    own = set(DrawnConfig.__dataclass_fields__)
    drawn = {"steps": 1, "per_class": 2, **{k: v for k, v in asked.items() if k in own}}
    others = {key: value for key, value in asked.items() if key not in own}
    config = ReportConfig(
        device="cpu",
        drawn=DrawnConfig(**drawn),  # type: ignore[arg-type]
        **others,  # type: ignore[arg-type]
    )
    out = places[0].parent / "page.html"
    write_report(places, out, config, limits)
    return parsed(out.read_bytes())


def test_it_shows_curves_images_and_neighbours(generator: Path) -> None:
    page = page_of(generator)
    assert page.sections == ALL
    assert set(page.charts) == {"flow-loss", "speed"}
    assert len(page.having("img")) == 3 * 2 + 6
    for text in (
        "Generator: flow, unet of width 8, 16 px, on data.beton, 3 classes",
        "mean squared error of the velocity, last row of the log",
        "images seen, 1.9 times each",
        "in all, 2 of 2 epochs",
        "drawing previews",
        "by their pixels, made small",
        "copies among 6 drawn images, by pixels",
        "--judge CLASSIFIER",
    ):
        assert text in page.text, text
    assert page.text.count("beside ") >= 6


def test_names_are_text(generator: Path) -> None:
    page = page_of(generator)
    assert [attributes.get("type") for attributes in page.having("script")] == [
        "application/json", None, None,
    ]  # fmt: skip
    labels = [attributes.get("aria-label") for attributes in page.having("dd")]
    assert [f"2 images drawn of {name}" for name in HOSTILE] == [t for t in labels if t]
    assert not [image for image in page.having("img") if image.get("src") == "x"]


def test_a_judge_compares(generator: Path, hostile_run: Path) -> None:
    page = page_of(generator, judge=hostile_run, compared=20)
    assert page.sections == [*ALL[:4], "judged_by", *ALL[4:]]
    for name in ("frechet", "kernel", "precision", "recall", "the intended class", "copies"):
        assert name in page.text
    assert "compared with the real images of val" in page.text
    assert "copies among 21 drawn images, by a classifier's features" in page.text
    assert f"in the features of the classifier {hostile_run}" in page.text
    with pytest.raises(HeadraceError, match="has no split 'tset'"):
        page_of(generator, judge=hostile_run, split="tset")
    with pytest.raises(HeadraceError, match="nowhere"):
        page_of(generator, judge=generator.parent / "nowhere")


def test_the_generator_is_damaged(copied: Path) -> None:
    (copied / "generator.pt").write_bytes(b"PK nothing")
    page = page_of(copied)
    assert page.sections == OF_THE_LOG
    assert "Nothing can be drawn: " in page.text and "is damaged" in page.text
    (copied / "generator.pt").unlink()
    assert is_generator(copied) and "does not exist" in page_of(copied).text
    (copied / "metrics.jsonl").unlink()
    page = page_of(copied)
    assert page.sections == [OF_THE_LOG[0], *OF_THE_LOG[2:]]
    assert "There are no curves" in page.text


def test_the_data_is_gone_or_moved(generator: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.beton"
    shutil.copy(read_generator_run(generator).config.data, data)
    folder = fit(fit_config(data, tmp_path / "run", epochs=1))
    data.rename(tmp_path / "moved.beton")
    page = page_of(folder)
    assert page.sections == ["verdict", "curves", "drawn", "run_settings", "surroundings"]
    assert "The data is not there" in page.text and "say where to with --data" in page.text
    assert page_of(folder, data=str(tmp_path / "moved.beton")).sections == ALL
    with pytest.raises(HeadraceError, match=r"data\.beton"):
        page_of(folder, judge=folder)


def test_a_training_that_was_cut_off_or_ended_by_its_time(copied: Path) -> None:
    lines = (copied / "metrics.jsonl").read_text().splitlines()
    (copied / "metrics.jsonl").write_text("\n".join(lines[:-1]) + '\n{"kind": "st')
    page = page_of(copied)
    assert "it was cut off, or is still going on. 2 of 2 epochs are saved" in page.text
    assert f"fit --resume {copied}" in page.text
    end = json.dumps({**json.loads(lines[-1]), "reason": "max_minutes", "epoch": 1})
    broken = json.dumps({"kind": "steps", "step": None})
    (copied / "metrics.jsonl").write_text("\n".join([*lines[:-1], broken, end]))
    page = page_of(copied)
    assert "ended it in epoch 2 of 2" in page.text and "--max-minutes" in page.text
    assert "1 rows of metrics.jsonl lack a number and are left out" in page.text


def test_what_finds_no_room_or_time_is_counted(
    generator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of(generator, Limits(drawing_s=0.0, searched=10))
    assert "2 of 3 classes are left out" in page.text
    assert "Of 2 drawn images and 10 training images" in page.text
    monkeypatch.setattr(material, "GRID_BYTES", 3500)
    page = page_of(generator)
    assert "of 3 classes are left out" in page.text
    assert len([a for a in page.having("dd") if a.get("role")]) < 3


def test_several_are_beside_each_other(generator: Path, copied: Path, hostile_run: Path) -> None:
    page = page_of([generator, copied])
    assert page.sections == ["comparison", "overlaid", "settings_beside"]
    assert list(page.charts) == ["flow-loss"]
    with pytest.raises(ConfigError, match=r"is a generator's run and .* a classifier's; a page"):
        page_of([hostile_run, generator])


def test_what_is_of_the_other_kind_is_refused(generator: Path, hostile_run: Path) -> None:
    with pytest.raises(ConfigError, match=r"--layer does nothing here: .* is a generator's"):
        page_of(generator, layer="x")
    with pytest.raises(ConfigError, match=r"--judge does nothing here: .* is no generator's"):
        write_report(
            [hostile_run],
            generator.parent / "x.html",
            ReportConfig(drawn=DrawnConfig(judge=generator)),
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"per_class": 0}, "1 to 64"), ({"steps": 0}, "1 or more"), ({"compared": 3}, "8 to")],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DrawnConfig(**changes)  # type: ignore[arg-type]


def test_an_epochs_loss_is_the_mean_of_its_steps(copied: Path) -> None:
    told = {"images_per_s": 10.0, "data_wait": 0.0}
    rows = [(0, 2, 1.0), (0, 5, 2.0), (1, 7, 3.0)]
    lines = [
        json.dumps({"kind": "steps", "epoch": epoch, "step": step, "loss": loss, **told})
        for epoch, step, loss in rows
    ]
    (copied / "metrics.jsonl").write_text("\n".join(lines))
    log = read_generator_run(copied)
    section = make(looked(copied))
    assert section is not None
    values = [row[1].value for row in section.values["table"].rows]
    assert values == pytest.approx([(2 * 1 + 3 * 2) / 5, 3])
    assert "from 1.0000 to 3.0000" in loss_chart([log], [""], "loss").alt


def looked(folder: Path) -> material.GeneratorSubject:
    with ExitStack() as resources:
        log = read_generator_run(folder)
        return look(log, ReportConfig(device="cpu"), Limits(), resources)


def test_the_command_writes_it_into_the_folder(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(copied / "generator.pt"), "--steps", "1", "--per-class", "1", "--device", "cpu"])
    wrote, then = capsys.readouterr().out.splitlines()[-2:]
    assert wrote == f"wrote {copied / 'report.html'}"
    assert then == f"next: headrace generate draw {copied} OUT.beton --per-class 200"
    assert parsed((copied / "report.html").read_bytes()).sections == ALL


def test_the_end_of_a_training_writes_it_or_says_why_not(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "fit", lambda config: copied)
    for flags, written in ([], True), (["--no-report"], False):
        (copied / "report.html").unlink(missing_ok=True)
        argv = ["generate.py", "fit", "--data", "x.beton", "--device", "cpu", *flags]
        monkeypatch.setattr("sys.argv", argv)
        generate.main()
        said = capsys.readouterr().out
        assert (f"report: {copied / 'report.html'}" in said) == written
        assert (copied / "report.html").exists() == written

    def fail(*given: object) -> None:
        raise ZeroDivisionError("a fault\nof ours")

    monkeypatch.setattr(write, "write_report", fail)
    write_of_generator(copied, "cpu")
    said = capsys.readouterr().out
    assert said.startswith("making the report; what was trained is complete and saved\n")
    assert "\nno report: a fault of ours; make it later with " in said
    assert said.endswith(f" {copied}, or train with --no-report\n")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed (apt-get install chromium)")
def test_in_a_browser_it_is_drawn_and_no_name_runs(generator: Path, tmp_path: Path) -> None:
    config = ReportConfig(device="cpu", drawn=DrawnConfig(steps=1))
    write_report([generator], tmp_path / "page.html", config)
    script = """
    found.drawn = [...document.querySelectorAll(".plot")].filter((p) => p.children.length).length;
    found.broken = [...document.images].filter((i) => i.complete && !i.naturalWidth).length;
    found.title = document.title;
    found.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    """
    found = look_at(tmp_path / "page.html", script, width=500)
    assert found["faults"] == [] and found["ready"]
    assert found["drawn"] == 2 and found["broken"] == 0 and found["wide"] == 0
    assert found["title"] == "run"
