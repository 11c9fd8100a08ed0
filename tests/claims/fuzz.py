"""Printed equations with slips of the hand: every one must end in a verdict or a clean error.

python -m tests.claims.fuzz --count 1000 [--seed 0]
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from collections.abc import Iterator
from time import monotonic

from derive.claims.reading.stage import Stage
from derive.claims.verify import judge
from tests.claims.papers import FOLDER, stages

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+|\s+|.", re.DOTALL)
INSERTED = [
    "{", "}", "(", ")", "^", "_", "^T", "_t", "+", "-", "=", "\\frac", "\\sum", "\\prod", "\\odot", "W", "h_t", "T",
    "'", "|", "\\|", ",", "&", "\\\\", "\\left", "\\right", "\\partial", "d",
    "1", "999999", "\\foo", "é", "∂", "$", "#1",
    "+ \\cdots +", "\\ne", "..", "\\bf", "\\underbrace", "\\substack", ":=", "[W, U]", ";",
    "\\begin{cases}", "\\end{cases}", "\\sum_{j \\ne i}",
]  # fmt: skip


def claims() -> Iterator[tuple[Stage, str]]:
    """Every published equation, with what the directives above it say."""
    for file in sorted(FOLDER.glob("*.tex")):
        yield from ((stage, display.tex) for stage, display in stages(file))


def mutated(tex: str, rng: random.Random) -> str:
    """One to three tokens dropped, doubled, exchanged, moved or put in; or names and numbers only exchanged."""
    tokens = TOKEN.findall(tex)
    plain = [k for k, token in enumerate(tokens) if token.isalnum() or token in "+-"]
    if plain and rng.random() < 0.5:
        for _ in range(rng.choice((1, 2))):
            at, other = rng.choice(plain), rng.choice(plain)
            tokens[at] = tokens[other]
        return "".join(tokens)
    for _ in range(rng.choice((1, 1, 2, 3))):
        at, other = rng.randrange(len(tokens)), rng.randrange(len(tokens))
        kind = rng.randrange(6)
        if kind == 0 and len(tokens) > 1:
            del tokens[at]
        elif kind == 1:
            tokens.insert(at, tokens[at])
        elif kind == 2:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif kind == 3 and len(tokens) > 1:
            token = tokens.pop(at)
            tokens.insert(other % len(tokens), token)
        elif kind == 4:
            tokens.insert(at, rng.choice(INSERTED))
        else:
            tokens = tokens[: max(1, at)]
    return "".join(tokens)


def run(count: int, seed: int, repairs: bool) -> tuple[Counter[str], float]:
    """The verdicts on mutated equations, and the longest time that one took."""
    known, rng, slowest, outcomes = list(claims()), random.Random(seed), 0.0, Counter[str]()
    for _ in range(count):
        stage, tex = rng.choice(known)
        text = mutated(tex, rng)
        start = monotonic()
        try:
            outcomes[str(judge(stage, text, repairs).outcome)] += 1
        except Exception:
            print(f"with {stage.model}: {text}")  # noqa: T201
            raise
        slowest = max(slowest, monotonic() - start)
    return outcomes, slowest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repairs", action="store_true", help="look for repairs too")
    given = parser.parse_args()
    outcomes, slowest = run(given.count, given.seed, given.repairs)
    print(f"{given.count} mutated equations, seed {given.seed}: {dict(outcomes)}; the slowest took {slowest:.1f} s")  # noqa: T201


if __name__ == "__main__":
    main()
