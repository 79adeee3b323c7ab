"""Results go where they were asked for; a pipe or a device is written to and stays one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from headrace.bench.core.result_file import write_json


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    """As /dev/null would be, by root."""
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        write_json(pipe, command="x", rows=[])
        assert json.loads(os.read(reader, 1 << 16))["command"] == "x"
    finally:
        os.close(reader)
    assert pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]


def test_a_link_goes_on_naming_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("real.json")
    write_json(tmp_path / "link.json", command="x", rows=[])
    assert json.loads((tmp_path / "real.json").read_text())["command"] == "x"
    assert (tmp_path / "link.json").is_symlink()
