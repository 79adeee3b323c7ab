"""Whatever single thing is changed in a source, --check names the file; unchanged, it is silent."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.pipeline.flags import parse
from headrace.pipeline.records import Records
from headrace.tools.info import main as info
from headrace.tools.pack import main as pack
from headrace.tools.packing.check import compare
from headrace.tools.packing.find_flags import FindFlags, find_config
from headrace.tools.packing.finding import find_samples, found_again
from headrace.tools.packing.report import known_report
from tests.builders import jpeg_bytes, photo

IMAGES = [jpeg_bytes(photo(i, 16 + i % 5, 20)) for i in range(40)]
SPLITS, CLASSES = ("train", "val"), ("ant", "bee", "cow")
LAYOUTS = ("folders", "list", "names")


def _make(root: Path, layout: str, places: list[tuple[int, int]]) -> list[str]:
    """One image for each (split, class), and the paths."""
    paths, rows = [], ["file,label"]
    for i, (split, label) in enumerate(places):
        name = {
            "folders": f"{SPLITS[split]}/{CLASSES[label]}/{i}.jpg",
            "list": f"im/{i}.jpg",
            "names": f"{SPLITS[split]}/{label}_{i}.jpg",
        }[layout]
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(IMAGES[i])
        paths.append(name)
        rows.append(f"im/{i}.jpg,{CLASSES[label]}")
    if layout == "list":
        (root / "labels.csv").write_text("\n".join(rows) + "\n")
    return paths


def _change(root: Path, layout: str, name: str, label: int, how: str) -> str:
    """Changes one file or its label; returns the name that must be told."""
    path, other = root / name, (label + 1) % 3
    if how == "bytes":
        path.write_bytes(IMAGES[39])
    elif how == "gone":
        path.unlink()
    elif layout == "list":
        lines = (root / "labels.csv").read_text()
        (root / "labels.csv").write_text(
            lines.replace(f"{name},{CLASSES[label]}\n", f"{name},{CLASSES[other]}\n")
        )
    elif layout == "folders":
        moved = name.replace(CLASSES[label], CLASSES[other])
        path.rename(root / moved)
        return moved
    else:
        leaf = f"{other}_{name.partition('_')[2]}"
        path.rename(path.with_name(leaf))
        return f"{Path(name).parent}/{leaf}"
    return name


places = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), min_size=2, max_size=14).map(
    lambda more: [(s, c) for s in (0, 1) for c in (0, 1, 2) for _ in (0, 1)] + more
)


@given(
    places,
    st.sampled_from(LAYOUTS),
    st.integers(0, 11),
    st.sampled_from(["bytes", "gone", "label"]),
    st.sampled_from(["o.beton", "o.tar"]),
)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_change_is_named(
    places: list[tuple[int, int]], layout: str, victim: int, how: str, out: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, file = Path(folder) / "in", Path(folder) / out
        paths = _make(root, layout, places)
        assert pack([str(root), str(file), "--workers", "1"]) == 0
        with Records.open(file) as records:
            kept = known_report(records.manifest).settings["layout"]
            config = found_again(kept, find_config(parse(FindFlags, "info", [])), root)
            for changed in (False, True):
                name = paths[victim]
                if changed:
                    name = _change(root, layout, name, places[victim][1], how)
                listing = find_samples(root, config)
                found = compare(records, listing, num_pixels=None, workers=1).differences
                assert (name in {difference.name for difference in found}) == changed
                assert bool(found) == changed


def test_the_command_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = _make(tmp_path / "in", "folders", [(s, c) for s in (0, 1) for c in (0, 1, 2)])
    assert pack([str(tmp_path / "in"), f"{tmp_path}/o.beton"]) == 0
    _change(tmp_path / "in", "folders", paths[4], 1, "bytes")
    capsys.readouterr()
    assert info([f"{tmp_path}/o.beton", "--check", str(tmp_path / "in"), "--json"]) == 1
    (difference,) = json.loads(capsys.readouterr().out)["check"]["differences"]
    assert difference["name"] == paths[4]
