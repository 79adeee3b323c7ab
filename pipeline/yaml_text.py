"""YAML that others wrote, read into plain values; whatever is wrong with it is one ValueError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from headrace.pipeline.wording import one_line

MOST_CHARACTERS = 1 << 20
_MOST_NODES = 100_000
_MOST_DEPTH = 32
_MOST_WHOLE = 10**1000


def read_yaml(text: str) -> Any:
    """What a YAML text says; it runs nothing, and what it makes is no larger than a settings file.

    Raises:
        ValueError: saying in one line why it cannot be read.
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"it is longer than {MOST_CHARACTERS} characters")
    try:
        value = yaml.load(text, _Loader)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except Exception as error:  # of an odd `!!int ''` or date the parser raises whatever comes
        raise ValueError(one_line(error, 300) or type(error).__name__) from None
    _check_bounds(value)
    return value


class _Loader(yaml.SafeLoader):
    """PyYAML's, which refuses a key that is said twice instead of taking the last."""

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: set[object] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise ValueError(f"line {line} says {key.value!r} a second time")
                seen.add(key.value)
        return node


def _check_bounds(value: Any) -> None:
    """Refuses what aliases make endless or huge, and numbers too long to be shown."""
    left, nodes = [(value, 0)], 0
    while left:
        part, depth = left.pop()
        nodes += 1
        if depth > _MOST_DEPTH:
            raise ValueError(f"it is nested more than {_MOST_DEPTH} deep")
        if nodes > _MOST_NODES:
            raise ValueError(f"it has more than {_MOST_NODES} values, aliases counted each time")
        if isinstance(part, int) and abs(part) >= _MOST_WHOLE:
            raise ValueError("it has a whole number of over 1000 digits")
        if isinstance(part, Mapping):
            left += [(inner, depth + 1) for pair in part.items() for inner in pair]
        elif isinstance(part, list | tuple | set):
            left += [(inner, depth + 1) for inner in part]
