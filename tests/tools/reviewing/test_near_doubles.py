"""Which images look the same: what the hash bears, and that no near pair is missed."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from headrace.tools.reviewing.near_doubles import near_groups
from headrace.tools.reviewing.perceptual_hash import Looks, look_of
from tests.builders import photo


def recompressed(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=30)
    return Image.open(file).convert("RGB")


CHANGES = {
    "compressed": recompressed,
    "smaller": lambda image: image.resize((image.width // 2, image.height // 2)),
    "out of shape": lambda image: image.resize((90, 150)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.05),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_looks_the_same(change: str) -> None:
    for seed in range(5):
        image = Image.fromarray(photo(seed, 120, 160))
        looks = [look_of(np.asarray(one)) for one in (image, CHANGES[change](image))]
        assert len(near_groups(columns(looks), 6)) == 1


def test_other_photos_look_otherwise() -> None:
    looks = [look_of(photo(seed, 120, 160)) for seed in range(60)]
    assert near_groups(columns(looks), 6) == []


def test_one_shape_in_two_colours_is_no_double() -> None:
    shape = photo(1, 64, 64).astype(int)
    red, green = (shape // 2 + np.array(tint) for tint in ([90, 0, 0], [0, 46, 0]))
    looks = [look_of(image.astype(np.uint8)) for image in (red, green)]
    assert near_groups(columns(looks), 12) == []


@pytest.mark.parametrize("bits_apart", [0, 1])
def test_doubles_are_found_beside_others_of_their_shape(bits_apart: int) -> None:
    """Of one shape: a red one, two alike blue ones of its hash, a green and a blue one near it."""
    red, blue, green = ([level] * 48 for level in (0, 100, 200))
    looks = [(5, red), (5, blue), (5, blue), (5 ^ bits_apart, green), (5 ^ bits_apart, blue)]
    (group,) = near_groups(columns([(np.uint64(k), np.array(c)) for k, c in looks]), 6)
    assert group.indices.tolist() == [101, 102, 104]


def test_a_chain_of_colours_is_one_group() -> None:
    looks = [(np.uint64(1), np.full(48, level)) for level in (0, 60, 20, 30, 10, 90)]
    assert [g.indices.tolist() for g in near_groups(columns(looks), 0)] == [[100, 102, 103, 104]]


def columns(looks: list[tuple[np.uint64, np.ndarray]]) -> Looks:
    return Looks(
        indices=np.arange(len(looks)) + 100,
        hashes=np.array([key for key, _ in looks], np.uint64),
        colours=np.array([colours for _, colours in looks], np.int16),
        num_bad=0,
    )


@given(st.lists(st.integers(0, 2**64 - 1), max_size=12), st.data())
def test_no_near_pair_is_missed(keys: list[int], data: st.DataObject) -> None:
    """Against every pair by hand, with some keys a few bits from others."""
    most = data.draw(st.integers(0, 12))
    for key in keys[:4]:
        flips = data.draw(st.lists(st.integers(0, 63), max_size=most + 1))
        keys = [*keys, key ^ sum(1 << bit for bit in set(flips))]
    looks = columns([(np.uint64(key), np.zeros(48, np.int16)) for key in keys])
    pairs = {
        frozenset(pair)
        for group in near_groups(looks, most)
        for pair in zip(group.indices[:-1].tolist(), group.indices[1:].tolist(), strict=True)
    }
    together = {index: {index} for index in looks.indices.tolist()}
    for one, other in pairs:
        joined = together[one] | together[other]
        together |= dict.fromkeys(joined, joined)
    for i, one in enumerate(keys):
        for j, other in enumerate(keys):
            near = (one ^ other).bit_count() <= most
            assert not near or 100 + j in together[100 + i]
