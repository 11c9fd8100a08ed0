"""Coverage-guided fuzzing of what reads strangers' files: our own errors only, 5 seconds and 1 GB at most for an input.

python -m tests.fuzz cell|claim|certificate [--seconds 60 | --inputs 1000000] [--record]

It needs `pip install atheris`.  An input that fails is written to crash-… in this folder and is to become a test.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.records import record

ROOT = Path(__file__).resolve().parents[1]
FED = "DERIVE_FUZZ"  # says to the process that it is the one that is fed
SECONDS, MEGABYTES, LONGEST = 5, 1024, 4096
SLOWER = 4  # times, with every branch counted
WORDS = {
    "cell": """
        cell dims input target state param output loss backward where onehot as shared [t-1] [t+1] @ tanh( sigmoid(
        concat( = : x ( ) " * + - . , 0 1 e9
    """,
    "claim": r"""
        \frac{ \partial \sum_{ \prod_{ \| \left \right \operatorname{diag} _{t-1} ^{(t)} ^\top \odot = \le & \\
        \begin{cases} \delta_t h_t W \hat{y} \cdots \nabla_ \mathbf
    """,
    "certificate": """
        { } [ ] "norm" "prod" "sum" "ref" "mul" "premise" "keep" "each" "inside" "start" "moves" "1/2" 0 1 -1 "format"
    """,
}


def cell(data: bytes) -> None:
    from derive.errors import CellError
    from derive.language import read

    with suppress(CellError):
        read(data, "fuzz.cell")


def _claim() -> Callable[[bytes], None]:
    from derive.claims.reader import Reader
    from derive.claims.reading.conditions import NoClaim
    from derive.claims.reading.equation import NoRelation, read_claim
    from derive.claims.reading.stage import Stage
    from derive.claims.text.parse import LatexError, parse
    from derive.claims.text.patterns import plain
    from derive.errors import DeriveError
    from derive.model import load

    prover = load("elman").prover
    reader = Reader(prover, Stage(prover, "elman"), repairs=False)
    vocabulary = reader.vocabulary(prover)

    def claim(data: bytes) -> None:
        """Read in every way; what it says is not judged, which takes seconds by right."""
        with suppress(LatexError, DeriveError, NoClaim, NoRelation, RecursionError):
            found = read_claim(plain(parse(data.decode("utf-8", "replace"))))
            for side in found.sides:
                reader._search((side,), reader._maker((side,), found, vocabulary), reader._scope(found))

    return claim


def certificate(data: bytes) -> None:
    """Both checkers, with the digest made to fit."""
    from derive.proof import checker
    from derive.proof.inequality import certificate as inequality

    text = data.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        given = json.loads(text)
        if isinstance(given, dict):
            text = json.dumps(given | {"digest": checker.digest(given)})
    for check in (checker.check, inequality.check):
        with suppress(checker.CertificateError):
            check(text)


TARGETS: dict[str, Callable[[], Callable[[bytes], None]]] = {
    "cell": lambda: cell,
    "claim": _claim,
    "certificate": lambda: certificate,
}


def seeds(target: str) -> list[str]:
    """Inputs to begin with."""
    if target == "cell":
        return [p.read_text("utf-8") for p in sorted((ROOT / "derive" / "cells").glob("*.cell"))]
    if target == "certificate":
        from derive.model import load

        verdicts = [load("elman").verify(tex) for tex in (r"\|W h_t\| \le \|W\|\|h_t\|", r"\|h_t\|_\infty \le 1")]
        found = [p.read_text("utf-8") for p in sorted((ROOT / "generated" / "elman").glob("*.proof.json"))]
        return [*found, *(v.certificate for v in verdicts if v.certificate)]
    from derive.claims.verify import read_paper
    from tests.claims.papers import FOLDER

    papers = [read_paper(p.read_text("utf-8"), p.name, lambda path: "") for p in sorted(FOLDER.glob("*.tex"))]
    return [s.item.tex for paper in papers for s in paper if hasattr(s.item, "tex")]


def feed(target: str, arguments: list[str]) -> None:
    """Be the process that libFuzzer feeds."""
    import atheris

    with atheris.instrument_imports(include=["derive"]):
        test = TARGETS[target]()
        test(b"")  # what is imported late is instrumented, too
    atheris.Setup([sys.argv[0], *arguments], test)
    atheris.Fuzz()


def run(target: str, seconds: int, inputs: int) -> tuple[int, int, float]:
    """The exit status, how many inputs were tried, and how long it took."""
    with TemporaryDirectory(prefix="derive-fuzz-") as place:
        corpus, words = Path(place, "corpus"), Path(place, "words")
        corpus.mkdir()
        for k, text in enumerate(seeds(target)):
            (corpus / str(k)).write_text(text, "utf-8")
        quoted = ('"' + "".join(f"\\x{b:02x}" for b in w.encode()) + '"\n' for w in WORDS[target].split())
        words.write_text("".join(quoted))
        limits = [
            f"-timeout={SLOWER * SECONDS}",
            f"-rss_limit_mb={MEGABYTES}",
            f"-max_len={LONGEST if target != 'certificate' else 65536}",
        ]
        limits += [f"-max_total_time={seconds}"] if not inputs else [f"-runs={inputs}"]
        command = [sys.executable, "-m", "tests.fuzz", target, *limits, f"-dict={words}", str(corpus)]
        start = time.monotonic()
        done = subprocess.run(command, env=os.environ | {FED: "1"}, stderr=subprocess.PIPE, text=True, check=False)
        said = done.stderr.splitlines()
        tried = [int(line.split()[0][1:]) for line in said if line.startswith("#") and line[1:2].isdigit()]
        if done.returncode:
            sys.stderr.write("\n".join(said[-40:]) + "\n")
        return done.returncode, max(tried, default=0), time.monotonic() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("target", choices=[*TARGETS])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--inputs", type=int, default=0)
    parser.add_argument("--record", action="store_true", help="put the figures into docs/reliability")
    given = parser.parse_args()
    status, tried, took = run(given.target, given.seconds, given.inputs)
    print(f"{given.target}: {tried} inputs in {took:.0f} s, {'a failure' if status else 'no failure'}")  # noqa: T201
    if given.record:
        command = " ".join(["python -m tests.fuzz", *(a for a in sys.argv[1:] if a != "--record")])
        record(f"inputs of the {given.target} reader", command, tried, int(bool(status)), took)
    return int(bool(status))


if __name__ == "__main__":
    if os.environ.get(FED):
        feed(sys.argv[1], sys.argv[2:])
    else:
        sys.exit(main())
