"""Mutants that no test can tell from the module, or need not, each with the reason."""

from __future__ import annotations

# Module, reason, changes as the command prints them.
REASONS: dict[str, dict[str, list[str]]] = {}


def explained(module: str) -> dict[str, str]:
    """The reason of each change of a module that is known not to matter."""
    return {
        change: reason for reason, changes in REASONS.get(module, {}).items() for change in changes
    }
