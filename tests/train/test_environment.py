"""What a run notes of where it is carried out."""

from __future__ import annotations

import json
import platform
import sys

import torch

import headrace
from headrace.train.environment import describe_environment


def test_it_is_plain_and_true() -> None:
    found = describe_environment(torch.device("cpu"))
    assert json.loads(json.dumps(found)) == found
    assert found["python"] == platform.python_version()
    assert found["command"] == sys.argv
    assert found["cores"] >= 1
    assert "gpu" not in found and None not in found.values()
    assert found.get("headrace", headrace.__version__)
