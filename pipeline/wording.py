"""Counts in words, what others say in one line, and names as a terminal may get them."""

from __future__ import annotations

AGAIN = "copy or pack it again"
"""What to do with a packed file that is damaged."""


def counted(number: int, noun: str) -> str:
    """`1 epoch`, `2 epochs`, `2 classes`."""
    ending = "es" if noun.endswith("ss") else "s"
    return f"{number} {noun}" + ("" if number == 1 else ending)


def one_line(said: object, most: int | None = None) -> str:
    """An error's text, or another's, without its line breaks; "" if it says nothing.

    Args:
        said: whose text.
        most: characters of it; all of them by default.
    """
    return " ".join(str(said).split())[:most]


def reason_of(error: Exception) -> str:
    """Why something failed, in a line: the system's own words where it says why, else the text."""
    return str(getattr(error, "strerror", None) or one_line(error))


def shown(text: str) -> str:
    """A text as a terminal may get it: what would move its cursor, colour it, end its line or turn
    its direction stands there as an escape, `\\x1b`. Names of files are anybody's. What is not
    UTF-8 in them is left to the stream, which escapes it too."""
    return text.translate(_ESCAPES)


def printable(name: str) -> str:
    """A name as it may stand in an error, whoever shows that, and where: of what `shown` lets pass,
    invisible characters and what is not UTF-8 become escapes too."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


# Control characters (C0, DEL, C1), ends of lines and of paragraphs, and those of UAX #9.
_ESCAPES = {
    code: chr(code).encode("unicode_escape").decode()
    for code in (
        *range(0x20),
        *range(0x7F, 0xA0),
        *(0x200E, 0x200F, 0x2028, 0x2029),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
}
