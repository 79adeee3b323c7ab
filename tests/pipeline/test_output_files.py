"""Names of outputs: of what is read, of files, of devices."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.output_files import check_apart, check_ending, names_device


@pytest.mark.parametrize("name", ["/dev/null", "/dev/stdout", "/dev/fd/3"])
def test_a_device_may_be_called_anything_and_named_twice(name: str) -> None:
    assert names_device(Path(name))
    check_ending(Path(name), "--grid", ".png")
    check_apart({"--csv": name, "--json": name}, [])


@pytest.mark.parametrize("folder", ["/dev/shm", "/dev/shm/run", "/data", "dev"])
def test_files_in_memory_are_files_as_others(folder: str) -> None:
    """Data is often put into /dev/shm to be read from there."""
    name = f"{folder}/food.beton"
    assert not names_device(Path(name))
    with pytest.raises(
        ConfigError, match=r"--grid .*food\.beton: expected a name that ends in .png"
    ):
        check_ending(Path(name), "--grid", ".png")
    with pytest.raises(ConfigError, match="--csv"):
        check_apart({"--csv": name}, [name])
