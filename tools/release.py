#!/usr/bin/env python3
"""Build wheel and sdist as they would be published, twice, and compare them byte by byte.

    tools/release.py
    tools/release.py dist --tag v0.2.0

They are built of what git has committed, with the date of that commit (SOURCE_DATE_EPOCH), so that
anyone who builds the same commit with the same setuptools gets the same bytes. The version stands
in headrace/__init__.py; a tag and the changelog have to agree with it. Nothing is published.
Source: reproducible-builds.org/docs/source-date-epoch.
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

import headrace
from headrace.pipeline.command_line import run_command
from headrace.pipeline.errors import ConfigError, FailedError, MissingPackageError
from headrace.pipeline.flags import parse
from headrace.pipeline.installed import is_installed
from headrace.pipeline.wording import one_line
from headrace.tools.releasing.checkout import git
from headrace.tools.releasing.steady_archive import exported, steady_sdist, steady_wheel

ROOT = Path(__file__).resolve().parent.parent
_NEEDED = {"build": "build", "twine": "twine", "setuptools": "setuptools"}


@dataclass(frozen=True, kw_only=True)
class ReleaseSettings:
    """Build wheel and sdist twice, compare them, and check what a package index would."""

    out: Positional[Path] = Path("dist")
    """Folder for both files; what it held of other versions stays."""
    tag: str = ""
    """Tag of the release; by default that of the commit, if it has one."""


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module's text."""
    given = parse(ReleaseSettings, "tools/release.py", arguments)
    for package, name in _NEEDED.items():
        if not is_installed(package):
            raise MissingPackageError(f'a release needs {name}: pip install "headrace[release]"')
    if changed := _git("status", "--porcelain", "--untracked-files=no"):
        raise ConfigError(
            f"{changed.splitlines()[0][3:]} differs from what is committed: commit it first, since "
            "a release is of a commit"
        )
    tag = given.tag or _tag_of_commit()
    check_version(headrace.__version__, tag, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    seconds = int(_git("log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory(prefix="headrace-release-") as scratch:
        made = built_twice(ROOT, Path(scratch), seconds)
        check_readable(made)
        given.out.mkdir(parents=True, exist_ok=True)
        for path in made:
            target = given.out / path.name
            target.write_bytes(path.read_bytes())
            print(f"{digest(target)}  {target}")
    print(f"two builds of {_git('rev-parse', '--short', 'HEAD')} are the same, byte by byte")
    if not tag:
        print(f"this commit has no tag; that of a release would be v{headrace.__version__}")
    return 0


def check_version(version: str, tag: str, changelog: str) -> None:
    """Refuses a release whose version, tag and changelog differ.

    Args:
        version: of the code.
        tag: of the commit; "" if it has none.
        changelog: Markdown, the newest version first.

    Raises:
        ConfigError: naming both.
    """
    if tag and tag != f"v{version}":
        raise ConfigError(
            f"the tag is {tag}, but headrace/__init__.py says {version}: expected v{version}; "
            "change the one that is wrong"
        )
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    if newest is None or newest[1] != version:
        found = newest[1] if newest else "no version"
        raise ConfigError(
            f"CHANGELOG.md begins with {found}, but headrace/__init__.py says {version}; "
            "write down what is new in it"
        )


def built_twice(root: Path, scratch: Path, seconds: int) -> list[Path]:
    """Builds a commit's files in two places, under two file masks.

    Args:
        root: a checkout.
        scratch: an empty folder.
        seconds: since 1970, the date in the archives.

    Returns:
        The wheel and the sdist of the first.

    Raises:
        FailedError: if they differ, or cannot be built.
    """
    found = []
    for name, mask in (("first", 0o022), ("second-in-a-longer-path", 0o077)):
        before = os.umask(mask)
        try:
            source, out = scratch / name / "headrace", scratch / name / "dist"
            exported(root, source)
            found.append(_built(source, out, seconds))
        finally:
            os.umask(before)
    for first, second in zip(*found, strict=True):
        if first.name != second.name or first.read_bytes() != second.read_bytes():
            raise FailedError(f"two builds of {first.name} differ; nothing was written")
    return found[0]


def _built(source: Path, out: Path, seconds: int) -> list[Path]:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(seconds), "PYTHONHASHSEED": "random"}
    environment.pop("PYTHONPATH", None)
    _run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)],
        environment,
    )
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    steady_sdist(sdist, seconds)
    steady_wheel(wheel)
    return [wheel, sdist]


def check_readable(paths: list[Path]) -> None:
    """Asks twine whether an index would take the files and show their description.

    Raises:
        FailedError: with what it says.
    """
    _run([sys.executable, "-m", "twine", "check", "--strict", *map(str, paths)], dict(os.environ))


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _run(command: list[str], environment: dict[str, str]) -> None:
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    if run.returncode:
        said = one_line((run.stdout + run.stderr)[-600:])
        raise FailedError(f"{' '.join(command[1:4])} failed: {said}")


def _tag_of_commit() -> str:
    """The commit's tag of a version, "" where there is none."""
    tags = _git("tag", "--points-at", "HEAD").split()
    return next((tag for tag in tags if re.match(r"v\d", tag)), "")


def _git(*words: str) -> str:
    return os.fsdecode(git(ROOT, *words)).rstrip()


if __name__ == "__main__":
    run_command(main)
