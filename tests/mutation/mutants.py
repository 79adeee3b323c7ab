"""Mutants of a module: its source with one mistake in it, by the operators of Cosmic Ray.

Cosmic Ray's classes of operators are what its plugins are written against; its way of running
mutants (a file on disk is changed, a new process started for each) is not used. Of the ten
operators that it puts in an operator's place, the one that is likeliest to be a slip is taken.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, NamedTuple

import parso
from cosmic_ray.ast import ast_nodes
from cosmic_ray.operators import (
    binary_operator_replacement,
    boolean_replacer,
    break_continue,
    comparison_operator_replacement,
    exception_replacer,
    number_replacer,
    unary_operator_replacement,
    zero_iteration_for_loop,
)
from cosmic_ray.operators.operator import Example, Operator

from tests.source_code import parsed

Node = Any  # of parso; its types know neither children nor values of most
_BINARY = "Add_Sub Sub_Add Mul_FloorDiv Div_Mul FloorDiv_Mul Mod_FloorDiv Pow_Mul "
_BINARY += "RShift_LShift LShift_RShift BitOr_BitAnd BitAnd_BitOr BitXor_BitOr"
_COMPARISON = "Lt_LtE LtE_Lt Gt_GtE GtE_Gt Eq_NotEq NotEq_Eq Is_IsNot IsNot_Is"
_UNARY = "Delete_USub Delete_Not Delete_Invert"
# No behaviour of their own: types, texts of errors, names that come from elsewhere. A decorator
# that is changed breaks a module as it is imported, or changes how fast it is. What a field is
# without being set is passed over, too: a test of it would only say it again.
_PASSED_OVER = {"raise_stmt", "decorator", "decorators", "fstring", "import_from", "import_name"}


class Mutant(NamedTuple):
    """A module with one mistake.

    Attributes:
        lines: of the statement with the mistake, from 1; of `if`, `for` and their like the head.
        change: where it is and what it makes of which line; what survivors are known by.
        source: of the whole module.
    """

    lines: range
    change: str
    source: str


class RemoveCall(Operator):
    """Takes out a statement that is nothing but a call."""

    def mutation_positions(self, node: Node) -> Iterator[tuple]:
        """A place for each statement whose call can be left out."""
        if (
            node.type == "atom_expr"
            and node.parent.type == "simple_stmt"
            and node.children[-1].type == "trailer"
            and node.children[-1].children[0].value == "("
        ):
            yield (node.start_pos, node.end_pos)

    def mutate(self, node: Node, index: int) -> Node:
        """`pass`, where the call was."""
        return parso.python.tree.Keyword("pass", node.start_pos, _prefix(node))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        """What Cosmic Ray asks of an operator."""
        return (Example("check(x)", "pass"),)


def make_mutants(source: str) -> list[Mutant]:
    """Every mutant of a source, in the order of its lines.

    One that is no Python, or that is the same program as the source or as another, is left out.
    """
    known = {ast.dump(parsed(source))}
    mutants = []
    for line, text in _mistakes(source):
        try:
            program = ast.dump(parsed(text))
        except SyntaxError:
            continue
        if program not in known:
            known.add(program)
            change = f"{_scope(source, line)}: {_change(source, text)}"
            mutants.append(Mutant(_statement(source, line), change, text))
    return sorted(mutants, key=lambda mutant: mutant.lines.start)


def _operators() -> list[Operator]:
    chosen = [
        *_named(binary_operator_replacement.operators(), "ReplaceBinaryOperator", _BINARY),
        *_named(
            comparison_operator_replacement.operators(), "ReplaceComparisonOperator", _COMPARISON
        ),
        *_named(unary_operator_replacement.operators(), "ReplaceUnaryOperator", _UNARY),
        boolean_replacer.AddNot,
        boolean_replacer.ReplaceTrueWithFalse,
        boolean_replacer.ReplaceFalseWithTrue,
        boolean_replacer.ReplaceAndWithOr,
        boolean_replacer.ReplaceOrWithAnd,
        break_continue.ReplaceBreakWithContinue,
        break_continue.ReplaceContinueWithBreak,
        exception_replacer.ExceptionReplacer,
        number_replacer.NumberReplacer,
        zero_iteration_for_loop.ZeroIterationForLoop,
        RemoveCall,
    ]
    return [operator() for operator in chosen]


def _named(operators: Iterable[type], kind: str, suffixes: str) -> list[type]:
    by_name = {operator.__name__: operator for operator in operators}
    return [by_name[f"{kind}_{suffix}"] for suffix in suffixes.split()]


def _mistakes(source: str) -> Iterator[tuple[int, str]]:
    """The line and the whole source of every mistake, repeated ones and no Python included."""
    before, line = "", 0
    for part in (child.get_code() for child in parso.parse(source).children):
        for place, operator, index in _places(part):
            mutated, at = _mutated(part, place, operator, index)
            yield line + at, before + mutated + source[len(before) + len(part) :]
        before += part
        line += part.count("\n")


def _places(source: str) -> Iterator[tuple[int, Operator, int]]:
    """Of each mistake the number of its node, its operator, and which one at that node."""
    operators = _operators()
    for place, node in enumerate(ast_nodes(parso.parse(source))):
        if not _passed_over(node):
            for operator in operators:
                if not (isinstance(operator, boolean_replacer.AddNot) and _has_opposite(node)):
                    for index, _ in enumerate(operator.mutation_positions(node)):
                        yield place, operator, index


def _has_opposite(node: Node) -> bool:
    """Whether another operator turns a condition into its opposite."""
    if not isinstance(node, parso.tree.BaseNode) or len(node.children) < 3:
        return False
    condition = node.children[2 if node.type == "test" else 1]
    opposites = ("==", "!=", "is", "is not")
    return condition.type == "not_test" or (
        condition.type == "comparison"
        and len(condition.children) == 3
        and condition.children[1].get_code().strip() in opposites
    )


def _mutated(source: str, place: int, operator: Operator, index: int) -> tuple[str, int]:
    tree = parso.parse(source)  # anew, since operators change the tree that they are given
    node = next(node for at, node in enumerate(ast_nodes(tree)) if at == place)
    (line, _), _ = list(operator.mutation_positions(node))[index]
    parent, prefix = node.parent, _prefix(node)
    new = operator.mutate(node, index)
    if new is not node:
        if new.type == "number":
            new.prefix, new.value = prefix, new.value.strip()
        parent.children[parent.children.index(node)] = new
    return tree.get_code(), line


@lru_cache(maxsize=1)
def _parsed(source: str) -> ast.Module:
    return parsed(source)


def _prefix(node: Node) -> str:
    return str(node.get_first_leaf().prefix)


def _passed_over(node: Node) -> bool:
    while node.parent is not None:
        parent = node.parent
        if parent.type in _PASSED_OVER or node.type in _PASSED_OVER:
            return True
        if parent.type == "annassign" and (node is parent.children[1] or _is_field(parent)):
            return True
        if parent.type == "tfpdef" and node is parent.children[-1]:
            return True
        if parent.type == "funcdef" and node is parent.annotation:
            return True
        node = parent
    return False


def _is_field(node: Node) -> bool:
    around = node.search_ancestor("funcdef", "classdef")
    return bool(around is not None and around.type == "classdef")


def _scope(source: str, line: int) -> str:
    """The innermost function or class that a line is in, with its class; `module` for none."""
    names: list[str] = []
    body: list[ast.stmt] = _parsed(source).body
    while True:
        inner = [
            node
            for statement in body
            for node in ast.walk(statement)
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and node.lineno <= line <= (node.end_lineno or 0)
        ]
        if not inner:
            return ".".join(names) or "module"
        outermost = min(inner, key=lambda node: node.lineno)
        names.append(outermost.name)
        body = outermost.body


def _statement(source: str, line: int) -> range:
    """The lines of the smallest statement, or head of one, that a line is in."""
    spans = [range(line, line + 1)]
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            end = body[0].lineno if body else (node.end_lineno or 0) + 1
            spans.append(range(node.lineno, max(end, node.lineno + 1)))
    around = [span for span in spans[1:] if line in span]
    return min(around, key=len) if around else spans[0]


def _change(source: str, mutated: str) -> str:
    old, new = source.splitlines(), mutated.splitlines()
    for tag, a, b, c, d in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag != "equal":
            return f"{_flat(old[a:b])} -> {_flat(new[c:d])}"
    return "nothing"


def _flat(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
