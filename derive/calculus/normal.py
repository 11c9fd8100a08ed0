"""The normal form that the calculus works on.

Nonlinear nodes stand at the root of an equation, on references only, so that each has a named
output and named arguments; a compound operand of a product gets a name of its own; an absolute time
stands alone.  Losses and logarithms composed with softmax or sigmoid become fused, stable nodes.
The user's equations are kept elsewhere, for reading; this form is for computing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from sympy import HadamardProduct, Identity, MatAdd, MatMul, MatrixExpr, OneMatrix, Transpose, ZeroMatrix

from derive.algebra import build as b
from derive.algebra.functions import Apply
from derive.algebra.losses import LOSSES, LossEntry
from derive.algebra.nodes import (
    Detach,
    Diag,
    FusedLoss,
    LogSoftmax,
    Loss,
    Scale,
    Softmax,
    Timed,
    is_reference,
)
from derive.errors import UnsupportedError
from derive.program import Builder, Program, Variable, operands, rebuild, references

NONLINEAR = (Apply, Softmax, LogSoftmax, FusedLoss, Detach)
CONSTANT = (OneMatrix, ZeroMatrix, Identity)


def normalise(program: Program) -> Program:
    """The normal form of a model as it was read, for computing: every loss that has a stable form is fused."""
    return _normal(program).program()


def derivable(program: Program) -> Program:
    """The normal form for derivations, in which the derivative of the loss by a name is all of it.

    A cross-entropy of p = softmax(z) becomes one of z.  Where something else reads p too, what that passes back would
    be called dL/dp, without what the loss does: so there the loss goes on reading p, as the model says.
    """
    return _derivable(program).program()


def passed_over(program: Program) -> frozenset[str]:
    """The names that a loss or a logarithm reads in the model, and nothing in the normal form for derivations."""
    return frozenset(_derivable(program).passed & set(program.variables))


def _derivable(program: Program) -> NormalBuilder:
    kept, found = frozenset[str](), _normal(program)
    while more := found.passed & _reached(found.program()) - kept:
        kept |= more
        found = _normal(program, kept)
    return found


def _reached(normal: Program) -> set[str]:
    """The names through which the loss, or what a model without one gives out, depends on others."""
    todo = [normal.total] if normal.total else list(normal.outputs)
    found = set(todo)
    while todo:
        e = normal.equations.get(todo.pop())
        read = () if e is None else (e.target, e.logits) if isinstance(e, FusedLoss) else (e,)
        new = {r.name for x in read for r in references(x)} - found
        found |= new
        todo += new
    return found


def _normal(program: Program, kept: frozenset[str] = frozenset()) -> NormalBuilder:
    used = {s for v in program.variables.values() for n in v.shape for s in n.free_symbols}
    used |= {s for e in program.equations.values() for s in e.free_symbols}
    sizes = tuple(s for s in program.sizes if s in used)  # one that nothing uses can be told by nothing
    normal = NormalBuilder(Program(**{**vars(program), "sizes": sizes, "equations": {}}), kept)
    for name, e in program.equations.items():
        normal.define(name, e)
    return normal


class NormalBuilder(Builder):
    """A builder whose equations are brought to normal form as they are defined.

    Args:
        kept: names that what reads them goes on reading.
    """

    def __init__(self, base: Program, kept: frozenset[str] = frozenset()):
        super().__init__(base)
        self.kept = kept
        self._inner: dict[MatrixExpr, MatrixExpr] = {}  # an operand that occurs twice is worked on once
        self.passed: set[str] = set()  # names that are read no more
        self._values: dict[MatrixExpr, MatrixExpr] = {}  # the names of the user's own equations

    def define(self, name: str, e: MatrixExpr) -> MatrixExpr:
        e = self.root(e, name)
        known = self._known.get(e)
        r = super().define(name, e)
        if self.variables[name].role != "temporary" and known is None and self._known.get(e) == r:
            self._values[e] = self._known.pop(e)  # who reads e does not read what the user called so
        return r

    def add(self, variable: Variable, e: MatrixExpr) -> MatrixExpr:
        """Declare a name and define it."""
        self.declare(variable)
        return self.define(variable.name, e)

    def root(self, e: MatrixExpr, hint: str) -> MatrixExpr:
        """The normal form of a right side; `hint` names what is split off."""
        e = self.stable(e, hint)
        if is_reference(e) or isinstance(e, CONSTANT):
            return e
        if isinstance(e, NONLINEAR):
            return rebuild(e, (self.named(a, f"z_{hint}") for a in operands(e)))
        if isinstance(e, MatMul):
            return self.product(e.args, hint)
        args = [self.inner(a, hint) for a in operands(e)]
        if isinstance(e, HadamardProduct):
            twice = {a for a, n in Counter(args).items() if n > 1 and operands(a)}  # written once, not n times
            return b.hadamard(*(a if is_map(a) and a not in twice else self.named(a, f"m_{hint}") for a in args))
        if isinstance(e, MatAdd):
            return b.add(*args)
        if isinstance(e, Scale):
            return b.scale(e.coefficient, args[0])
        return b.transpose(args[0]) if isinstance(e, Transpose) else rebuild(e, args)

    def inner(self, e: MatrixExpr, hint: str) -> MatrixExpr:
        """The normal form of an operand: what must stand at a root gets a name."""
        if is_absolute(e):
            return self.name(e, f"at_{e.name}")
        if e not in self._inner:
            self._inner[e] = self._new_inner(e, hint)
        return self._inner[e]

    def _new_inner(self, e: MatrixExpr, hint: str) -> MatrixExpr:
        e = self.root(e, hint)
        if isinstance(e, NONLINEAR):
            return self.name(e, f"{e.name if isinstance(e, Apply) else type(e).__name__.lower()}_{hint}")
        return e

    def named(self, e: MatrixExpr, hint: str) -> MatrixExpr:
        e = e if is_reference(e) and not is_absolute(e) else self.inner(e, hint)
        return e if is_reference(e) else self.name(e, hint)

    def product(self, factors: Iterable[MatrixExpr], hint: str) -> MatrixExpr:
        """A matrix product on references; diag(a) B is an elementwise product where B is a column."""
        simple = [self.factor(a, hint) for a in factors]
        while len(simple) > 1 and simple[-1].shape[1] == 1 and isinstance(simple[-2], Diag):
            column = self.root(b.hadamard(simple[-2].arg, simple[-1]), hint)
            if len(simple) == 2:
                return column
            simple[-2:] = [self.operand(column, hint)]
        return b.matmul(*(self.named(a, f"m_{hint}") if isinstance(a, Diag) else a for a in simple))

    def factor(self, a: MatrixExpr, hint: str) -> MatrixExpr:
        """A factor of a matrix product: a reference, transposed or not, a constant, or a diagonal matrix."""
        if isinstance(a, CONSTANT):
            return a
        if isinstance(a, Diag):
            return rebuild(a, [self.inner(a.arg, hint)])
        base = a.arg if isinstance(a, Transpose) else a
        return a if is_reference(base) and not is_absolute(base) else self.operand(a, hint)

    def operand(self, a: MatrixExpr, hint: str) -> MatrixExpr:
        c, a = b.split(a)
        if isinstance(a, Transpose) or (a.shape[0] == 1 and a.shape[1] != 1):  # columns are named, not rows
            return b.scale(c, b.transpose(self.named(b.transpose(a), f"m_{hint}")))
        return b.scale(c, self.named(a, f"m_{hint}"))

    def stable(self, e: MatrixExpr, hint: str) -> MatrixExpr:
        """Recognise compositions that have a stable form, and write out the losses that have none."""
        if isinstance(e, Loss):
            return self.loss(e, hint)
        if isinstance(e, Apply) and e.name == "log":
            return self.logarithm(e, hint)
        return e

    def loss(self, e: Loss, hint: str) -> MatrixExpr:
        entry = LOSSES[e.kind]
        if e.prediction.shape[1] != 1 and entry.fused is not None:
            return self.matrix_loss(e, entry, hint)
        if entry.fused is None:
            return self.root(entry.expand(e.target, e.prediction), hint)  # type: ignore[misc]
        if entry.logits:
            logits = self.named(e.prediction, f"z_{hint}")
            companion = Softmax(logits) if entry.companion == "softmax" else Apply(entry.companion, logits)
            known = self._values.get(companion)  # nothing is differentiated through it
            return entry.fused(self.named(e.target, f"y_{hint}"), logits, known or self.named(companion, f"p_{hint}"))
        prediction = self.named(e.prediction, f"p_{hint}")
        source = self.definition(prediction)
        composed = isinstance(source, Softmax) if entry.companion == "softmax" else is_apply(source, entry.companion)
        if composed and self.pass_over(prediction):
            return entry.fused(self.named(e.target, f"y_{hint}"), source.arg, prediction)
        return self.root(entry.expand(e.target, prediction), hint)  # type: ignore[misc]

    def matrix_loss(self, e: Loss, entry: LossEntry, hint: str) -> MatrixExpr:
        """The sum over the columns; stable by the functions that it is made of."""
        if entry.logits:
            return self.root(b.negative(b.dot(e.target, LogSoftmax(e.prediction))), hint)
        return self.root(entry.expand(e.target, self.named(e.prediction, f"p_{hint}")), hint)  # type: ignore[misc]

    def logarithm(self, e: Apply, hint: str) -> MatrixExpr:
        """log of a softmax, of a sigmoid, of one minus a sigmoid."""
        inside = self.inner(e.arg, hint)
        source = self.definition(inside)
        if isinstance(source, Softmax) and self.pass_over(inside):
            return LogSoftmax(source.arg)
        if is_apply(source, "sigmoid") and self.pass_over(inside):
            return b.negative(Apply("softplus", b.negative(source.arg)))
        terms: tuple[MatrixExpr, ...] = source.args if isinstance(source, MatAdd) else ()
        if len(terms) == 2 and OneMatrix(*inside.shape) in terms:
            other = b.negative(terms[0] if terms[1] == OneMatrix(*inside.shape) else terms[1])
            if is_apply(self.definition(other), "sigmoid") and self.pass_over(inside, other):  # q = 1 - p
                return b.negative(Apply("softplus", self.definition(other).arg))
        return Apply("log", inside)

    def pass_over(self, *read: MatrixExpr) -> bool:
        """May names, and those that they are copies of, be read no more?  If so, that is noted."""
        names = {r.name for e in read for r in self._copies(e) if is_reference(r) and r.name in self.equations}
        if names & self.kept:
            return False
        self.passed |= names
        return True

    def definition(self, e: MatrixExpr) -> MatrixExpr:
        """What a same-time reference stands for, followed through plain copies."""
        *_, last = self._copies(e)
        return last

    def _copies(self, e: MatrixExpr) -> Iterator[MatrixExpr]:
        yield e
        while is_reference(e) and (not isinstance(e, Timed) or e.offset == 0) and e.name in self.equations:
            e = self.equations[e.name]
            yield e


def is_apply(e: MatrixExpr, name: str) -> bool:
    return isinstance(e, Apply) and e.name == name


def is_absolute(e: MatrixExpr) -> bool:
    return isinstance(e, Timed) and e.offset is None


def is_map(e: MatrixExpr) -> bool:
    """Is `e` elementwise in references of its own shape and in broadcast scalars?"""
    if is_reference(e) or isinstance(e, (OneMatrix, ZeroMatrix)):
        return not is_absolute(e)
    if isinstance(e, (MatAdd, HadamardProduct, Scale)):
        return all(is_map(a) for a in operands(e))
    scalar = b.broadcast_scalar(e)
    return scalar is not None and is_reference(scalar)


def check_normal(program: Program) -> None:
    """Raise where an equation is not in normal form; used by tests and by `adjoint`."""
    for name, e in program.equations.items():
        inner = [a for x in operands(e) for a in _walk(x)]
        if any(isinstance(a, (*NONLINEAR, Loss)) for a in inner) or isinstance(e, Loss):
            raise UnsupportedError(f"{name}: a nonlinear node is not at the root; call normalise() first")


def _walk(e: MatrixExpr) -> Iterable[MatrixExpr]:
    yield e
    for a in operands(e):
        yield from _walk(a)
