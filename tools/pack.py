#!/usr/bin/env python3
"""Pack a folder of images into one .beton file, or into WebDataset shards.

    tools/pack.py data/ food11.beton
    tools/pack.py data/ food11.tar          one WebDataset shard
    tools/pack.py data/ food11/ --shard-size 256
    tools/pack.py data/ food11.beton --dry-run      shows what would be taken, writes nothing

Layout, splits, labels and class names are found by themselves (pipeline/layouts/).
"""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from headrace.pipeline.command_line import (
    EXIT_FAILED,
    called,
    escape_unprintable,
    run_command,
)
from headrace.pipeline.containers.beton_writer import check_page_size
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import Flag, check_idle, check_least, parse
from headrace.pipeline.json_file import JsonFile, check_json, write_json
from headrace.pipeline.layouts.listing import Listing
from headrace.pipeline.outliving import outliving_readers
from headrace.pipeline.unwritable import unwritable, was_writing
from headrace.pipeline.wording import shown
from headrace.tools.packing.claim import check_claim
from headrace.tools.packing.encode import EncodeConfig
from headrace.tools.packing.find_flags import FindFlags, find_config
from headrace.tools.packing.finding import FindConfig, find_samples, to_json
from headrace.tools.packing.output import Kind, Output, check_apart, check_output, named_output
from headrace.tools.packing.run import (
    PackError,
    Result,
    check_complete,
    check_for_shards,
    pack_beton,
    pack_shards,
)
from headrace.tools.packing.summary import dry_run_lines, pack_lines, pack_told, shape_of_terminal


@dataclass(frozen=True, kw_only=True)
class PackSettings:
    """Pack a folder of images into one file."""

    source: Annotated[Path, Positional, arg(metavar="SRC")]
    """Folder of images, or a list file."""
    out: Annotated[str, Positional, arg(metavar="OUT")]
    """OUT.beton; OUT.tar or OUT/ for WebDataset shards."""
    find: FindFlags = field(default_factory=FindFlags)
    encode: EncodeConfig = field(default_factory=EncodeConfig)
    on_error: Literal["skip", "fail"] = "skip"
    """What to do with a bad image."""
    workers: Annotated[int, arg(metavar="N")] = field(default_factory=available_cores)
    """Threads that decode and encode."""
    page_size: Annotated[
        int | None, arg(metavar="MIB", help_behavior_hint="(default: 8, or what fits)")
    ] = None
    """Pages of the .beton, in MiB; no image may take more than one."""
    shard_size: Annotated[int | None, arg(metavar="MIB", help_behavior_hint="(default: 256)")] = (
        None
    )
    """Largest WebDataset shard, in MiB; the next image begins another one."""
    force: Flag = False
    """Replace OUT if it exists."""
    dry_run: Flag = False
    """Show what would be packed and what not, refuse what would be refused; write nothing."""
    show_all: Flag = False
    """Show every class and every file left out, not only the first."""
    json: JsonFile = None
    """Write what was packed, and all that was left out with its reason, here."""

    def __post_init__(self) -> None:
        check_least(self, 1, "workers", "page_size", "shard_size")
        if not self.encode.levels:
            remedy = "add --levels auto, or leave it out"
            check_idle(self.encode, "without --levels", "level_quality", remedy=remedy)
        if self.json is not None and self.dry_run:
            raise ConfigError("--json tells what was packed; leave out --dry-run")


def _output(given: PackSettings) -> Output:
    kind: Kind = "file"
    if Path(given.out).suffix == ".tar":
        kind = "tar"
    elif given.out.endswith(("/", os.sep)) or given.shard_size is not None:
        kind = "folder"
    return named_output(given.out, kind, given.force)


def _check(given: PackSettings, out: Output) -> None:
    """Refuses what cannot work, before anything is looked for."""
    check_apart(out, given.source)
    check_output(out, claimed=False)
    if out.kind != "file":
        check_idle(given, "for shards", "page_size")
        check_for_shards(given.encode)
    elif given.page_size:
        check_page_size(given.page_size, "--page-size")


def _pack(given: PackSettings, config: FindConfig, listing: Listing, out: Output) -> Result:
    fail = given.on_error == "fail"
    found_with = to_json(config, given.source)
    if out.kind != "file":
        size = (given.shard_size or 256) << 20
        return pack_shards(
            listing, out, given.encode, workers=given.workers, shard_bytes=size, fail_on_bad=fail,
            found_with=found_with,
        )  # fmt: skip
    page_size = given.page_size << 20 if given.page_size else None
    return pack_beton(
        listing, out, given.encode, workers=given.workers, fail_on_bad=fail, page_size=page_size,
        found_with=found_with,
    )  # fmt: skip


@outliving_readers()
def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module's text."""
    escape_unprintable()
    given = parse(PackSettings, called("pack"), arguments)
    out = _output(given)
    config = find_config(given.find)
    check_json(given.json, *given.find.lists, *filter(None, [given.find.class_names]))
    _check(given, out)
    listing = find_samples(given.source, config)
    try:
        if given.on_error == "fail":
            check_complete(listing)
        if given.dry_run:
            check_claim(out.path)
            shape = shape_of_terminal(everything=given.show_all, rest="--show-all")
            print("\n".join(map(shown, dry_run_lines(listing, shape))))
            words = sys.argv[1:] if arguments is None else arguments
            again = [word for word in words if word not in ("--dry-run", "--dry_run")]
            print(shown(f"next: {called('pack', *again)}"))
            return 0
        result = _pack(given, config, listing, out)
    except PackError as error:
        print(shown(f"error: {error}"), file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        if error.filename is None or was_writing(error):  # a full disk does not say where
            raise unwritable(given.out, error) from None
        raise
    if given.json is not None:
        write_json(given.json, pack_told(out.path, result))
    rest = called("info", given.out, "--show-all")
    shape = shape_of_terminal(everything=given.show_all, rest=rest)
    print("\n".join(map(shown, pack_lines(out.path, result, shape))))
    return 0


if __name__ == "__main__":
    run_command(main)
