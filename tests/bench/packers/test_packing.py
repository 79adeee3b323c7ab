"""bench/packing.py runs its packers and writes rows that can be read."""

import json
from pathlib import Path

from headrace.bench.packing import main
from tests.builders import jpeg_bytes, photo


def test_rows_of_one_packer(tmp_path: Path) -> None:
    source = tmp_path / "photos"
    source.mkdir()
    for i in range(3):
        (source / f"{i}.JPEG").write_bytes(jpeg_bytes(photo(i, 300, 400)))
    result = tmp_path / "r.json"
    options = ["--repeat", "2", "--repeats", "1", "--tasks", "max-256", "--packers", "ours:full"]
    assert main(["--folder", str(source), *options, "--json", str(result)]) == 0
    (row,) = json.loads(result.read_text())["rows"]
    assert row["packer"] == "ours:full" and row["task"] == "max-256"
    assert row["images"] == 6 and row["images_per_s"] > 0
    assert row["output_mb"] > 0 and row["peak_rss_mb"] > 0
