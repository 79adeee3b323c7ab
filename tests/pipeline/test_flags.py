"""How commands read their flags: what becomes a field, and what wrong ones are told."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from tyro.conf import Positional, arg

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import Flag, check_idle, one_of, parse

NAMES = ("native", "dali")


@dataclass(frozen=True, kw_only=True)
class Part:
    """How large.

    Attributes:
        max_side: longest side in pixels.
    """

    max_side: int = 512

    def __post_init__(self) -> None:
        if self.max_side < 0:
            raise ConfigError(f"--max-side {self.max_side}: expected 0 or more")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Do something."""

    source: Annotated[Path, Positional, arg(metavar="SRC")]
    """Where from."""
    part: Part = Part()
    loader: Annotated[str, one_of(NAMES)] = "native"
    """What with."""
    kind: Literal["jpeg", "raw"] = "jpeg"
    """Of what."""
    share: float | None = None
    """How much."""
    scale: tuple[float, float] = (0.0, 1.0)
    """From, to."""
    sizes: tuple[int, ...] = (128, 224)
    """How many."""
    shape: int | tuple[int, int] = 8
    """Side, or height and width."""
    force: Flag = False
    """Replace it."""


def read(*words: str) -> Settings:
    return parse(Settings, "headrace do", words)


def test_words_become_fields() -> None:
    found = read("a", "--max_side", "3", "--sizes", "1", "2", "--force", "--loader=dali")
    assert found == Settings(
        source=Path("a"), part=Part(max_side=3), sizes=(1, 2), force=True, loader="dali"
    )
    assert read("a").sizes == (128, 224)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "expected SRC"),
        ("a --max-side", "Missing value for argument '--max-side'. Expected 1 value"),
        ("a --max-side x", "--max-side: 'x' is not a whole number"),
        ("a --share x", "--share: 'x' is not a number"),
        ("a --shape x", "--shape: 'x' is not a whole number or two of them"),
        ("a --shape 1 2 3", "--shape: '1', '2', '3' is not a whole number or two of them"),
        ("a --shape", "--shape: '' is not a whole number or two of them"),
        ("a --scale 1 x", "--scale: '1', 'x' cannot be read"),
        ("a --sizes 1 x", "--sizes: '1', 'x' cannot be read"),
        ("a --max-side -1", "--max-side -1: expected 0 or more"),
        ("a b", "no place for b: headrace do takes SRC and flags"),
        ("--mx-side 3 a", "Unrecognized options: --mx-side; did you mean --max-side?"),
        ("-x a", "Unrecognized options: -x"),
        ("a --mx-side 3", "Unrecognized options: --mx-side, 3; did you mean --max-side?"),
        ("a --no-force", "Unrecognized options: --no-force; did you mean --force?"),
        (
            "a --mx-side 3 --frce",
            "Unrecognized options: --mx-side, 3, --frce; did you mean --force, --max-side?",
        ),
        ("a --loader natve", "--loader natve: expected one of native, dali; did you mean native?"),
        ("a --kind rwa", "--kind rwa: expected one of jpeg, raw; did you mean raw?"),
        ("a --kind png", "--kind png: expected one of jpeg, raw"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_wrong_word_is_told_in_one_line(
    words: str, message: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", open(os.devnull, "w", encoding=encoding))  # noqa: PTH123, SIM115
    with pytest.raises(ConfigError) as error:
        read(*words.split())
    assert str(error.value) == f"{message} (see headrace do --help)"


def test_a_long_word_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    path = "/a/long/path" * 20
    with pytest.raises(ConfigError, match=f"--souce, {path} "):
        read("a", "--souce", path)
    assert os.environ["COLUMNS"] == "40"


def test_side_by_side_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    def fail(number: int) -> str:
        with pytest.raises(ConfigError) as error:
            read("a", f"--word-{number}")
        return str(error.value)

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(fail, range(64)))
    assert all(f"options: --word-{number} (see" in text for number, text in enumerate(said))
    assert os.environ["COLUMNS"] == "40"


def test_help_is_shown_and_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        read("--help")
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith("usage: headrace do [-h]")
    for expected in ("Do something.", "SRC", "Where from. (required)", "longest side in pixels."):
        assert expected in text
    assert "--force " in text and "--no-force" not in text and "--loader {native,dali}" in text


def test_what_a_file_has_set_can_be_taken_back() -> None:
    given = Settings(source=Path("a"), force=True, share=0.5)
    assert parse(Settings, "x", [], given) == given
    found = parse(Settings, "x", ["--no-force", "--share", "None"], given)
    assert (found.force, found.share) == (False, None)


def test_a_flag_that_would_do_nothing_is_refused() -> None:
    check_idle(Settings(source=Path("a")), "here", "force", "share")
    with pytest.raises(ConfigError, match=r"--share 0\.5 does nothing here; leave it out"):
        check_idle(Settings(source=Path("a"), share=0.5), "here", "force", "share")


@dataclass(frozen=True, kw_only=True)
class Fed:
    """Takes data by a flag."""

    data: str = "x"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("food.beton", "; did you mean --data food.beton?"),
        ("a.beton b.tar", "; did you mean --data a.beton b.tar?"),
        ("a.beton nothing", ""),
        ("nothing", ""),
        ("--data a.beton b.beton", ""),
    ],
)
def test_a_stray_word_that_names_data_is_told_its_flag(words: str, meant: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(Fed, "headrace do", words.split())
    stray = ", ".join(words.replace("--data a.beton ", "").split())
    said = f"no place for {stray}: headrace do takes flags alone{meant} (see headrace do --help)"
    assert str(error.value) == said
    with pytest.raises(ConfigError, match=f"did you mean --data {re.escape(__file__)}"):
        parse(Fed, "headrace do", [__file__])


@dataclass(frozen=True, kw_only=True)
class Modelled:
    """Takes a model by a flag."""

    model: str = "x"


def test_a_stray_word_where_no_data_is_asked_for_may_be_a_model() -> None:
    with pytest.raises(ConfigError, match="takes flags alone; did you mean --model resnet18"):
        parse(Modelled, "headrace do", ["resnet18"])


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """Two settings that must agree."""

    side: int = 8
    side_schedule: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.side_schedule and self.side != self.side_schedule[-1]:
            raise ConfigError(f"side is {self.side}, expected the last of side_schedule")


@pytest.mark.parametrize(
    ("words", "beside"),
    [
        (
            "--side 9",
            "; --preset p sets --side-schedule (given without a value, it takes that back)",
        ),
        ("--side-schedule 9", ""),
        ("--side 9 --side_schedule 8", ""),
    ],
)
def test_of_settings_that_do_not_agree_flags_and_who_set_them_are_told(
    words: str, beside: str
) -> None:
    preset = Scheduled(side_schedule=(4, 8))
    with pytest.raises(ConfigError) as error:
        parse(Scheduled, "x", words.split(), preset, origin="--preset p")
    side = 9 if "--side 9" in words else 8
    said = f"--side is {side}, expected the last of --side-schedule{beside} (see x --help)"
    assert str(error.value) == said
    taken_back = parse(Scheduled, "x", ["--side", "9", "--side-schedule"], preset)
    assert taken_back == Scheduled(side=9)
