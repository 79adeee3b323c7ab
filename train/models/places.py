"""Models whose name says where their code is: a user's own file, a folder or site of torch.hub."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.user_paths import expanded

_OWN_FILE = re.compile(r"(?P<path>.+\.py):(?P<function>\w+)")
_GITHUB = re.compile(r"[\w-][\w.-]*/[\w.-]+(:[\w./-]+)?")
_HUB = "hub:"


def own_file_parts(name: str) -> tuple[Path, str] | None:
    """File and function of `FILE.py:function`; None for a model of another kind."""
    found = _OWN_FILE.fullmatch(name)
    if found is None or name.startswith(_HUB):
        return None
    return expanded(found["path"]), found["function"]


def hub_place(name: str) -> tuple[str, str, bool]:
    """Repository or folder, model, and whether it is a folder, of what stands behind `hub:`.

    Raises:
        ConfigError: if it names no model, or could be both a repository and a folder.
    """
    place, _, model = name.rpartition(":")
    if not place or not model:
        raise ConfigError(
            f"--model hub:{name} is not complete: expected hub:OWNER/REPOSITORY:NAME or "
            "hub:FOLDER:NAME"
        )
    if not _GITHUB.fullmatch(place):
        return str(expanded(place)), model, True
    if Path(place).is_dir():
        raise ConfigError(
            f"--model hub:{name} could be the folder {place} or a repository on GitHub; write "
            f"hub:./{name} for the folder, or run elsewhere for the repository"
        )
    return place, model, False


def with_whole_path(name: str) -> str:
    """The same model whatever the working directory is."""
    if own := own_file_parts(name):
        return f"{own[0].absolute()}:{own[1]}"
    if name.startswith(_HUB):
        place, model, is_folder = hub_place(name.removeprefix(_HUB))
        return f"{_HUB}{Path(place).absolute()}:{model}" if is_folder else name
    return name


def short_name(name: str) -> str:
    """A model's name for a folder's: without paths and signs."""
    if own := own_file_parts(name):
        return f"{own[0].stem}-{own[1]}"
    if name.startswith(_HUB):
        place, model, is_folder = hub_place(name.removeprefix(_HUB))
        name = f"hub-{Path(place).name}-{model}" if is_folder else name
    return name.replace(":", "-").replace("/", "-")


def code_hash(name: str) -> str:
    """A short hash of a user's own file, "" for a model of another kind.

    Raises:
        ConfigError: if the file cannot be read.
    """
    own = own_file_parts(name)
    return "" if own is None else hash_of(read_source(*own))


def hash_of(source: bytes) -> str:
    """A short hash of a file's content."""
    return hashlib.sha256(source).hexdigest()[:16]


def read_source(path: Path, function: str) -> bytes:
    """The content of a user's own file.

    Raises:
        ConfigError: saying how to name another.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"--model {path}:{function} cannot be read ({error.strerror}); say where the file is "
            "with --model FILE.py:FUNCTION"
        ) from None
