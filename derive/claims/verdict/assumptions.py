"""What a paper takes for granted, as a change of the model: a state that is zero before the first step."""

from __future__ import annotations

import re
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


def zero_state(tex: str, vocabulary: Vocabulary) -> str:
    """The state that an assumption h_0 = 0 is about.

    Raises:
        NotUnderstood: it says something else.
    """
    row = plain(parse(re.sub(r"\\(?:mathbf|vec|boldsymbol)\s*\{?0\}?", "0", tex)))
    if len(row) >= 3 and is_leaf(row[-1], "number", "0") and is_leaf(row[-2], "rel", "="):
        found = vocabulary.find(row, 0, Scope())
        if found is not None and found.match.end == len(row) - 2:
            meaning = next(iter(found.meanings.values()))
            before = isinstance(meaning, Named) and meaning.time == vocabulary.clock.first - 1
            if isinstance(meaning, Named) and before and vocabulary.program[meaning.name].initial:
                return meaning.name
    raise NotUnderstood(f"the assumption {tex} is not understood: what is known is a zero initial state, h_0 = 0")


def starting_at_zero(prover: Prover, *names: str) -> Prover:
    """The model with states that are zero before the first step."""
    program = prover.subject.reading
    gone = {i for n in names for i in program[n].initial if i}
    variables = {n: replace(v, initial=()) if n in names else v for n, v in program.variables.items() if n not in gone}
    kept = tuple(a for a in program.assumptions if not (a.name in names and a.lag))
    changed = replace(program, variables=MappingProxyType(variables), assumptions=kept)
    normal = derivable(changed)
    return Prover(Subject(changed, normal, of_outputs(normal)))


def initial_states(program: Program) -> list[str]:
    """The states that have a value before the first step."""
    return [v.name for v in program.states if any(v.initial)]
