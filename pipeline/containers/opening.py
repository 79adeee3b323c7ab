"""Opens whatever holds samples: a .beton, WebDataset shards or an image folder."""

from __future__ import annotations

from pathlib import Path

from headrace.pipeline.archives import archive_at
from headrace.pipeline.command_line import called
from headrace.pipeline.containers.beton import is_beton, open_beton
from headrace.pipeline.containers.shards import is_shard_folder, is_tar, open_shards
from headrace.pipeline.containers.storage import Container
from headrace.pipeline.errors import RecordsError
from headrace.pipeline.file_kinds import file_kind
from headrace.pipeline.trained import check_not_trained

_HEAD_BYTES = 512


def open_container(path: Path) -> Container:
    """Opens a container, told by its content and not by its name.

    Raises:
        RecordsError: if there is nothing there, or it is damaged.
    """
    if path.is_dir():
        if is_shard_folder(path):
            return open_shards(path)
        # Here, because it takes all that reads layouts, which nobody needs for a packed file.
        from headrace.pipeline.containers.folder import open_folder

        return open_folder(path)
    if not path.exists():
        make = called("pack", "FOLDER", path)
        raise RecordsError(f"{path} does not exist; make it with {make}")
    head = _head(path)
    if is_beton(head):
        return open_beton(path)
    if is_tar(head):
        return open_shards(path)
    check_not_trained(path)
    neither = f"{path} is neither a .beton file nor a WebDataset .tar"
    if archive := archive_at(path):
        pack = called("pack", archive.folder, path.with_name(f"{archive.folder.name}.beton"))
        then = "" if archive.is_broken else f", then pack it: `{pack}`"
        raise RecordsError(f"{neither}, but {archive.advice}{then}")
    if file_kind(path.name, lambda: head).obstacle is None:
        raise RecordsError(f"{path} is a single image; name the folder that it lies in")
    raise RecordsError(f"{neither}; make one with {called('pack', 'FOLDER', 'OUT.beton')}")


def holds_packed(path: Path) -> bool:
    """Tells of a file whether it is a .beton, by its first bytes.

    Raises:
        OSError: if it cannot be read.
    """
    return is_beton(_head(path))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)
