"""The JAX target: one module of pure JAX, whose gradient is the derived adjoint."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from derive.errors import InputError
from derive.kernels.arrays import initial_groups
from derive.kernels.entry import EntryPoint, check_wrt, vjp
from derive.kernels.lowering.codenames import CodeNames, Coefficients, docstring
from derive.kernels.options import Options
from derive.kernels.targets.jax.split import Halves, halves, without
from derive.kernels.targets.signature import Argument, argument, arguments
from derive.kernels.targets.start import start
from derive.kernels.written.dialects import JAX, RESERVED
from derive.kernels.written.layout import Layout
from derive.kernels.written.scans import scans
from derive.program import Program
from derive.render import render

# What the template uses itself, beside what the texts of equations do.
OWN = frozenset(
    "np partial params inputs initial sizes forward loss init key arrays results residuals cotangents primals saved "
    "gradients given named dtype lacking".split()
)


@dataclass(frozen=True)
class Size:
    """A size: its name in the code and for the caller, and its value where it is fixed or an array tells it."""

    code: str
    key: str
    value: str


@dataclass(frozen=True)
class Result:
    """A result: several names in the code for a state with several lags."""

    group: str
    key: str
    codes: tuple[str, ...]
    scalar: bool
    shape: str


@dataclass(frozen=True)
class Writing:
    """What the module is printed from."""

    options: Options

    @cached_property
    def entry(self) -> EntryPoint:
        return vjp(self.options.normal, self.options.wrt)

    @cached_property
    def halves(self) -> Halves:
        """With the array whose type zeros have among what is saved."""
        normal = self.options.normal
        found = halves(self.entry)
        every = (*normal.parameters, *normal.roles("input", "target", "const", "initial"))
        like = next(v.name for v in every if not v.onehot)
        return replace(found, saved=tuple(dict.fromkeys((like, *found.saved))))

    @cached_property
    def names(self) -> CodeNames:
        """Of the second half, which has every variable."""
        return self.layout(self.halves.backward).names

    def layout(self, program: Program) -> Layout:
        return Layout(program, self.options.origin, JAX, RESERVED | OWN, Coefficients)

    @cached_property
    def arguments(self) -> tuple[Argument, ...]:
        return arguments(self.options.normal, self.names)

    @cached_property
    def wanted(self) -> dict[str, str]:
        """The arrays that have a gradient, by their program names, and that gradient's name in the code."""
        return {n: self.names[g] for n, g in self._gradients()}

    def _gradients(self) -> Iterator[tuple[str, str]]:
        entry = self.entry
        yield from (*entry.grads.items(), *entry.inputs.items())
        for state, gradients in entry.initial.items():
            yield from zip(initial_groups(self.options.normal)[state], gradients, strict=True)

    @property
    def taken(self) -> list[str]:
        """The program names of the arrays, in the order of `arguments`."""
        groups = initial_groups(self.options.normal)
        return [groups[a.key][max(a.lag, 1) - 1] if a.group == "initial" else a.key for a in self.arguments]

    def sizes(self) -> Iterator[Size]:
        normal, fixed = self.options.normal, self.options.fixed
        for key in ("T", "B", *(s.name for s in normal.sizes)):
            code = key if key in ("T", "B") else self.names[key]
            yield Size(code, key, str(fixed.get(key, "")) or next(self._told(code), ""))

    def _told(self, code: str) -> Iterator[str]:
        for a in self.arguments:
            if code in a.shape and not (a.group == "initial" or self.options.normal[a.key].role == "target"):
                yield f"jnp.shape({a.group}[{json.dumps(a.key)}])[{a.shape.index(code)}]"
        for a in self.arguments:  # what may be left out
            if code in a.shape and a.group != "initial":
                yield f"jnp.shape({a.group}[{json.dumps(a.key)}])[{a.shape.index(code)}]"

    def results(self) -> Iterator[Result]:
        """What is returned, in the order of the cotangents."""
        entry, program = self.entry, self.halves.forward
        if entry.loss:
            yield Result("", "loss", (self.names[entry.loss],), True, "")
        plain = {n: (p,) for n, p in entry.outputs.items()}
        for group, found in (("outputs", plain), ("final", dict(entry.final))):
            for key, codes in found.items():
                v = program[codes[0]]
                shape = [str(len(codes))] * (len(codes) > 1) + list(argument(v, group, key, 0, self.names).shape)
                scalar = v.shape[0] == 1 and v.shape[1] == 1
                yield Result(group, key, tuple(self.names[c] for c in codes), scalar, ", ".join(shape))

    def _like(self) -> dict[str, str]:
        """The array whose type is that of all."""
        first = next(a for a in self.arguments if not a.onehot and a.group != "initial")
        return {"like_group": first.group, "like_key": first.key}

    def _texts(self) -> dict[str, object]:
        """What the code returns, one after the other, and how each result is made of it."""
        flat, texts = list[str](), dict[tuple[str, str], str]()
        for r in self.results():
            parts = []
            for code in r.codes:
                parts.append(f"results[{len(flat)}]" + "[..., 0]" * r.scalar)
                flat.append(code)
            texts[r.group, r.key] = parts[0] if len(parts) == 1 else f"jnp.stack([{', '.join(parts)}])"
        return {"flat": flat, "texts": texts}

    def _of_loss(self, others: list[str]) -> Program:
        """The second half where nothing but the loss has a cotangent."""
        gradients = [g for _, g in self._gradients()]
        return without(self.halves.backward, others, gradients)

    def text(self) -> str:
        options, normal, entry = self.options, self.options.normal, self.entry
        forward, backward = (self.layout(p) for p in (self.halves.forward, self.halves.backward))
        taken = self.taken
        bars = [entry.loss_cotangent] * bool(entry.loss) + list(entry.cotangents.values())
        bars += [n for group in entry.final_cotangents.values() for n in group]
        targets = [a for a in self.arguments if a.group == "inputs" and normal[a.key].role == "target"]
        return render(
            "jax/module.py.j2",
            title=docstring(normal.title or normal.name),
            origin=docstring(options.origin),
            assumptions=[docstring(a.text) for a in normal.assumptions],
            fixed=options.fixed,
            arguments=self.arguments,
            targets=targets,
            scalars=[not a.onehot and len(a.inner) > len(a.shape) for a in self.arguments],
            sizes=list(self.sizes()),
            codes=[self.names[n] for n in taken],
            wanted=[self.wanted.get(n, "") for n in taken],
            saved=[self.names[n] for n in self.halves.saved],
            bars=[self.names[n] for n in bars],
            results=list(self.results()),
            **self._like(),
            **self._texts(),
            flags=[str(n in self.wanted) for n in taken],
            lags={a.key: sum(b.key == a.key for b in self.arguments) for a in self.arguments},
            forward=scans(forward, {*self.halves.saved, *entry.results()}),
            backward=scans(backward, entry.results()),
            of_loss=scans(self.layout(self._of_loss(bars[1:])), entry.results()) if entry.loss and bars[1:] else None,
            loss=bool(entry.loss),
            starts={v.name: start(v, normal, self.names) for v in normal.parameters},
            parameters=[a for a in self.arguments if a.group == "params"],
            quoted=json.dumps,
        )


def files(options: Options) -> dict[str, str]:
    """The generated module.

    Raises:
        InputError: an option that JAX decides itself.
        UnsupportedError: an equation has a node without a text in JAX.
    """
    if options.segmented or options.threads > 1:
        name = "threads" if options.threads > 1 else "truncate" if options.truncate else "checkpoint"
        raise InputError(name, "none for the target jax", repr(getattr(options, name)), "jax.checkpoint does the same")
    check_wrt(options.normal, options.wrt)
    return {f"{options.normal.name}_jax.py": Writing(options).text()}


def notes(options: Options) -> Iterable[str]:
    """Nothing that the file does not say itself."""
    return ()
