"""The errors Headrace raises for its users; a command line prints them as one line."""

from __future__ import annotations

from headrace.pipeline.wording import printable


class HeadraceError(Exception):
    """Base of every error that a user can cause or mend; its text is one complete sentence."""


class FailedError(HeadraceError):
    """What was asked for makes sense, and could not be done all the same."""


class Interrupted(Exception):
    """Work was asked to end, and has saved itself; the text says how to go on."""


class Finished(HeadraceError):
    """Nothing is left to do of what was asked for, which is no failure; the text has been said."""


class ConfigError(HeadraceError, ValueError):
    """A setting has a value that cannot work."""


class RecordsError(HeadraceError, ValueError):
    """A record file is damaged, truncated or of another format."""


class ClosedError(ConfigError):
    """Records or a loader are used after their `close`."""


class MissingPackageError(HeadraceError, ImportError):
    """An optional package or device is absent; the text names what to install."""


class BadImageError(Exception):
    """An image file that cannot be made a sample of; its text is the reason."""


class BadSampleError(HeadraceError):
    """One sample cannot be decoded.

    Attributes:
        index: position of the sample in its Records.
        name: its file name at packing time.
        reason: what the decoder said.
    """

    index: int
    name: str
    reason: str

    def __init__(self, index: int, name: str, reason: str) -> None:
        super().__init__(index, name, reason)
        self.index = index
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"sample {self.index} ({printable(self.name)}) cannot be decoded: {self.reason}; "
            "replace that image (and pack again what was packed), or let the next one take its "
            "place: --on-bad-sample skip in "
            'training, on_bad_sample="skip" in Python'
        )
