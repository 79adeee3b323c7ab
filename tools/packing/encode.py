"""One file's bytes become one sample: passed through, or decoded, shrunk and encoded anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import simplejpeg

from headrace.pipeline.containers.beton import MAX_SIDE_PX, MODE_JPEG, MODE_RAW
from headrace.pipeline.errors import BadImageError, ConfigError
from headrace.pipeline.jpeg_header import JpegHeader, parse_jpeg_header
from headrace.tools.packing.decode import check_jpeg, decode_image

SUBSAMPLING = "420"
_STATS_STEP = 3


@dataclass(frozen=True, kw_only=True)
class EncodeConfig:
    """How samples are stored.

    Attributes:
        format: `jpeg`, or `raw` for HWC RGB bytes.
        max_side: pixels of the longer side, 0 to shrink nothing.
        quality: of JPEGs that we encode, 1..100.
        verify: `full` decodes every image once; `header` trusts the data of JPEGs that are passed
            through.
        reencode: encode also JPEGs that could be passed through.
    """

    format: Literal["jpeg", "raw"] = "jpeg"
    max_side: int = 512
    quality: int = 90
    verify: Literal["full", "header"] = "full"
    reencode: bool = False

    def __post_init__(self) -> None:
        if self.format not in ("jpeg", "raw"):
            raise ConfigError(f"format {self.format!r}: expected jpeg or raw")
        if self.verify not in ("full", "header"):
            raise ConfigError(f"verify {self.verify!r}: expected full or header")
        if not 0 <= self.max_side <= MAX_SIDE_PX:
            raise ConfigError(
                f"max side {self.max_side}: expected 1 to {MAX_SIDE_PX} pixels, or 0 for any size"
            )
        if not 1 <= self.quality <= 100:
            raise ConfigError(f"quality {self.quality}: expected 1 to 100")

    def to_dict(self) -> dict[str, Any]:
        """For the manifest."""
        values: dict[str, Any] = {"format": self.format, "max_side": self.max_side}
        if self.format == "jpeg":
            values |= {"quality": self.quality, "subsampling": SUBSAMPLING}
            values |= {"passthrough": not self.reencode}
        return values | {"verify": self.verify}


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A sample ready to be written.

    Attributes:
        data: the stored bytes.
        mode: MODE_JPEG or MODE_RAW.
        width, height: stored pixels.
        why: why it was encoded anew, None if its bytes are the file's.
        moments: (2, 3) mean and mean square of R, G, B in 0..1, where asked for.
    """

    data: bytes | memoryview
    mode: int
    width: int
    height: int
    why: str | None
    moments: np.ndarray | None


def encode_sample(data: bytes, config: EncodeConfig, want_moments: bool) -> Encoded:
    """Makes a sample of a file's bytes.

    Raises:
        BadImageError: the image cannot be used.
    """
    if not data:
        raise BadImageError("the file is empty")
    header = parse_jpeg_header(data)
    why = _why_encode(header, config)
    if why is None and header is not None:
        return _pass_through(data, header, config, want_moments)
    image = decode_image(data, header, config.max_side)
    height, width = image.shape[:2]
    if max(height, width) > MAX_SIDE_PX:
        raise BadImageError(f"{width}x{height} is larger than {MAX_SIDE_PX} pixels")
    stored: bytes | memoryview
    if config.format == "raw":
        stored = image.reshape(-1).data
    else:
        gray = header is not None and len(header.components) == 1
        stored = simplejpeg.encode_jpeg(
            np.ascontiguousarray(image[..., :1]) if gray else image,
            quality=config.quality,
            colorspace="GRAY" if gray else "RGB",
            colorsubsampling="Gray" if gray else SUBSAMPLING,
        )
    return Encoded(
        data=stored,
        mode=MODE_RAW if config.format == "raw" else MODE_JPEG,
        width=width,
        height=height,
        why=why,
        moments=_moments(image) if want_moments else None,
    )


def _why_encode(header: JpegHeader | None, config: EncodeConfig) -> str | None:
    """Why a file cannot be stored as it is, None if it can."""
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
) -> Encoded:
    moments = None
    if want_moments:
        moments = _moments(decode_image(data, header, 0))
    elif config.verify == "full":
        check_jpeg(data)
    return Encoded(
        data=data,
        mode=MODE_JPEG,
        width=header.width,
        height=header.height,
        why=None,
        moments=moments,
    )


def _moments(image: np.ndarray) -> np.ndarray:
    # A ninth of the pixels: the full sums would cost as much as a tenth of the decode.
    pixels = image[::_STATS_STEP, ::_STATS_STEP].reshape(-1, 3).astype(np.float32)
    pixels *= np.float32(1 / 255)
    return np.stack([pixels.mean(0), np.einsum("pc,pc->c", pixels, pixels) / len(pixels)])
