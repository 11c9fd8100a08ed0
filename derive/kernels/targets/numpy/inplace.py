"""Elementwise trees as NumPy operations on their target, without temporaries where that is possible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from derive.algebra.functions import FUNCTIONS
from derive.kernels.lowering import trees
from derive.kernels.lowering.trees import Leaf, Tree


@dataclass(frozen=True)
class Assign:
    """target[...] = value."""

    kind: ClassVar[str] = "assign"
    value: Tree


@dataclass(frozen=True)
class Into:
    """A ufunc on trees, with the target as its output."""

    kind: ClassVar[str] = "into"
    function: str
    args: tuple[Tree, ...]


@dataclass(frozen=True)
class Again:
    """A function of the target itself, in place."""

    kind: ClassVar[str] = "again"
    function: str
    args: tuple[Tree, ...]


@dataclass(frozen=True)
class Update:
    """target op= value."""

    kind: ClassVar[str] = "update"
    op: str
    value: Tree


Operation = Assign | Into | Again | Update


def bare(tree: Tree) -> Tree:
    """A tree that stands alone needs no parentheses."""
    return tree.inner if isinstance(tree, trees.Group) else tree


def operations(tree: Tree) -> Iterator[Operation]:
    """What computes a tree into its target."""
    if isinstance(tree, trees.Group):
        yield from operations(tree.inner)
    elif isinstance(tree, trees.Call):
        yield from _call(tree)
    elif isinstance(tree, trees.Sum):
        yield from _sum(tree)
    elif isinstance(tree, trees.Factors):
        first, second, *rest = tree.factors
        if compound(first):
            yield from operations(first)
            rest = [second, *rest]
        else:
            yield Into("np.multiply", (bare(first), bare(second)))
        yield from (Update("*", bare(a)) for a in rest)
    else:
        yield Assign(tree)


def _call(tree: trees.Call) -> Iterator[Operation]:
    function = FUNCTIONS[tree.function].code["numpy"]
    first, *rest = tree.args
    if compound(first) and FUNCTIONS[tree.function].arity == 1:
        yield from operations(first)
        yield Again(function, tuple(rest))
    else:
        yield Into(function, tree.args)


def _sum(tree: trees.Sum) -> Iterator[Operation]:
    (sign, first), *rest = tree.terms
    if sign == "-":
        yield Into("np.negative", (bare(first),))
    elif compound(first):
        yield from operations(first)
    elif rest:
        (sign, second), *rest = rest
        yield Into("np.add" if sign == "+" else "np.subtract", (bare(first), bare(second)))
    else:
        yield Assign(first)
    yield from (Update(sign, bare(term)) for sign, term in rest)


def compound(tree: Tree) -> bool:
    return not isinstance(tree, (Leaf, trees.Constant))
