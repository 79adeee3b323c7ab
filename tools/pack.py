#!/usr/bin/env python3
"""Pack a folder of images into one .beton file, or into WebDataset shards.

    tools/pack.py data/ food11.beton
    tools/pack.py data/ food11.tar          one WebDataset shard
    tools/pack.py data/ food11/ --shard-size 256

Layout, splits, labels and class names are found by themselves (pipeline/layouts.py).
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
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import Flag, check_least, one_of, parse
from headrace.pipeline.layouts.discovery import LAYOUTS, discover
from headrace.pipeline.layouts.listing import Listing
from headrace.pipeline.layouts.splitting import make_folds, take_validation
from headrace.tools.packing.encode import EncodeConfig
from headrace.tools.packing.output import Output, check_apart, check_output
from headrace.tools.packing.run import PackError, Report, pack_beton, pack_shards
from headrace.tools.packing.summary import summary_lines


@dataclass(frozen=True, kw_only=True)
class PackSettings:
    """Pack a folder of images into one file."""

    source: Annotated[Path, Positional, arg(metavar="SRC")]
    """Folder of images, or a list file."""
    out: Annotated[str, Positional, arg(metavar="OUT")]
    """OUT.beton; OUT.tar or OUT/ for WebDataset shards."""
    layout: Annotated[str, one_of(LAYOUTS)] = "auto"
    """How labels are told."""
    label_column: Annotated[str | None, arg(metavar="C", help_behavior_hint="")] = None
    """Column of a list file, by number from 0 or heading."""
    class_names: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """One class name per line."""
    val_fraction: Annotated[float | None, arg(metavar="F", help_behavior_hint="")] = None
    """Move this share of train into val."""
    folds: Annotated[int | None, arg(metavar="K", help_behavior_hint="")] = None
    """Divide train into fold0 ... fold(K-1)."""
    seed: int = 0
    """Of --val-fraction and --folds."""
    encode: EncodeConfig = field(default_factory=EncodeConfig)
    on_error: Literal["skip", "fail"] = "skip"
    """What to do with a bad image."""
    workers: Annotated[int, arg(metavar="N")] = field(default_factory=available_cores)
    """Threads that decode and encode."""
    page_size: Annotated[
        int | None, arg(metavar="MIB", help_behavior_hint="(default: 8, or what fits)")
    ] = None
    """Of the .beton."""
    shard_size: Annotated[int | None, arg(metavar="MIB", help_behavior_hint="(default: 256)")] = (
        None
    )
    """Of WebDataset shards."""
    force: Flag = False
    """Replace OUT if it exists."""

    def __post_init__(self) -> None:
        if self.folds is not None and self.val_fraction is not None:
            raise ConfigError("--folds and --val-fraction exclude each other: choose one")
        check_least(self, 1, "workers", "page_size", "shard_size")


def _listing(given: PackSettings) -> Listing:
    listing = discover(
        given.source,
        layout=given.layout,
        label_column=given.label_column,
        class_names=given.class_names,
    )
    if given.folds is not None:
        return make_folds(listing, given.folds, given.seed)
    if given.val_fraction is not None:
        return take_validation(listing, given.val_fraction, given.seed)
    return listing


def _output(given: PackSettings) -> Output:
    path = Path(given.out)
    if path.suffix == ".tar":
        return Output(path=path, kind="tar", force=given.force)
    if given.out.endswith(("/", os.sep)) or given.shard_size is not None:
        return Output(path=path, kind="folder", force=given.force)
    return Output(path=path, kind="file", force=given.force)


def _pack(given: PackSettings, listing: Listing, out: Output) -> Report:
    config = given.encode
    fail = given.on_error == "fail"
    if out.kind != "file":
        if config.format != "jpeg":
            raise ConfigError("shards hold JPEGs: leave --format raw away, or write a .beton")
        size = (given.shard_size or 256) << 20
        return pack_shards(
            listing, out, config, workers=given.workers, shard_bytes=size, fail_on_bad=fail
        )
    page_size = given.page_size << 20 if given.page_size else None
    return pack_beton(
        listing, out, config, workers=given.workers, fail_on_bad=fail, page_size=page_size
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module's text."""
    escape_unprintable()
    given = parse(PackSettings, called("pack"), arguments)
    out = _output(given)
    check_apart(out, given.source)
    check_output(out, claimed=False)
    listing = _listing(given)
    try:
        report = _pack(given, listing, out)
    except PackError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        if error.filename is None:  # a full disk while writing does not say where
            raise OSError(error.errno, error.strerror, given.out) from None
        raise
    print("\n".join(summary_lines(out.path, listing, report)))
    return 0


if __name__ == "__main__":
    run_command(main)
