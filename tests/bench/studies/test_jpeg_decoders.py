"""bench/studies/jpeg_decoders.py says how decoders differ, and its table shows it."""

import json
from pathlib import Path

import numpy as np
import pytest

from headrace.bench.studies import jpeg_decoders
from headrace.bench.studies.jpeg_kinds import all_kinds, odd_kinds
from tests.builders import jpeg_bytes, photo


def test_decoders_are_compared_and_timed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, result = tmp_path / "photos", tmp_path / "r.json"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(jpeg_bytes(photo(0, 40, 50)))
    words = [str(photos), "--threads", "1", "--repeats", "1", "--json", str(result)]
    assert jpeg_decoders.main(words) == 0
    found = json.loads(result.read_text())
    rows = {(row["kind"], row["decoder"]): row for row in found["rows"]}
    assert {kind for kind, _ in rows} == set(all_kinds())
    assert rows["4:2:0", "simplejpeg"]["largest"] == 0
    assert rows["CMYK", "simplejpeg"]["largest"] == 1
    assert rows["CMYK", "Pillow"]["largest"] == 0
    assert rows["JFIF 0.00", "simplejpeg"]["reads"] is False
    assert all(row["images_per_s"] > 0 for row in found["decoders-speed"])
    assert "refuses" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")
def test_torchvision_gives_the_reference_s_pixels_and_refuses_what_it_refuses() -> None:
    """As long as it has its decoder: with it the reference was another, and had to stay."""
    if not hasattr(pytest.importorskip("torchvision.io"), "decode_jpeg"):
        pytest.skip("this torchvision has no decoder any more")
    decoders = jpeg_decoders.available_decoders()
    chosen = {name: decoders[name] for name in (jpeg_decoders.REFERENCE, "torchvision")}
    for row in jpeg_decoders.compare(chosen):
        assert row["reads"] == row["reference_reads"], row
        assert row["largest"] in (0, None) and (row["largest"] == 0) == row["reads"], row


def test_the_table_tells_shapes_refusals_and_differences() -> None:
    def one_level_off(data: bytes) -> np.ndarray:
        image = decoders[jpeg_decoders.REFERENCE](data)
        if data == odd_kinds()["turned by EXIF"]:
            return image.transpose(1, 0, 2)
        return np.where(image > 0, image - 1, 1).astype(np.uint8)

    decoders = jpeg_decoders.available_decoders()
    chosen = {jpeg_decoders.REFERENCE: decoders[jpeg_decoders.REFERENCE], "off": one_level_off}
    lines = {line["kind"]: line for line in jpeg_decoders.shown(jpeg_decoders.compare(chosen))}
    assert lines["gray"] == {"kind": "gray", "reference": "reads", "off": "1, mean 1.00"}
    assert lines["turned by EXIF"]["off"] == "other shape"
    assert lines["cut off"] == {"kind": "cut off", "reference": "refuses", "off": "refuses"}


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(jpeg_decoders.ConfigError, match="holds no photos"):
        jpeg_decoders.main([str(tmp_path)])
