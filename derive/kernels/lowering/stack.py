"""Stacking: products that share an operand become one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sympy import Expr, Integer, MatAdd, MatMul, MatrixExpr, Transpose

from derive.algebra import build as b
from derive.algebra.nodes import Concat, Slice, SumOver, is_reference
from derive.graph import groups
from derive.kernels.lowering.passes import Origins
from derive.program import Builder, Program, Variable, at_own_time, references


@dataclass(frozen=True)
class Term:
    """A product of `left` and `right` that the equation of `name` holds."""

    name: str
    left: MatrixExpr
    right: MatrixExpr | None


class Stacker(Builder):
    """A program in which stacks are made; `stacks` remembers them, so that each is made once."""

    def __init__(self, program: Program, keep: Collection[str], origins: Origins):
        super().__init__(program)
        self.keep, self.origins = set(keep), origins
        self.stacks: dict[tuple[MatrixExpr, ...], MatrixExpr] = {}
        self.rank = {n: i for i, n in enumerate(program.variables)}

    def run(self) -> None:
        """Sums of products, products."""
        self.place = self._places()
        self._sums_of_products()
        self._rows()

    def _places(self) -> dict[str, int]:
        """The loop that a name is in; −1 outside."""
        return {n: (i if g.direction else -1) for i, g in enumerate(groups(self.view())) for n in g.names}

    def _ancestors(self, names: Iterable[str]) -> set[str]:
        return self.view().live(names)

    def stack(self, parts: tuple[MatrixExpr, ...], place: int) -> MatrixExpr:
        """A name for concat(parts)."""
        run = self._run(parts)
        if run is not None:
            return run
        if parts not in self.stacks:
            name = self.fresh(stack_name([_base(a).name for a in parts]))
            e = Concat(*parts)
            self.declare(Variable(name, "temporary", e.shape, self.view().axes(e)))
            self.define(name, e)
            self.place[name] = place
            self.stacks[parts] = self.ref(name)
        return self.stacks[parts]

    def _run(self, parts: tuple[MatrixExpr, ...]) -> MatrixExpr | None:
        """The consecutive rows of a longer stack that these parts are."""
        for longer, whole in self.stacks.items():
            for n in range(len(longer) - len(parts) + 1):
                if len(parts) < len(longer) and longer[n : n + len(parts)] == parts:
                    low = sum((a.shape[0] for a in longer[:n]), Integer(0))
                    high = low + sum((a.shape[0] for a in parts), Integer(0))
                    name = self.name(Slice(whole, low, high), stack_name([_base(a).name for a in parts]))
                    self.place.setdefault(name.name, self.place[whole.name])
                    return name
        return None

    def ordered(self, terms: list[Term], left: bool) -> list[Term]:
        """One order per set of operands: that of an existing stack, else of the parameters."""
        known = {frozenset(parts): parts for parts in self.stacks}
        operands = frozenset(t.left if left else t.right for t in terms)
        parts = known.get(operands) or next((p for k, p in known.items() if operands <= k), None)
        if parts:
            return sorted(terms, key=lambda term: parts.index(term.left if left else term.right))
        return sorted(terms, key=lambda term: self.rank.get(_base(term.left).name, len(self.rank)))

    # Σ Aᵢ bᵢ  →  [A₁ A₂ …] concat(b₁, b₂, …)

    def _sums_of_products(self) -> None:
        uses = Counter(r.name for e in self.equations.values() for r in references(e))
        for name, e in list(self.equations.items()):
            if not isinstance(e, MatAdd):
                continue
            alike: dict[tuple[int, int], list[Term]] = {}
            for a in e.args:
                if is_reference(a) and self._is_column_product(a, uses):
                    left, right = self.equations[a.name].args
                    born = self.place.get(right.name, -1)  # operands of one loop share a buffer there
                    alike.setdefault((self.place[a.name], born), []).append(Term(a.name, left, right))
            for (place, born), terms in alike.items():
                if len(terms) > 1:
                    self._merge_sum(name, self.ordered(terms, left=False), place, born)

    def _is_column_product(self, a: MatrixExpr, uses: Counter[str]) -> bool:
        e = self.equations.get(a.name)
        if not (isinstance(e, MatMul) and at_own_time(a) and uses[a.name] == 1 and a.name not in self.keep):
            return False
        left, right = e.args
        return self._is_weight(left) and is_reference(right) and at_own_time(right) and self._moving_column(right)

    def _is_weight(self, a: MatrixExpr) -> bool:
        """A given matrix without axes: what can be stacked ahead of everything."""
        base = _base(a)
        return is_reference(base) and self.variables[base.name].given and not self.variables[base.name].axes

    def _moving_column(self, a: MatrixExpr) -> bool:
        v = self.variables[a.name]
        return a.shape[1] == 1 and bool(v.axes) and not v.onehot

    def _merge_sum(self, name: str, terms: list[Term], place: int, born: int) -> None:
        left = self.stack(tuple(b.transpose(term.left) for term in terms), -1)
        right = self.stack(tuple(term.right for term in terms), born)  # type: ignore[arg-type]
        merged = self.fresh(product_name(left, right))
        first = self.variables[terms[0].name]
        self.declare(Variable(merged, "temporary", first.shape, first.axes))
        self.define(merged, MatMul(Transpose(left), right))
        self.place[merged] = place
        gone = {term.name for term in terms}
        rest = [a for a in self.equations[name].args if not (is_reference(a) and a.name in gone)]
        for n in gone:
            del self.equations[n]
        total = self.equations.pop(name)  # goes behind what it now needs
        if rest:
            self.equations[name] = b.add(*rest, self.ref(merged))
        else:
            self.equations[name] = self.equations.pop(merged)
        assert total.shape == first.shape

    # A₁ b, A₂ b, …  →  slices of concat(A₁, A₂, …) b

    def _rows(self) -> None:
        found: dict[tuple[MatrixExpr, int], list[Term]] = {}
        for name, e in self.equations.items():
            if isinstance(e, MatMul) and self._is_weight(e.args[0]) and is_reference(e.args[1]):
                left, right = e.args
                if right.shape[1] == 1 and left.shape[0] != 1 and self.variables[right.name].axes:
                    found.setdefault((right, self.place[name]), []).append(Term(name, left, right))
        for (right, place), terms in found.items():
            if len(terms) > 1:
                terms = self.ordered(terms, left=True)
                left = self.stack(tuple(term.left for term in terms), -1)
                hint = product_name(left, right)
                self._split([term.name for term in terms], MatMul(left, right), place, hint)

    # Σ_t b₁ xᵀ, Σ_t b₂ xᵀ, …  →  slices of Σ_t concat(b₁, b₂, …) xᵀ

    def sums_over_steps(self) -> None:
        found: dict[tuple[MatrixExpr | None, str, int], list[Term]] = {}
        for name, e in self.equations.items():
            if not isinstance(e, SumOver) or self.place[name] != -1:
                continue
            left, right = e.arg.args if isinstance(e.arg, MatMul) else (e.arg, None)
            if is_reference(left) and at_own_time(left) and self._moving_column(left):
                born = self.place.get(left.name, -1)
                found.setdefault((right, e.axes, born), []).append(Term(name, left, right))
        for (right, axes, born), terms in found.items():
            for group in self._alike(terms) if right is None else self._together(terms):
                self._merge_sums(self.ordered(group, left=True), axes, born)

    def _alike(self, terms: list[Term]) -> list[list[Term]]:
        """Plain sums are stacked only where their operands lie in one buffer anyway."""
        lefts = {term.left: term for term in terms}
        return [[lefts[a] for a in parts] for parts in self.stacks if all(a in lefts for a in parts)][:1]

    def _together(self, terms: list[Term]) -> list[list[Term]]:
        """Those whose operands already lie in one stack, and the others: one array lies in one place."""
        for parts in self.stacks:
            inside = [term for term in terms if term.left in parts]
            if inside and len(inside) < len(terms):
                places = sorted(parts.index(term.left) for term in inside)  # type: ignore[arg-type]
                if places == list(range(places[0], places[-1] + 1)):
                    return [inside, *self._together([term for term in terms if term.left not in parts])]
        return [terms] if terms else []

    def _merge_sums(self, terms: list[Term], axes: str, born: int) -> None:
        names = [term.name for term in terms]
        lefts = tuple(term.left for term in terms)
        if len(terms) < 2 or len(set(lefts)) < len(terms):
            return
        if self._ancestors(a.name for a in lefts) & set(names):
            return  # one of the summands needs one of the sums
        left, right = self.stack(lefts, born), terms[0].right
        body = left if right is None else MatMul(left, right)
        self._split(names, SumOver(body, axes), -1)

    def _split(self, names: list[str], e: MatrixExpr, place: int, hint: str = "") -> None:
        """Define `names` as consecutive slices of e."""
        parent = self.fresh(hint or stack_name(names))
        axes = self.view().axes(e)
        self.declare(Variable(parent, "temporary", e.shape, axes))
        self.define(parent, e)
        self.place[parent] = place
        self.origins[parent] = tuple(o for n in names for o in self.origins.pop(n, ()))
        low: Expr = e.shape[0] * 0
        for n in names:
            high = (low + self.variables[n].shape[0]).expand()
            del self.equations[n]
            self.equations[n] = Slice(self.ref(parent), low, high)
            low = high


def _base(a: MatrixExpr) -> MatrixExpr:
    return a.arg if isinstance(a, Transpose) else a


def stack_name(names: list[str]) -> str:
    """W_i, W_f, W_o → W_ifo; b1, c2 → b1_c2; long ones are cut."""
    heads = {n.rpartition("_")[0] for n in names}
    if len(heads) == 1 and "" not in heads:
        tails = [n.rpartition("_")[2] for n in names]
        joined = "".join(tails) if all(len(x) == 1 for x in tails) else "_".join(tails)
        name = f"{heads.pop()}_{joined}"
    else:
        name = "_".join(names)
    return name if len(name) <= 24 else f"{names[0]}_stack"


def product_name(left: MatrixExpr, right: MatrixExpr) -> str:
    """W_h for W @ h[t-1]."""
    parts = [_base(a).name if is_reference(_base(a)) else "one" for a in (left, right)]
    return stack_name(["_".join(parts)])
