"""Whatever the packer takes in, every loader reads: none refuses what another decoder accepted."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headrace.bench.studies.odd_jpegs import ODD_SAMPLINGS
from headrace.pipeline.containers.beton import MODE_JPEG, MODE_RAW
from headrace.pipeline.loader import open_loader
from headrace.pipeline.records import Records
from headrace.tools.info import main as info
from headrace.tools.pack import main
from tests.builders import available_loaders, jpeg_bytes, photo, reference_images
from tests.tools.packing.test_everything_pil_opens import damaged

SIZE = 40


def odd_files() -> dict[str, bytes]:
    """Damaged metadata and markers, odd samplings, small and large images of other formats."""
    chance = random.Random(11)
    files = {f"{name.replace(':', '')}.jpg": data for name, data in ODD_SAMPLINGS.items()}
    for number in range(40):
        good = jpeg_bytes(photo(number, 90, 70 + number), ("444", "420", "gray")[number % 3])
        kind, data = damaged(good, chance)
        files[f"{number} {kind}.jpg"] = data
    for form in ("PNG", "BMP", "WEBP", "TIFF"):
        for side in (30, 120):
            file = io.BytesIO()
            Image.fromarray(photo(side, side, side)).save(file, form)
            files[f"{form}{side}"] = file.getvalue()
    for mode in ("CMYK", "L"):
        file = io.BytesIO()
        Image.fromarray(photo(3, 80, 90)).convert(mode).save(file, "JPEG", progressive=True)
        files[f"progressive {mode}.jpg"] = file.getvalue()
    return files


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("odd")
    for number, (name, data) in enumerate(odd_files().items()):
        path = root / "in" / "ab"[number % 2] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root / "in"


@pytest.fixture(scope="module")
def records(source: Path) -> Iterator[Records]:
    out = source.parent / "o.beton"
    assert main([str(source), str(out), "--truncated", "keep"]) == 0
    with Records.open(out) as opened:
        assert set(opened.modes.tolist()) == {MODE_JPEG, MODE_RAW}
        yield opened


def loaded(data: Records | Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and what the reference makes of them; a bad sample would raise."""
    settings = {"size": SIZE, "batch_size": 16, "train": False, "workers": 2}
    with open_loader(data, loader=name, **settings) as loader:  # type: ignore[arg-type]
        images = np.concatenate([batch.images.numpy() for batch in loader.epoch(0)])
        whole = slice(0, len(images))
        return images, reference_images(loader.records, loader.plan(0), whole, SIZE)


@pytest.mark.parametrize("name", available_loaders())
def test_every_loader_reads_all_that_was_packed(records: Records, name: str) -> None:
    images, expected = loaded(records, name)
    inside = (slice(None), slice(None), slice(1, -1), slice(1, -1))  # see dali in docs/loaders.md
    assert np.abs(images.astype(np.int16) - expected)[inside].max() <= 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["o/", "o.tar"])
def test_shards_hold_them_as_jpegs(source: Path, tmp_path: Path, kind: str) -> None:
    assert main([str(source), f"{tmp_path}/{kind}", "--truncated", "keep"]) == 0
    with Records.open(tmp_path / kind) as records:
        assert set(records.modes.tolist()) == {MODE_JPEG}
        images, expected = loaded(records, "native")
    assert np.abs(images.astype(np.int16) - expected).max() <= 1


@pytest.mark.parametrize(
    "options",
    [[], ["--verify", "header", "--lossless", "always"], ["--truncated", "keep", "--depth", "12"]],
)
def test_a_check_knows_how_they_were_stored(
    source: Path, tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "o.beton")
    assert main([str(source), out, *options]) == 0
    assert info([out, "--check", str(source)]) == 0
    assert "0 differences" in capsys.readouterr().out
