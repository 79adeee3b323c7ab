"""bench/studies/small_images.py says what small images cost and lose."""

import json
from pathlib import Path

from headrace.bench.studies.small_images import main
from tests.builders import jpeg_bytes, photo


def test_fewer_bytes_lose_more(tmp_path: Path) -> None:
    source = tmp_path / "photos"
    source.mkdir()
    for i in range(3):
        (source / f"{i}.jpg").write_bytes(jpeg_bytes(photo(i, 150, 200)))
    result = tmp_path / "r.json"
    assert main([str(source), "--side", "32", "--json", str(result)]) == 0
    rows = {row["form"]: row for row in json.loads(result.read_text())["rows"]}
    assert rows["raw"]["bytes_per_image"] == 3 * 32 * 24 and rows["raw"]["psnr_db"] is None
    small, best = rows["JPEG 90, 4:2:0"], rows["JPEG 100, 4:4:4"]
    assert small["bytes_per_image"] < best["bytes_per_image"]
    assert small["psnr_low_db"] <= small["psnr_db"] < best["psnr_db"]
