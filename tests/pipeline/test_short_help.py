"""The short help: some settings of nested dataclasses, with their help, in the order asked for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flag_help import field_help
from headrace.pipeline.flags import parse
from headrace.pipeline.short_help import short_form, whole_form


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part."""

    first: int = 1
    """How many
    there are."""
    second: str = "a"


@dataclass(frozen=True, kw_only=True)
class Richer(Part):
    """A part with more."""

    third: float = 0.5
    """How much."""


@dataclass(frozen=True, kw_only=True)
class Whole:
    """Do it."""

    part: Part = field(default_factory=Part)
    rare: bool = False
    """Hardly ever."""


def test_help_is_the_docstring_below_the_field_or_below_that_of_a_base() -> None:
    assert field_help(Richer, "third") == "How much."
    assert field_help(Richer, "first") == "How many there are."
    assert field_help(Richer, "second") == ""


def test_the_short_form_has_the_values_of_what_it_is_made_of() -> None:
    short = short_form(Whole(part=Richer(third=0.25)), ["third", "first"])
    assert dataclasses.asdict(short) == {"third": 0.25, "first": 1}


def test_help_is_short_and_help_all_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    shown = {}
    for word in ("-h", "--help", "--help-all"):
        with pytest.raises(SystemExit) as end:
            parse(Whole, "do", [word], Whole(part=Richer()), everyday=["third"])
        assert not end.value.code
        shown[word] = " ".join(capsys.readouterr().out.split())
    assert shown["-h"] == shown["--help"]
    assert "Do it. --help-all shows all flags." in shown["-h"]
    assert "--third FLOAT How much. (default: 0.5)" in shown["-h"]
    assert "--rare" not in shown["-h"] and "--first" not in shown["-h"]
    assert "--rare" in shown["--help-all"] and "How many there are." in shown["--help-all"]
    with pytest.raises(ConfigError, match=r"--foo \(see do --help-all\)"):
        parse(Whole, "do", ["--foo"], Whole(), everyday=["rare"])


def test_without_a_choice_help_shows_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(Whole, "do", ["--help"], Whole())
    assert "--rare" in capsys.readouterr().out


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Draw it.

    More for those who write Python.

    Attributes:
        many: how many,
            at most.
    """

    many: int | None = None
    name: str = ""
    """Whose it is."""
    side: int | tuple[int, int] | None = None
    ratio: float = 4 / 3
    """Of the sides."""


def test_help_ends_with_limits_and_shows_no_default_that_says_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for given in (None, Shown()):
        with pytest.raises(SystemExit):
            parse(Shown, "do", ["--help"], given)
        screen = capsys.readouterr().out
        said = " ".join(screen.translate({ord(mark): None for mark in "│|"}).split())
        about, _, said = said.partition(" options ")
        assert "Draw it." in about and "Python" not in about and "finite" not in about
        shown, _, notes = said.partition(" Numbers are finite and at most 1000000000. ")
        assert "None" not in shown and "''" not in shown and "default: )" not in shown
        assert "--many INT how many, at most. --name STR Whose it is. --side PX [PX]" in shown
        assert "--ratio FLOAT Of the sides. (default: 1.333)" in shown
        assert notes.endswith("shows warnings and errors alone.")
        assert ("taken back by None" in notes) == (given is not None)
        assert all(len(line) <= 80 for line in screen.splitlines())


def test_a_list_may_be_a_default() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Steps:
        """Do them."""

        steps: list[int] = field(default_factory=lambda: [1, 2])

    assert whole_form(Steps)().steps == [1, 2]
    assert whole_form(Steps(steps=[3]))().steps == [3]
