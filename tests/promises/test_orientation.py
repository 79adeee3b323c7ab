"""Which way up an image belongs: folder, packed file and every loader have one answer, PIL's."""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from headrace.pipeline.jpeg_header import parse_jpeg_header, turn_upright
from headrace.pipeline.loader import open_loader
from headrace.pipeline.pil_image import read_picture, read_size
from headrace.pipeline.records import Records
from headrace.tools.pack import main
from tests.builders import (
    available_loaders,
    jpeg_bytes,
    make_records,
    photo,
    reference_images,
    stored,
)

HEIGHT, WIDTH = 48, 80
SHORT, LONG, BYTE = 3, 4, 1


def segment(body: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def exif(value: int, order: str = "<", kind: int = SHORT, *, entries: int = 1) -> bytes:
    """An EXIF segment with one entry; `entries` is how many it announces."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    form = {SHORT: "HH", LONG: "I", BYTE: "BBH"}[kind]
    number = struct.pack(order + form, *(value, 0, 0)[: len(form)])
    entry = struct.pack(order + "HHI", 0x0112, kind, 1) + number
    ends = struct.pack(order + "I", 0) if entries == 1 else b""
    directory = struct.pack(order + "IH", 8, entries) + entry + ends
    return segment(b"Exif\0\0" + mark + directory)


def xmp(text: str) -> bytes:
    rdf = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f"<rdf:Description {text}</rdf:RDF></x:xmpmeta>"
    )
    return segment(b"http://ns.adobe.com/xap/1.0/\0" + rdf.encode())


XMP_6 = xmp('xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>')
XMP_8 = xmp("><tiff:Orientation>8</tiff:Orientation></rdf:Description>")
METADATA = {
    **{f"exif {value}": exif(value) for value in range(10)},
    **{f"big-endian {value}": exif(value, ">") for value in (1, 3, 6)},
    "long": exif(6, "<", LONG),
    "big-endian long": exif(6, ">", LONG),
    "byte": exif(6, "<", BYTE),
    "two, 6 first": exif(6) + exif(1),
    "two, 1 first": exif(1) + exif(6),
    "directory cut short": exif(8, entries=40),
    "xmp attribute": XMP_6,
    "xmp element": XMP_8,
    "exif before xmp": exif(3) + XMP_6,
    "exif behind xmp": XMP_6 + exif(3),
    "senseless exif and xmp": exif(0) + XMP_6,
    "empty exif": segment(b"Exif\0\0"),
    "exif without a directory": segment(b"Exif\0\0II*\0\xff\xff\xff\xff"),
    "another APP1": segment(b"Nothing\0\0"),
}


def with_metadata(seed: int, metadata: bytes) -> bytes:
    data = jpeg_bytes(photo(seed, HEIGHT, WIDTH), "444", 95)
    return data[:2] + metadata + data[2:]


def as_pil_shows(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.array((ImageOps.exif_transpose(image) or image).convert("RGB"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", METADATA)
def test_a_jpeg_turns_as_pil_turns_it(name: str) -> None:
    data = with_metadata(1, METADATA[name])
    header = parse_jpeg_header(data)
    assert header is not None
    with Image.open(io.BytesIO(data)) as image:
        turned = turn_upright(np.array(image), header.orientation)
    assert np.array_equal(turned, as_pil_shows(data))
    assert header.upright_size == turned.shape[:2]


def other_files() -> dict[str, bytes]:
    """Upright by their EXIF in formats other than JPEG."""
    files = {}
    for form in ("TIFF", "PNG", "WEBP"):
        for value in (1, 3, 6):
            file, tags = io.BytesIO(), Image.Exif()
            tags[0x0112] = value
            Image.fromarray(photo(value, HEIGHT, WIDTH)).save(
                file, form, exif=tags, **({"lossless": True} if form == "WEBP" else {})
            )
            files[f"{form.lower()}_{value}.{form.lower()}"] = file.getvalue()
    return files


@pytest.mark.filterwarnings("ignore")
def test_folder_and_packed_file_agree_with_pil(tmp_path: Path) -> None:
    files = {f"{i:02d}.jpg": with_metadata(i, data) for i, data in enumerate(METADATA.values())}
    files |= other_files()
    for number, (name, data) in enumerate(files.items()):
        place = tmp_path / "images" / f"class{number % 2}" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    out = tmp_path / "o.beton"
    assert main([str(tmp_path / "images"), str(out), "--format", "raw"]) == 0
    for records in (Records.open(tmp_path / "images"), Records.open(out)):
        assert len(records) == len(files)
        for index in range(len(records)):
            expected = as_pil_shows(files[Path(records.name(index)).name])
            found = records.decode(index)
            assert found.shape == expected.shape, records.name(index)
            assert np.abs(found.astype(np.int16) - expected).max() <= 1, records.name(index)
        with open_loader(records, loader="torchvision", size=24, workers=0, train=False) as loader:
            list(loader.epoch(0))


@pytest.mark.parametrize("name", [n for n in available_loaders() if n in ("dali", "resident")])
def test_loaders_of_folders_turn_alike(tmp_path: Path, name: str) -> None:
    """Square, so that a wrong turn is nowhere out of bounds."""
    files = {}
    for number, metadata in enumerate(METADATA.values()):
        data = jpeg_bytes(photo(number, HEIGHT, HEIGHT), "444", 95)
        place = tmp_path / f"class{number % 2}" / f"{number:02d}.jpg"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data[:2] + metadata + data[2:])
        files[f"{number:02d}.jpg"] = place.read_bytes()
    with open_loader(
        tmp_path, loader=name, size=HEIGHT, batch_size=len(files), train=False, eval_crop=1.0
    ) as loader:
        (batch,) = loader.epoch(0)
        names = [Path(loader.records.name(int(i))).name for i in batch.indices]
    for image, path in zip(batch.images.permute(0, 2, 3, 1).numpy(), names, strict=True):
        assert np.abs(image.astype(np.int16) - as_pil_shows(files[path])).max() <= 8, path


@pytest.mark.parametrize("name", available_loaders())
def test_metadata_in_a_record_turn_nothing(tmp_path: Path, name: str) -> None:
    """The orientation is baked into a record: what its bytes still say of it is left over."""
    content = [
        replace(stored(photo(i, HEIGHT, WIDTH), name=str(i)), data=with_metadata(i, data))
        for i, data in enumerate(METADATA.values())
    ]
    settings = {"size": 32, "batch_size": len(content), "workers": 2}
    with make_records(tmp_path / "a.beton", content) as records:
        with open_loader(records, loader=name, **settings) as loader:  # type: ignore[arg-type]
            (batch,) = loader.epoch(0)
            expected = reference_images(records, loader.plan(0), slice(0, len(content)), 32)
    difference = np.abs(batch.images.numpy().astype(np.int16) - expected)
    assert difference.max() <= 8


def test_no_filter_of_warnings_turns_an_image(tmp_path: Path) -> None:
    """PIL warns of a damaged entry, and has the orientation all the same."""
    entries = Image.Exif()
    orientation, software = 0x0112, 0x0131
    entries[orientation], entries[software] = 6, "longer than an entry"
    path = tmp_path / "a.png"
    Image.fromarray(photo(1, HEIGHT, WIDTH)).save(path, exif=entries.tobytes()[:-10])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert read_size(path, None) == (WIDTH, HEIGHT)
        assert read_picture(path.read_bytes()).pixels.shape == (WIDTH, HEIGHT, 3)
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="Truncated File Read"):
            read_size(path, None)
        with pytest.raises(ValueError, match="Truncated File Read"):
            read_picture(path.read_bytes())
