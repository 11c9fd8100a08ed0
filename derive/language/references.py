"""Names in expressions: what each stands for, and which times it may carry."""

from __future__ import annotations

from itertools import chain, count

from sympy import MatrixExpr

from derive.algebra.nodes import T
from derive.language import syntax as s
from derive.language.report import Span
from derive.language.table import KIND_TEXT, Entry, Table
from derive.language.timing import DEEPEST_LAG, Time, time_of
from derive.language.values import Value, size_text
from derive.language.words import FUNCTION_NAMES
from derive.program import Builder

_NOT_A_VALUE = {
    "t": ("'t' is the time step, not a number", "declare an input that carries it, as in: input time : 1"),
    "T": ("'T' is the number of steps and has no time", "write T"),
    "B": ("the number of sequences never appears in a cell", "equations speak of one sequence"),
    "L": ("the total loss is no value to go on with", "it is what the gradients are taken of"),
    "loss": ("the loss is no value to go on with", "name the expression: e[t] = ..., loss[t] = e[t]"),
}


class References:
    """Turns names into references to variables, sizes and constants; errors go to the report."""

    def __init__(self, table: Table, builder: Builder):
        self.table, self.builder, self.report = table, builder, table.report
        self.past: set[str] = set()  # results whose past was asked for

    def error(self, code: str, span: Span, message: str, help: str = "") -> None:
        """Report; the value of the faulty expression is None."""
        self.report.error(code, span, message, help)

    def name(self, node: s.Name) -> Value | None:
        if node.name == "T" and node.index is None:
            return T
        entry = self.table.entries.get(node.name)
        if entry is None or entry.kind == "loss":
            self._no_value(node)
            return None
        self.table.used.add(node.name)
        if entry.kind in ("size", "number"):
            return entry.symbol if self._untimed(node, entry) else None
        return self._reference(node, entry)

    def _no_value(self, node: s.Name) -> None:
        if node.name in self.table.doubtful:
            return
        if node.name in _NOT_A_VALUE:
            self.error("E0407", node.span, *_NOT_A_VALUE[node.name])
            return
        if node.name in FUNCTION_NAMES:
            help = f"write {node.name}(...)"
            self.error("E0407", node.span, f"'{node.name}' is a function and needs its arguments", help)
            return
        self.table.get(node.name, node.span)

    def _untimed(self, node: s.Name, entry: Entry) -> bool:
        if node.index is None:
            return True
        what = "one value for the whole sequence" if entry.once else KIND_TEXT[entry.kind]
        message = f"'{entry.name}' is {what} and has no time"
        self.error("E0505", node.span, message, f"write {entry.name}")
        return False

    def _reference(self, node: s.Name, entry: Entry) -> MatrixExpr | None:
        """An array at a time that it has; after an error, the array at t, whose shape is the same."""
        time = time_of(node.index)
        if not entry.timed:
            return self._ref(entry) if self._untimed(node, entry) else None
        if time is None:
            help = f"a time is [t], [t-1], [t+1], and in 'loss = ...' [T-1] or [0]: {entry.name}[t]"
            self.error("E0208", node.index.span if node.index else node.span, "this is no time", help)
        elif time.anchor != "t":
            return self.absolute(node, entry, time)
        elif entry.kind == "state":
            self._check_state(node, time)
            return self._ref(entry, time.offset)
        elif time.offset:
            self._check_present(node, entry, time)
        return self._ref(entry)

    def _ref(self, entry: Entry, offset: int = 0) -> MatrixExpr | None:
        """The reference; None where an error hides the shape."""
        known = entry.shape is not None and entry.name in self.builder.variables
        return self.builder.ref(entry.name, offset) if known else None

    def _check_state(self, node: s.Name, time: Time) -> None:
        if node.index is None:
            help = f"write {node.name}[t-1] for the value of the step before, {node.name}[t] for this step's"
            self.error("E0505", node.span, f"the state '{node.name}' needs a time", help)
        elif abs(time.offset) > DEEPEST_LAG:
            message = f"a state is read at most {DEEPEST_LAG} steps away, not {abs(time.offset)}"
            help = "carry the value in a second state"
            self.error("E0506", node.span, message, help)

    def _check_present(self, node: s.Name, entry: Entry, time: Time) -> None:
        what = KIND_TEXT[entry.kind]
        if time.offset > 0:
            message = f"a look into the future: '{node.name}' is {what}, read at [{time}]"
            help = f"write {node.name}[t]; only a state that runs backward in time is read at [t+1]"
            if entry.kind != "result":
                steps = "one step" if time.offset == 1 else f"{time.offset} steps"
                help = f"write {node.name}[t], and give the kernel an array that begins {steps} later"
            self.error("E0502", node.span, message, help)
            return
        shape = size_text(entry.shape) if entry.shape else "H"
        if entry.kind == "result":
            if node.name in self.past:  # one cause, one error
                return
            self.past.add(node.name)
            help = f"declare it as a state: state {node.name} : {shape}"
        else:
            candidates = chain(("p", "q", "past"), (f"p{k}" for k in count()))
            p = next(p for p in candidates if p not in self.table.entries)
            help = f"write 'state {p} : {shape}' and '{p}[t] = {node.name}[t]', then read {p}[{time}]"
        self.error("E0501", node.span, f"only states have a past, and '{node.name}' is {what}", help)

    def absolute(self, node: s.Name, entry: Entry, time: Time) -> MatrixExpr | None:
        """name[T-1] or name[0]: only the total loss knows these."""
        help = "an equation says what holds at every step t; the last step is read in 'loss = ...' only"
        self.error("E0507", node.span, f"'{node.name}[{time}]' is one step of the sequence", help)
        return None
