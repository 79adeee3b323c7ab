#!/usr/bin/env python3
"""Pack a folder of images into one .beton file, or into WebDataset shards.

    tools/pack.py data/ food11.beton
    tools/pack.py data/ food11.tar          one WebDataset shard
    tools/pack.py data/ food11/ --shard-size 256

Layout, splits, labels and class names are found by themselves (pipeline/layouts.py).
"""

import argparse
import os
import sys
from pathlib import Path

from headrace.pipeline.command_line import (
    EXIT_FAILED,
    Parser,
    called,
    escape_unprintable,
    run_command,
)
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LAYOUTS
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.layouts.listing import Listing
from headrace.pipeline.layouts.splitting import make_folds, take_validation
from headrace.tools.packing.encode import EncodeConfig
from headrace.tools.packing.output import Output, check_apart, check_output
from headrace.tools.packing.run import PackError, Result, pack_beton, pack_shards
from headrace.tools.packing.summary import pack_lines, shape_of_terminal


def _parser() -> Parser:
    defaults = EncodeConfig()
    parser = Parser(prog=called("pack"), description="Pack a folder of images into one file.")
    add = parser.add_argument
    add("source", type=Path, metavar="SRC", help="folder of images, or a list file")
    add("out", metavar="OUT", help="OUT.beton; OUT.tar or OUT/ for WebDataset shards")
    add("--layout", choices=LAYOUTS, default="auto", help="how labels are told (%(default)s)")
    add("--label-column", metavar="C", help="column of a list file, by number from 0 or heading")
    add("--class-names", type=Path, metavar="FILE", help="one class name per line")
    add("--val-fraction", type=float, metavar="F", help="move this share of train into val")
    add("--folds", type=int, metavar="K", help="divide train into fold0 ... fold(K-1)")
    add("--seed", type=int, default=0, help="of --val-fraction and --folds (%(default)s)")
    add(
        "--max-side", type=int, default=defaults.max_side, metavar="PX",
        help="shrink larger images to this longer side, 0 never (%(default)s)",
    )  # fmt: skip
    add("--quality", type=int, default=defaults.quality, help="of encoded JPEGs (%(default)s)")
    add("--format", choices=("jpeg", "raw"), default=defaults.format, help="(%(default)s)")
    add(
        "--reencode", action="store_true",
        help="encode also JPEGs that could be stored byte for byte: smaller, faster to decode",
    )  # fmt: skip
    add(
        "--verify", choices=("full", "header"), default=defaults.verify,
        help="full decodes every image once, header trusts JPEGs that fit (%(default)s)",
    )  # fmt: skip
    add(
        "--on-error", choices=("skip", "fail"), default="skip", help="for a bad image (%(default)s)"
    )
    add("--workers", type=int, default=available_cores(), metavar="N", help="(%(default)s)")
    add("--page-size", type=int, metavar="MIB", help="of the .beton (8, or what fits)")
    add("--shard-size", type=int, metavar="MIB", help="of WebDataset shards (256)")
    add("--force", action="store_true", help="replace OUT if it exists")
    return parser


def _listing(given: argparse.Namespace) -> Listing:
    listing = discover(
        given.source,
        layout=given.layout,
        label_column=given.label_column,
        class_names=given.class_names,
    )
    if given.folds is not None and given.val_fraction is not None:
        raise ConfigError("--folds and --val-fraction exclude each other: choose one")
    if given.folds is not None:
        return make_folds(listing, given.folds, given.seed)
    if given.val_fraction is not None:
        return take_validation(listing, given.val_fraction, given.seed)
    return listing


def _output(given: argparse.Namespace) -> Output:
    path = Path(given.out)
    if path.suffix == ".tar":
        return Output(path=path, kind="tar", force=given.force)
    if given.out.endswith(("/", os.sep)) or given.shard_size is not None:
        return Output(path=path, kind="folder", force=given.force)
    return Output(path=path, kind="file", force=given.force)


def _pack(given: argparse.Namespace, listing: Listing, out: Output, config: EncodeConfig) -> Result:
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
    given = _parser().parse_args(arguments)
    if given.workers < 1:
        raise ConfigError(f"--workers {given.workers}: expected 1 or more")
    config = EncodeConfig(
        format=given.format,
        max_side=given.max_side,
        quality=given.quality,
        verify=given.verify,
        reencode=given.reencode,
    )
    out = _output(given)
    check_apart(out, given.source)
    check_output(out, claimed=False)
    listing = _listing(given)
    try:
        report = _pack(given, listing, out, config)
    except PackError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        if error.filename is None:  # a full disk while writing does not say where
            raise OSError(error.errno, error.strerror, given.out) from None
        raise
    print(
        "\n".join(
            pack_lines(
                out.path,
                report,
                shape_of_terminal(everything=False, rest="tools/info.py o.beton --show-all"),
            )
        )
    )
    return 0


if __name__ == "__main__":
    run_command(main)
