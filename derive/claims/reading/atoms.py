"""What a factor may be besides a name: numbers, brackets, stacks, entries, δ_ij, indicators, squared norms."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sympy import Expr, Identity, Integer, MatrixExpr, Rational

from derive.algebra import build as b
from derive.algebra.nodes import Blocks, Concat, Delta, Entry, Norm
from derive.algebra.shapes import same
from derive.claims.reading import values as v
from derive.claims.reading.applications import Applications
from derive.claims.reading.cases import by_cases
from derive.claims.reading.clock import NoIndex, Scope
from derive.claims.reading.lengths import identity, ones
from derive.claims.reading.meanings import ENTRY_LETTERS, Named, split_at, split_at_op
from derive.claims.reading.readings import Misfit
from derive.claims.reading.values import Value
from derive.claims.text.marks import is_transpose
from derive.claims.text.parse import LET, LatexError
from derive.claims.text.patterns import head_of
from derive.claims.text.tree import Fraction, Group, Leaf, Matrix, Node, Root, Row, Scripted, is_leaf

LONGEST_NUMBER = 12


class Atoms(Applications):
    """The values of single nodes."""

    @property
    def enclosed(self) -> list[Node]:
        """The nodes that stand first in brackets."""
        return self.__dict__.setdefault("_enclosed", [])  # type: ignore[no-any-return]

    def special(self, node: Scripted, scope: Scope) -> Value | None:
        """What scripts make of a number, of brackets and of δ; None where they are a power or a transpose."""
        if self._is_delta(node):
            return self._delta(node, scope)
        if is_leaf(node.base, "number", "0") and node.sub and node.sup is None:
            return self._zeros(node.sub, scope, node.at)
        if isinstance(node.base, Group) and node.base.open in ("‖", "|") and self.bounds:
            return self._norm(node, scope)
        if isinstance(node.base, Group) and node.base.open == "‖":
            return self._squared(node, scope)
        if (is_leaf(node.base, "ones") or is_leaf(node.base, "letter", "I")) and node.sub:
            shape = self._shape(node.sub, scope)
            if shape:
                value = b.ones(*shape) if is_leaf(node.base, "ones") else Identity(shape[0])
                return self.scripted(value, node.sup or (), scope, node.at)
        if is_leaf(node.base, "letter", "e") and node.sub is None and node.sup and not is_transpose(node.sup):
            return v.applied("exp", self.sum(node.sup, scope), node.at)
        if isinstance(node.base, Leaf) and node.base.text == "1" and node.sub and node.sup is None:
            pair = [x for x in node.sub if not is_leaf(x, "sep") and not is_leaf(x, "rel", "=")]
            if len(pair) == 2 and all(isinstance(x, Leaf) and x.text in ENTRY_LETTERS for x in pair):  # 1_{i=k}
                return Delta(b.ones(1), *(self.clock.value((x,), scope) for x in pair))
            return self._indicator(node, scope)
        if node.sub is not None and not node.primes and isinstance(node.base, (Group, Scripted)):
            return self._part(node, scope)
        return None

    def atom(self, node: Node, scope: Scope) -> Value:
        """A number, brackets, a fraction, a root or a stack."""
        match node:
            case Leaf("number", text):
                if len(text) >= LONGEST_NUMBER:
                    raise LatexError(f"a number of {LONGEST_NUMBER} digits or more", node.at)
                return Rational(text)
            case Leaf("ones"):
                return b.transpose(ones()) if self.convention == "row" else ones()
            case Leaf("letter", "I"):
                return identity()
            case Leaf("letter", text) | Leaf("symbol", text) if text in scope.letters or text == self.clock.letter:
                return self._index(node, scope)
            case Group("[", inner) if self.choices.resort and not any(_is_sign(x) for x in inner):
                return self._side_by_side(inner, scope, node.at)
            case Group("(" | "[" | "{", inner):
                return self._bracketed(inner, scope, node.at)
            case Group("<", inner):
                return self._angle(inner, scope, node.at)
            case Fraction(top, bottom):
                return v.divided(self.sum(top, scope), self.sum(bottom, scope), node.at)
            case Root(inner):
                return v.applied("sqrt", self.sum(inner, scope), node.at)
            case Matrix(rows, _, True):
                return by_cases(self, rows, scope, node.at)
            case Matrix(rows):
                cells = [[self.sum(cell, scope) for cell in row] for row in rows]
                if any(len(row) > 1 for row in cells):
                    return self._blocks(cells, node.at)
                return self._stacked([row[0] for row in cells], node.at)
            case Group("‖" | "|", inner) if self.bounds:
                return Norm(v.as_array(self.sum(inner, scope)))
            case Group("‖" | "|"):
                raise LatexError("norms are compared, not equal to something that is known", node.at)
            case Leaf("letter" | "symbol", text) if text in self.vocabulary.sizes:
                self.choices.doubt(f"the letter {text}", "the size of that name")
                return self.vocabulary.sizes[text]
        raise self.unknown(node)

    def primed(self, value: Value, count: int, node: Node) -> Value:
        """W': a transpose, as some books write it.  It may be a name of its own: see `Choices.doubtful`."""
        if not count:
            return value
        if count > 1 or v.is_single(value):
            raise LatexError("a prime on what is no function", node.at, 1, LET)
        self.choices.doubt("a prime on a matrix or a vector", "a transpose")
        return v.transposed(value)

    def _index(self, node: Node, scope: Scope) -> Expr:
        return self.clock.value((node,), scope)

    def _bracketed(self, row: Row, scope: Scope, at: int) -> Value:
        parts = [p for lines in split_at(row, ";") for p in split_at(lines, ",")]
        equals = _around_equals(row)
        if len(equals) == 2:  # Iverson's [t = T]
            return Delta(b.ones(1), *(self.clock.value(p, scope) for p in equals))
        if len(parts) == 1:
            self.enclosed.extend(row[:1])
            return self.sum(row, scope)
        cells = [[self.sum(p, scope) for p in split_at(line, ",")] for line in split_at(row, ";")]
        flat = [x for line in cells for x in line]
        if all(v.is_vector(x) or v.is_single(x) for x in flat):
            return self._stacked(flat, at)
        if len(cells) > 1:
            return self._blocks(cells, at)
        below = [[x] for x in flat]  # [W, U] of matrices: beside one another, or below, as their shapes allow
        ways = {"beside one another": cells, "below one another": below}
        fitting = {way: x for way, x in ways.items() if self._fit(x)}
        if not fitting:
            raise Misfit("matrices in brackets that fit neither beside nor below one another", at)
        return self._blocks(self.choices.choose("matrices in brackets stand", fitting), at)

    def _side_by_side(self, row: Row, scope: Scope, at: int) -> Value:
        """[W U], with no more than a space between them: their product, or beside one another."""
        parts, place = list[Value](), 0
        while place < len(row):
            value, place = self.factor(row, place, scope)
            parts.append(value)
        options = {"a product": False, "matrices beside one another": True} if len(parts) > 1 else {"": False}
        if not self.choices.choose("[a b] is", options):
            return self._bracketed(row, scope, at)
        if all(v.is_vector(x) or v.is_single(x) for x in parts):
            return self._stacked(parts, at)
        blocks = list[Value]()
        for x in parts:  # 2 W is one block
            number = blocks and not v.is_array(blocks[-1])
            blocks.append(b.scale(blocks.pop(), v.as_array(x)) if number else x)
        return self._blocks([blocks], at)

    @staticmethod
    def _fit(cells: list[list[Value]]) -> bool:
        """Have those of one row, or of one column, what it takes?"""
        side = 0 if len(cells) == 1 else 1
        lengths = [v.shape_of(x)[side] for line in cells for x in line]
        return all((n - lengths[0]).expand() == 0 for n in lengths)

    @staticmethod
    def _blocks(cells: list[list[Value]], at: int) -> Value:
        """A matrix of blocks; a 0 is as large as its row and its column say."""
        arrays = [[x for x in row if isinstance(x, MatrixExpr)] for row in cells]
        columns = [
            [row[k] for row in cells if k < len(row) and isinstance(row[k], MatrixExpr)] for k in range(len(cells[0]))
        ]
        if any(len(row) != len(cells[0]) for row in cells) or not all(arrays) or not all(columns):
            raise Misfit("blocks whose sizes are not clear", at)
        entries = [
            x if isinstance(x, MatrixExpr) else b.zeros((arrays[i][0].shape[0], columns[k][0].shape[1]))
            for i, row in enumerate(cells)
            for k, x in enumerate(row)
        ]
        if any(x != 0 for row in cells for x in row if not isinstance(x, MatrixExpr)):
            raise Misfit("a number other than 0 as a block", at)
        blocks = [entries[k : k + len(columns)] for k in range(0, len(entries), len(columns))]
        fits = (
            same((x.shape[0], x.shape[1]), (row[0].shape[0], top.shape[1]))
            for row in blocks
            for x, top in zip(row, blocks[0], strict=True)
        )
        if not all(fits):
            raise Misfit("blocks that do not fit side by side", at)
        return Blocks(len(cells), len(cells[0]), *entries)

    def _stacked(self, parts: list[Value], at: int) -> Value:
        """[a, b]: vectors one after another, whichever way they lie."""
        arrays = [v.as_array(p) for p in parts]
        if all(v.is_column(p) or v.is_single(p) for p in arrays) and not self.rows:
            return Concat(*arrays)
        if all(v.is_row(p) or v.is_single(p) for p in arrays):
            stacked = Concat(*(b.transpose(p) for p in arrays))
            return b.transpose(stacked)
        raise Misfit("a stack of what are no vectors of one kind", at)

    def _angle(self, row: Row, scope: Scope, at: int) -> Value:
        parts = split_at(row, ",", ";")
        if len(parts) != 2:
            raise LatexError("angle brackets around two vectors are a product", at)
        x, y = (self.sum(p, scope) for p in parts)
        options: Mapping[str, Callable[[], Value]] = {
            "an outer product": lambda: v.outer(x, y, at),
            "a scalar product": lambda: v.inner(x, y, at),
        }
        return self.choices.choose("⟨·,·⟩ is", options)()

    def _is_delta(self, node: Scripted) -> bool:
        """Kronecker's, unless the paper calls something else so."""
        if any(head_of(word.pattern.nodes[0]) == ("symbol", "delta") for word in self.vocabulary.words):
            return False
        return is_leaf(node.base, "symbol", "delta") and node.sup is None and len(node.sub or ()) in (2, 3)

    def _delta(self, node: Scripted, scope: Scope) -> Value:
        """Kronecker's δ_ij."""
        names = [x for x in node.sub or () if not is_leaf(x, "sep")]
        if len(names) != 2:
            raise self.unknown(node)
        i, j = (self.clock.value((x,), scope) for x in names)
        return Delta(b.ones(1), i, j)

    def _zeros(self, sub: Row, scope: Scope, at: int) -> Value:
        """0_{H × I}."""
        shape = self._shape(sub, scope)
        if len(shape) != 2:
            raise LatexError("zeros of a shape rows × columns are meant", at)
        return b.zeros((shape[0], shape[1]))

    def _shape(self, sub: Row, scope: Scope) -> tuple[Expr, ...]:
        """H or H × I below a number; nothing where other things stand there."""
        try:
            shape = tuple(self.clock.value(p, self.vocabulary.with_sizes(scope)) for p in split_at_op(sub, "times"))
        except NoIndex:
            return ()
        sizes = {*self.program.sizes}
        fits = all(x.is_positive if x.is_Integer else x.free_symbols <= sizes for x in shape)
        return shape if fits and len(shape) < 3 else ()

    def _norm(self, node: Scripted, scope: Scope) -> Value:
        """A norm, which one said below, to a power."""
        assert isinstance(node.base, Group)
        below = node.sub[0] if node.sub and len(node.sub) == 1 else None
        name = below.text if isinstance(below, Leaf) else ""
        kind = {"": "2", "2": "2", "F": "F", "infty": "inf"}.get(name if node.sub else "")
        if kind is None or (node.sub and not name):
            raise LatexError("the norms that are read are those with 2, F or ∞ below", node.at)
        return self.scripted(Norm(v.as_array(self.sum(node.base.row, scope)), kind), node.sup or (), scope, node.at)

    def _squared(self, node: Scripted, scope: Scope) -> Value:
        """‖v‖², of a vector; a 2 below says which norm."""
        assert isinstance(node.base, Group)
        inner = self.sum(node.base.row, scope)
        below = node.sub is None or (len(node.sub) == 1 and is_leaf(node.sub[0], "number", "2"))
        if (
            not below
            or not node.sup
            or not is_leaf(node.sup[0], "number", "2")
            or not (v.is_vector(inner) or v.is_single(inner))
        ):
            raise LatexError("of norms, only the square of a vector's is read", node.at)
        return v.inner(inner, inner, node.at) if v.is_vector(inner) else v.raised(inner, Integer(2), node.at)

    def _part(self, node: Scripted, scope: Scope) -> Value:
        """An entry of what stands in brackets: (h_t)_i, [∇L]_{ij}."""
        whole, _ = self.factor((node.base,), 0, scope)
        return self.behind(whole, node, scope)

    def _indicator(self, node: Scripted, scope: Scope) -> Value:
        """1_{i = y_t}: the entry i of a target that is a class, one-hot."""
        parts = [p for p in split_at(node.sub or (), ",", "=") if p]
        whole = self._target_of(parts[0], scope) if len(parts) == 1 else None
        if whole is not None:  # 1_{y_t}: the class, one-hot
            return self.vocabulary.reference(whole)
        if len(parts) == 1:
            parts = _around_equals(parts[0])
        for index, rest in (parts, parts[::-1]) if len(parts) == 2 else ():
            named = self._target_of(rest, scope)
            if named is not None and len(index) == 1:
                return Entry(self.vocabulary.reference(named), self.clock.value(index, scope) - 1)
        raise self.unknown(node)

    def _target_of(self, row: Row, scope: Scope) -> Named | None:
        """The target that a row names."""
        found = self.vocabulary.find(row, 0, scope)
        meaning = next(iter(found.meanings.values())) if found is not None and found.match.end == len(row) else None
        return meaning if isinstance(meaning, Named) and self.program[meaning.name].role == "target" else None


def _is_sign(node: Node) -> bool:
    return isinstance(node, Leaf) and node.kind in ("op", "rel", "sep")


def _around_equals(row: Row) -> list[Row]:
    at = next((k for k, x in enumerate(row) if is_leaf(x, "rel", "=")), -1)
    return [row[:at], row[at + 1 :]] if at > 0 else [row]
