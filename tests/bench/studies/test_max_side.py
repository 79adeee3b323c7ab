"""bench/max_side.py packs at each side and says what crops lose."""

import json
from pathlib import Path

from headrace.bench.max_side import main
from tests.builders import jpeg_bytes, photo


def test_smaller_sides_take_less_and_lose_more(tmp_path: Path) -> None:
    source = tmp_path / "photos"
    source.mkdir()
    for i in range(3):
        (source / f"{i}.jpg").write_bytes(jpeg_bytes(photo(i, 150, 200)))
    result = tmp_path / "r.json"
    options = ["--max-side", "64", "128", "0", "--size", "48", "--repeats", "1"]
    assert main([str(source), *options, "--min-seconds", "0.01", "--json", str(result)]) == 0
    small, middle, whole = json.loads(result.read_text())["rows"]
    assert [row["max_side"] for row in (small, middle, whole)] == [64, 128, "as it is"]
    assert small["kb_per_image"] < middle["kb_per_image"] < whole["kb_per_image"]
    assert small["psnr_db"] < middle["psnr_db"]
    assert whole["psnr_db"] is None
