"""The page: complete in itself, small, escaped, and with words for whoever does not see it."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path

import pytest

from headrace.train.reporting import plotting
from headrace.train.reporting.asked import ReportConfig
from headrace.train.reporting.write import write_report
from tests.train.reporting.conftest import HOSTILE
from tests.train.reporting.parsed_page import Page, parsed

ALL = (
    "verdict curves confusion per_class calibration mistakes augmented feature_map run_settings "
    "surroundings"
).split()
ON_CPU = ReportConfig(device="cpu")


@pytest.fixture(scope="module")
def written(hostile_run: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("page") / "report.html"
    write_report([hostile_run], out, ON_CPU)
    return out.read_bytes()


@pytest.fixture(scope="module")
def page(written: bytes) -> Page:
    return parsed(written)


@pytest.fixture(scope="module")
def several(hostile_run: Path, other_run: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("several") / "report.html"
    write_report([hostile_run, other_run], out, ON_CPU)
    return out.read_bytes()


def test_all_sections_are_there_and_linked(page: Page) -> None:
    assert page.sections == ALL
    links = [attributes["href"] for attributes in page.having("a")]
    assert links == ["#content", *(f"#{name}" for name in ALL)]


def test_it_says_first_how_good_it_got(page: Page) -> None:
    text = page.text
    assert re.search(r"Verdict \d+\.\d% accuracy on val, epoch \d of 3 95% interval", text)
    assert "24 samples" in text and "Where the time went" in text
    assert "Unlike the defaults" in text and "timm:test_resnet" in text


def test_several_runs_are_compared(several: bytes) -> None:
    page = parsed(several)
    assert page.sections == ["comparison", "overlaid", "classes_beside", "settings_beside"]
    assert list(page.charts) == ["by-epoch", "by-time", "val-losses", "train-losses"]
    assert "hostile" in page.text and "other" in page.text and "” is ahead" in page.text
    assert "McNemar" in page.text and "luck" in page.text
    rows = [row for row in ("epochs", "lr", "seed") if re.search(rf"\b{row}\b", page.text)]
    assert rows == ["epochs", "lr", "seed"]


@pytest.mark.parametrize("name", ["written", "several"])
def test_nothing_is_loaded_from_anywhere(name: str, request: pytest.FixtureRequest) -> None:
    content = request.getfixturevalue(name)
    assert len(content) < 5_000_000
    page = parsed(content)
    for tag, attributes in page.tags:
        for attribute in ("src", "href", "srcset", "action", "data", "poster"):
            value = attributes.get(attribute) or "#"
            assert value.startswith(("#", "data:")), f"<{tag} {attribute}={value[:60]}>"
        assert not any(key.startswith("on") for key in attributes), tag
    style = re.search(rb"<style>(.*?)</style>", content, re.S)
    assert style is not None
    assert b"url(" not in style[1] and b"@import" not in style[1]
    policies = [m["content"] for m in page.having("meta") if "http-equiv" in m]
    assert policies[0] is not None and policies[0].startswith("default-src 'none'; img-src data:")


@pytest.mark.parametrize("name", ["written", "several"])
def test_names_are_no_markup(name: str, request: pytest.FixtureRequest) -> None:
    content = request.getfixturevalue(name)
    page = parsed(content)
    assert b"<script>document.title" not in content and b"<img src=x" not in content
    for class_name in HOSTILE:
        assert class_name in page.text
    # The page's own four blocks: JSON, the plots' library, and its script; none without a nonce.
    scripts = page.having("script")
    assert [script.get("type") for script in scripts] == ["application/json", None, None]
    assert all(script.get("nonce") for script in scripts[1:])
    assert not set(page.scripts[0]) & set("<>&")


def test_file_names_are_shown_as_they_are(page: Page) -> None:
    titles = [image["alt"] for image in page.having("img")]
    assert any(title and "\"'><img src=x onerror=alert(1)>.jpg" in title for title in titles)


@pytest.mark.parametrize("name", ["written", "several"])
def test_there_are_words_for_all_that_is_drawn(name: str, request: pytest.FixtureRequest) -> None:
    page = parsed(request.getfixturevalue(name))
    for image in page.having("img"):
        assert image["alt"]
    plots = [a for a in page.having("div") if a.get("role") == "img"]
    assert len(plots) == len(page.charts) > 0
    assert all(len(plot["aria-label"] or "") > 40 for plot in plots)
    assert len(page.having("figcaption")) == len(plots)


@pytest.mark.parametrize("name", ["written", "several"])
def test_structure_for_keyboards_and_screen_readers(
    name: str, request: pytest.FixtureRequest
) -> None:
    page = parsed(request.getfixturevalue(name))
    assert page.having("html")[0]["lang"] == "en"
    for landmark in ("header", "nav", "main", "footer", "h1"):
        assert len(page.having(landmark)) == 1, landmark
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for key in ("aria-labelledby", "for"):
            assert key not in attributes or attributes[key] in ids
    assert all(head.get("scope") in ("col", "row") for head in page.having("th"))
    assert len(page.having("caption")) == len(page.having("table"))
    sortable = [a for a in page.having("table") if a.get("class") == "sortable"]
    assert sortable and any("aria-sort" in head for head in page.having("th"))
    scrolled = [a for a in page.having("div") if a.get("class") == "scroll"]
    assert all(a.get("tabindex") == "0" and a.get("aria-label") for a in scrolled)


def test_suspects_are_shown_where_a_file_lists_them(hostile_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(hostile_run, folder)
    first = "folder/0 \"'><img src=x onerror=alert(1)>.jpg"
    quoted = first.replace('"', '""')
    (folder / "suspects.csv").write_text(
        f'label,name,score\n<b>0</b>,"{quoted}",0.91\n1,gone.jpg,0.5\n'
    )
    write_report([folder], folder / "report.html", ON_CPU)
    page = parsed((folder / "report.html").read_bytes())
    assert page.sections == [*ALL[:6], "suspects", *ALL[6:]]
    assert "2 samples whose label may be wrong" in page.text
    assert "<b>0</b>" in page.text and not page.having("b")


def test_a_folder_of_runs_is_all_of_them_with_their_suspects(
    hostile_run: Path, other_run: Path, tmp_path: Path
) -> None:
    for name, run in (("seed0", hostile_run), ("seed1", other_run)):
        shutil.copytree(run, tmp_path / "seeds" / name)
    (tmp_path / "seeds/suspects").mkdir()
    (tmp_path / "seeds/suspects/labels.csv").write_text(
        "record,name,class,probability,predicted_class,predicted_probability\n"
        '0,"folder/0 ""\'><img src=x onerror=alert(1)>.jpg",cat,0.01,dog,0.97\n'
    )
    write_report([tmp_path / "seeds"], tmp_path / "report.html", ON_CPU)
    page = parsed((tmp_path / "report.html").read_bytes())
    assert page.sections[-2:] == ["suspects", "settings_beside"]
    assert "seed0" in page.text and "on average" not in page.text  # of other settings
    assert "labelled cat 0.01" in page.text and "looks like dog 0.97" in page.text


def test_repeats_have_a_mean(hostile_run: Path, tmp_path: Path) -> None:
    for name in ("seed0", "seed1"):
        shutil.copytree(hostile_run, tmp_path / name)
    settings = (tmp_path / "seed1/config.yaml").read_text()
    (tmp_path / "seed1/config.yaml").write_text(settings.replace("seed: 0", "seed: 1"))
    write_report([tmp_path], tmp_path / "report.html", ON_CPU)
    text = parsed((tmp_path / "report.html").read_bytes()).text
    assert re.search(r"\d+\.\d% on average over 2 runs Their deviation is 0\.0%", text)
    assert "is ahead" not in text


def test_a_list_of_suspects_that_names_none_is_a_gap(hostile_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(hostile_run, folder)
    (folder / "suspects.csv").write_text("a,b\n1,2\n")
    write_report([folder], folder / "report.html", ON_CPU)
    page = parsed((folder / "report.html").read_bytes())
    assert page.sections == ALL
    assert "suspects.csv has no column `name`" in page.text


@pytest.mark.parametrize(
    ("name", "columns"), [("a", 4), ("food11-small-resnet-1", 2), ("x" * 80, 1)]
)
def test_a_legend_is_no_wider_than_its_plot(name: str, columns: int) -> None:
    plot = plotting.new_plot(x="epoch", y="loss")
    height = plot.height
    plotting.add_legend(plot, [(f"{name}{i}"[-len(name) :], []) for i in range(5)])
    (legend,) = plot.above
    assert legend.ncols == columns
    assert (plot.height - height) // 22 == -(-5 // columns) - 1


def test_the_axis_of_a_level_line_is_of_its_order() -> None:
    plot = plotting.new_plot(x="optimiser step", y="learning rate")
    plotting.add_line(plot, [1, 2, 3], [0.0003, None, 0.0003], 0)
    assert plot.y_range.default_span == 0.0003
    plotting.add_line(plotting.new_plot(x="", y=""), [1, 2], [None, None], 0)
