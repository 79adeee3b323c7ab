"""What to say of a source that is neither a folder of images nor a list of them."""

from __future__ import annotations

from pathlib import Path

from headrace.pipeline.archives import archive_at
from headrace.pipeline.command_line import called
from headrace.pipeline.containers.beton import is_beton
from headrace.pipeline.containers.shard_tables import tables_path
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.file_kinds import EXTENSIONS
from headrace.pipeline.layouts.scanning import Scan

_HEAD_BYTES = 64


def check_list_file(source: Path) -> None:
    """Refuses a file that no list can be, before the images beside it are looked for.

    Raises:
        ConfigError: it is an archive, an image, or what packing makes; the text says what to do.
    """
    with source.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    is_shard = tables_path(source).is_file() or source.with_suffix(".idx").is_file()
    archive = archive_at(source)
    if is_beton(head) or (is_shard and archive is not None and archive.kind == "tar"):
        raise ConfigError(
            f"{source} is packed already: expected a folder of images, or a list file; train on it "
            f"with {called('train', '--data', source)}"
        )
    if archive is not None:
        raise ConfigError(f"{source} is {archive.advice}")
    if source.suffix.lower().removeprefix(".") in EXTENSIONS:
        raise ConfigError(
            f"{source} is a single image: expected a folder of images, or a list file that names "
            "them"
        )


def archives_advice(scan: Scan) -> str:
    """How to unpack the first archive of a folder without images; "" if it holds none."""
    for group in scan.left_out:
        for name in group.examples:
            archive = archive_at(scan.root / name)
            if archive is not None and not archive.is_broken:
                return f"; {name} is {archive.advice}"
    return ""
