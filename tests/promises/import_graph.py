"""Which file imports which, late imports included, and the circles among them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

from tests.source_code import parsed

PACKAGE = "headrace"


def import_graph(root: Path, folders: Set[str]) -> dict[str, set[str]]:
    """Every module below the folders, and those of them that it imports.

    `from headrace.a import b` is an import of the module headrace.a.b where there is one, else of
    headrace.a, whose `__init__` may get the name elsewhere. An import within a function counts;
    one under `if TYPE_CHECKING:` does not happen.
    """
    files = {
        _name(path.relative_to(root)): path
        for folder in folders
        for path in (root / folder).rglob("*.py")
    }
    graph = {}
    for module, path in files.items():
        found: set[str] = set()
        for wanted, names in _imports(parsed(path.read_text())):
            for name in names:
                whole = f"{wanted}.{name}"
                found.add(whole if whole in files else wanted)
        graph[module] = {name for name in found if name in files}
    return graph


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join((PACKAGE, *(parts[:-1] if parts[-1] == "__init__" else parts)))


def _imports(node: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """The module of each import statement, and the names that are taken from it."""
    if isinstance(node, ast.Import):
        yield from ((name.name, [""]) for name in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module, [name.name for name in node.names]
    elif isinstance(node, ast.If) and ast.unparse(node.test).split(".")[-1] == "TYPE_CHECKING":
        for otherwise in node.orelse:
            yield from _imports(otherwise)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _imports(child)


def circles(graph: Mapping[str, Set[str]]) -> set[frozenset[str]]:
    """The largest groups of modules each of which imports all others, be it through others."""
    reach = {module: _reachable(graph, module) for module in graph}
    return {
        frozenset(other for other in reach[module] if module in reach[other])
        for module in graph
        if module in reach[module]
    }


def _reachable(graph: Mapping[str, Set[str]], start: str) -> set[str]:
    """Everything that a module imports, and what that imports; itself only if in a circle."""
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += graph[module]
    return found
