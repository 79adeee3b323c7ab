"""The command `headrace`: each of its words runs a script of the same checkout or installation."""

from __future__ import annotations

import importlib
import sys

import headrace
from headrace.pipeline.command_line import SCRIPTS, run_command
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.near_names import asked, near_names

ABOUT = {
    "pack": "pack a folder of images into one file",
    "info": "say what is in a record file, draw some of it, verify it",
    "preview": "draw what an augmentation recipe does",
    "sample": "draw a sample data set",
    "summary": "say what a model is made of: layers, parameters, operations, memory",
    "train": "train a classifier",
    "probe": "train a linear classifier on what a trained network says, in seconds",
    "generate": "train a generator of labelled images, draw from it",
    "evaluate": "measure trained classifiers on labelled samples",
    "predict": "predict classes with a trained classifier",
    "suspects": "find doubtful labels and images that are there twice, after training by folds",
    "report": "make a page of one or several runs, to look at in a browser",
    "export": "write a trained model into one file that needs nothing of this project",
    "bench throughput": "images per second of every loader, beside peers and ceilings",
    "bench augmentation": "speed of augmentation, beside Kornia and torchvision",
    "bench packing": "speed and memory of packing, beside FFCV's writer",
    "bench scaling": "memory over epochs, and files of a million records",
    "bench max-side": "which --max-side to pack with: space, speed, loss",
    "bench gpu": "what only a GPU can tell: tests, decoders, speed, in one command",
    "bench training": "training images per second, by loader and beside other trainers",
    "bench transfer": "what weights of coarse classes are worth on fine ones",
    "bench distillation": "whether a student is better for its teachers",
    "bench generative": "whether made-up images help, where real ones are few",
    "bench accuracy": "how good a preset gets, and in what time",
    "bench device-model": "what device code asks of a GPU, told without one",
    "bench levels": "what smaller sizes beside images are worth: speed, space, loss",
}
_BENCHMARKS = [word for word in SCRIPTS if word.startswith("bench ")]


def main() -> None:
    """Runs `headrace WORD ...` or `headrace bench NAME ...`."""
    run_command(lambda: _run(sys.argv[1:]))


def _run(words: list[str]) -> int | None:
    if words in (["--version"], ["-V"]):
        print(f"headrace {headrace.__version__}")
        return 0
    if not words or (words[-1] in ("--help", "-h") and words[:-1] in ([], ["bench"])):
        print(_usage(list(SCRIPTS) if len(words) < 2 else _BENCHMARKS))
        return 0
    word = " ".join(words[:2]) if words[0] == "bench" else words[0]
    if word not in SCRIPTS:
        raise ConfigError(_unknown(word))
    sys.argv[1:] = words[len(word.split()) :]
    module = SCRIPTS[word].removesuffix(".py").replace("/", ".")
    # Imported here, where Ctrl-C is answered already: some of it takes seconds.
    return importlib.import_module(f"headrace.{module}").main()


def _unknown(word: str) -> str:
    """What to say of a word that is no command: the nearest, and all."""
    if word == "bench" or word.startswith("bench -"):
        names = ", ".join(name.split()[1] for name in _BENCHMARKS)
        return f"headrace bench NAME: expected a name of {names} (see headrace --help)"
    known = {name.split()[-1]: name for name in SCRIPTS} | {name: name for name in SCRIPTS}
    known["bench"] = "bench NAME"
    meant = asked(dict.fromkeys(f"headrace {known[near]}" for near in near_names(word, known)))
    return f"{word!r} is no command of headrace, which has {', '.join(SCRIPTS)}{meant}"


def _usage(words: list[str]) -> str:
    width = max(map(len, words))
    lines = ["usage: headrace COMMAND [ARGS]   (headrace COMMAND --help)", ""]
    lines += [f"  {word:<{width}}  {ABOUT[word]}".rstrip() for word in words]
    more = "each takes --quiet, and but for bench gpu --json for what it did or found"
    return "\n".join([*lines, "", more, "headrace --version"])


if __name__ == "__main__":
    main()
