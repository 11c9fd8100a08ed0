"""What the names in a claim stand for: the model's own under their TeX, and what the paper's directives say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

from sympy import Expr, MatrixExpr, Symbol

from derive.algebra.functions import FUNCTIONS
from derive.algebra.names import Notation, tex_name
from derive.claims.reading.clock import Clock, Scope, read_index
from derive.claims.reading.directives import Abstract, DirectiveError, IndexSet, Let, Quantity, Quotient
from derive.claims.reading.matches import PLACES, best_match
from derive.claims.reading.meanings import (
    INDEX_LETTERS,
    Components,
    Definition,
    Found,
    Function,
    FunctionName,
    Meaning,
    Named,
    Ratio,
    Size,
    Word,
    copy_word,
    entry_words,
    letters_of,
    model_word,
    quantities,
    shown,
    split_at,
)
from derive.claims.text.parse import parse
from derive.claims.text.patterns import TIME, Match, Pattern, head_of, plain
from derive.claims.text.printing import to_tex
from derive.claims.text.tree import Group, Row, leaves
from derive.program import Program, Variable


@dataclass(frozen=True)
class Vocabulary:
    """The names of one claim."""

    program: Program
    clock: Clock
    words: tuple[Word, ...] = ()
    functions: tuple[Function, ...] = ()

    @staticmethod
    def of(program: Program, clock: Clock) -> Vocabulary:
        """The model's own names: L is the loss, L_t that of a step, every other has its TeX and its time."""
        notation, words, entries = Notation(program.variables), list[Word](), list[Word]()
        for v in program.variables.values():
            if v.of:
                continue
            if v.name == "loss" and v.timed:
                words.append(model_word("L_t", Quantity("loss", TIME)))
            elif v.name == program.total:
                words.append(model_word("L", Quantity(v.name)))
            elif v.timed:
                tex, quantity = notation.tex(v.name, Symbol(TIME)), Quantity(v.name, TIME)
                words.append(model_word(tex, quantity))
                if v.shape[1] == 1 and v.shape[0] != 1:
                    entries += entry_words(tex, quantity, matrix=False)
            else:
                tex, quantity = notation.tex(v.name), Quantity(v.name)
                words.append(model_word(tex, quantity))
                if v.role == "param" and v.shape[0] != 1:
                    entries += entry_words(tex, quantity, matrix=v.shape[1] != 1)
                if v.role == "param":
                    entries.append(copy_word(tex, v.name))
        for name in program.constants:
            words.append(model_word(tex_name(name), Quantity(name)))
        return Vocabulary(program, clock, (*words, *entries))

    def knowing(self, variables: Mapping[str, Variable]) -> Vocabulary:
        """With names that are not the user's: those that the normal form gives to parts of equations."""
        known, words = dict(self.program.variables), []
        notation = Notation(variables)
        for v in variables.values():
            if v.name in known or v.role in ("adjoint", "carry", "cotangent", "initial"):
                continue
            known[v.name] = v
            tex = notation.tex(v.name, Symbol(TIME)) if v.timed else notation.tex(v.name)
            words.append(model_word(tex, Quantity(v.name, TIME if v.timed else "")))
        program = replace(self.program, variables=MappingProxyType(known))
        own, entries = ([w for w in self.words if bool(w.entries) == is_entry] for is_entry in (False, True))
        return replace(self, program=program, words=(*own, *words, *entries))

    def adding(self, word: Word) -> Vocabulary:
        """With a name that goes before those that are known."""
        return replace(self, words=(word, *self.words))

    def let(self, directive: Let) -> Vocabulary:
        """With the paper's name for something.

        Raises:
            DirectiveError: it names what the model has not.
        """
        for meaning in directive.meanings:
            for quantity in quantities(meaning):
                self._check(quantity, directive.tex)
        row = plain(parse(directive.tex))
        letters = frozenset(x for m in directive.meanings for x in letters_of(m))
        pattern = Pattern(row, letters & {x.text for x in leaves(row)})
        known = self.adding(Word(directive.tex, pattern, directive.meanings))
        return replace(known, words=(*known.words, *self._entries(directive)))

    def _entries(self, directive: Let) -> Iterator[Word]:
        """The entries of what the paper calls a vector: \\delta_{t,i} for \\delta_t."""
        meaning = directive.meanings[0]
        if len(directive.meanings) > 1 or not isinstance(meaning, (Quantity, Quotient)):
            return
        q = meaning.by if isinstance(meaning, Quotient) else meaning
        v = self.program.variables.get(q.name)
        if v is not None and v.shape[0] != 1 and v.shape[1] == 1 and not q.components and q.time in ("", TIME):
            yield from (replace(w, own=False) for w in entry_words(directive.tex, meaning, matrix=False))

    def _check(self, q: Quantity | IndexSet, tex: str) -> None:
        name = q.size if isinstance(q, IndexSet) else q.name
        known = {*(s.name for s in self.program.sizes), *self.program.constants}
        if isinstance(q, Quantity):
            known |= {*self.program.variables, *FUNCTIONS, "softmax", "L"}
        if name not in known:
            raise DirectiveError(f"let {tex}: the model {self.program.name} has no {name}")

    def abstract(self, directive: Abstract) -> Vocabulary:
        """With a function of the paper's that is an equation of the model.

        Raises:
            DirectiveError: it names what the model has not, or has no arguments.
        """
        self._check(directive.meaning, directive.tex)
        row = plain(parse(directive.tex))
        if len(row) < 2 or not isinstance(row[-1], Group) or row[-1].open != "(":
            raise DirectiveError(f"fn {directive.tex}: a function has its arguments in brackets")
        arguments = tuple(split_at(row[-1].row, ","))
        function = Function(row[:-1], arguments, frozenset(letters_of(directive.meaning)), directive.meaning)
        return replace(self, functions=(function, *self.functions))

    def called(self, row: Row, scope: Scope) -> tuple[Named, tuple[Row, ...]] | None:
        """An abstract function at its arguments, or without any, at the place of a row; None if there is none."""
        for f in self.functions:
            n = len(f.name)
            if row[:n] != f.name:
                continue
            if len(row) == n:
                return self._known(f, scope), f.arguments
            group = row[n]
            if len(row) > n + 1 or not isinstance(group, Group) or group.open != "(":
                continue
            given = tuple(split_at(group.row, ","))
            bound = self._bound(f, given, scope) if len(given) == len(f.arguments) else None
            if bound is not None:
                return self._known(f, bound), given
        return None

    def _known(self, f: Function, scope: Scope) -> Named:
        return self._named(f.value, scope)

    def _bound(self, f: Function, given: tuple[Row, ...], scope: Scope) -> Scope | None:
        """What the letters of a function's definition are where it is called."""
        bound = scope
        for printed, row in zip(f.arguments, given, strict=True):
            letters = f.letters & {x.text for x in leaves(printed)}
            match = Pattern(printed, letters).match(row, 0)
            if match is None:
                continue
            for letter, value in match.values.items():
                bound = bound.binding(letter, self.clock.value(value, scope))
        return self._solved(f, given, scope) or bound

    def _solved(self, f: Function, given: tuple[Row, ...], scope: Scope) -> Scope | None:
        """The time at which a function is called, from the time of any argument: h_{j-1} for h_{t-1} says t = j."""
        for printed, row in zip(f.arguments, given, strict=True):
            a, b = self.find(printed, 0, Scope()), self.find(row, 0, scope)
            if a is None or b is None:
                continue
            for x in a.meanings.values():
                for y in b.meanings.values():
                    if isinstance(x, Named) and isinstance(y, Named) and x.name == y.name and x.time is not None:
                        own = self.clock.free(TIME)
                        if y.time is not None and (x.time - own).is_Integer:
                            return scope.binding(TIME, (y.time - (x.time - own)).expand())
        return None

    def defining(self, tex: str, row: Row, right: Row) -> Vocabulary:
        """With a symbol that an equation of the paper defines; its letters may be others where it is used."""
        names = {x.text for x in leaves(row) if x.kind == "letter"} & INDEX_LETTERS
        inside = {x.text for x in leaves(right)}
        return self.adding(Word(tex, Pattern(row, frozenset(names & inside)), (right,)))

    @cached_property
    def _by_head(self) -> Mapping[object, list[Word]]:
        """The names by what they begin with: most do not begin like what stands there."""
        found: dict[object, list[Word]] = {}
        for word in self.words:
            found.setdefault(head_of(word.pattern.nodes[0]), []).append(word)
        return found

    def find(self, row: Row, at: int, scope: Scope) -> Found | None:
        """The name at a place of a row: the longest one, the latest where two are equally long."""
        best = best_match(self._by_head.get(head_of(row[at]), ()) if at < len(row) else (), row, at)
        if best is None:
            return None
        word, matches = best
        scopes = [self._bound_by(m, scope, word.entries) for m in matches]
        if len(matches) == 1:
            meanings = {shown(m): self._meaning(m, scopes[0]) for m in word.meanings}
            bound = {*scope.letters, self.clock.letter}
            return Found(
                word,
                matches[0],
                meanings,
                indices=word.indices(matches[0]) - bound,
                steps=word.step(matches[0]) - bound,
            )
        meanings = {place: self._meaning(word.meanings[0], s) for place, s in zip(PLACES, scopes, strict=True)}
        return Found(word, matches[0], meanings, by_place=True)

    def _bound_by(self, match: Match, scope: Scope, entries: frozenset[str]) -> Scope:
        bound, sized = scope, self.with_sizes(scope) if entries else scope  # the last entry of y is y_n
        for letter, value in match.values.items():
            bound = bound.binding(letter, self.clock.value(value, sized if letter in entries else scope))
        return bound

    def _meaning(self, m: object, scope: Scope) -> Meaning:
        match m:
            case Quantity():
                return self._quantity(m, scope)
            case Quotient():
                through = tuple(self._named(q, scope) for q in m.through)
                return Ratio(self._named(m.of, scope), self._named(m.by, scope), m.sign, through)
            case IndexSet():
                return Components(self._size(m.size))
            case tuple():
                known = next(k for k, word in enumerate(self.words) if m in word.meanings)
                own = self.words[known].pattern.nodes
                return Definition(m, scope, known + 1 if m[: len(own)] == own else 0)
        raise TypeError(type(m).__name__)

    def _quantity(self, q: Quantity, scope: Scope) -> Meaning:
        if q.name in self.program.variables or q.name == "L":
            return self._named(q, scope)
        if q.name in FUNCTIONS or q.name == "softmax":
            return FunctionName(q.name)
        if q.name in self.program.constants:
            return Size(Symbol(q.name, real=True))
        return Size(self._size(q.name))

    def _size(self, name: str) -> Symbol:
        return next(s for s in self.program.sizes if s.name == name)

    def _named(self, q: Quantity, scope: Scope) -> Named:
        name = self.program.total if q.name == "L" and "L" not in self.program.variables else q.name
        v = self.program.variables.get(name)
        if v is None:
            raise DirectiveError(f"the model {self.program.name} has no {q.name}")
        time, components = q.time, q.components
        if time and not v.timed:  # a single index of what has no time is a component
            time, components = "", (time, *components)
        if v.timed and not time:
            raise DirectiveError(f"{name} has a value per step: write {name}[t]")
        values = [self.clock.value(read_index(c), self.with_sizes(scope)) for c in components]
        copy = self.clock.value(read_index(q.copy), scope) if q.copy else None
        return Named(name, self.clock.value(read_index(time), scope) if time else None, tuple(values), copy)

    @cached_property
    def sizes(self) -> Mapping[str, Expr]:
        """The sizes by their names, the model's and the paper's; the book's last step is none."""
        found: dict[str, Expr] = {}
        for word in self.words:  # what is said last stands first
            row, meaning = word.pattern.nodes, word.meanings[0]
            if len(row) == 1 and len(word.meanings) == 1 and isinstance(meaning, Quantity):
                known = next((s for s in self.program.sizes if s.name == meaning.name), None)
                if known is not None and meaning.name not in self.program.variables:
                    found.setdefault(to_tex(row), known)
        found = {**{s.name: s for s in self.program.sizes}, **found}
        return {name: s for name, s in found.items() if name != self.clock.letter}

    def with_sizes(self, scope: Scope) -> Scope:
        """With the names of sizes, which an index or a bound may be."""
        return replace(scope, letters={**self.sizes, **scope.letters})

    def reference(self, named: Named) -> MatrixExpr:
        """The quantity in the model's own expressions, without its components."""
        time = named.time if named.copy is None else named.copy
        if time is None:
            return self.program.ref(named.name)
        return self.program.at(named.name, self.clock.time(time))
