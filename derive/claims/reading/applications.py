r"""Functions and derivatives in a row: \tanh(x), σ'(z), diag(h), ∂L/∂W, \nabla_x L, \partial_w f(x, w)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sympy import Expr, MatrixExpr, S

from derive.algebra import build as b
from derive.algebra.functions import FUNCTIONS, Apply
from derive.algebra.nodes import Slice
from derive.claims.reading import values as v
from derive.claims.reading.clock import Scope
from derive.claims.reading.meanings import (
    ENTRY_LETTERS,
    FUNCTION_NAMES,
    Definition,
    Found,
    FunctionName,
    Meaning,
    Named,
    split_at,
)
from derive.claims.reading.quantities import Unknown
from derive.claims.reading.same_as import quantity_of
from derive.claims.reading.scripts import Scripts
from derive.claims.reading.values import Value
from derive.claims.text.marks import denominator, mark_of, prefix_of
from derive.claims.text.parse import LatexError
from derive.claims.text.tree import Accent, Fraction, Group, Leaf, Node, Row, Scripted, is_leaf


class Applications(Scripts):
    """What is applied to something."""

    def factor(self, row: Row, at: int, scope: Scope) -> tuple[Value, int]:
        raise NotImplementedError

    def sum(self, row: Row, scope: Scope) -> Value:
        raise NotImplementedError

    def named(self, meaning: Meaning, end: int, node: Node) -> tuple[Value, int]:
        raise NotImplementedError

    def meaning(self, found: Found) -> Meaning:
        """What a name stands for, where the paper gives it several meanings."""
        self.choices.named(found.indices, found.steps, found.indices - ENTRY_LETTERS)
        question = "of two indices, the time is the" if found.by_place else f"{found.word.tex} is"
        return self.choices.choose(question, found.meanings)

    # Parts of a matrix

    def sliced(self, value: Value, row: Row, at: int, scope: Scope) -> tuple[Value, int]:
        """W[a:b, c:d]: rows a … b-1, columns c … d-1, counted from 0 as in a program."""
        node = row[at]
        group = node.base if isinstance(node, Scripted) else node
        assert isinstance(group, Group)
        axes = split_at(group.row, ",")
        array = v.as_array(value)
        if len(axes) > 2:
            raise LatexError("a matrix has two axes", group.at)
        for axis, part in enumerate(axes):
            edges = split_at(part, ":")
            if len(edges) != 2:
                raise LatexError("a slice is a:b, with one colon", group.at)
            low, high = (self._edge(e, scope, group.at) for e in edges)
            size = array.shape[axis]
            low, high = S.Zero if low is None else low, size if high is None else high
            if axis == 0:
                array = array if (low, high) == (0, size) else Slice(array, low, high)
            elif (low, high) != (0, size):
                array = b.transpose(Slice(b.transpose(array), low, high))
        sup = node.sup or () if isinstance(node, Scripted) else ()
        return self.scripted(array, sup, scope, group.at), at + 1

    def _edge(self, row: Row, scope: Scope, at: int) -> Expr | None:
        if not any(not is_leaf(x, "sep") for x in row):
            return None
        value = self.sum(row, scope)
        if isinstance(value, MatrixExpr):
            raise LatexError("where a slice begins and ends is a size or a number", at)
        return value

    # Functions

    def function(self, row: Row, at: int, scope: Scope) -> tuple[Value, int] | None:
        """A function of the language, applied; None if none stands there."""
        node = row[at]
        head = node.base if isinstance(node, Scripted) else node
        if isinstance(node, Scripted) and node.sub is not None:  # f'_k(s_k): the function is the same for all entries
            found = self.vocabulary.find((replace(node, sub=None),), 0, scope)
            meaning = self.meaning(found) if found is not None else None
            if found is not None and isinstance(meaning, FunctionName):
                return self.applied(meaning.name, row, at + 1, found.match.sup, found.match.primes, scope)
        if not isinstance(head, Leaf) or head.kind not in ("symbol", "word"):
            return None
        sup, primes = (node.sup or (), node.primes) if isinstance(node, Scripted) else ((), 0)
        if head.text.lower() == "diag":
            value, end, after = self.argument(row, at + 1, scope)
            value = self.scripted(v.diagonal(value), sup, scope, node.at)
            return self.behind(value, after, scope), end
        name = FUNCTION_NAMES.get(head.text)
        if name is None or (isinstance(node, Scripted) and node.sub is not None):
            return None
        return self.applied(name, row, at + 1, sup, primes, scope)

    def applied(self, name: str, row: Row, at: int, sup: Row, primes: int, scope: Scope) -> tuple[Value, int]:
        """A function or its derivative at an argument; a power above it is one of the result."""
        place = row[at - 1].at
        argument, end, after = self.argument(row, at, scope)
        if sup and is_leaf(sup[0], "op", "-"):
            raise LatexError("an inverse function, or one over it? neither is read", place)
        if primes > 1:
            raise Unknown("second derivatives of functions are not read")
        value: Value = self._slope(name, argument, place) if primes else v.applied(name, argument, place)
        return self.behind(self.scripted(value, sup, scope, place), after, scope), end

    def argument(self, row: Row, at: int, scope: Scope) -> tuple[Value, int, Scripted | None]:
        """What a function is applied to: what stands in brackets, or the vector that follows; and the brackets if
        something stands below or above them, which belongs to the function's value: softmax(z)_k."""
        while at < len(row) and is_leaf(row[at], "sep"):
            at += 1
        if at >= len(row):
            raise LatexError("a function without an argument", row[-1].at)
        node = row[at]
        if isinstance(node, Group) and node.open in ("|", "‖"):
            raise LatexError("a function of an absolute value or a norm is not read", node.at)
        if isinstance(node, Group) and node.open in ("(", "[", "{"):
            return self.sum(node.row, scope), at + 1, None
        if isinstance(node, Scripted) and isinstance(node.base, Group) and node.base.open in ("(", "[", "{"):
            if node.primes:
                raise self.unknown(node)
            return self.sum(node.base.row, scope), at + 1, node
        value, at = self.factor(row, at, scope)
        while at < len(row) and v.is_array(value) and not v.is_column(value) and not v.is_single(value):
            if isinstance(row[at], Leaf) and row[at].kind in ("op", "sep"):  # type: ignore[union-attr]
                break
            following, at = self.factor(row, at, scope)
            value = v.matrix_product(value, following, self.choices, node.at)
        return value, at, None

    def _slope(self, name: str, argument: Value, at: int) -> MatrixExpr:
        """f'(z); of an output z = f(a) it may be meant as a function of that."""
        if name not in FUNCTIONS or FUNCTIONS[name].arity != 1 or FUNCTIONS[name].slopes[0] is None:
            raise Unknown(f"the derivative of {name} is not read")
        z = v.as_array(argument)
        here = Apply(name, z)

        def slope(output: MatrixExpr) -> MatrixExpr:
            found = here.slope(0, output)
            assert found is not None
            return found

        options: dict[str, Callable[[], MatrixExpr]] = {"its value there": lambda: slope(here)}
        if self._is_output(name, z):
            options["a function of the output"] = lambda: slope(z)
        return self.choices.choose(f"{name}' of an output is", options)()

    def _is_output(self, name: str, z: MatrixExpr) -> bool:
        inner = z.arg if not hasattr(z, "name") and hasattr(z, "arg") else z
        equation = self.program.equations.get(getattr(inner, "name", ""))
        return isinstance(equation, Apply) and equation.name == name

    # Derivatives

    def quotient(self, node: Fraction, row: Row, at: int, scope: Scope) -> tuple[Value, int]:
        """∂A/∂B; with nothing but ∂ above, of the factor that follows."""
        mark = mark_of(node.top)
        found = denominator(node.bottom, node.top)
        assert mark is not None
        assert found is not None
        if mark == "power":
            raise Unknown("second derivatives are not evaluated")
        bottom, before = found
        end = at + 1
        top = node.top[1:]
        if not top:
            top, end = (row[end],) if end < len(row) else (), end + 1
        value: Value = self._by(top, bottom, mark, scope, node.at)
        if before:
            value = v.divided(value, self.sum(before, scope), node.at)
        return value, end

    def prefixed(self, row: Row, at: int, scope: Scope) -> tuple[Value, int]:
        r"""\nabla_x L and \partial_w f(x, w)."""
        node = row[at]
        assert isinstance(node, Scripted)
        assert node.sub is not None
        mark = "total" if prefix_of(node) == "nabla" else "any"
        for end in range(len(row), at + 1, -1):
            try:
                value = self._by(row[at + 1 : end], node.sub, mark, scope, node.at)
            except LatexError:
                if end == at + 2:
                    raise
                continue
            return self.scripted(value, node.sup or (), scope, node.at), end
        raise LatexError("a derivative of nothing", node.at)

    def is_slash(self, row: Row, at: int) -> bool:
        """Does d A / d B begin here?"""
        slash = next((k for k in range(at + 2, len(row) - 2) if is_leaf(row[k], "op", "/")), None)
        return slash is not None and row[slash + 1] == row[at]

    def slashed(self, row: Row, at: int, scope: Scope) -> tuple[Value, int]:
        """∂A/∂B in a line."""
        slash = next((k for k in range(at + 2, len(row) - 1) if is_leaf(row[k], "op", "/")), None)
        mark = mark_of(row[at : at + 1])
        if slash is None or mark is None or row[slash + 1] != row[at] or slash + 2 >= len(row):
            raise LatexError("a derivative that is not complete", row[at].at)
        return self._by(row[at + 1 : slash], (row[slash + 2],), mark, scope, row[at].at), slash + 3

    def _by(self, top: Row, bottom: Row, mark: str, scope: Scope, at: int) -> MatrixExpr:
        top, bottom = _unwrapped(top), _unwrapped(bottom)
        function = self._abstract(top, scope)
        if function is not None:
            return self._of_function(function, bottom, scope, at)
        of, sign = self._target(top, scope, at)
        plain_bottom = _without_arrow(bottom)
        entries = plain_bottom is not None and self.vocabulary.find(bottom, 0, scope) is None
        by, other = self._target(plain_bottom if entries and plain_bottom else bottom, scope, at)
        value = self.derivative(of, by, mark, entries)
        return b.negative(value) if sign * other < 0 else value

    def _target(self, row: Row, scope: Scope, at: int) -> tuple[Named, int]:
        found = self.vocabulary.find(row, 0, scope)
        if found is None or found.match.end != len(row) or found.match.sup or found.match.primes:
            if not row:
                raise LatexError("a derivative of nothing, or by nothing", at)
            raise self.unknown(row[0])
        meaning = self.meaning(found)
        if isinstance(meaning, Named):
            return meaning, 1
        if isinstance(meaning, Definition):
            return self._defined(meaning, row[0]), 1
        raise Unknown("a derivative of what is itself a derivative, or by it, is not evaluated")

    def _defined(self, meaning: Definition, node: Node) -> Named:
        """What the paper defines, if the model has it: o_t of `where o_t = V h_t`."""
        value, _ = self.named(meaning, 0, node)
        known = quantity_of(value, self.subject.normal) if isinstance(value, MatrixExpr) else None
        if known is None:
            raise Unknown("a derivative of what the paper defines, or by it, is evaluated where the model has it too")
        name, step = known
        return Named(name, None if step is None else (step + self.clock.first).expand())

    def _of_function(self, function: tuple[Named, tuple[Named, ...]], bottom: Row, scope: Scope, at: int) -> MatrixExpr:
        of, arguments = function
        by: Named | None = None
        if arguments and len(bottom) == 1:  # by the name of an argument, whatever its time there
            by = next((a for a in arguments if self._is_called(a, bottom[0])), None)
        if by is None:
            by, _ = self._target(bottom, scope, at)
        return self.of_equation(of, by, arguments)

    def _is_called(self, named: Named, node: Node) -> bool:
        """Is it the name of this quantity without its time?"""
        if not isinstance(node, Leaf):
            return False
        for word in self.vocabulary.words:
            head = word.pattern.nodes[0]
            bare = head.base if isinstance(head, Scripted) else head
            if len(word.pattern.nodes) == 1 and bare == node and named.name in word.names:
                return True
        return False

    def _abstract(self, row: Row, scope: Scope) -> tuple[Named, tuple[Named, ...]] | None:
        """f(x_t, h_{t-1}, w), with the arguments that stand there."""
        called = self.vocabulary.called(row, scope)
        if called is None:
            return None
        value, rows = called
        arguments = []
        for r in rows:
            found = self.vocabulary.find(r, 0, scope)
            if found is not None and found.match.end == len(r):
                meaning = self.meaning(found)
                if isinstance(meaning, Named):
                    arguments.append(meaning)
        return value, tuple(arguments)


def _without_arrow(row: Row) -> Row | None:
    r"""W for \vec W: the entries of a matrix in a row."""
    head = row[0] if len(row) == 1 else None
    base = head.base if isinstance(head, Scripted) else head
    if not isinstance(base, Accent) or base.name != "vec" or len(base.row) != 1:
        return None
    return (replace(head, base=base.row[0]),) if isinstance(head, Scripted) else base.row


def _unwrapped(row: Row) -> Row:
    while len(row) == 1 and isinstance(row[0], Group) and row[0].open in ("", "("):
        row = row[0].row
    return row
