"""bench/studies/loaders_apart.py says how far loaders are from the reference."""

import json
from pathlib import Path

from headrace.bench.studies.loaders_apart import main
from tests.builders import samples, write_beton


def test_the_reference_is_not_apart_and_native_by_one_level(tmp_path: Path) -> None:
    data = write_beton(tmp_path / "a.beton", samples(6))
    result = tmp_path / "r.json"
    options = ["--loaders", "torchvision", "native", "--size", "24"]
    assert main([str(data), *options, "--json", str(result)]) == 0
    reference, native = json.loads(result.read_text())["rows"]
    assert reference["largest"] == 0 and reference["images"] == 6
    assert native["largest_inside"] <= native["largest"] <= 1 and native["above_8"] == 0
