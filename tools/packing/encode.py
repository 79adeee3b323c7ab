"""One file's bytes become one sample: passed through, or decoded, shrunk and encoded anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from headrace.pipeline.containers.beton import MAX_SIDE_PX, MODE_JPEG, MODE_RAW
from headrace.pipeline.errors import BadImageError, ConfigError
from headrace.pipeline.jpeg_header import JpegHeader, most_pixels, parse_jpeg_header
from headrace.pipeline.jpeg_scans import check_scans
from headrace.pipeline.sixteen_bit import DEPTHS
from headrace.tools.packing.decode import (
    MAX_PIXELS,
    check_jpeg,
    check_pixels,
    decode_image,
    decode_strictly,
    mend_strictly,
)
from headrace.tools.packing.make_levels import (
    LevelConfig,
    check_level_flags,
    encode_jpeg,
    has_levels,
    make_levels,
)

SUBSAMPLINGS = ("420", "422", "444")
_STATS_STEP = 3
# Longer side, in pixels, of the images that are stored losslessly by default, as measured by
# bench/studies/small_images.py.
SMALL_SIDE_PX = 64


@dataclass(frozen=True, kw_only=True)
class EncodeConfig:
    """How samples are stored.

    Attributes:
        format: `jpeg`, or `raw` for HWC RGB bytes.
        max_side: shrink larger images to this longer side in pixels, 0 never.
        quality: of JPEGs that we encode, 1..100.
        subsampling: of the chroma of JPEGs that we encode; 444 keeps all of it, 422 half, 420 a
            quarter.
        lossless: what is stored as raw pixels instead of as a JPEG that we encode: `auto` images
            of at most 64 px that are no JPEGs or cannot be stored byte for byte, `always` whatever
            cannot be stored byte for byte, `never` nothing.
        truncated: what becomes of files that are cut off or damaged inside: `skip` them, or `keep`
            them with what is missing filled, as PIL shows them.
        depth: bits that 16-bit PNG and TIFF files hold: 16, or 10, 12 or 14 of a camera's or a
            scanner's; one scale for all files.
        verify: `full` decodes every image once; `header` trusts the data of JPEGs that are passed
            through.
        reencode: encode also JPEGs that could be stored byte for byte.
        levels: smaller sizes stored beside each JPEG, half a side each: so many at most, or `auto`
            for as many as the image is large enough for. Raw pixels have none.
        level_quality: of their JPEGs, 1..100.
        max_pixels: of a decoded image; larger ones are left out.
    """

    format: Literal["jpeg", "raw"] = "jpeg"
    max_side: int = 512
    quality: int = 90
    subsampling: Literal["420", "422", "444"] = "420"
    lossless: Literal["auto", "always", "never"] = "auto"
    truncated: Literal["skip", "keep"] = "skip"
    depth: Literal[10, 12, 14, 16] = 16
    verify: Literal["full", "header"] = "full"
    reencode: bool = False
    levels: int | Literal["auto"] = 0
    level_quality: int = 90
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                *first, last = map(str, allowed)
                raise ConfigError(f"{name} {value!r}: expected {', '.join(first)} or {last}")
        if not 0 <= self.max_side <= MAX_SIDE_PX:
            raise ConfigError(
                f"max side {self.max_side}: expected 1 to {MAX_SIDE_PX} pixels, or 0 for any size"
            )
        if not 1 <= self.quality <= 100:
            raise ConfigError(f"quality {self.quality}: expected 1 to 100")
        if not 1 <= self.max_pixels <= MAX_SIDE_PX**2:
            raise ConfigError(f"max pixels {self.max_pixels}: expected 1 to {MAX_SIDE_PX**2}")
        check_level_flags(self.levels, self.level_quality)
        if self.levels and self.format == "raw":
            raise ConfigError(
                f"--levels {self.levels}: raw pixels are read as fast at any size and have no "
                "levels; leave out --levels or --format raw"
            )

    def to_dict(self) -> dict[str, Any]:
        """For the manifest."""
        values: dict[str, Any] = {"format": self.format, "max_side": self.max_side}
        if self.format == "jpeg":
            values |= {"quality": self.quality, "subsampling": self.subsampling}
            values |= {"lossless": self.lossless, "passthrough": not self.reencode}
        if self.levels:
            values |= {"levels": self.levels, "level_quality": self.level_quality}
        return values | {"truncated": self.truncated, "depth": self.depth, "verify": self.verify}


_CHOICES: dict[str, tuple[str | int, ...]] = {
    "format": ("jpeg", "raw"),
    "subsampling": SUBSAMPLINGS,
    "lossless": ("auto", "always", "never"),
    "truncated": ("skip", "keep"),
    "depth": DEPTHS,
    "verify": ("full", "header"),
}


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A sample ready to be written.

    Attributes:
        data: the stored bytes.
        mode: MODE_JPEG or MODE_RAW.
        width, height: stored pixels.
        why: why its bytes are not the file's, None if they are.
        moments: (2, 3) mean and mean square of R, G, B in 0..1, where asked for.
        peak: the highest value of a 16-bit file that was scaled by `depth`, None of any other.
        is_mended: whether it is a JPEG whose image data are the file's, and nothing else.
        levels: its half, quarter, ... sizes as JPEGs, where asked for.
    """

    data: bytes | memoryview
    mode: int
    width: int
    height: int
    why: str | None
    moments: np.ndarray | None
    peak: int | None = None
    is_mended: bool = False
    levels: tuple[bytes | None, ...] = ()

    @property
    def how(self) -> str:
        """How it is stored, in words that samples of one kind share."""
        if self.why is None:
            return "stored byte for byte"
        if self.is_mended:
            return f"stored mended, image data as they were: {self.why}"
        return f"encoded: {self.why}"


def encode_sample(
    data: bytes, config: EncodeConfig, want_moments: bool, holds_raw: bool = True
) -> Encoded:
    """Makes a sample of a file's bytes.

    Args:
        data: the file.
        config: how samples are stored.
        want_moments: measure `moments`.
        holds_raw: whether raw pixels can be stored, as in a .beton; where they cannot, as in
            shards, the best JPEG stands for them.

    Raises:
        BadImageError: the image cannot be used.
    """
    if not data:
        raise BadImageError("the file is empty")
    header = parse_jpeg_header(data)
    if header is not None:
        _check_header(header, data)
    why = _why_encode(header, config)
    if why is None and header is not None:
        sample = _pass_through(data, header, config, want_moments)
        if sample is not None:
            return sample
    decoded = decode_image(
        data,
        header,
        max_side=config.max_side,
        depth=config.depth,
        keep_truncated=config.truncated == "keep",
        max_pixels=config.max_pixels,
    )
    height, width = decoded.pixels.shape[:2]
    if max(height, width) > MAX_SIDE_PX:
        raise BadImageError(f"{width}x{height} is larger than {MAX_SIDE_PX} pixels")
    lossless = config.format == "jpeg" and _is_lossless(header, (height, width), config)
    raw = config.format == "raw" or (lossless and holds_raw)
    gray = header is not None and len(header.components) == 1
    reasons = [why, decoded.complaint]
    levels = _level_config(config)
    if lossless:
        config = replace(config, quality=100, subsampling="444")
        small = "small, " * (config.lossless == "auto")
        reasons.append(small + ("losslessly as raw pixels" if raw else "at quality 100"))
    stored: bytes | memoryview = decoded.pixels.reshape(-1).data
    if not raw:
        stored = encode_jpeg(decoded.pixels, gray, config.quality, config.subsampling)
    return Encoded(
        data=stored,
        mode=MODE_RAW if raw else MODE_JPEG,
        width=width,
        height=height,
        why="; ".join(filter(None, reasons)),
        moments=_moments(decoded.pixels) if want_moments else None,
        peak=decoded.peak,
        levels=() if raw else make_levels(decoded.pixels, gray, len(stored), levels),
    )


def _check_header(header: JpegHeader, data: bytes) -> None:
    """Refuses, before anything is decoded, what the file is too short for, or too slow."""
    if header.width * header.height > most_pixels(np.array(len(data))):
        raise BadImageError(
            f"{len(data)} bytes cannot be the {header.width}x{header.height} pixels that its "
            "header announces"
        )
    try:
        check_scans(data, header.height, header.width)
    except ValueError as error:
        raise BadImageError(str(error)) from None


def _why_encode(header: JpegHeader | None, config: EncodeConfig) -> str | None:
    """Why a file's image data cannot be stored as they are, None if they can."""
    if header is None:
        return "not a JPEG"
    if header.orientation != 1:
        return "rotated by EXIF"
    if not header.is_plain:
        return "unusual JPEG (progressive, CMYK, ...)"
    if config.max_side and max(header.width, header.height) > config.max_side:
        return "larger than the limit"
    if config.format == "raw":
        return "stored raw"
    return "encoding anew was asked for" if config.reencode else None


def _pass_through(
    data: bytes, header: JpegHeader, config: EncodeConfig, want_moments: bool
) -> Encoded | None:
    """A plain JPEG as it is, or mended where libjpeg-turbo warns of what is not its image data.

    Returns:
        None if it warns of the image data.
    """
    check_pixels((header.height, header.width), config.max_pixels)
    stored, why, pixels = data, None, None
    levels = _level_config(config)
    want_levels = has_levels(header.height, header.width, levels)
    complaint = None if header.is_clean else "stray bytes before a marker"
    try:
        if (want_moments or want_levels) and complaint is None:
            pixels = decode_strictly(data)
        elif config.verify == "full" and complaint is None:
            check_jpeg(data)
    except BadImageError as error:
        complaint = str(error)
    if complaint is not None:
        try:
            stored, pixels = mend_strictly(data)
        except BadImageError:
            return None
        why = complaint
    gray = len(header.components) == 1
    return Encoded(
        data=stored,
        mode=MODE_JPEG,
        width=header.width,
        height=header.height,
        why=why,
        moments=_moments(pixels) if want_moments and pixels is not None else None,
        is_mended=why is not None,
        levels=() if pixels is None else make_levels(pixels, gray, len(stored), levels),
    )


def _level_config(config: EncodeConfig) -> LevelConfig:
    return LevelConfig(most=config.levels, quality=config.level_quality)


def _is_lossless(header: JpegHeader | None, stored: tuple[int, int], config: EncodeConfig) -> bool:
    """Whether an image that has to be encoded becomes raw pixels although JPEGs are wanted."""
    if config.lossless != "auto":
        return config.lossless == "always"
    # A JPEG that is shrunk, or encoded for its size, is wanted small.
    as_it_was = header is None or (stored == header.upright_size and not config.reencode)
    return as_it_was and max(stored) <= SMALL_SIDE_PX


def _moments(image: np.ndarray) -> np.ndarray:
    # A ninth of the pixels: the full sums would cost as much as a tenth of the decode.
    pixels = image[::_STATS_STEP, ::_STATS_STEP].reshape(-1, 3).astype(np.float32)
    pixels *= np.float32(1 / 255)
    return np.stack([pixels.mean(0), np.einsum("pc,pc->c", pixels, pixels) / len(pixels)])
