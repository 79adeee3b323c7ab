"""Values of a manifest that cannot be true are refused in one line that names the file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from headrace.pipeline.containers.manifest import Manifest, manifest_bytes, manifest_of
from headrace.pipeline.errors import BadSampleError, RecordsError
from headrace.pipeline.wording import printable

PATH = Path("/data/food.beton")


def body_with(text: str, names: int = 2) -> np.ndarray:
    """A manifest of two samples with other JSON in it."""
    whole = manifest_bytes(Manifest(), [f"{i}.jpg" for i in range(names)])
    length = int.from_bytes(whole[8:16], "little")
    new = text.encode()
    return np.frombuffer(
        whole[:8] + len(new).to_bytes(8, "little") + whole[16:32] + new + whole[32 + length :],
        np.uint8,
    )


def changed(**values: object) -> str:
    return json.dumps({**Manifest(classes=("a", "b")).to_json(), **values})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "no attribute"),
        ("[" * 100_000, "recursion"),
        ('{"classes": ' + "[" * 500 + "]" * 500 + "}", "more than 32 deep"),
        (changed(splits={"train": [0, float("inf")]}), "impossible range 0..inf"),
        (changed(splits={"train": [0.5, 1.5]}), "impossible range 0.5..1.5"),
        (changed(splits={"train": [0, True]}), "impossible range 0..True"),
        (changed(splits={"train": [2, 1]}), "impossible range 2..1"),
        (changed(splits={"train": [0, 10**30]}), "describes other samples"),
        (changed(classes="ab"), "classes that are no list of names"),
        (changed(classes=[1, 2]), "classes that are no list of names"),
        (changed(mean=[0.1, float("nan"), 0.2]), "mean or deviation 0.1, nan, 0.2"),
        (changed(std=[0.1, -1, 0.2]), "mean or deviation 0.1, -1.0, 0.2"),
        (changed(synthetic="by a flow"), "synthetic images that names no generator"),
        (changed(synthetic=[]), "synthetic images that names no generator"),
        (changed(synthetic=False), "synthetic images that names no generator"),
        (changed(synthetic={"generator": 3}), "synthetic images that names no generator"),
        ("{}", "it lacks 'classes'"),
    ],
)
def test_what_cannot_be_true_is_refused(text: str, reason: str) -> None:
    with pytest.raises(RecordsError) as caught:
        manifest_of(body_with(text), 2, PATH)
    message = str(caught.value)
    assert message.startswith(str(PATH)) and reason in message
    assert len(message.splitlines()) == 1 and len(message) < 400


def test_how_images_were_made_is_kept_as_it_was_told() -> None:
    told = {"generator": "flow-64", "seed": 3, "of later": {"kinds": [1, 2]}}
    body = np.frombuffer(manifest_bytes(Manifest(synthetic=told), ["a"]), np.uint8)
    assert manifest_of(body, 1, PATH)[0].synthetic == told
    for nothing in (Manifest(), Manifest.from_json({**Manifest().to_json(), "synthetic": None})):
        assert nothing.synthetic is None and "synthetic" not in nothing.to_json()
    assert Manifest.from_json({**Manifest().to_json(), "synthetic": {}}).synthetic == {}


def test_names_that_go_backwards_are_refused() -> None:
    body = body_with(changed(), names=3).copy()
    start = 32 + int(body[8:16].view("<u8")[0])
    places = np.frombuffer(body[start : start + 32].tobytes(), "<u8").copy()
    manifest_of(body, 3, PATH)
    places[1] = 2**40
    body[start : start + 32] = np.frombuffer(places.tobytes(), np.uint8)
    with pytest.raises(RecordsError, match="its names do not fit"):
        manifest_of(body, 3, PATH)


def test_names_in_errors_can_be_printed() -> None:
    assert printable("ü 食.jpg") == "ü 食.jpg"
    assert printable("a\n\x1b[2J\udcff.jpg") == r"a\n\x1b[2J\udcff.jpg"
    assert str(BadSampleError(3, "a\nb\udcff", "cut")).isprintable()
