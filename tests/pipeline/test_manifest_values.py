"""Values of a manifest that cannot be true are refused in one line that names the file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from headrace.pipeline.containers.manifest import (
    MAX_JSON_BYTES,
    LevelsPlace,
    Manifest,
    manifest_bytes,
    manifest_of,
)
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


def nested(depth: int) -> list:
    return [] if depth == 1 else [nested(depth - 1)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "no attribute"),
        ("[" * 100_000, "nested too deeply"),
        ('{"classes": ' + "[" * 500 + "]" * 500 + "}", "more than 32 deep"),
        (changed(splits={"train": [0, float("inf")]}), "impossible range 0..inf"),
        (changed(splits={"train": [0.5, 1.5]}), "impossible range 0.5..1.5"),
        (changed(splits={"train": [0, True]}), "impossible range 0..True"),
        (changed(splits={"train": [2, 1]}), "impossible range 2..1"),
        (changed(splits={"train": [-1, 1]}), "impossible range -1..1"),
        (changed(splits={"train": [0.5, 1]}), "impossible range 0.5..1"),
        (changed(splits={"train": [0, 1.5]}), "impossible range 0..1.5"),
        (changed(splits={"train": [0, 3]}), "describes other samples"),
        (changed(levels={"offset": "9", "count": 1}), "levels at '9', 1 of them"),
        (changed(levels={"offset": 9, "count": True}), "levels at 9, True of them"),
        (changed(levels={"offset": 9, "count": 0}), "levels at 9, 0 of them"),
        (changed(levels={"offset": 9, "count": 5}), "levels at 9, 5 of them"),
        (changed(another=nested(32)), "more than 32 deep"),
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


@pytest.mark.parametrize(
    "values",
    [
        {"splits": {"all": [0, 2], "none": [2, 2]}},
        {"levels": {"offset": 9, "count": 1}},
        {"levels": {"offset": 9, "count": 4, "another": 1}},
        {"mean": [0, 0.5, 1], "std": [0, 0, 0]},
        {"another": nested(31)},
        {"classes": [], "skipped": [["a.png", "no image"]]},
    ],
)
def test_what_can_just_be_true_is_read(values: dict) -> None:
    manifest, names = manifest_of(body_with(changed(**values)), 2, PATH)
    assert list(names) == ["0.jpg", "1.jpg"]
    known = json.loads(json.dumps(manifest.to_json()))
    for key in known.keys() & values.keys() - {"levels"}:
        assert known[key] == values[key]
    if "levels" in values:
        assert manifest.levels == LevelsPlace(offset=9, count=values["levels"]["count"])


def test_records_without_a_sample_have_a_manifest() -> None:
    manifest, names = manifest_of(body_with(changed(), names=0), 0, PATH)
    assert len(names) == 0 and manifest.classes == ("a", "b")


def test_a_split_cannot_begin_before_the_first_sample() -> None:
    with pytest.raises(RecordsError, match=r"split 'a' has the impossible range -1\.\.2"):
        Manifest(splits={"a": (-1, 2)})
    assert Manifest(splits={"a": (2, 2)}).splits == {"a": (2, 2)}


def test_names_are_a_sequence() -> None:
    whole = manifest_bytes(Manifest(), ["a", "", "ccc"])
    names = manifest_of(np.frombuffer(whole, np.uint8), 3, PATH)[1]
    assert [names[i] for i in (0, 1, 2, -1, -3)] == ["a", "", "ccc", "ccc", "a"]
    assert names[1:] == ["", "ccc"] and names[::-1] == ["ccc", "", "a"]
    for beyond in (3, -4):
        with pytest.raises(IndexError):
            names[beyond]


def test_text_is_stored_as_utf_8() -> None:
    whole = manifest_bytes(Manifest(classes=("crème",)), ["食.jpg"])
    assert "crème".encode() in whole and whole.endswith("食.jpg".encode())


def test_names_begin_at_a_whole_word() -> None:
    """So that their places can be read where they lie."""
    for classes in (("a",), ("ab",), ("abc",), ("abcdefg",)):
        whole = manifest_bytes(Manifest(classes=classes), ["a.jpg"])
        length = int.from_bytes(whole[8:16], "little")
        assert length % 8 == 0
        assert whole[32 : 32 + length].rstrip(b" ").endswith(b"}")
        assert len(whole[32 : 32 + length]) - len(whole[32 : 32 + length].rstrip(b" ")) < 8


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (0, b"HRMANIF2", "its lengths do not add up"),
        (8, (MAX_JSON_BYTES - 32).to_bytes(8, "little"), "its lengths do not add up"),
        (8, (MAX_JSON_BYTES - 31).to_bytes(8, "little"), "its JSON has 33554433 bytes"),
        (24, (9).to_bytes(8, "little"), "its lengths do not add up"),
        (-26, (1).to_bytes(8, "little"), "its names do not fit"),
        (-10, (9).to_bytes(8, "little"), "its names do not fit"),
    ],
)
def test_a_word_of_the_header_or_of_names_that_is_not_right(
    place: int, value: bytes, reason: str
) -> None:
    whole = bytearray(manifest_bytes(Manifest(), ["x", "y"]))
    start = place % len(whole)
    whole[start : start + 8] = value
    with pytest.raises(RecordsError, match=reason):
        manifest_of(np.frombuffer(bytes(whole), np.uint8), 2, PATH)


def test_a_manifest_that_ends_with_or_within_its_header() -> None:
    whole = np.frombuffer(manifest_bytes(Manifest(), []), np.uint8)
    for length, reason in ((31, "cut short"), (32, "its lengths do not add up")):
        with pytest.raises(RecordsError, match=reason):
            manifest_of(whole[:length], 0, PATH)


def test_names_in_errors_can_be_printed() -> None:
    assert printable("ü 食.jpg") == "ü 食.jpg"
    assert printable("a\n\x1b[2J\udcff.jpg") == r"a\n\x1b[2J\udcff.jpg"
    assert str(BadSampleError(3, "a\nb\udcff", "cut")).isprintable()
