"""Known vulnerabilities of what is installed beside this Python, found by pip-audit.

    python -m tests.promises.audit PIP-AUDIT [ARGS]

PIP-AUDIT is its command, ARGS go to it. By itself it takes a package of which the service gave no
answer for a sound one; here such packages are counted, and no answer at all is a failure.

    0  none known
    1  some known
    2  the service could not be asked
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from typing import Any

SHOWN = 5
"""Names of packages without an answer that are shown."""


def verdict(packages: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """What pip-audit's report comes to.

    Args:
        packages: `dependencies` of its JSON, of which each has `vulns` or a `skip_reason`.

    Returns:
        the exit status and the lines to show.
    """
    silent = [package["name"] for package in packages if "skip_reason" in package]
    asked = [package for package in packages if "skip_reason" not in package]
    lines = []
    for package in asked:
        for found in package["vulns"]:
            names = ", ".join([found["id"], *found.get("aliases", [])])
            fixed = ", ".join(found["fix_versions"]) or "no version yet"
            lines.append(f"{package['name']} {package['version']}: {names}; mended in {fixed}")
    num_found = len(lines)
    lines.append(f"{num_found} known vulnerabilities in the {len(asked)} packages asked about")
    if silent:
        more = ", ..." if len(silent) > SHOWN else ""
        lines.append(
            f"{len(silent)} packages got no answer, of which nothing is known: "
            + ", ".join(silent[:SHOWN])
            + more
        )
    return 1 if num_found else 0 if asked else 2, lines


def main(command: list[str]) -> int:
    options = ["--format", "json", "--skip-editable", "--progress-spinner", "off"]
    where = ["--path", sysconfig.get_path("purelib")]
    ran = subprocess.run([*command, *options, *where], capture_output=True, text=True)
    try:
        packages = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        said = ran.stderr.strip().splitlines() or ["nothing"]
        print(f"pip-audit gave no report (status {ran.returncode}): {said[-1]}")
        return 2
    # What is installed as an editable, headrace itself, is on no index.
    status, lines = verdict([p for p in packages if p["name"] != "headrace"])
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
