"""The JSON file of a result: the command, versions and hardware beside the rows.

write_json(path, command=command_line("bench/x.py", argv), rows=rows)
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headrace.bench.core.machine import hardware, versions
from headrace.pipeline.output_files import written


def command_line(program: str, arguments: Sequence[str]) -> str:
    """The command as it is recorded: paths lose their directories, which are nobody's business.

    >>> command_line("bench/throughput.py", ["--data", "/home/me/food.beton", "--json=/tmp/a.json"])
    'bench/throughput.py --data food.beton --json=a.json'
    """
    words = []
    for argument in arguments:
        option, equals, value = argument.partition("=") if argument[:1] == "-" else ("", "", "")
        path = value if equals else argument
        if "/" in path or os.sep in path:
            path = Path(path).name
        words.append(option + equals + path if equals else path)
    return " ".join([program, *words])


def write_json(
    path: str | Path, *, command: str, rows: Sequence[Mapping[str, Any]], **sections: Any
) -> None:
    """Writes the result file; it appears under its name only when it is complete.

    Args:
        path: of the file; its folder is made if missing.
        command: as `command_line` gives it.
        rows: plain JSON values; numbers are rounded to four significant digits.
        sections: further top-level keys, such as `unavailable`.
    """
    document = {
        "command": command,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "versions": versions(),
        "hardware": hardware(),
        "rows": _rounded(rows),
        **{name: _rounded(section) for name, section in sections.items()},
    }
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as file:
        file.write((json.dumps(document, indent=1) + "\n").encode())


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value
