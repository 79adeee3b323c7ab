"""The command `headrace`: each of its words runs a script of the same checkout or installation."""

from __future__ import annotations

import importlib
import sys

import headrace
from headrace.pipeline.command_line import EXIT_USAGE, SCRIPTS, run_command

ABOUT = {
    "pack": "pack a folder of images into one file",
    "info": "say what is in a record file, draw some of it, verify it",
    "preview": "draw what an augmentation recipe does",
    "sample": "draw a sample data set",
    "train": "train a classifier",
    "predict": "predict classes with a trained classifier",
    "bench throughput": "images per second of every loader, beside peers and ceilings",
    "bench augmentation": "speed of augmentation, beside Kornia and torchvision",
    "bench packing": "speed and memory of packing, beside FFCV's writer",
    "bench scaling": "memory over epochs, and files of a million records",
    "bench sides": "which --max-side to pack with: space, speed, loss",
}


def main() -> None:
    """Runs `headrace WORD ...` or `headrace bench NAME ...`."""
    words = sys.argv[1:]
    if words in (["--version"], ["-V"]):
        print(f"headrace {headrace.__version__}")
        return
    if not words or words in (["--help"], ["-h"]):
        print(_usage())
        return
    word = " ".join(words[:2]) if words[0] == "bench" else words[0]
    if word not in SCRIPTS:
        print(f"error: {word!r} is no command of headrace (see headrace --help)", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    sys.argv[1:] = words[len(word.split()) :]
    module = SCRIPTS[word].removesuffix(".py").replace("/", ".")
    run_command(importlib.import_module(f"headrace.{module}").main)


def _usage() -> str:
    width = max(map(len, SCRIPTS))
    lines = ["usage: headrace COMMAND [ARGS]   (headrace COMMAND --help)", ""]
    lines += [f"  {word:<{width}}  {ABOUT[word]}".rstrip() for word in SCRIPTS]
    return "\n".join([*lines, "", "headrace --version"])


if __name__ == "__main__":
    main()
