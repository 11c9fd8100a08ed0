"""What each name of a cell stands for, as far as it is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sympy import Rational, Symbol

from derive.algebra.shapes import Shape
from derive.language.report import Report, Span
from derive.language.words import malformed, reserved

KIND_TEXT = {
    "size": "a size",
    "number": "a constant number",
    "const": "a constant array",
    "param": "a parameter",
    "result": "a result",
    "input": "an input",
    "target": "a target",
    "state": "a state",
    "loss": "the loss",
}


@dataclass(frozen=True)
class Entry:
    """A declared or defined name.  A shape of None stands for one that an earlier error hides."""

    name: str
    kind: str
    span: Span
    shape: Shape | None = None
    once: bool = False
    onehot: bool = False
    zero: bool = False
    value: Rational | None = None
    tex: str = ""

    @property
    def timed(self) -> bool:
        return self.kind in ("input", "target", "state", "result") and not self.once

    @property
    def symbol(self) -> Symbol:
        """The scalar that a size or a constant number is in expressions."""
        if self.kind == "size":
            return Symbol(self.name, integer=True, positive=True)
        return Symbol(self.name, real=True)


@dataclass
class Table:
    """Entries by name; the names on lines that could not be read, of which nothing is asked; uses."""

    report: Report
    entries: dict[str, Entry] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)
    heads: set[str] = field(default_factory=set)  # the left sides of equations that could not be read
    used: set[str] = field(default_factory=set)
    _unknown: set[str] = field(default_factory=set)

    def add(self, entry: Entry) -> bool:
        """Enter a new name; report one that is taken, reserved or malformed."""
        name, span = entry.name, entry.span
        if name in self.entries:
            first = self.entries[name]
            place = f"line {first.span.line} makes it {KIND_TEXT[first.kind]}"
            self.report.error("E0402", span, f"'{name}' is there twice: {place}", "each name is declared once")
            return False
        if entry.kind != "loss" and (use := reserved(name, size=entry.kind == "size")):
            self.report.error("E0403", span, f"'{name}' is reserved: it is {use}", _other_name(name))
            self.doubtful.add(name)
            return False
        if fault := malformed(name):
            self.report.error("E0404", span, f"'{name}' cannot be a name: {fault}")
        self.entries[name] = entry
        return True

    def get(self, name: str, span: Span, kinds: Iterable[str] = ()) -> Entry | None:
        """The entry of a name in use; an unknown one is reported, once, and None is returned."""
        self.used.add(name)
        entry = self.entries.get(name)
        if entry is None and name not in self.doubtful | self._unknown:
            self._unknown.add(name)
            known = [n for n, e in self.entries.items() if not kinds or e.kind in kinds]
            what = "size" if tuple(kinds) == ("size",) else "name"
            help = _with_step(name, known) or self.report.suggest(name, known) or _declaration(what, name)
            self.report.error("E0401", span, f"unknown {what} '{name}'", help)
        return entry

    def constants(self) -> dict[Symbol, Rational]:
        return {e.symbol: e.value for e in self.entries.values() if e.value is not None}

    def sizes(self) -> tuple[Symbol, ...]:
        return tuple(e.symbol for e in self.entries.values() if e.kind == "size")


def _with_step(name: str, known: Iterable[str]) -> str:
    """x[t], where x_t is written and x is known."""
    base = name.removesuffix("_t")
    return f"a time index stands in brackets: {base}[t]" if base != name and base in known else ""


def _declaration(what: str, name: str) -> str:
    if what == "size":
        return f"declare it: dims {name}"
    return f"declare it, as in 'param {name} : H x I', or define it by an equation, '{name}[t] = ...'"


def _other_name(name: str) -> str:
    other = {"lambda": "lam", "x": "N"}.get(name, f"{name}_1")
    return f"choose another name, for instance {other}"
