"""Where the elements of leaves lie in a function of C, and the loops over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import replace
from typing import Self

from derive.kernels.lowering import trees
from derive.kernels.lowering.codenames import CodeNames
from derive.kernels.lowering.trees import Leaf
from derive.kernels.targets.c import loops as c
from derive.kernels.targets.c.elements import Element, Index, Layout, axes, plus, times


class Places:
    """The places and loops of one function, over all steps or those of a tile.

    Attributes:
        first, count: the first of the steps and how many they are, as texts.
        more: in a tile, the condition that another tile came before it.
    """

    first, count, more = "0", "T", ""

    def __init__(self, layout: Layout, names: CodeNames):
        self.layout, self.names = layout, names
        letters = {x: names.fresh(x) for x in "bijk"}
        self.variable = {"t": "t", **letters}
        self.at = Index("t", letters["b"], letters["i"], letters["j"])
        self.label, self.total = names.fresh("label"), names.fresh("total")
        self.tile = names.fresh("first"), names.fresh("some")

    def of_tile(self, direction: int) -> Self:
        """The same over the steps of a tile."""
        found = copy(self)
        first, count = self.tile
        found.first, found.count = first, count
        found.more = f"{first} > 0" if direction > 0 else f"{first} + {count} < T"
        found.at = replace(self.at, t=f"{first} + t")
        return found

    def of_step(self) -> Self:
        """The same at one step, where nothing is a sum over tiles."""
        found = copy(self)
        found.more = ""
        return found

    def extent(self, letter: str) -> str:
        """How many indices an axis has; "" for a letter that is none."""
        return {"t": self.count, "b": "B"}.get(letter, "")

    def rows(self, leaf: Leaf) -> str:
        """How many rows of components a leaf has."""
        return times(*map(self.extent, axes(leaf)))

    def element(self, leaf: Leaf, i: str = "", j: str = "") -> Element:
        return self.layout.element(leaf, self.at.at(i, j) if i else self.at)

    def start(self, leaf: Leaf) -> Element:
        """The first element of all that a leaf names."""
        return self.layout.element(leaf, Index(self.first))

    def over(self, leaf: Leaf, components: bool = True) -> c.Loops:
        """Loops over the steps, sequences and components of a leaf."""
        dims = [*zip("ij", leaf.buffer.dims, strict=False)] if components and not leaf.buffer.onehot else []
        found = [(x, self.extent(x)) for x in axes(leaf)] + [(x, n) for x, n in dims if n != "1"]
        return tuple((self.variable[x], n) for x, n in found)

    def tree(self, e: trees.Tree, place: Callable[[Leaf], trees.Tree]) -> trees.Tree:
        """The tree with every leaf at its place: an element, or the local variable that holds it."""
        if isinstance(e, Leaf):
            return place(e)
        if isinstance(e, trees.Sum):
            return trees.Sum(tuple((sign, self.tree(a, place)) for sign, a in e.terms))
        if isinstance(e, trees.Factors):
            return trees.Factors(tuple(self.tree(a, place) for a in e.factors))
        if isinstance(e, trees.Group):
            return trees.Group(self.tree(e.inner, place))
        if isinstance(e, trees.Call):
            return trees.Call(e.function, tuple(self.tree(a, place) for a in e.args))
        return e

    def components(self, leaf: Leaf) -> c.Loops:
        dims = zip("ij", leaf.buffer.dims, strict=False)
        swapped = {"swap": "ji", "row": "j", "column": "ki"}.get(leaf.lift, "ij")
        return tuple((self.variable[swapped["ij".index(x)]], n) for x, n in dims if n != "1")

    def elements(self, over: Leaf, leaves: Iterable[Leaf]) -> tuple[c.Loops, Callable[[Leaf], Element]]:
        """Loops over the elements of a leaf, and where those of others are: one loop, if all are blocks of memory."""
        shape = axes(over), over.buffer.dims
        blocks = all((axes(a), a.buffer.dims) == shape and not a.lift and self.is_dense(a) for a in leaves)
        loops = self.over(over)
        if not blocks or len(loops) < 2:
            return loops, self.element
        k = self.variable["k"]

        def element(leaf: Leaf) -> Element:
            first = self.start(leaf)
            return Element(first.code, plus(first.offset, k))

        return ((k, times(*(self.extent(x) for x in axes(over)), *over.buffer.dims)),), element

    def stride(self, leaf: Leaf) -> str:
        return self.layout.row_size(leaf.buffer)

    def is_dense(self, leaf: Leaf) -> bool:
        """Do its rows follow each other?"""
        return leaf.buffer.onehot or self.stride(leaf) == times(*leaf.buffer.dims)
