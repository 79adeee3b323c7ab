// What moves on the page: plots in the theme's colours, zoom, sorting, the map's controls.
"use strict";

(() => {
  const root = document.documentElement;
  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const views = new Map(); // chart id -> Bokeh's plot model
  const whole = new Map(); // chart id -> ranges that show everything
  const groups = new Map(); // chart id -> name of its group

  // ---- theme ---------------------------------------------------------------------------------

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => { try { return localStorage.getItem("headrace-theme"); } catch { return null; } };
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);

  function paint(model) {
    const ink = colour("quiet"), grid = colour("grid"), faint = colour("faint");
    for (const part of model.references()) {
      const has = (name) => name in part.properties;
      if (has("axis_label_text_color")) {
        part.axis_label_text_color = ink;
        part.major_label_text_color = ink;
        part.axis_line_color = faint;
        part.major_tick_line_color = faint;
      }
      if (has("grid_line_color")) part.grid_line_color = grid;
      if (has("label_text_color")) {
        part.label_text_color = ink;
        part.inactive_fill_color = colour("paper");
      }
      for (const tag of part.tags ?? []) {
        if (tag === "series") {
          part.palette = part.factors.map((_, i) => colour(`s${i}`));
          continue;
        }
        if (tag === "hollow" || tag === "bare") continue;
        const value = tag.startsWith("series-") ? colour(`s${tag.slice(7)}`) : colour(tag);
        if (has("fill_color") && !part.tags.includes("hollow")) part.fill_color = value;
        if (has("line_color") && !part.tags.includes("bare")) part.line_color = value;
        if (has("text_color")) part.text_color = value;
      }
    }
  }

  function setTheme(name) {
    if (name) root.dataset.theme = name;
    document.getElementById("theme").textContent = isDark() ? "Light theme" : "Dark theme";
    for (const model of views.values()) paint(model);
  }

  document.getElementById("theme").addEventListener("click", () => {
    const name = isDark() ? "light" : "dark";
    try { localStorage.setItem("headrace-theme", name); } catch { /* a page of a file may not */ }
    setTheme(name);
  });
  dark.addEventListener("change", () => setTheme(null));
  setTheme(kept());

  // ---- plots ---------------------------------------------------------------------------------

  const coarse = matchMedia("(pointer: coarse)").matches;

  async function draw(chart) {
    const place = document.getElementById(chart.id);
    const manager = await Bokeh.embed.embed_item(chart.item, place);
    const view = [...manager.roots ?? manager][0];
    const model = view.model;
    // What is an image to who hears the page is no stop for the tabulator; the buttons are.
    view.canvas_view?.events_el?.setAttribute("tabindex", "-1");
    views.set(chart.id, model);
    groups.set(chart.id, chart.group);
    if (coarse) for (const tool of model.toolbar.tools) if ("dimensions" in tool.properties) tool.active = false;
    // Many names side by side need more room than a telephone has.
    if (chart.id === "matrix" && place.clientWidth < 560 && model.x_range.end > 15) {
      for (const axis of model.below) axis.major_label_text_font_size = "0px";
    }
    paint(model);
    const remember = () => whole.set(chart.id, bounds(model));
    // Ranges of data are known once it has been drawn.
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    remember();
    model.x_range.properties.start.change.connect(() => together(chart.id));
    model.x_range.properties.end.change.connect(() => together(chart.id));
    place.addEventListener("dblclick", () => show(chart.id, whole.get(chart.id)));
  }

  const bounds = (model) => ({
    x: [model.x_range.start, model.x_range.end],
    y: [model.y_range.start, model.y_range.end],
  });

  function setRange(range, [start, end]) {
    range.have_updated_interactively = true; // or Bokeh would fit it to the data again
    range.setv({ start, end });
  }

  function show(id, to) {
    const model = views.get(id);
    if (!model || !to) return;
    setRange(model.x_range, to.x);
    if (zoomsBoth(model)) setRange(model.y_range, to.y);
  }

  const zoomsBoth = (model) =>
    model.toolbar.tools.some((tool) => "dimensions" in tool.properties && tool.dimensions === "both");

  let following = false;
  function together(id) {
    const group = groups.get(id);
    if (!group || following) return;
    following = true;
    const { start, end } = views.get(id).x_range;
    for (const [other, model] of views) {
      if (other !== id && groups.get(other) === group) setRange(model.x_range, [start, end]);
    }
    following = false;
  }

  function zoom(id, factor) {
    const model = views.get(id);
    if (!model) return;
    const scaled = ([low, high]) => {
      const middle = (low + high) / 2, half = (high - low) / 2 / factor;
      return [middle - half, middle + half];
    };
    const now = bounds(model);
    show(id, { x: scaled(now.x), y: scaled(now.y) });
  }

  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => {
      const { zoom: way, chart } = button.dataset;
      if (way === "reset") show(chart, whole.get(chart));
      else zoom(chart, way === "in" ? 1.6 : 1 / 1.6);
    });
  }

  // ---- tables --------------------------------------------------------------------------------

  function sort(table, column, down) {
    const number = table.tHead.rows[0].cells[column].classList.contains("number");
    const key = (row) => {
      const value = row.cells[column].dataset.value;
      return value === undefined ? null : number ? Number(value) : value;
    };
    const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      const order = number ? a - b : a.localeCompare(b);
      return down ? -order : order;
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
    [...table.tHead.rows[0].cells].forEach((head, i) =>
      head.setAttribute("aria-sort", i !== column ? "none" : down ? "descending" : "ascending"));
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () =>
        sort(table, column, head.getAttribute("aria-sort") === "ascending"));
    });
  }

  for (const field of document.querySelectorAll("[data-filters]")) {
    const table = document.getElementById(field.dataset.filters);
    const count = document.getElementById(`${table.id}-count`);
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
        shown += !row.hidden;
      }
      count.textContent = wanted ? `${shown} shown` : "";
    });
  }

  // ---- the map of features -------------------------------------------------------------------

  function mapSource() {
    const model = views.get("map");
    return model && [...model.references()].find((part) => part.name === "map");
  }

  function updateMap() {
    const source = mapSource();
    if (!source) return;
    const way = document.getElementById("map-way").value;
    const chosen = document.getElementById("map-class").value;
    const onlyWrong = document.getElementById("map-wrong").checked;
    const data = source.data;
    const count = data.label.length;
    const lit = (i) =>
      (chosen === "" || String(data.label[i]) === chosen) && (!onlyWrong || data.wrong[i] !== "");
    const picked = Array.from({ length: count }, (_, i) => i).filter(lit);
    const alpha = new Array(count).fill(0.15), size = new Array(count).fill(6);
    for (const i of picked) { alpha[i] = 0.85; size[i] = chosen === "" ? 8 : 11; }
    const moved = way !== source.way;
    source.way = way;
    source.data = { ...data, x: data[`${way}_x`], y: data[`${way}_y`], alpha, size };
    if (moved) showAllOf("map", source.data);
    listNames(data, picked, chosen);
  }

  function showAllOf(id, data) {
    const around = (values) => {
      const low = Math.min(...values), high = Math.max(...values);
      const margin = (high - low || 1) * 0.06;
      return [low - margin, high + margin];
    };
    whole.set(id, { x: around(data.x), y: around(data.y) });
    show(id, whole.get(id));
  }

  function listNames(data, picked, chosen) {
    const place = document.getElementById("map-names");
    place.replaceChildren();
    if (chosen === "") return;
    const line = document.createElement("p");
    line.textContent = `${picked.length} samples of ${data.true[data.label.findIndex((l) => String(l) === chosen)]}`;
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "Samples of the class");
    const table = scroll.appendChild(document.createElement("table"));
    const head = table.createTHead().insertRow();
    for (const name of ["Sample", "Taken for", "Confidence"]) {
      const cell = head.appendChild(document.createElement("th"));
      cell.scope = "col";
      cell.textContent = name;
    }
    const body = table.createTBody();
    for (const i of picked.sort((a, b) => data.sure[b] - data.sure[a])) {
      const row = body.insertRow();
      const name = row.appendChild(document.createElement("th"));
      name.scope = "row";
      name.textContent = data.name[i];
      row.insertCell().textContent = data.wrong[i] ? data.taken[i] : `${data.taken[i]} (right)`;
      row.insertCell().textContent = `${(100 * data.sure[i]).toFixed(0)}%`;
    }
    place.append(line, scroll);
  }

  for (const id of ["map-way", "map-class", "map-wrong"]) {
    document.getElementById(id)?.addEventListener("change", updateMap);
  }

  // ---- where the reader is ---------------------------------------------------------------------

  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(target.id)?.setAttribute("aria-current", "location");
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  for (const section of document.querySelectorAll("main section")) watch.observe(section);

  // ---- go --------------------------------------------------------------------------------------

  Bokeh.set_log_level("error");
  const charts = JSON.parse(document.getElementById("charts").textContent);
  Promise.all(charts.map(draw)).then(() => {
    const source = mapSource();
    if (source) source.way = document.getElementById("map-way").value;
    root.dataset.ready = "true";
  });
})();
