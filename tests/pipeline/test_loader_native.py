"""What the native loader does beyond what all loaders promise together."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.loader import open_loader
from headrace.pipeline.loaders import native
from tests.builders import make_records, samples


def test_a_decoder_that_cannot_be_had_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*args: object) -> native.Decode:
        raise AttributeError("no such decoder")

    monkeypatch.setattr(native, "_region_decoder", none)
    with make_records(tmp_path / "a.beton", samples(20)) as records:
        with open_loader(records, loader="native", size=24, batch_size=5, workers=2) as loader:
            for _ in range(2):
                with pytest.raises(AttributeError, match="no such decoder"):
                    list(loader.epoch(0))
