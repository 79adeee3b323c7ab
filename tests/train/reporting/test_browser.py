"""The page in a browser: nothing on the console, all drawn, sorting, themes, zoom and the map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headrace.train.reporting.asked import ReportConfig
from headrace.train.reporting.write import write_report
from tests.train.reporting.browser import CHROMIUM, look_at
from tests.train.reporting.conftest import HOSTILE

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium is installed (apt-get install chromium)"
)

ONE = """
found.title = document.title;
found.sections = [...document.querySelectorAll("main > section")].map((s) => s.id);
found.drawn = [...document.querySelectorAll(".plot")].filter((p) => p.children.length > 0).length;
found.plots = document.querySelectorAll(".plot").length;

const table = document.getElementById("classes");
const column = [...table.tHead.rows[0].cells].findIndex((c) => c.textContent.startsWith("Samples"));
const head = (i) => table.tHead.rows[0].cells[i];
const order = (i) => [...table.tBodies[0].rows].map((row) => row.cells[i].textContent.trim());
const recall = [...table.tHead.rows[0].cells].findIndex((c) => c.textContent.startsWith("Recall"));
found.sorts = [head(recall).getAttribute("aria-sort")];
found.orders = [order(recall)];
for (let i = 0; i < 2; i++) {
  head(recall).querySelector("button").click();
  found.sorts.push(head(recall).getAttribute("aria-sort"));
  found.orders.push(order(recall));
}
head(0).querySelector("button").click();
found.sorts.push(head(recall).getAttribute("aria-sort"));
found.names = order(0);

const theme = document.getElementById("theme");
const look = () => ({
  paper: getComputedStyle(document.body).backgroundColor,
  says: theme.textContent,
  axis: Bokeh.documents[0].roots()[0].left[0].major_label_text_color,
});
found.themes = [look()];
for (let i = 0; i < 2; i++) { theme.click(); found.themes.push(look()); }

const model = (id) => Bokeh.documents.map((d) => d.roots()[0])[
  [...document.querySelectorAll(".plot")].findIndex((p) => p.id === id)];
const range = (id) => [model(id).x_range.start, model(id).x_range.end];
const press = (way) => document.querySelector(`[data-zoom=${way}][data-chart=losses]`).click();
found.ranges = [[range("losses"), range("accuracies")]];
for (const way of ["in", "reset"]) {
  press(way);
  await wait(50);
  found.ranges.push([range("losses"), range("accuracies")]);
}

const choose = async (id, value) => {
  const field = document.getElementById(id);
  field.value = value;
  field.dispatchEvent(new Event("change"));
  await wait(50);
};
const source = [...model("map").references()].find((part) => part.name === "map");
found.tsne = [...source.data.x].slice(0, 3);
await choose("map-way", "pca");
found.pca = [[...source.data.x].slice(0, 3), [...source.data.pca_x].slice(0, 3)];
await choose("map-class", "0");
found.samples = [...document.querySelectorAll("#map-names tbody th")].map((c) => c.textContent);
found.heading = document.querySelector("#map-names p").textContent;
found.lit = source.data.alpha.filter((a) => a > 0.5).length;
found.images = document.querySelectorAll("img[src=x]").length;
found.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
found.unnamed = [...document.querySelectorAll("button, select, input")].filter((part) =>
  !part.textContent.trim() && !part.getAttribute("aria-label") && !part.labels?.length).length;
found.title_after = document.title;
"""


@pytest.fixture(scope="module")
def one(hostile_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    page = tmp_path_factory.mktemp("browser") / "report.html"
    write_report([hostile_run], page, ReportConfig(device="cpu"))
    return page, look_at(page, ONE)


@pytest.fixture(scope="module")
def found(one: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    return one[1]


def test_nothing_is_wrong_on_the_console_and_all_is_drawn(found: dict[str, Any]) -> None:
    assert found["faults"] == []
    assert found["ready"] and found["drawn"] == found["plots"] == 8
    assert found["sections"][0] == "verdict" and len(found["sections"]) == 10
    assert found["unnamed"] == 0 and found["wide"] == 0


def test_a_heading_sorts_and_says_so(found: dict[str, Any]) -> None:
    assert found["sorts"] == ["none", "ascending", "descending", "none"]
    numbers = [[float(text.rstrip("%")) for text in order] for order in found["orders"]]
    assert numbers[1] == sorted(numbers[0])
    assert numbers[2] == sorted(numbers[0], reverse=True)
    assert sorted(found["names"]) == sorted(HOSTILE)


def test_the_theme_changes_page_and_plots_and_back(found: dict[str, Any]) -> None:
    light, dark, again = found["themes"]
    assert light["paper"] == "rgb(255, 255, 255)" and light == again
    assert dark["paper"] != light["paper"] and dark["axis"] != light["axis"]
    assert (light["says"], dark["says"]) == ("Dark theme", "Light theme")


def test_buttons_zoom_all_plots_of_a_group(found: dict[str, Any]) -> None:
    whole, near, again = found["ranges"]
    assert near[0][0] > whole[0][0] and near[0][1] < whole[0][1]
    assert near[1] == near[0]
    assert again[0] == pytest.approx(whole[0])


def test_the_map_shows_one_class_alone_with_names(found: dict[str, Any]) -> None:
    assert found["tsne"] != found["pca"][0] == found["pca"][1]
    assert len(found["samples"]) == found["lit"] == 8
    assert all(name.endswith("\"'><img src=x onerror=alert(1)>.jpg") for name in found["samples"])
    assert found["heading"] == f"8 samples of {HOSTILE[0]}"


def test_names_run_no_script(found: dict[str, Any]) -> None:
    assert found["title"] == found["title_after"] == "run"
    assert found["images"] == 0


HOVER = """
document.getElementById("map").scrollIntoView();
const view = Bokeh.index.roots.find((v) => [...v.model.references()].some((p) => p.name === "map"));
const source = [...view.model.references()].find((part) => part.name === "map");
const point = () => {
  const box = view.canvas_view.el.getBoundingClientRect();
  const x = box.left + view.frame.x_scale.compute(source.data.x[0]);
  const y = box.top + view.frame.y_scale.compute(source.data.y[0]);
  for (const kind of ["pointerover", "pointermove"]) {
    view.canvas_view.events_el.dispatchEvent(new PointerEvent(kind, {
      clientX: x, clientY: y, bubbles: true, composed: true, isPrimary: true, pointerType: "mouse",
    }));
  }
};
found.tabindex = view.canvas_view.events_el.tabIndex;
const deep = (node) => [node, ...[...node.children].flatMap(deep),
  ...(node.shadowRoot ? [...node.shadowRoot.children].flatMap(deep) : [])];
let tips = [];
await until(() => {
  point();
  tips = deep(document.body).filter((node) => node.classList.contains("tip"));
  return tips.length;
});
found.tips = tips.map((tip) => tip.textContent);
found.inside = tips.map((tip) => [...tip.querySelectorAll("*")].map((e) => e.tagName));
found.images = deep(document.body).filter((node) => node.getAttribute("src") === "x").length;
"""


def test_words_beside_the_pointer_are_text(one: tuple[Path, dict[str, Any]]) -> None:
    found = look_at(one[0], HOVER)
    assert found["faults"] == []
    assert found["tips"], "no words beside the pointer"
    assert found["tabindex"] == -1
    assert any(name in found["tips"][0] for name in HOSTILE)
    assert "<img src=x onerror=alert(1)>.jpg" in found["tips"][0]
    assert all(set(tags) <= {"IMG", "B", "BR", "DIV"} for tags in found["inside"])
    assert found["images"] == 0


def test_several_runs_on_a_telephone(
    hostile_run: Path, other_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    page = tmp_path_factory.mktemp("several") / "report.html"
    write_report([hostile_run, other_run], page, ReportConfig(device="cpu"))
    script = """
    found.drawn = [...document.querySelectorAll(".plot")].filter((p) => p.children.length).length;
    found.rows = document.getElementById("runs").tBodies[0].rows.length;
    found.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    """
    found = look_at(page, script, width=500)
    assert found["faults"] == [] and found["ready"]
    assert found["drawn"] == 4 and found["rows"] == 2 and found["wide"] == 0
