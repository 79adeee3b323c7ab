"""A report in Debian's chromium, without a window: what a script sees in it, and what it says."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

_EARLY = """
window.faults = [];
for (const name of ["error", "unhandledrejection", "securitypolicyviolation"]) {
  addEventListener(name, (event) =>
    faults.push(`${name}: ${event.message ?? event.reason ?? event.violatedDirective}`));
}
for (const name of ["error", "warn"]) {
  console[name] = (...given) => faults.push(`console.${name}: ${given.join(" ")}`);
}
"""
_LATE = """
addEventListener("load", async () => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const until = async (done) => { for (let i = 0; i < 200 && !done(); i++) await wait(50); };
  const found = {};
  try {
    const ready = () => document.documentElement.dataset.ready === "true";
    await until(ready);
    found.ready = ready();
    await (async () => { %s })();
  } catch (error) {
    faults.push(`in the test: ${error.stack}`);
  }
  found.faults = faults;
  const place = document.createElement("pre");
  place.id = "found";
  place.textContent = JSON.stringify(found);
  document.body.append(place);
});
"""


def look_at(page: Path, script: str, width: int = 1280) -> dict[str, Any]:
    """Opens a page and runs a script in it once all is drawn.

    Args:
        page: of a report.
        script: JavaScript, which fills `found`; it may `await wait(ms)` or `until(condition)`.
        width: of the window, px.

    Returns:
        `found`, with `ready` (whether all plots were drawn) and `faults`: errors, warnings on the
        console, and what the page's policy has refused.
    """
    assert CHROMIUM is not None
    text = page.read_text("utf-8")
    nonce = re.search(r'nonce="(\w+)"', text)
    assert nonce is not None
    early, late = (
        f'<script nonce="{nonce[1]}">{code}</script>' for code in (_EARLY, _LATE % script)
    )
    copy = page.with_name(f"tried-{page.name}")
    text = text.replace("<title>", f"{early}<title>", 1)
    copy.write_text(text.replace("</body>", f"{late}</body>"), "utf-8")
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000",
         f"--window-size={width},1000", f"--user-data-dir={page.parent / 'profile'}",
         "--enable-logging=stderr", "--dump-dom", copy.as_uri()],
        capture_output=True,
        text=True,
        timeout=240,
    )  # fmt: skip
    place = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)
    assert place is not None, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(html.unescape(place[1]))
    # Chromium's own words of what a page must not do; Bokeh only tells its level.
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    found["faults"] += [line for line in said if "setting log level" not in line]
    return found
