"""GF(p): functions as memoised random ones that keep the relations true of the real ones.

An identity of rational functions that holds at random points holds everywhere, up to an error that
`bounds` computes (Schwartz 1980; Zippel 1979).  That tanh(z) may stand for a number of its own,
independent of z, is what Ax-Schanuel gives for exponentials of independent arguments (Ax 1971).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import eq, mul
from random import Random

from derive.errors import UnsupportedError
from derive.proof.field.domain import Scalar

PRIME = 2**192 - 2**64 - 1  # that of the curve P-192 (FIPS 186-4, D.1.2.1); 2 is a square modulo it
ROOT_OF_TWO = pow(2, (PRIME + 1) // 4, PRIME)
HALF = (PRIME + 1) // 2
RENEW = 100_000  # function values


class Galois:
    """Residues modulo PRIME.  `calls` counts the values that were drawn for functions."""

    same = staticmethod(eq)

    zero, one = 0, 1

    def __init__(self, seed: int):
        self._rng = Random(seed)
        self._known: dict[tuple[str, int], int] = {
            ("exp", 0): 1,
            ("log", 1): 0,
            ("tanh", 0): 0,
            ("sigmoid", 0): HALF,
            ("erf", 0): 0,
            ("sin", 0): 0,
            ("cos", 0): 1,
            ("sqrt", 0): 0,
            ("sqrt", 1): 1,
            ("step", 0): 0,  # a slope at a kink is 0
        }
        self._root_of_pi = self._random()
        self.calls = 0

    def _random(self) -> int:
        return self._rng.randrange(2, PRIME)

    def add(self, a: Scalar, b: Scalar) -> Scalar:
        return (a + b) % PRIME

    def mul(self, a: Scalar, b: Scalar) -> Scalar:
        return a * b % PRIME

    def dot(self, u: Sequence[Scalar], v: Sequence[Scalar]) -> Scalar:
        return sum(map(mul, u, v)) % PRIME

    def inverse(self, a: Scalar) -> Scalar:
        return _inverse(a)

    def rational(self, p: int, q: int) -> Scalar:
        if q % PRIME == 0:
            raise UnsupportedError("a number with a denominator that the field counts as zero")
        return p * pow(q, -1, PRIME) % PRIME

    def root_of_two(self) -> Scalar:
        return ROOT_OF_TWO

    def root_of_pi(self) -> Scalar:
        return self._root_of_pi

    def draw(self, rng: Random, positive: bool) -> Scalar:
        return rng.randrange(PRIME)

    def onehot(self, rng: Random, length: int) -> list[Scalar]:
        """More than a one-hot vector: any with sum one.  What holds of these holds of one-hot ones."""
        free = [rng.randrange(PRIME) for _ in range(length - 1)]
        return [*free, (1 - sum(free)) % PRIME]

    def keeps(self, relation: str, values: Sequence[Scalar], bound: Scalar) -> bool:
        return True

    def primitive(self, name: str, z: Scalar) -> Scalar:
        """A random value, the same for the same argument; at −z what the value at z says."""
        if (name, z) in self._known:
            return self._known[name, z]
        mirror = _MIRRORS.get(name)
        if mirror is not None and (z > PRIME - z or (name, PRIME - z) in self._known):
            return self._note(name, z, mirror(self.primitive(name, PRIME - z), PRIME - z))
        if name in ("sigmoid", "tanh"):
            return self._note(name, z, self._by_exponential(name, self.primitive("exp", z)))
        if name == "softplus":
            return self._softplus(z)
        self.calls += 1
        return self._note(name, z, self._random() if name not in _PAIRS else self._pair(name, z))

    def _by_exponential(self, name: str, e: int) -> int:
        """e / (1 + e), or (e² − 1) / (e² + 1), where e = exp z."""
        if name == "sigmoid":
            return e * self.inverse((1 + e) % PRIME) % PRIME
        return (e * e - 1) * self.inverse((e * e + 1) % PRIME) % PRIME

    def _softplus(self, z: int) -> int:
        """log (1 + exp z), drawn if that logarithm is not known, nor log (1 + exp −z), which is less by z."""
        e = self.primitive("exp", z)
        above, below = (1 + e) % PRIME, (1 + self.inverse(e)) % PRIME
        if ("log", above) in self._known:
            y = self._known["log", above]
        elif ("log", below) in self._known:
            y = (self._known["log", below] + z) % PRIME
        else:
            self.calls += 1
            y = self._random()
        self.relate_log(above, y)
        self.relate_log(below, (y - z) % PRIME)
        return self._note("softplus", z, y)

    def _pair(self, name: str, z: int) -> int:
        """sin and cos on the unit circle: (2u, 1 − u²) / (1 + u²)."""
        u = self._random()
        scale = self.inverse((1 + u * u) % PRIME)
        pair = {"sin": 2 * u * scale % PRIME, "cos": (1 - u * u) * scale % PRIME}
        self._known |= {(other, z): value for other, value in pair.items()}
        return pair[name]

    @property
    def worn(self) -> bool:
        return self.calls > RENEW

    @property
    def known(self) -> int:
        """How many values of functions were drawn, or found by a relation."""
        return len(self._known)

    def _note(self, name: str, z: int, y: int) -> int:
        self._known[name, z] = y
        if name in ("exp", "log"):
            self._known.setdefault(("log" if name == "exp" else "exp", y), z)
        if name == "sigmoid":  # log σ(z) = −softplus(−z), and log (1 − σ(z)) = −softplus(z)
            self.relate_log(y, -self.primitive("softplus", -z % PRIME) % PRIME)
            self.relate_log((1 - y) % PRIME, -self.primitive("softplus", z) % PRIME)
        return y

    def relate_log(self, a: Scalar, log: Scalar) -> None:
        self._known.setdefault(("log", a), log)
        self._known.setdefault(("exp", log), a)


def _inverse(a: int) -> int:
    if a == 0:
        raise ZeroDivisionError
    return pow(a, -1, PRIME)


_PAIRS = ("sin", "cos")
_MIRRORS: dict[str, Callable[[int, int], int]] = {  # f(−z) from f(z) and z
    "tanh": lambda y, z: -y % PRIME,
    "erf": lambda y, z: -y % PRIME,
    "sin": lambda y, z: -y % PRIME,
    "cos": lambda y, z: y,
    "sigmoid": lambda y, z: (1 - y) % PRIME,
    "step": lambda y, z: (1 - y) % PRIME,
    "exp": lambda y, z: _inverse(y),
    "softplus": lambda y, z: (y - z) % PRIME,
}
