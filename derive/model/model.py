"""A model, as a user holds it; thin, it only calls the rooms below."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sympy import Eq, Expr, MatrixExpr

from derive.calculus.adjoint import Adjoint, of_outputs
from derive.calculus.normal import derivable, normalise
from derive.errors import Diagnostic, InputError
from derive.language import names, read, text
from derive.language.source import MOST_BYTES, read_at_most
from derive.model.derivation import Derivation, formula
from derive.model.given import check_index, check_seconds, check_whole
from derive.program import Program
from derive.proof.budget import SECONDS
from derive.proof.field.truth import Subject
from derive.proof.prove import Prover
from derive.proof.verdict import Verdict

if TYPE_CHECKING:
    from derive.claims.verdict.verdicts import Judgement
    from derive.kernels.options import Options
    from derive.kernels.report import Report
    from derive.kernels.runtime import Kernel
    from derive.model.paper import Paper


@dataclass(frozen=True)
class Model:
    """A recurrent model.

    Attributes:
        program: the user's own equations.
        origin: the name of the file, without its folder.
        warnings: what the reader noticed.
        text: the cell's text, "" for a model that was made otherwise.
    """

    program: Program
    origin: str = "<text>"
    warnings: tuple[Diagnostic, ...] = field(default=(), compare=False)
    text: str = field(default="", compare=False, repr=False)

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def equations(self) -> tuple[Eq, ...]:
        """The equations, as SymPy equations over the project's own matrix nodes."""
        return tuple(Eq(self.program.ref(n), e, evaluate=False) for n, e in self.program.equations.items())

    @cached_property
    def normal(self) -> Program:
        """The normal form that derivations work on; kernels compute that of `normalise`, which may be stabler."""
        return derivable(self.program)

    @cached_property
    def adjoint(self) -> Adjoint:
        """Every gradient of the total loss, as a program.

        For a model without a loss: of anything that depends on its outputs, whose cotangents are given.
        """
        return of_outputs(self.normal)

    def restricted(self, wrt: Iterable[str] | None) -> Model:
        """The model with an adjoint of these gradients only.

        Raises:
            InputError: one of them does not exist.
        """
        if wrt is None:
            return self
        from derive.kernels.entry import check_wrt

        chosen = check_wrt(self.normal, wrt)
        flat = [i for n in chosen for i in (self.normal[n].initial if self.normal[n].role == "state" else (n,))]
        model = Model(self.program, self.origin, self.warnings, self.text)
        model.__dict__["adjoint"] = of_outputs(self.normal, [n for n in flat if n])
        return model

    def gradient(self, name: str) -> Derivation:
        """The derivation of dL/dname, for a parameter, an input or a state (its boundary values).

        Raises:
            InputError: there is no such gradient.
        """
        from derive.kernels.entry import check_wrt  # the one list of what has a gradient

        check_wrt(self.normal, [name])
        return Derivation(name, self.prover)

    def symbol(self, name: str, index: Expr | int | None = None) -> MatrixExpr:
        """A quantity of the model in formulas: W, or h[index] (h[t] by default) for what has a value per step.

        Raises:
            InputError: there is no such quantity.
        """
        v = self.normal.variables.get(name) if isinstance(name, str) else None
        if v is None:
            raise InputError("name", f"a quantity of the model ({', '.join(self.normal.variables)})", repr(name))
        if not v.timed or index is None:
            return self.normal.ref(name)
        return self.normal.at(name, check_index(index))

    def cotangent(self, name: str, index: Expr | int | None = None) -> MatrixExpr:
        """dL/dname in formulas, in the shape of the name: the total derivative of the loss (at a step).

        Raises:
            InputError: the loss has no gradient with respect to it.
        """
        new = self.adjoint.cotangents.get(name) if isinstance(name, str) else None
        if new is None:
            raise InputError("name", f"one that has a gradient ({', '.join(self.adjoint.cotangents)})", repr(name))
        program = self.adjoint.program
        return program.ref(new) if index is None or not program[new].timed else program.at(new, check_index(index))

    @cached_property
    def prover(self) -> Prover:
        """Proves claims about this model; what it learns of the model serves all of them."""
        return Prover(Subject(self.program, self.normal, self.adjoint))

    def prove(self, left: MatrixExpr | Derivation, right: MatrixExpr | Derivation, seconds: float = SECONDS) -> Verdict:
        """Is left = right, for every T and every size?

        Args:
            left, right: formulas over the model's quantities (see `symbol`, `cotangent` and `derive.algebra`),
                or derivations, which stand for their gradients.  A free t means every step of the sequence.
            seconds: what the answer may take; then it is `open`.

        Raises:
            InputError: a side is no formula.
        """
        return self.prover.prove(formula("left", left), formula("right", right), check_seconds(seconds))

    def verify(self, tex: str, directives: Iterable[str] = (), repair: bool = True) -> Judgement:
        """Is a printed equation true of the model?

        Args:
            tex: the equation, as LaTeX.
            directives: what the names in it mean, as in the comments of a claims file: "let g_t = dL/da[t]",
                "time 1..T", "convention row" (see docs/claims.md).
            repair: look for the nearest true equation where it is false.

        Returns:
            `.status`, `.reason`, `.reading`, `.readings`, `.counterexample`, `.repair`, `.certificate`.

        Raises:
            InputError: a directive is not understood, or the equation is no text.
        """
        from derive.claims.reading.stage import Stage, staged
        from derive.claims.verify import judge

        if not isinstance(tex, str):
            raise InputError("tex", "an equation as LaTeX", repr(tex))
        stage = staged(Stage(self.prover, self.name), directives, lambda path: load(path).prover)
        return judge(stage, tex, repair)

    def options(
        self,
        dtype: str = "float64",
        sizes: Mapping[str, int] | None = None,
        wrt: Iterable[str] | None = None,
        checkpoint: bool | int = False,
        truncate: int = 0,
        threads: int = 1,
    ) -> Options:
        from derive.kernels.options import Options

        fixed = {} if sizes is None else sizes
        return Options(normalise(self.program), self.origin, dtype, wrt, fixed, checkpoint, truncate, threads)

    def compile(self, target: str = "numpy", dtype: str = "float64", **options: Any) -> Kernel:
        """A kernel for loss and gradients, loaded and ready to be called.

        Args:
            target: "numpy" or "c".
            dtype: "float64" or "float32".
            sizes: sizes fixed at generation time, T and B included; the others are read off the arrays.
            wrt: the gradients wanted, all by default; what is not wanted is not computed.
            checkpoint: keep the states of every so many steps only (True: √T) and compute the others again: the same
                gradients in less memory and 1.1 to 1.3 times the time, a little more for very small networks.
            truncate: truncated backpropagation through time: what comes before a segment of so many steps counts as
                constant for it; the exact gradient of that graph.
            threads: for "c": share out the sequences among so many threads, with OpenMP; worth it from a few
                sequences for each on.

        Raises:
            InputError: an option does not fit.
            UnsupportedError: the model's steps can not be taken segment by segment.
            ToolError: there is no C compiler, it failed, or it has no OpenMP for threads.
        """
        from derive.kernels.targets import target as find

        return find(target).build(self.options(dtype, **options))

    def code(self, target: str = "numpy", dtype: str = "float64", **options: Any) -> dict[str, str]:
        """The files of a kernel, by name; the options are those of `compile`."""
        from derive.kernels.targets import target as find

        return find(target).files(self.options(dtype, **options))

    def code_notes(self, target: str = "numpy", dtype: str = "float64", **options: Any) -> list[str]:
        """What to know of these files: for C, the bytes of a workspace as a formula in the sizes."""
        from derive.kernels.targets import target as find

        return list(find(target).notes(self.options(dtype, **options)))

    def check(self, target: str = "numpy", dtype: str = "float64", sets: int = 5) -> Report:
        """Every gradient of a kernel against complex step and central differences."""
        from derive.kernels.gradcheck import check

        return check(self.compile(target, dtype), sets=sets)

    def paper(self, wrt: Iterable[str] | None = None, unroll: int | None = None, seconds: float | None = None) -> Paper:
        """The derivation as a document, every '=' checked: `.latex()`, `.html()`, `.pdf()`.

        Args:
            wrt: the gradients to derive, all by default.
            unroll: the last step whose loss is written out path by path, 2 by default.
            seconds: what the checks may take, 180 by default; later equations are marked as not checked.
        """
        from derive.model.paper import MOST_UNROLLED, SECONDS, paper

        last = unroll if unroll is None else check_whole("unroll", unroll, MOST_UNROLLED)
        return paper(self, wrt, last, seconds=SECONDS if seconds is None else check_seconds(seconds))

    def latex(self, wrt: Iterable[str] | None = None, unroll: int | None = None) -> str:
        """The derivation as a LaTeX document."""
        return self.paper(wrt, unroll).latex()

    def _repr_latex_(self) -> str:
        """The equations, for notebooks."""
        from derive.documents.latex import aligned

        return aligned([(self.program.ref(n), e) for n, e in self.program.equations.items()], self.program)

    def _repr_html_(self) -> str:
        """The equations, and every symbol with its shape, for notebooks."""
        from derive.documents.notebook import model_html

        return model_html(self.program)

    def __repr__(self) -> str:
        parameters = ", ".join(v.name for v in self.program.parameters) or "none"
        return f"<Model {self.name}: equations of {', '.join(self.program.equations)}; parameters {parameters}>"


def parse(source: str | bytes, origin: str = "<text>") -> Model:
    """The model of a cell's text.

    Raises:
        CellError: with every error of the text.
        InputError: not a text.
    """
    if not isinstance(source, (str, bytes)):
        raise InputError("source", "the text of a cell, or its bytes", type(source).__name__)
    cell = read(source, origin)
    plain = source if isinstance(source, str) else source.decode("utf-8")  # what was read is UTF-8
    return Model(cell.program, Path(origin).name, cell.warnings, plain)


def load(cell: str | os.PathLike[str]) -> Model:
    """The model of a `.cell` file, or of a name from the catalogue.

    Raises:
        CellError: the text is not a cell.
        InputError: there is no such file or name.
    """
    if not isinstance(cell, (str, os.PathLike)):
        raise InputError("cell", "the path of a .cell file or a name of the catalogue", repr(cell))
    given = os.fspath(cell)
    if given in names():
        return parse(text(given), f"{given}.cell")
    path = Path(given)
    try:
        named = bool(path.suffix) or os.sep in given or path.exists()
        content = read_at_most(path, MOST_BYTES) if named else None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError("cell", "a file that can be read", f"{given[:100]!r}: {reason}") from error
    if named and content is None:
        raise InputError("cell", f"a file of at most {MOST_BYTES:,} bytes", f"{given[:100]!r}, which is larger")
    if content is not None:
        return parse(content, given)
    return parse(text(given), f"{given}.cell")  # raises, with a suggestion
