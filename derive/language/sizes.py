"""Sizes: positive polynomials in the names of `dims`, for shapes and for the bounds of slices."""

from __future__ import annotations

from sympy import Add, Expr, Integer, Mul, Poly, S, Symbol

from derive.algebra.shapes import Shape
from derive.language import syntax as s
from derive.language.report import Problem
from derive.language.table import Table

_LARGEST, _MOST_ATOMS = 2**31, 16


def shape_of(parts: tuple[s.Node, ...], table: Table) -> Shape | None:
    """(rows, columns) of a declared shape; nothing is a scalar.  None where a part is faulty."""
    sizes = [size_of(part, table) for part in parts]
    if any(size is None for size in sizes):
        return None
    rows, cols = [*sizes, S.One, S.One][:2]
    return rows, cols


def size_of(node: s.Node, table: Table, bound: bool = False) -> Expr | None:
    """The value of a size; report what is none.  A bound of a slice may also be 0 or a difference."""
    try:
        atoms = _atoms(node, bound)
        if len(atoms) > _MOST_ATOMS:
            raise Problem("E0308", node.span, f"a size has at most {_MOST_ATOMS} names and numbers")
    except Problem as problem:
        table.report.take(problem)
        return None
    values = [_known(atom, table) for atom in atoms]
    return None if any(v is None for v in values) else _value(node).expand()


def _atoms(node: s.Node, bound: bool) -> list[s.Name | s.Number]:
    """The names and numbers of a size; raise Problem for anything but sums and products of them."""
    what = "a bound" if bound else "a size"
    match node:
        case s.Name(index=None):
            return [node]
        case s.Number(value=value) if value.is_Integer and value < _LARGEST and (value > 0 or bound):
            return [node]
        case s.Number(text=text):
            raise Problem("E0308", node.span, f"{what} is a positive whole number below 2^31, not {text}")
        case s.Sum(terms=terms) if not bound and any(sign < 0 for sign, _ in terms):
            raise Problem("E0308", node.span, "a size is written with + and * only", "give the larger one a name")
        case s.Product(rest=rest) if any(op != "*" for op, _ in rest):
            raise Problem("E0308", node.span, f"{what} is written with + and * only")
        case s.Sum() | s.Product():
            return [atom for part in s.children(node) for atom in _atoms(part, bound)]
    help = "write a name of dims, a number, or a sum or product of these, as in 4*H or H + I"
    raise Problem("E0308", node.span, f"this is not {what}", help)


def _known(atom: s.Name | s.Number, table: Table) -> bool | None:
    if isinstance(atom, s.Number):
        return True
    entry = table.get(atom.name, atom.span, ("size",))
    if entry is not None and entry.kind != "size":
        help = f"sizes are declared with dims, as in: dims {atom.name.upper()}"
        table.report.error("E0308", atom.span, f"'{atom.name}' is not a size", help)
        return None
    return True if entry else None


def _value(node: s.Node) -> Expr:
    match node:
        case s.Name(name=name):
            return Symbol(name, integer=True, positive=True)
        case s.Number(value=value):
            return Integer(value)
        case s.Sum(terms=terms):
            return Add(*(sign * _value(term) for sign, term in terms))
        case s.Product():
            return Mul(*(_value(part) for part in s.children(node)))
    raise AssertionError(node)


def at_least(size: Expr, least: int) -> bool:
    """Is a polynomial ≥ least whatever the sizes are?

    With every size as 1 + a number ≥ 0, no negative coefficient may remain.  Sufficient, and exact
    for the linear sizes that people write.
    """
    symbols = sorted(size.free_symbols, key=lambda z: str(z.name))
    shifted = (size - least).xreplace({z: 1 + z for z in symbols}).expand()
    if not symbols:
        return bool(shifted >= 0)
    return all(c >= 0 for c in Poly(shifted, *symbols).coeffs())
