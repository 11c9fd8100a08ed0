"""The bounds of one step, ‖∂s_t/∂s_{t−1}‖ block by block, as certificates.

What `calculus.growth` finds by its own rules is proved once more, from the derivative written out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sympy import Add, Expr, MatrixExpr, Mul, Pow, Symbol

from derive.algebra import build as b
from derive.algebra.nodes import Jacobian, Norm, T, t
from derive.calculus.growth import Growth, Key
from derive.errors import UnsupportedError
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.checker import CertificateError
from derive.proof.inequality.certificate import Goal, certificate
from derive.proof.inequality.encode import Encoder, statement
from derive.proof.inequality.equations import Equations, J
from derive.proof.inequality.premises import Premises
from derive.proof.inequality.rules import Rules
from derive.proof.inequality.search import prove
from derive.proof.inequality.terms import TermError
from derive.proof.prove import Prover

SECONDS = 2.0  # for a block
PLACES = ((3, 0), (2, 1))  # T, and the order of the sizes, at which an equation is asked of the field


def certified(
    prover: Prover, found: Growth, tried: Callable[[], None] = lambda: None
) -> dict[tuple[Key, Key], str | None]:
    """A certificate for each bound of a step; None where no proof was found.  `tried` is called after each."""
    certificates: dict[tuple[Key, Key], str | None] = {}
    for block in of_a_step(found):
        certificates[block] = _certificate(prover, found, *block)
        tried()
    return certificates


def of_a_step(found: Growth) -> list[tuple[Key, Key]]:
    """The blocks of a Jacobian that say more than that lags are handed on."""
    return [block for block in found.blocks if block[0][1] == 1]


def _certificate(prover: Prover, found: Growth, row: Key, column: Key) -> str | None:
    subject, program = prover.subject, prover.subject.normal
    budget = Budget(SECONDS)
    back = column[1] * (-1 if program[column[0]].backward else 1)
    left = Norm(Jacobian(program.at(row[0], t), program.at(column[0], t - back), "immediate"))
    encoder = Encoder(program.numbers, subject.names.sizes)
    facts = tuple(map(encoder.step, (T - 1, t, T - 1 - t)))
    try:
        equations = Equations(subject)
        own = {s: equations.in_own_names(e) for s, e in found.peaks.items()}
        right = _array(found.blocks[row, column], replace(found, peaks=own))
        premises = Premises(equations, encoder, lambda a, c: _agrees(prover, a, c, budget), prover.ranges, budget, True)
        rules = Rules(premises.of(left))
        a, c = encoder.number(left), encoder.number(right)
        proof = prove(a, c, rules, facts, budget)
        assumed = [x.text for x in subject.reading.assumptions if any(p.reads(x.name) for p in rules.premises)]
        claim = statement(prover, left, right, "≤", assumed)
        return None if proof is None else certificate([Goal(a, c, facts, (), proof)], rules.premises, claim)
    except (UnsupportedError, TermError, CertificateError, OutOfBudget):
        return None


def _agrees(prover: Prover, left: MatrixExpr, right: MatrixExpr, budget: Budget) -> bool:
    """Does the field say that they are equal, at every step?"""
    agreement = prover.agreement
    for steps, shift in PLACES:
        sizes = agreement.sizes(shift)
        fixed: Mapping[Symbol, int] = {T: steps, **{s: sizes[s.name] for s in prover.subject.names.sizes}}
        envs = [{**fixed, J: k} for k in range(steps)]
        if agreement.exact(left, right, steps, sizes, budget, envs) is None:
            return False
    return True


def _array(e: Expr, found: Growth) -> MatrixExpr:
    """A bound as an expression: its symbols are norms of weights, and largest entries of a step's arrays.

    Raises:
        UnsupportedError: it is no polynomial in them.
    """
    if e in found.norms:
        return Norm(found.norms[e])
    if e in found.peaks:
        return Norm(found.peaks[e], "inf")
    if not e.free_symbols & {*found.norms, *found.peaks}:
        return b.scale(e, b.ones(1))
    if isinstance(e, Add):
        return b.add(*(_array(a, found) for a in e.args))
    if isinstance(e, Mul):
        return b.hadamard(*(_array(a, found) for a in e.args))
    if isinstance(e, Pow) and e.exp.is_Integer and e.exp > 0:
        return b.hadamard(*[_array(e.base, found)] * int(e.exp))
    raise UnsupportedError(f"{e} is no polynomial of norms")
