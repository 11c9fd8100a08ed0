"""What a paper takes for granted, as a change of the model: a state that is zero before the first step."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from types import MappingProxyType

from derive.calculus.adjoint import of_outputs
from derive.calculus.normal import derivable
from derive.claims.reading.clock import Scope
from derive.claims.reading.meanings import Named
from derive.claims.reading.vocabulary import Vocabulary
from derive.claims.text.parse import parse
from derive.claims.text.patterns import plain
from derive.claims.text.tree import is_leaf
from derive.errors import DeriveError
from derive.program import Program
from derive.proof.field.truth import Subject
from derive.proof.prove import Prover


class NotUnderstood(DeriveError):
    """An assumption that changes nothing that is known here."""


Start = tuple[str, int]  # a state, and how many steps before the first one


def zero_state(tex: str, vocabulary: Vocabulary) -> Start:
    """The value that an assumption h_0 = 0 is about.

    Raises:
        NotUnderstood: it says something else.
    """
    row = plain(parse(re.sub(r"\\(?:mathbf|vec|boldsymbol)\s*\{?0\}?", "0", tex)))
    if len(row) >= 3 and is_leaf(row[-1], "number", "0") and is_leaf(row[-2], "rel", "="):
        found = vocabulary.find(row, 0, Scope())
        if found is not None and found.match.end == len(row) - 2:
            meaning = next(iter(found.meanings.values()))
            if isinstance(meaning, Named) and meaning.time is not None:
                lag = vocabulary.clock.first - meaning.time
                v = vocabulary.program[meaning.name]
                if lag.is_Integer and 1 <= lag <= len(v.initial) and not v.backward:
                    return v.name, int(lag)
    raise NotUnderstood(f"the assumption {tex} is not understood: what is known is a zero initial state, h_0 = 0")


def starting_at_zero(prover: Prover, *starts: Start) -> Prover:
    """The model in which these values before the first step are zero."""
    key = frozenset(starts)
    if key not in prover.changed:
        prover.changed[key] = Prover(_zeroed(prover.subject.reading, key))
    return prover.changed[key]


def _zeroed(program: Program, starts: Collection[Start]) -> Subject:
    gone = {i for name, lag in starts for i in program[name].initial[lag - 1 : lag] if i}
    variables = {
        n: replace(v, initial=tuple(None if i in gone else i for i in v.initial))
        for n, v in program.variables.items()
        if n not in gone
    }
    kept = tuple(a for a in program.assumptions if (a.name, a.lag) not in starts)
    changed = replace(program, variables=MappingProxyType(variables), assumptions=kept)
    normal = derivable(changed)
    return Subject(changed, normal, of_outputs(normal))


def starts(program: Program) -> list[Start]:
    """The values before the first step."""
    return [(v.name, lag) for v in program.states for lag, i in enumerate(v.initial, 1) if i]


def start_text(program: Program, start: Start) -> str:
    """h[-1]; h[T] for a state that runs backward."""
    name, lag = start
    return f"{name}[T{f' + {lag - 1}' if lag > 1 else ''}]" if program[name].backward else f"{name}[-{lag}]"
