"""What a run notes down can be read by whoever reads JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path

from headrace.train.folder.journal import Journal, read_rows
from headrace.train.folder.run_folder import LOG_NAME


def test_what_json_has_no_number_for_is_a_word(tmp_path: Path) -> None:
    def refuse(word: str) -> None:
        raise ValueError(word)

    journal = Journal(tmp_path, enabled=True, tensorboard=False)
    journal.row("start", {"config": {"sharpness": math.inf, "sizes": (1.5, -math.inf)}})
    journal.row("epoch", {"f1": math.nan, "loss": 0.5})
    journal.close()
    lines = (tmp_path / LOG_NAME).read_text().splitlines()
    first, second = (json.loads(line, parse_constant=refuse) for line in lines)
    assert first["config"] == {"sharpness": "inf", "sizes": [1.5, "-inf"]}
    assert (second["f1"], second["loss"]) == (None, 0.5)
    assert read_rows(tmp_path / LOG_NAME) == ([first, second], 0)
