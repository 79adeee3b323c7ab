"""Tells what a file is: by its extension where that is known, else by its first bytes.

A known extension is never opened here: whoever decodes the file sees what is in it. Signatures
after file(1)'s magic and PIL's plugins; the brands of `ftyp` boxes after ISO/IEC 23008-12 (HEIF)
and the AV1 image format, 2022.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

HEAD_BYTES = 64  # of a file with an unknown extension; enough for every signature below

# What PIL decodes to pixels, whatever its version.
_ALWAYS = {
    "JPEG": "jpg jpeg jpe jfif mpo",
    "PNG": "png apng",
    "WebP": "webp",
    "BMP": "bmp dib",
    "TIFF": "tif tiff",
    "GIF": "gif",
    "PNM": "ppm pgm pbm pnm pfm",
    "TGA": "tga icb vda vst",  # has no signature
    "ICO": "ico cur",
    "PCX": "pcx dcx",
    "PSD": "psd",
    "DDS": "dds",
    "SGI": "sgi rgb rgba bw",
    "ICNS": "icns",
    "Sun raster": "ras",
    "XPM": "xpm",
    "XBM": "xbm",
    "BLP": "blp",
    "QOI": "qoi",
    "IM": "im",
    "MSP": "msp",
    "PhotoCD": "pcd",  # its signature stands at 2048
    "IMT": "imt",  # has no signature, as the next
    "SPIDER": "spider spi",
}
# What it decodes where the version, or another package, has it.
_WHERE_INSTALLED = {
    "AVIF": "avif avifs",
    "HEIC": "heic heics heif heifs hif",
    "JPEG 2000": "jp2 j2k j2c jpc jpf jpx",
    "JPEG XL": "jxl",
}
# Never opened: there may be millions beside the images, and none of them is one.
_KNOWN_OTHERS = {
    "not an image": "txt csv tsv lst json jsonl ndjson xml html htm md rst yaml yml toml ini cfg "
    "log py ipynb m sh c h cpp js css tex bib sql db sqlite parquet arrow feather pkl pickle npy "
    "npz mat h5 hdf5 hdf pt pth ckpt onnx safetensors tfrecord tfrecords beton xls xlsx doc docx "
    "ppt pptx odt wav mp3 flac ogg md5 sha256 obj ply stl las",
    "an archive: unpack it first": "zip tar gz tgz bz2 xz zst 7z rar",
    "a video: extract its frames first": "mp4 m4v mov avi mkv webm mpg mpeg wmv flv",
    "raw data of a camera's sensor: convert it first": "cr2 cr3 nef nrw arw srf sr2 dng raf rw2 "
    "orf pef srw raw 3fr iiq",
    "drawn by lines, not by pixels: convert it first": "svg svgz pdf ps eps ai wmf emf",
    # PIL opens the first three, but not the zero and the scale of their numbers.
    "measurements of no known range: convert it first": "fits fit fts dcm dicom nii nrrd mha mhd",
    "of a format that is not read: convert it first": "exr hdr xcf jxr wdp djvu grib bufr fpx mic "
    "wal palm",
}


def _by_extension(table: dict[str, str]) -> dict[str, str]:
    return {
        extension: kind for kind, extensions in table.items() for extension in extensions.split()
    }


_KINDS = _by_extension(_ALWAYS | _WHERE_INSTALLED)
_OTHERS = _by_extension(_KNOWN_OTHERS)
EXTENSIONS = frozenset(_by_extension(_ALWAYS))

_NUMBER_FOLLOWS = rb"(?:\s+|\s*#[^\n]*\n\s*)(?:[0-9#]|\Z)"
_SIGNATURES = tuple(
    (kind, re.compile(pattern, re.DOTALL))
    for kind, pattern in (
        ("JPEG", rb"\xff\xd8\xff"),
        ("PNG", rb"\x89PNG\r\n\x1a\n"),
        ("WebP", rb"RIFF....WEBP"),
        ("GIF", rb"GIF8[79]a"),
        ("TIFF", rb"II\*\0|MM\0\*|II\+\0\x08\0\0\0|MM\0\+\0\x08\0\0"),
        # The size of the second header tells it from text that begins with BM.
        ("BMP", rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"),
        ("BMP", rb"[\x28\x6c\x7c]\0\0\0.{8}\x01\0[\x01\x04\x08\x10\x18\x20]\0"),  # without BM
        ("PNM", rb"P[1-6]" + _NUMBER_FOLLOWS + rb"|P[fF]\s+[0-9]"),
        ("AVIF", rb"....ftyp(?:avif|avis)"),
        ("HEIC", rb"....ftyp(?:hei[cxms]|hev[cxms])"),
        ("JPEG 2000", rb"\xff\x4f\xff\x51|\0\0\0\x0cjP\x20\x20\r\n\x87\n"),
        ("JPEG XL", rb"\xff\x0a|\0\0\0\x0cJXL\x20\r\n\x87\n"),
        ("ICO", rb"\0\0[\x01\x02]\0[\x01-\xff]\0.{3}\0"),
        ("PSD", rb"8BPS\0\x01"),
        ("DDS", rb"DDS\x20\x7c\0\0\0"),
        ("QOI", rb"qoif"),
        ("SGI", rb"\x01\xda[\0\x01][\x01\x02]"),
        ("ICNS", rb"icns"),
        ("Sun raster", rb"\x59\xa6\x6a\x95"),
        ("XPM", rb"/\* XPM \*/"),
        ("XBM", rb"#define\s+\S+_width\s"),
        ("BLP", rb"BLP[12]"),
        ("IM", rb"Image type:"),
        ("MSP", rb"DanM|LinS"),
        ("GBR", rb".{20}GIMP"),
        ("FLI", rb".{4}[\x11\x12]\xaf"),
        ("FTEX", rb"FTEX"),
        ("McIDAS", rb"\0{7}\x04"),
        ("PIXAR", rb"\x80\xe8\0\0"),
        ("XV thumbnail", rb"P7 332"),
        ("PCX", rb"\x0a[\0\x02\x03\x05]\x01[\x01\x02\x04\x08]"),
    )
)  # fmt: skip
# A box of brands that names neither format first says further on which it is.
_GENERAL_BRAND = re.compile(rb"....ftyp(?:mif1|msf1|miaf)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class FileKind:
    """What a file is.

    Attributes:
        title: the format's name, or the extension as a word: `HEIC`, `.txt`, `no extension`.
        obstacle: why it is not taken for an image to read; None if it is one.
    """

    title: str
    obstacle: str | None


def file_kind(name: str, read_head: Callable[[], bytes]) -> FileKind:
    """Tells what a file is.

    Args:
        name: the file's name.
        read_head: gives its first HEAD_BYTES bytes; called only where the extension is unknown.

    Raises:
        OSError: what `read_head` raises.
    """
    stem, _, extension = name.rpartition(".")
    extension = extension.lower() if stem else ""
    kind = _KINDS.get(extension)
    if kind is None and extension in _OTHERS:
        return FileKind(title=f".{extension}", obstacle=_OTHERS[extension])
    kind = kind or _kind_of_bytes(read_head())
    if kind is None:
        title = f".{extension}" if 0 < len(extension) <= 10 else "no extension"
        return FileKind(title=title, obstacle="not an image of a known format, by its first bytes")
    return FileKind(title=kind, obstacle=_missing_package(kind))


def missing_package(head: bytes) -> str | None:
    """What has to be installed to read a file, None if nothing or nobody knows.

    Args:
        head: its first HEAD_BYTES bytes.
    """
    kind = _kind_of_bytes(head)
    return None if kind is None else _missing_package(kind)


def _kind_of_bytes(head: bytes) -> str | None:
    for kind, pattern in _SIGNATURES:
        if pattern.match(head):
            return kind
    if _GENERAL_BRAND.match(head):
        return "AVIF" if b"avif" in head[16:] else "HEIC"
    return None


@cache
def _missing_package(kind: str) -> str | None:
    """What has to be installed to read images of this kind, None if nothing."""
    if kind not in _WHERE_INSTALLED:
        return None
    if kind == "HEIC":
        there = find_spec("pillow_heif") is not None
        return None if there else "HEIC needs pillow-heif: pip install 'headrace[heif]'"
    if kind == "JPEG XL":
        there = find_spec("pillow_jxl") is not None
        return None if there else "JPEG XL needs: pip install pillow-jxl-plugin"
    from PIL import features

    feature, version = ("avif", ">=11.3") if kind == "AVIF" else ("jpg_2000", "")
    return None if features.check(feature) else f"{kind} needs: pip install -U 'pillow{version}'"
