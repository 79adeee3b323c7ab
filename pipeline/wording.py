"""Counts in words, and what others say in one line."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`1 epoch`, `2 epochs`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def one_line(said: object, most: int | None = None) -> str:
    """An error's text, or another's, without its line breaks; "" if it says nothing.

    Args:
        said: whose text.
        most: characters of it; all of them by default.
    """
    return " ".join(str(said).split())[:most]
