"""Small wrong changes to a module, one at a time: what `mutants.py` tries on the rules of the floor.

A change ("mutant") is one node of the syntax tree put in the place of another: a comparison that also takes its
boundary, a condition dropped, a number one higher, `and` for `or`, `min` for `max`, a plus for a minus, a statement or
a result left out, an entry of a table lost or exchanged with its neighbour. Not changed: annotations, decorators,
sentences for people (texts with a space, parts of f-strings, what an error says), and how a value is shown.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
NAMES |= {"bisect_left": "bisect_right", "bisect_right": "bisect_left"}
SHOWN = ("repr", "compare")
"""Arguments of `field` that no rule depends on."""

AROUND = 30
"""Characters that are shown on each side of what changes in a statement."""

Step = tuple[ast.AST, str, int | None]
"""(parent, its field, index in a list or None): where a node stands in the tree"""


@dataclass(frozen=True)
class Mutant:
    """One change. `where` = dotted name of the function, of the class or "" in the module's own body."""

    module: str
    where: str
    line: int
    change: str
    """before => after, in one line; unique in `where`"""
    step: Step
    node: ast.AST
    in_function: bool
    """else it acts when the module is imported: a table, a default"""

    def __str__(self) -> str:
        return f"controller/{self.module}.py:{self.line}: {self.where}: {self.change}"

    def applied(self) -> AbstractContextManager[None]:
        """The tree with this change, until left."""
        return _exchanged(self.step, self.node)


def mutants(module: str, tree: ast.Module) -> list[Mutant]:
    """Every change to a module's tree, in the order of its text."""
    found: list[Mutant] = []
    seen: Counter[tuple[str, str]] = Counter()
    for place in _places(tree, [], "", False):
        for node in _instead(place):
            change = _shown(place, node)
            if change is None:
                continue
            seen[place.where, change] += 1
            again = seen[place.where, change]
            change += f" ({again})" if again > 1 else ""
            line = getattr(place.node, "lineno", 0) or _statement(place).lineno
            found.append(Mutant(module, place.where, line, change, place.way[-1], node, place.in_function))
    return found


@dataclass(frozen=True)
class _Place:
    """A node with the way to it."""

    way: list[Step]
    node: ast.AST
    where: str
    in_function: bool

    @property
    def parent(self) -> ast.AST:
        return self.way[-1][0]


def _places(node: ast.AST, way: list[Step], where: str, inside: bool) -> Iterator[_Place]:
    if way:
        yield _Place(way, node, where, inside)
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        where = f"{where}.{node.name}".lstrip(".") if not inside else where
    for name, value in ast.iter_fields(node):
        if name in ("decorator_list", "annotation", "returns", "exc", "cause", "bases", "format_spec", "names"):
            continue
        within = inside or (isinstance(node, ast.FunctionDef) and name == "body")
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if isinstance(child, ast.AST) and not _skipped(node, child, inside):
                yield from _places(child, [*way, (node, name, index)], where, within)


def _skipped(parent: ast.AST, child: ast.AST, inside: bool) -> bool:
    """What says nothing about the rules: docstrings, words, types; what a table's entry is, because it is left out."""
    if isinstance(child, ast.Constant) and isinstance(child.value, str):
        entry = child in parent.keys if isinstance(parent, ast.Dict) else isinstance(parent, (ast.Tuple, ast.List))
        return (entry and not inside) or isinstance(parent, (ast.JoinedStr, ast.Expr)) or " " in child.value
    if isinstance(parent, (ast.AnnAssign, ast.Assign)) and child is parent.value:
        typed = isinstance(parent, ast.AnnAssign) and ast.unparse(parent.annotation) == "TypeAlias"
        return typed or ast.unparse(child).startswith(("Literal[", "TypeAdapter["))
    return isinstance(child, ast.keyword) and child.arg in SHOWN


def _instead(place: _Place) -> Iterator[ast.AST]:
    """What may stand in the place of a node."""
    node = place.node
    if isinstance(node, ast.stmt):
        yield from _statements(node)
    elif isinstance(node, ast.Compare):
        for index, op in enumerate(node.ops):
            yield ast.Compare(node.left, _with(node.ops, index, COMPARISONS[type(op)]()), node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        for index in range(len(node.values)):
            rest = _with(node.values, index)
            yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.comprehension):
        for index in range(len(node.ifs)):
            yield ast.comprehension(node.target, node.iter, _with(node.ifs, index), node.is_async)
    elif isinstance(node, ast.Slice):
        if node.lower is not None:
            yield ast.Slice(None, node.upper, node.step)
        if node.upper is not None:
            yield ast.Slice(node.lower, None, node.step)
    elif isinstance(node, ast.Name) and node.id in NAMES and isinstance(place.parent, ast.Call):
        yield ast.Name(NAMES[node.id], node.ctx)
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif not place.in_function:
        yield from _tables(place)


def _statements(node: ast.stmt) -> Iterator[ast.stmt]:
    if isinstance(node, (ast.Delete, ast.Raise, ast.Continue, ast.Break, ast.AugAssign)) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield ast.Pass()
    if isinstance(node, ast.AugAssign) and type(node.op) in OPERATORS:
        yield ast.AugAssign(node.target, OPERATORS[type(node.op)](), node.value)
    elif isinstance(node, ast.Assign):
        if any(
            isinstance(part, (ast.Attribute, ast.Subscript)) for target in node.targets for part in ast.walk(target)
        ):
            yield ast.Pass()
    elif isinstance(node, ast.Return) and not (node.value is None or _says_nothing(node.value)):
        yield ast.Return(None)
    elif isinstance(node, ast.If):
        yield from (ast.If(ast.Constant(always), node.body, node.orelse) for always in (True, False))
    elif isinstance(node, ast.While):
        yield ast.While(ast.Constant(False), node.body, node.orelse)


def _says_nothing(value: ast.expr) -> bool:
    """`None`, or what may stand for it in a condition."""
    return isinstance(value, ast.Constant) and not value.value


def _constants(node: ast.Constant) -> Iterator[ast.expr]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, (int, float)):
        yield ast.Constant(value + 1)
    elif isinstance(value, str):
        yield ast.Constant(f"{value}~")


def _tables(place: _Place) -> Iterator[ast.expr]:
    """A table without one of its entries; one in which the order counts, with two neighbours exchanged."""
    node = place.node
    if isinstance(node, ast.Dict):
        for index in range(len(node.keys)):
            yield ast.Dict(_with(node.keys, index), _with(node.values, index))
    elif isinstance(node, (ast.Tuple, ast.List)) and len(node.elts) > 1 and isinstance(node.ctx, ast.Load):
        for index in range(len(node.elts)):
            yield type(node)(_with(node.elts, index), node.ctx)
        ordered = not (isinstance(place.parent, ast.Call) and ast.unparse(place.parent.func) == "frozenset")
        for index in range(len(node.elts) - 1 if ordered else 0):
            there, here = node.elts[index : index + 2]
            yield type(node)([*node.elts[:index], here, there, *node.elts[index + 2 :]], node.ctx)


def _with(nodes: list, index: int, *instead: ast.AST) -> list:  # type: ignore[type-arg]
    return [*nodes[:index], *instead, *nodes[index + 1 :]]


@contextmanager
def _exchanged(step: Step, node: ast.AST) -> Iterator[None]:
    """The tree with this node there, until left."""
    parent, name, index = step
    holder: Any = vars(parent) if index is None else getattr(parent, name)
    key: Any = name if index is None else index
    old, holder[key] = holder[key], node
    try:
        yield
    finally:
        holder[key] = old


def _shown(place: _Place, node: ast.AST) -> str | None:
    """What changes in its statement with this node, None: nothing."""
    ast.fix_missing_locations(ast.copy_location(node, place.node))
    statement = _statement(place)
    before = _line(statement)
    with _exchanged(place.way[-1], node):
        after = _line(node if statement is place.node else statement)
    if before == after:
        return None
    start = max(0, _alike(before, after) - AROUND)
    end = max(0, _alike(before[:start:-1], after[:start:-1]) - AROUND)
    return " => ".join(
        f"{'…' * (start > 0)}{text[start : len(text) - end]}{'…' * (end > 0)}" for text in (before, after)
    )


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _statement(place: _Place) -> ast.stmt:
    """The statement that it is or stands in."""
    return next(one for one in (place.node, *(step[0] for step in place.way[::-1])) if isinstance(one, ast.stmt))


def _line(node: ast.AST) -> str:
    """The code of a statement; of a block its first line."""
    return ast.unparse(node).partition("\n")[0]
