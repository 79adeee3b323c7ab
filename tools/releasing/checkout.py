"""What git says of a checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.wording import one_line


def git(root: Path, *words: str) -> bytes:
    """What `git WORDS` prints in a folder.

    Raises:
        ConfigError: if it is no checkout.
    """
    run = subprocess.run(["git", "-C", str(root), *words], capture_output=True)
    if run.returncode:
        raise ConfigError(
            f"{root} is no checkout of git: {one_line(run.stderr.decode(errors='replace'))}; "
            "a release is of a commit"
        )
    return run.stdout
