"""Published equations that are true, with one slip of the hand: how many are put right, and in what time.

python -m tests.claims.slips [--count 100] [--seed 0] [--verbose] [--record]
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from statistics import median
from time import process_time
from typing import NamedTuple

from derive.claims.reading.stage import Stage
from derive.claims.verdict.verdicts import ANEW, TRUE, Judgement, Outcome
from derive.claims.verify import judge
from tests.claims.fuzz import claims
from tests.records import record

KINDS: dict[str, tuple[str, str | Callable[[re.Match[str]], str]]] = {  # what is printed, and what the slip makes of it
    "transpose dropped": (r"\^(\{\\top\}|\\top|\{T\}|T)(?![A-Za-z])", ""),
    "transpose too many": (r"(?<![\\A-Za-z{_^])([UVW])(_\{[a-z]+\}|_[a-z])?(?![\^_A-Za-z\[])", r"\g<0>^\\top"),
    "sign": (r"(?<![{(=_^])\+", "-"),
    "minus for plus": (r"(?<![{(=_^\s])\s-", " +"),
    "time earlier": (r"_t(?![A-Za-z])|_\{t\}", "_{t-1}"),
    "time later": (r"_\{t-1\}", "_t"),
    "time of a bracket": (
        r"\^\{\(t\)\}|\^\{\\langle t \\rangle\}",
        lambda m: m[0].replace("t)", "t-1)").replace("t \\r", "t-1 \\r"),
    ),
    "bound": (r"(?<=[a-z])=([01])(?=\})", lambda m: f"={1 - int(m[1])}"),
    "start of the product": (r"=([a-z])\+1\}", r"=\1}"),
    "upper bound": (r"\^\{?T\}?(?= )", "^{T-1}"),
    "square missing": (r"(?<=[a-z}])\^\{?2\}?", ""),
    "slope missing": (
        r"\\(operatorname\{diag\}|mathrm\{diag\})(\\left)?\((1 ?- ?[^()]*|[^()]*\([^()]*\))(\\right)?\)",
        "",
    ),
    "another matrix": (r"(?<![\\A-Za-z{])W(?![A-Za-z_])", "U"),
}


class Slip(NamedTuple):
    """An equation with a slip in it."""

    kind: str
    stage: Stage
    good: str
    tex: str


class Tried(NamedTuple):
    """What became of it; processor seconds."""

    slip: Slip
    found: Judgement
    verdict: float
    whole: float

    @property
    def mended(self) -> str:
        """How."""
        repair = self.found.repair
        if repair is None or repair.outcome not in TRUE:
            return "not mended"
        return "derived anew" if ANEW in repair.edits else "by edits"


def slips(seed: int) -> Iterator[Slip]:
    """One after another, drawn: each from an equation that is true as printed, on its right side."""
    rng = random.Random(seed)
    known = [
        (stage, tex) for stage, tex in claims() if tex.count("=") and judge(stage, tex, repairs=False).outcome in TRUE
    ]
    seen = set[str]()
    while True:
        stage, good = rng.choice(known)
        kind = rng.choice(list(KINDS))
        old, new = KINDS[kind]
        left, equals, right = good.partition("=")
        places = list(re.finditer(old, right))
        if not places:
            continue
        at = rng.choice(places)
        made = left + equals + right[: at.start()] + re.sub(old, new, right[at.start() :], count=1)
        if made != good and made not in seen:
            seen.add(made)
            yield Slip(kind, stage, good, made)


def tried(slip: Slip) -> Tried | None:
    """None if it is true still, or not read."""
    start = process_time()
    if judge(slip.stage, slip.tex, repairs=False).outcome not in (Outcome.REFUTED, Outcome.ILL_FORMED):
        return None
    verdict = process_time() - start
    start = process_time()
    return Tried(slip, judge(slip.stage, slip.tex), verdict, process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="each of them, as it is done")
    parser.add_argument("--record", action="store_true", help="put the figures into docs/reliability/runs.json")
    given = parser.parse_args()
    found, started = list[Tried](), process_time()
    for slip in slips(given.seed):
        one = tried(slip)
        if one is None:
            continue
        found.append(one)
        if given.verbose:
            repair = one.found.repair
            print(f"{one.whole:.2f} s, {slip.kind}: {one.mended}: {repair.edits if repair else ''}")  # noqa: T201
            print(f"    {' '.join(slip.tex.split())}", flush=True)  # noqa: T201
        if len(found) == given.count:
            break
    for how, count in Counter(x.mended for x in found).most_common():
        times = [x.whole for x in found if x.mended == how]
        print(f"{how}: {count}, in {median(times):.2f} s (median; the slowest {max(times):.1f} s)")  # noqa: T201
    verdicts = [x.verdict for x in found]
    print(f"verdicts alone: {median(verdicts):.2f} s (median; the slowest {max(verdicts):.1f} s)")  # noqa: T201
    if given.record:
        command = f"python -m tests.claims.slips --count {given.count} --seed {given.seed}"
        missed = sum(x.mended == "not mended" for x in found)
        record("true equations with a slip, repaired", command, len(found), missed, process_time() - started)


if __name__ == "__main__":
    main()
