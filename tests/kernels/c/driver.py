"""A C program that drives a generated kernel: guarded memory, edge sizes, wrong arguments, checksums."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from derive.kernels.gradcheck import size_sets
from derive.kernels.targets.c.elements import times
from derive.kernels.targets.c.interface import Field, parameters
from derive.kernels.targets.c.module import Module
from derive.kernels.targets.c.target import texts
from derive.kernels.targets.c.words import member
from derive.kernels.targets.c.workspace import extents
from tests.cells import model
from tests.tools import needs

STRICT = (
    "-pedantic -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion -Wundef -Wcast-align -Wvla "
    "-Wfloat-conversion -Werror"
).split()
C99 = ["-std=c99", *STRICT, "-Wstrict-prototypes"]


@dataclass(frozen=True)
class Build:
    """One way to compile and run the driver."""

    name: str
    command: tuple[str, ...]
    under: tuple[str, ...] = ()
    exact: bool = True

    @property
    def slow(self) -> bool:
        """Does it take long to compile?"""
        return any("sanitize" in a or "analyzer" in a for a in self.command)


# At -O0: at -O1 clang takes ten seconds for the vectors, and checks no more.
SANITIZED = ("-O0", "-g", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all")
BUILDS = {
    b.name: b
    for b in (
        Build("gcc", ("gcc", *C99, "-O2", "-ffp-contract=off"), exact=False),
        Build("gcc -O3", ("gcc", *C99, "-O3", "-march=native", "-ffp-contract=off"), exact=False),
        Build("clang", ("clang", *C99, "-O2", "-ffp-contract=off"), exact=False),
        Build("gcc c++11", ("g++", "-x", "c++", "-std=c++11", *STRICT, "-O1", "-ffp-contract=off"), exact=False),
        Build("clang c++11", ("clang++", "-x", "c++", "-std=c++11", *STRICT, "-O1", "-ffp-contract=off"), exact=False),
        Build("gcc asan ubsan", ("gcc", *C99, *SANITIZED, "-fsanitize=address,undefined")),
        Build(
            "clang asan ubsan",
            ("clang", *C99, *SANITIZED, "-fsanitize=address,undefined,unsigned-integer-overflow,implicit-conversion"),
        ),
        Build("clang msan", ("clang", *C99, *SANITIZED, "-fsanitize=memory")),
        Build("clang tsan", ("clang", *C99, *SANITIZED, "-fsanitize=thread", "-DTHREADS", "-pthread")),
        Build("gcc tsan", ("gcc", *C99, *SANITIZED, "-fsanitize=thread", "-DTHREADS", "-pthread")),
        Build(
            "valgrind",
            ("gcc", *C99, "-O1", "-g"),
            ("valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--track-origins=yes"),
        ),
        # The analyser takes half a minute for the vectors, which run under the sanitizers.
        Build("gcc -fanalyzer", ("gcc", *C99, "-O1", "-fanalyzer", "-DDERIVE_PORTABLE"), exact=False),
    )
}


def module_of(name: str, dtype: str = "float64", **options: object) -> Module:
    return Module(model(name).options(dtype, **options))  # type: ignore[arg-type]


def driver(module: Module, sizes: dict[str, int]) -> str:
    """The program, at these sizes of the cell."""
    structs = [{"name": s.name, "given": s.given, "fields": [_field(f) for f in s.fields]} for s in module.structs]
    members = {s.name: [f"{s.name}_{f.name}" for f in s.fields] for s in module.structs}
    total = bool(module.options.normal.total)
    calls, results = [], {}
    for f in module.functions:
        found = parameters(f.name, bool(module.free), module.structs, total)
        full = [f"&{name}" for _, name in found]
        optional = [not kind.startswith("const") or "cotangent" in name for kind, name in found]
        bars = ["cotangent" in name for _, name in found]
        calls.append(
            {
                "name": f.name,
                "again": f.again,
                "complete": [", ".join(full), _replaced(full, bars, "NULL")][: 2 if any(bars) else 1],
                "partial": [_replaced(full, optional, "NULL"), _empty(full, found, optional)],
            }
        )
        results[f.name] = [x for kind, name in found if kind == "struct" for x in members[name]]
    first = parameters("forward", bool(module.free), module.structs, total)
    missing = []
    for n, (kind, _) in enumerate(first):
        if kind == "const struct":
            missing.append(", ".join("NULL" if k == n else f"&{name}" for k, (_, name) in enumerate(first)))
    values = [{"T": "steps[m]", "B": "batches[n]"}.get(s.key) or str(sizes[s.key]) for s in module.sizes]
    values = [s.fixed or v for s, v in zip(module.sizes, values, strict=True)]
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701 - C
    template = environment.from_string((Path(__file__).parent / "driver.c.j2").read_text("utf-8"))
    counted = {s.name for s in extents(f.plan for f in module.functions).free_symbols}
    described = [
        {"code": s.code, "key": s.key, "name": member(s.key), "fixed": s.fixed, "counted": s.key in counted}
        for s in module.sizes
    ]
    return template.render(
        cell=module.cell,
        real=module.real,
        total=total,
        sizes=described,
        free=[s for s in described if not s["fixed"]],
        structs=structs,
        calls=calls,
        results=results,
        missing=missing,
        values=", ".join(values),
    )


def _replaced(full: Sequence[str], which: Sequence[bool], by: str) -> str:
    return ", ".join(by if w else a for a, w in zip(full, which, strict=True))


def _empty(full: Sequence[str], found: Sequence[tuple[str, str]], optional: Sequence[bool]) -> str:
    """Structs that are there but hold nothing."""
    named = [a if kind == "real" else f"&empty_{name}" for a, (kind, name) in zip(full, found, strict=True)]
    return ", ".join(n if o else a for a, n, o in zip(full, named, optional, strict=True))


def _field(f: Field) -> dict[str, str]:
    return {"name": f.name, "classes": f.classes, "count": times(*f.shape)}


def write(module: Module, folder: Path, larger: int = 1) -> None:
    """The kernel and its driver, at sizes that are so many times larger than the usual ones."""
    for name, text in texts(module).items():
        (folder / name).write_text(text, "utf-8")
    sizes = {name: larger * n + (larger > 1) for name, n in size_sets(module.options.normal, 1)[0].items()}
    (folder / "driver.c").write_text(driver(module, sizes), "utf-8")


def compile_and_run(module: Module, build: Build, folder: Path, more: Sequence[str] = (), larger: int = 1) -> str:
    """What the driver prints; fails with the compiler's words, the sanitizer's or its own."""
    needs(build.command[0], *build.under[:1])
    write(module, folder, larger)
    sources = [name for name in texts(module) if name.endswith(".c")]
    objects = ["kernel.o", *(f"kernel_{n}.o" for n in range(1, len(sources)))]
    kernels = [[*build.command, *more, "-c", c, "-o", o] for c, o in zip(sources, objects, strict=True)]
    relaxed = [a for a in build.command if a not in ("-Werror", "-fanalyzer")]  # the driver is held to less
    program = [*relaxed, "-w", *(["-DEXACT"] if build.exact else []), "-c", "driver.c", "-o", "driver.o"]
    link = [a for a in build.command if a not in ("-x", "c++")]
    linked = [*link, *objects, "driver.o", "-o", "driver", "-lm", *more]
    for command in (*kernels, program, linked):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
        assert done.returncode == 0, f"{module.cell}, {build.name}:\n{done.stderr[-3000:]}"
        assert "warning" not in done.stderr or command not in kernels, done.stderr[-3000:]
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
    done = subprocess.run(
        [*build.under, "./driver"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, f"{module.cell}, {build.name}:\n{done.stdout[-1000:]}{done.stderr[-3000:]}"
    return done.stdout


def check_syntax(command: Sequence[str], folder: Path, source: str = "") -> None:
    """A compiler accepts the kernel in a folder, or the source named."""
    needs(command[0])
    source = source or next(f.name for f in folder.glob("*.c") if f.name != "driver.c")
    done = subprocess.run(
        [*command, "-fsyntax-only", source], cwd=folder, capture_output=True, text=True, errors="replace", check=False
    )
    assert done.returncode == 0, f"{command[:2]}:\n{done.stderr[:2000]}"
