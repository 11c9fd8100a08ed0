"""The field: function relations, dual numbers, the three kinds of derivative, and the error bound."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from sympy import Integer, MatrixExpr, Rational

from derive.algebra import Jacobian
from derive.algebra import build as b
from derive.algebra.functions import FUNCTIONS
from derive.algebra.nodes import Timed
from derive.calculus.adjoint import Step
from derive.interpreter.scalar import apply_function
from derive.language import names
from derive.model import Model, load, parse
from derive.proof.agreement import Agreement
from derive.proof.budget import Budget
from derive.proof.field import bounded, galois
from derive.proof.field.bounded import Bounded
from derive.proof.field.domain import Domain, Rows, Scalar, power
from derive.proof.field.functions import Arithmetic, apply, slopes
from derive.proof.field.galois import PRIME, Galois
from derive.proof.field.reals import Reals
from derive.proof.field.truth import Truth
from tests.calculus.models import TEXTS

SIZES = {"I": 2, "H": 3, "O": 4, "K": 5}


def truth(model: Model, steps: int, domain: Domain | None = None, seed: int = 1) -> Truth:
    sizes = {s.name: SIZES.get(s.name, 2) for s in model.prover.subject.names.sizes}
    return Truth(model.prover.subject, sizes, steps, domain or Galois(seed), seed)


def numbers_of(name: str) -> list[object]:
    return [3] if name == "power" else [Rational(1, 5)] * FUNCTIONS[name].parameters


# --- Functions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_slopes_against_the_registry(name: str) -> None:
    """In real numbers: the field's own relations against the scalar definition and the registry's slope."""
    k, entry = Arithmetic(Reals()), FUNCTIONS[name]
    for args in ((0.3, 0.7), (1.4, 0.2), (-0.8, 0.1)):
        if args[0] < entry.domain[0]:
            continue
        exact = [k.domain.rational(round(10 * a), 10) for a in args[: entry.arity]]
        numbers = numbers_of(name)
        inside = [n if name == "power" else k.domain.rational(1, 5) for n in numbers]
        y = apply(k, name, exact, inside)
        arrays = [np.array([[a]]) for a in args[: entry.arity]]
        plain = [float(n) for n in numbers]  # type: ignore[arg-type]
        assert float(y) == pytest.approx(float(apply_function(name, arrays, plain)[0, 0]), rel=1e-12)
        if any(s is None for s in entry.slopes):
            continue
        step = 1e-30  # complex step, by the interpreter: independent of both tables
        for i, slope in enumerate(slopes(k, name, y, exact, inside)):
            moved = [a + 1j * step if n == i else a + 0j for n, a in enumerate(arrays)]
            expected = apply_function(name, moved, plain)[0, 0].imag / step
            assert float(slope) == pytest.approx(float(expected), rel=1e-9, abs=1e-12)


TRUE = [  # relations that hold of the real functions; z and −z are residues
    ("sigmoid", lambda k, z: (k("sigmoid", k.neg(z)), k.sub(k.one, k("sigmoid", z)))),
    ("tanh", lambda k, z: (k("tanh", k.neg(z)), k.neg(k("tanh", z)))),
    ("exp", lambda k, z: (k("exp", k.neg(z)), k.inverse(k("exp", z)))),
    ("softplus", lambda k, z: (k.sub(k("softplus", z), k("softplus", k.neg(z))), z)),
    ("silu", lambda k, z: (k("silu", z), k.mul(z, k("sigmoid", z)))),
    ("sin", lambda k, z: (k.add(k.mul(k("sin", z), k("sin", z)), k.mul(k("cos", z), k("cos", z))), k.one)),
    ("log exp", lambda k, z: (k("log", k("exp", z)), z)),
    ("exp log", lambda k, z: (k("exp", k("log", z)), z)),
    ("log sigmoid", lambda k, z: (k("log", k("sigmoid", z)), k.neg(k("softplus", k.neg(z))))),
    ("step", lambda k, z: (k.add(k("step", z), k("step", k.neg(z))), k.one)),
    ("abs", lambda k, z: (k("abs", z), k.add(k("relu", z), k("relu", k.neg(z))))),
    ("maximum", lambda k, z: (k("maximum", z, k.one), k("maximum", k.one, z))),
]


@pytest.mark.parametrize(("name", "sides"), TRUE, ids=[n for n, _ in TRUE])
def test_random_functions_keep_true_relations(name: str, sides) -> None:  # type: ignore[no-untyped-def]
    k, rng, degrees = Arithmetic(Galois(5)), Random(1), Bounded(5)
    for _ in range(50):
        left, right = sides(k, rng.randrange(PRIME))
        assert left == right
        assert degrees.same(*sides(Arithmetic(degrees), degrees.draw(rng, False)))


def test_a_false_relation_is_seen() -> None:
    k = Arithmetic(Galois(5))
    z = 12345
    assert k("tanh", z) != k("tanh", k.add(z, k.one))
    assert k("sigmoid", z) != k("tanh", z)
    assert k("sigmoid", k.neg(z)) != k("sigmoid", z)


# --- Derivatives ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["elman", "lags", "backward", "mutual", "ends", "shared"])
def test_dual_numbers_against_differences_of_fifty_digits(name: str) -> None:
    """The loss itself, moved by 1e-20 in every entry of every given array."""
    model = parse(TEXTS[name])
    for v in model.normal.parameters:
        exact = truth(model, 3, Reals()).gradient(v.name).rows
        moved = truth(model, 3, Reals())
        rows = moved.world.given((v.name, None)).rows
        for i, row in enumerate(rows):
            for j, x in enumerate(row):
                losses = []
                for sign in (1, -1):
                    row[j] = x + sign * Reals().rational(1, 10**20)
                    losses.append(_loss(moved))
                row[j] = x
                assert abs((losses[0] - losses[1]) * 10**20 / 2 - exact[i][j]) < 1e-15


def _loss(t_: Truth) -> Scalar:
    from derive.proof.field.world import Sweep

    total = t_.subject.reading.total
    return Sweep(t_.world, t_.subject.reading).get((total, None)).rows[0][0]


def elman() -> Model:
    return load("elman")


def h(i: int) -> MatrixExpr:
    return elman().symbol("h", i)


def test_partial_derivative_of_one_equation() -> None:
    world, W = truth(elman(), 3), elman().symbol("W")
    slope = b.subtract(b.ones(h(1).shape[0]), b.hadamard(h(1), h(1)))
    assert world.value(Jacobian(h(1), h(0), "partial")) == world.value(b.matmul(b.diag(slope), W))
    assert not any(x for row in world.value(Jacobian(h(2), h(0), "partial")) for x in row)


def test_total_derivative_is_the_product_of_the_partial_ones() -> None:
    world = truth(elman(), 4)
    product = b.matmul(*(Jacobian(h(m), h(m - 1), "partial") for m in (3, 2, 1)))
    assert world.value(Jacobian(h(3), h(0))) == world.value(product)
    assert world.value(Jacobian(h(3), h(3))) == world.matrices.identity(3).rows
    turned = b.matmul(*(Jacobian(h(m), h(m - 1), "partial") for m in (1, 2, 3)))
    assert world.value(Jacobian(h(3), h(0))) != world.value(turned)


def test_immediate_derivatives_add_up_and_total_ones_count_twice() -> None:
    """Equation (11) of the chapter: true with ∂⁺, false for j ≥ 1 with the total derivative."""
    world, W = truth(elman(), 3), elman().symbol("W")

    def terms(kind: str) -> MatrixExpr:
        return b.add(*(b.matmul(Jacobian(h(2), h(k)), Jacobian(h(k), W, kind)) for k in range(3)))

    assert world.value(Jacobian(h(2), W)) == world.value(terms("immediate"))
    assert world.value(Jacobian(h(2), W)) != world.value(terms("total"))


def test_immediate_derivative_holds_every_other_step_fixed() -> None:
    """∂⁺ of an LSTM's h goes through its cell and gates of the same step, and through no earlier one."""
    model = load("lstm")
    world = truth(model, 3)
    h_, c, W = model.symbol("h", 2), model.symbol("c", 2), model.symbol("W_f")
    chain = b.matmul(Jacobian(h_, c, "immediate"), Jacobian(c, W, "immediate"))
    assert world.value(Jacobian(h_, W, "immediate")) == world.value(chain)
    assert world.value(Jacobian(h_, W, "immediate")) != world.value(Jacobian(h_, W, "total"))


@pytest.mark.parametrize("name", ["lags", "backward", "mutual", "ends", "context", "fast_weights", "detached"])
def test_every_adjoint_equation_holds(name: str) -> None:
    agreement, model = Agreement(parse(TEXTS[name]).prover.subject), parse(TEXTS[name])
    for step in model.adjoint.steps:
        assert agreement.exact(step.left, step.right, 3, agreement.sizes(0), Budget(60)) is not None, step.left


def test_a_wrong_equation_is_seen() -> None:
    model = load("elman")
    agreement = model.prover.agreement
    (step,) = (s for s in model.adjoint.steps if str(s.left) == "dh_carry[t]")
    assert isinstance(step, Step)
    W, dz = model.symbol("W"), model.cotangent("z_h")
    assert not agreement.differ(step.left, b.matmul(b.transpose(W), dz), 3, agreement.sizes(0), Budget())
    assert agreement.differ(step.left, b.matmul(W, dz), 3, agreement.sizes(0), Budget())


# --- What is drawn, and how sure it is -----------------------------------------------------------


def test_assumptions_are_kept() -> None:
    world = truth(load("elman"), 2)
    (column,) = zip(*world.value(load("elman").symbol("y", 1)), strict=True)
    assert sum(column) % PRIME == 1
    text = TEXTS["elman"].replace("state h : H", "state h : H where h[-1] == 0.5")
    start = truth(parse(text), 2).value(Timed("h", -1, Integer(3)))
    assert start == [[(PRIME + 1) // 2]] * 3


def test_degrees() -> None:
    d = Bounded(1)
    x, y = d.draw(Random(0), False), d.draw(Random(1), False)
    assert d.mul(x, d.add(x, y))[1:] == (2, 0)
    assert d.add(d.inverse(x), d.inverse(y))[1:] == (1, 2)
    assert d.mul(d.zero, x) == d.zero
    assert d.add(d.zero, x) == x
    assert d.dot([x, x, d.zero], [y, d.inverse(y), y])[1:] == (3, 1)
    assert d.difference([x, d.one], [y, d.inverse(y)]) == 1
    assert d.difference([d.mul(x, x)], [d.inverse(y)]) == 3


def test_degrees_of_what_a_relation_finds() -> None:
    """A value of log exp has the degree of what exp was asked, and so on."""
    k = Arithmetic(Bounded(1))
    z = power(k.domain, k.domain.draw(Random(0), False), 64)
    p = k.inverse(k.add(k.one, power(k.domain, k.domain.draw(Random(1), False), 9)))
    assert k("log", k("exp", z)) == z
    assert k("exp", k("log", z)) == z
    assert k("exp", k.neg(k("log", p)))[1:] == (9, 0)
    assert k("tanh", z)[1:] == (2, 2)
    assert k("softplus", z)[1:] == (66, 2)  # softplus(−z) + z
    assert k("log", k("sigmoid", z))[1] >= 64
    assert k("log", k("sigmoid", k.neg(z)))[1] >= 64
    assert k("exp", k("exp", z))[1:] == (1, 0)
    assert k("tanh", k("log", z))[1:] == (128, 128)  # (z² − 1) / (z² + 1)
    assert k("sigmoid", k("log", z))[1:] == (64, 64)
    assert k("exp", k("softplus", k("log", z)))[1:] == (64, 0)  # 1 + z
    k.domain.relate_log(k.mul(p, p), z)
    assert k("log", k.mul(p, p)) == z
    assert k("exp", z)[1:] == (1, 0)  # as before it was related


@pytest.mark.parametrize("first", ["log", "softplus"])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_written_by_exponentials(first: str, sign: int) -> None:
    """sigma, tanh and softplus are what books print, whichever was asked first, at z and at −z."""
    k = Arithmetic(Galois(3))
    z = Random(5).randrange(galois.PRIME)
    e = k("exp", z)
    k(first, k.add(k.one, e) if first == "log" else z)
    z, e = (z, e) if sign > 0 else (k.neg(z), k.inverse(e))
    square = k.mul(e, e)
    assert k("sigmoid", z) == k.mul(e, k.inverse(k.add(k.one, e)))
    assert k("tanh", z) == k.mul(k.sub(square, k.one), k.inverse(k.add(square, k.one)))
    assert k("softplus", z) == k("log", k.add(k.one, e))
    assert k("log", k.sub(k.one, k("sigmoid", z))) == k.neg(k("softplus", z))
    assert k("log", k("sigmoid", z)) == k.sub(z, k("softplus", z))
    assert k("tanh", z) != k("sigmoid", z)
    assert k("softplus", z) != k("log", k.add(k.one, k.inverse(e)))


def test_the_logarithm_of_zero_cannot_be_undone() -> None:
    k = Arithmetic(Galois(1))
    zero = k("log", 0)
    with pytest.raises(ZeroDivisionError):
        k("exp", k.neg(zero))


def test_the_bound_covers_what_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modulo 127, (s − 1) (s − 2) … (s − 16) = 0 passes one time in eight: never more often than the bound says."""
    for module in (galois, bounded):
        monkeypatch.setattr(module, "PRIME", 127)
    model, trials = parse("cell c\nparam s : 1\ninput x : 1\nloss[t] = s * x[t]\n"), 1000
    s = model.symbol("s")
    left = b.hadamard(*(b.add(s, b.scale(-c, b.ones(1))) for c in range(1, 17)))
    passed = sum(truth(model, 2, Galois(seed), seed).value(left) == [[0]] for seed in range(trials))
    domain = Bounded(1)
    bits = domain.bits(domain.difference(truth(model, 2, domain).value(left)[0], [domain.zero]))
    assert bits >= 1
    assert 0.09 < passed / trials <= 2.0**-bits


@pytest.mark.parametrize("name", names())
def test_error_is_below_a_hundred_bits(name: str) -> None:
    model = load(name)
    agreement = model.prover.agreement
    step = model.adjoint.steps[-1]
    instance = agreement.exact(step.left, step.right, 3, agreement.sizes(0), Budget(60))
    assert instance is not None
    assert instance.bits >= 100


def test_one_hot_targets_sum_to_one() -> None:
    text = TEXTS["elman"].replace("target y : O where sum(y) == 1", "target y : O onehot")
    world, reals = truth(parse(text), 2), truth(parse(text), 2, Reals())
    y = parse(text).symbol("y", 0)
    rows: Rows = world.value(y)
    assert sum(r[0] for r in rows) % PRIME == 1
    assert sorted(float(r[0]) for r in reals.value(y)) == [0, 0, 0, 1]


def test_free_index_without_a_value_is_an_error() -> None:
    from sympy import Symbol

    from derive.errors import UnsupportedError

    with pytest.raises(UnsupportedError, match="the index q has no value"):
        truth(load("elman"), 2).value(Timed("h", Symbol("q", integer=True), 3))


def test_no_order_of_rows_is_lost() -> None:
    """A matrix's Jacobian counts entries row by row."""
    world, U = truth(elman(), 2), elman().symbol("U")
    x = world.value(elman().symbol("x", 1))
    jacobian = world.value(Jacobian(h(1), U, "immediate"))
    slope = world.value(b.subtract(b.ones(h(1).shape[0]), b.hadamard(h(1), h(1))))
    for i in range(3):
        for row in range(3):
            for col in range(2):
                expected = slope[i][0] * x[col][0] % PRIME if row == i else 0
                assert jacobian[i][2 * row + col] == expected
