"""Files of torch.save: read without running code, and compared with the checksums that they carry.

torch.save writes a zip archive, in which each part has a CRC-32; torch.load does not look at it.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import IO, Any

import torch

from headrace.pipeline.wording import one_line

_CHUNK_BYTES = 1 << 20
_MOST_PARTS = 1_000_000
_FOLDER = 0x10  # of DOS' attributes


class NotPlainError(ValueError):
    """A file holds more than tensors, numbers, text, lists and dicts, and code is not run."""


def read_torch_file(path: Path, legacy: bool = False) -> Any:
    """What torch.save has written, on the CPU.

    Args:
        path: a file.
        legacy: take files from before torch 1.6 too, which carry no checksums.

    Raises:
        NotPlainError: if reading it would mean to run code.
        ValueError: if it is damaged, or no such file; the text says which.
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        zipped = _is_archive(file)
        if zipped:
            _check_parts(file)
        elif not legacy:
            raise ValueError("it is no file of torch.save, or its end is missing")
        file.seek(0)
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except MemoryError:
            raise
        except Exception as error:  # of bytes that are no pickle torch raises whatever comes
            # Anything may be refused as a pickle; these two kinds torch has written.
            refused = isinstance(error, pickle.UnpicklingError)
            if refused and (zipped or "global" in str(error).lower()):
                raise NotPlainError("it holds more than tensors and plain values") from None
            raise ValueError("its parts are not what torch.save writes") from None


def _is_archive(file: IO[bytes]) -> bool:
    try:
        return zipfile.is_zipfile(file)
    except Exception:  # of a damaged end the library raises instead of answering
        return True


def _check_parts(file: IO[bytes]) -> None:
    """Refuses an archive with a part that differs from its checksum."""
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            if len(parts) > _MOST_PARTS or any(part.compress_type for part in parts):
                raise ValueError("its parts are compressed, or far too many")
            # Of a part that is called a folder torch reads nothing and shows what memory held.
            if any(part.external_attr & _FOLDER or part.is_dir() for part in parts):
                raise ValueError("a part of it is called a folder")
            if not any(part.CRC for part in parts):
                return  # torch can be told to leave them out
            for part in parts:
                with archive.open(part) as content:
                    while content.read(_CHUNK_BYTES):
                        pass  # which compares the checksum at its end
    except MemoryError:
        raise
    except Exception as error:  # of bytes that are no archive zipfile raises whatever comes
        raise ValueError(f"its bytes are not those that were written: {one_line(error)}") from None
