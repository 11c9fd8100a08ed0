"""Generated C: clean under compilers and sanitizers, equal digits, every line run, names that clash with nothing."""

from __future__ import annotations

import ctypes
import gzip
import json
import re
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

import derive
import derive.render
from derive.kernels.gradcheck import check, size_sets
from derive.kernels.report import relative_error
from derive.kernels.targets.c.helpers import every
from derive.kernels.targets.c.module import Module
from derive.kernels.targets.c.target import texts
from derive.kernels.targets.c.words import LOCALS, MACROS, reserved
from tests.cells import CATALOGUE, FEATURES, model
from tests.kernels.arrays import arrays
from tests.kernels.c.driver import BUILDS, C99, STRICT, Build, check_syntax, compile_and_run, module_of
from tests.tools import needs, some

EVERY = (*CATALOGUE, *FEATURES)
CASES = 15  # T in 0, 1, 2, 7, 23 and B in 0, 1, 3
QUICK = [build for build in BUILDS if build != "gcc -O3"]  # which compiles for ten seconds and more
SPREAD = [(name, QUICK[(5 * n) % len(QUICK)]) for n, name in enumerate(EVERY)]


@pytest.mark.parametrize("build", some(BUILDS, QUICK))
@pytest.mark.parametrize("name", some(["elman", "char_rnn"], ["elman"]))
def test_two_cells_under_everything(name: str, build: str, tmp_path: Path) -> None:
    """Guarded arrays, dirty workspaces, every status; T in 0, 1, 2, 7 and B in 0, 1, 3."""
    printed = compile_and_run(module_of(name, "float64" if name == "elman" else "float32"), BUILDS[build], tmp_path)
    assert printed.count("T=") == CASES * (2 if "tsan" in build else 1), "every case was reached"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "build"), SPREAD)
def test_every_cell_under_something(name: str, build: str, tmp_path: Path) -> None:
    """A spread of the matrix; `python -m tests.kernels.c.matrix` runs all of it."""
    plain = ["-DDERIVE_PORTABLE"] if BUILDS[build].slow else []  # vectors are the same in every cell
    printed = compile_and_run(module_of(name), BUILDS[build], tmp_path, plain)
    assert printed.count("T=") == CASES * (2 if "tsan" in build else 1), "every case was reached"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "gru", "bidirectional", "fast_weights"])
def test_gcc_and_clang_give_the_same_digits(name: str, tmp_path: Path) -> None:
    printed = []
    for build in ("gcc", "clang"):
        (tmp_path / build).mkdir()
        printed.append(compile_and_run(module_of(name), BUILDS[build], tmp_path / build))
    assert printed[0] == printed[1]
    assert printed[0].count("T=7 B=3") == 1


@pytest.mark.parametrize("name", CATALOGUE)
def test_it_is_within_1e_13_of_numpy(name: str) -> None:
    report = check(model(name).compile("c"), sets=2, beside=model(name).compile("numpy"))
    assert report.ok
    assert len(report.beside) > len(report.gradients)
    assert max(report.beside.values()) <= 1e-13  # the same sums in another order


@pytest.mark.parametrize("name", some(EVERY, CATALOGUE))
def test_every_line_is_run(name: str, tmp_path: Path) -> None:
    """100 % of the lines and 95 % of the branches, by the driver alone."""
    needs("gcov")
    portable = ("-DDERIVE_PORTABLE", "-O0", "--coverage", "-fprofile-update=single")  # the other branch: test_vectors
    build = Build("coverage", ("gcc", "-std=c99", *portable), exact=False)
    module = module_of(name)
    compile_and_run(module, build, tmp_path, larger=8)
    subprocess.run(["gcov", "--json-format", "-b", "kernel.gcno"], cwd=tmp_path, capture_output=True, check=True)
    found = next(tmp_path.glob("*kernel*.gcov.json.gz"))
    files = json.loads(gzip.decompress(found.read_bytes()))["files"]
    lines = next(f for f in files if f["file"] == f"{module.cell}.c")["lines"]
    assert [x["line_number"] for x in lines if not x["count"]] == []
    branches = [b["count"] > 0 for x in lines for b in x["branches"]]
    assert sum(branches) >= 0.95 * len(branches), f"{sum(branches)} of {len(branches)}"


FAULTS = [  # in the text of elman's kernel, and the build whose run of the driver sees it
    (
        "i = 0; i < H; ++i) {\n            h[b * H + i]",
        "i = 0; i <= H; ++i) {\n            h[b * H + i]",
        "gcc asan ubsan",
    ),
    ("elman_add(&count, 4, T, B, H);", "elman_add(&count, 3, T, B, H);", "gcc asan ubsan"),
    ("elman_add(&count, 4, T, B, H);", "elman_add(&count, 3, T, B, H);", "gcc"),
    ("if (workspace_bytes < needed)", "if (workspace_bytes + 1 < needed)", "gcc"),
    ("elman_missing(params->V, O * H)", "elman_missing(params->V, 0)", "gcc asan ubsan"),
    ("out[n] = 0.0;", "(void)out;", "gcc"),
    ("total = 0.0;", "total;", "clang msan"),
    ("if (I == 0 ||", "if (", "gcc"),
]


@pytest.mark.parametrize(("right", "wrong", "build"), some(FAULTS, FAULTS[::2]))
def test_a_broken_kernel_is_seen(
    right: str, wrong: str, build: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One element too many, a workspace that is a byte too small, a check that is left out."""
    files = texts(module_of("elman"))
    assert right in files["elman.c"]
    changed = {name: text.replace(right, wrong) for name, text in files.items()}
    monkeypatch.setattr("tests.kernels.c.driver.texts", lambda module: changed)
    with pytest.raises(AssertionError, match=r"FAILED|AddressSanitizer|MemorySanitizer|runtime error"):
        compile_and_run(module_of("elman"), BUILDS[build], tmp_path, more=["-w"])


# names


def named(*names: str) -> str:
    """A cell whose parameters have these names."""
    sums = " + ".join(f"{n} * x[t]" for n in names)
    return f"cell clash\ndims H\ninput x : H\nparam {', '.join(names)} : H\ny[t] = {sums}\nloss[t] = norm2(y[t])\n"


ALLOWED = [n for n in sorted(reserved("clash", every())) if re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", n)]


def usable(name: str) -> bool:
    """Does the cell language allow it?"""
    try:
        derive.parse(named(name))
    except derive.CellError:
        return False
    return len(name) <= 32


@pytest.mark.slow
def test_names_clash_with_nothing(tmp_path: Path) -> None:
    """Every name of the C library and of the generated code, as a parameter, under the warnings of GNU C too."""
    names = [n for n in ALLOWED if usable(n)]
    assert {"gamma", "y0", "j1", "index", "NAN", "sizes", "next", "linux"} <= set(names)
    assert LOCALS & set(names)
    assert MACROS & set(names)
    assert {"clash_ok", "INT32_MAX", "M_PIl", "uint", "u_int8_t"} <= set(names)
    for first in range(0, len(names), 200):
        module = Module(derive.parse(named(*names[first : first + 200])).options())
        folder = tmp_path / str(first)
        folder.mkdir()
        compile_and_run(module, Build("gcc -O0", ("gcc", *C99, "-O0"), exact=False), folder)
        for command in (["gcc", "-std=gnu17"], ["clang", "-std=gnu17"], ["g++", "-x", "c++", "-std=c++11"]):
            check_syntax([*command, *STRICT], folder)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"wrt": ["V"]}, {"wrt": []}, {"sizes": {"T": 7, "H": 5}}, {"sizes": {"T": 0}}])
@pytest.mark.parametrize("name", ["elman", "char_rnn"])
def test_kernels_with_options_are_clean(name: str, options: dict, tmp_path: Path) -> None:  # type: ignore[type-arg]
    """Fewer gradients leave parameters unused, fixed sizes leave variables unused: no warning says so."""
    for compiler in ("gcc", "clang"):
        (tmp_path / compiler).mkdir()
        for file, text in model(name).code("c", "float32", **options).items():
            (tmp_path / compiler / file).write_text(text)
        check_syntax([compiler, *C99], tmp_path / compiler)
        if "T" not in options.get("sizes", {}):
            compile_and_run(module_of(name, **options), BUILDS[compiler], tmp_path / compiler)


CLEAN = {
    "an output that no gradient reaches": (
        "cell a\ninput x\nparam w\nstate h\nh[t] = tanh(w*h[t-1]+x[t])\nq[t] = detach(h[t])\noutput q\n"
    ),
    "a wide gradient that is zero": (
        "cell a\ndims I, O\ninput cls : I onehot\nparam top : 1\nparam W : 1 + I x O\nparam one : I x 3\nstate t1 : 1\n"
        "loss[t] = -sum(cls[t])\nt1[t] = tanh(sigmoid(tanh(top) ** 2) - t1[t+3])\n"
    ),
    "sizes whose product is no int": "cell a\ninput x\nparam w : 50000 x 50000\nloss[t] = x*x + norm2(w)\n",
}


@pytest.mark.parametrize("what", CLEAN)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_no_warning(what: str, dtype: str, tmp_path: Path) -> None:
    for file, text in derive.parse(CLEAN[what]).code("c", dtype).items():
        (tmp_path / file).write_text(text)
    for command in (["gcc", *C99, "-O2"], ["clang", *C99, "-O2"], ["g++", "-x", "c++", "-std=c++11", *STRICT, "-O2"]):
        needs(command[0])
        done = subprocess.run(
            [*command, "-c", "a.c"], cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False
        )
        assert done.returncode == 0, f"{command[0]}:\n{done.stderr[:2000]}"


def test_fixed_sizes_that_overflow_together(tmp_path: Path) -> None:
    """Each fits, their product does not: the workspace is no number, and every call says so."""
    module = module_of("elman", sizes={"H": 2**33, "I": 2**33, "O": 1})
    for file, text in texts(module).items():
        (tmp_path / file).write_text(text)
    (tmp_path / "main.c").write_text(
        '#include "elman.h"\nint main(void)\n{\n    elman_sizes s = {1, 1};\n'
        "    return elman_workspace_bytes(&s) == 0 ? 0 : 1;\n}\n"
    )
    subprocess.run(["gcc", *C99, "main.c", "elman.c", "-lm", "-o", "main"], cwd=tmp_path, check=True)
    assert subprocess.run(["./main"], cwd=tmp_path, check=False).returncode == 0


@pytest.mark.parametrize("names", [("i", "I", "b", "j"), ("t1", "gamma", "y0", "j1"), ("T1", "h", "doubles", "clash")])
def test_a_gate_called_i_and_a_parameter_called_I(names: tuple[str, ...]) -> None:
    assert check(derive.parse(named(*names)).compile("c"), sets=1).ok


def test_complex_units_are_refused_with_a_word(tmp_path: Path) -> None:
    for name, text in model("elman").code("c").items():
        (tmp_path / name).write_text(text)
    (tmp_path / "user.c").write_text('#include <complex.h>\n#include "elman.h"\n')
    done = subprocess.run(["gcc", "-c", "user.c"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode
    assert "before <complex.h>" in done.stderr


# text


def portable(source: str) -> str:
    """Without what stands between #ifdef …_VECTORS and its #else or #endif."""
    kept, depth = [], 0
    for line in source.splitlines():
        if depth and line.startswith("#if"):
            depth += 1
        elif depth and line.startswith("#endif"):
            depth -= 1
        elif depth == 1 and line.startswith("#else"):
            depth = 0
        elif (line.startswith("#ifdef") and line.endswith("_VECTORS")) or line.startswith("#if defined(__GNUC__)"):
            depth = 1
        elif not depth:
            kept.append(line)
    return "\n".join(kept)


def test_it_needs_libm_only() -> None:
    for name in EVERY:
        files = model(name).code("c")
        includes = {line for text in files.values() for line in text.splitlines() if line.startswith("#include")}
        allowed = {"<stddef.h>", "<stdint.h>", "<math.h>", "<string.h>", f'"{model(name).name}.h"'}
        assert {line.split()[1] for line in includes} <= allowed
        source = portable(files[f"{model(name).name}.c"])
        assert not re.search(r"\b(malloc|calloc|realloc|free|printf|fopen|memcpy|memset)\(", source)
        assert not re.search(r"^(?:static |const )*(?!return)\w+ \**\w+(?: = .*)?;", source, re.MULTILINE), "a global"


def test_each_block_stands_under_its_equation() -> None:
    lines = [line.strip() for line in model("elman").code("c")["elman.c"].splitlines()]
    at = lines.index("/* dW = sum_tb(dz_h[t] @ h[t-1].T) */")
    assert lines[at + 1].startswith(
        "elman_sums(H, H, some * B, &dz_h[(first * B) * H], H, &h[(first * B) * H], H, dW, H,"
    )


@pytest.mark.parametrize("name", EVERY)
def test_no_line_is_left_ragged(name: str) -> None:
    for text in model(name).code("c").values():
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert "\t" not in text
        assert all(line == line.rstrip() for line in text.splitlines())
        assert "\n\n\n" not in text


def test_titles_can_not_leave_their_comment() -> None:
    title = '*/ int x; /* ??/ \\ // "quoted"'
    m = derive.parse(f'cell a "{title.replace(chr(34), chr(39))}"\ninput x\nparam w\nloss[t] = norm2(w * x[t])\n')
    for source in m.code("c").values():
        head = source.split("*/")[0]
        assert "int x;" in head
        assert "\\" not in source.split("#include")[0]


def test_changing_a_template_changes_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    from jinja2 import FunctionLoader

    before = model("elman").code("c")["elman.c"]
    environment = derive.render.environment()
    loader = environment.loader
    assert loader is not None
    other = environment.overlay(
        loader=FunctionLoader(
            lambda n: loader.get_source(environment, n)[0].replace("++{{ loops[0][0] }}", "{{ loops[0][0] }}++")
        ),
        cache_size=0,
    )
    monkeypatch.setattr(derive.render, "environment", lambda: other)
    after = model("elman").code("c")["elman.c"]
    assert "; t++)" in after
    assert after != before


def test_a_helper_is_defined_before_those_that_call_it() -> None:
    """In the order of their macros: C wants it so."""
    known = list(every())
    for name, called in every().items():
        assert all(known.index(other) < known.index(name) for other in called if other in known), name
    assert {"sigmoid", "softmax_with_loss", "tanh", "product"} <= set(known)


# sizes and calls


def test_the_formula_is_the_workspace() -> None:
    """What `derive code` prints, evaluated, is what the size function returns."""
    for name, dtype in (("elman", "float64"), ("char_rnn", "float32"), ("silent", "float32"), ("delays", "float64")):
        kernel = model(name).compile("c", dtype)
        module = kernel.backend.module  # type: ignore[attr-defined]
        sizes = {**size_sets(kernel.normal, 1)[0], "T": 5, "B": 2}
        expected = max(int(n.subs({s: sizes[s.name] for s in n.free_symbols})) for n in module.counts)
        values = (ctypes.c_size_t * len(module.free))(*(sizes[s.key] for s in module.free))
        got = kernel.backend.workspace_bytes(ctypes.byref(values))  # type: ignore[attr-defined]
        assert got == expected * np.dtype(dtype).itemsize
        assert module.formula in "\n".join(kernel.files.values())
        assert "**" not in module.formula, "it is C"
        assert eval(module.formula, {"max": max, **sizes}) == got  # noqa: S307 - our own text
        assert model(name).code_notes("c", dtype)[0].endswith(f"{module.formula} bytes")


def test_all_sizes_fixed() -> None:
    """No sizes struct is left; the kernel still takes and gives the same."""
    kernel = model("gru").compile()
    args = arrays(kernel)
    sizes = {**size_sets(kernel.normal, 1)[0], "T": 4, "B": 2}
    fixed = model("gru").compile("c", sizes=sizes)
    assert "gru_sizes" not in fixed.source
    assert "gru_workspace_bytes(void)" in fixed.source
    mine, theirs = fixed.value_and_grad(*args), kernel.value_and_grad(*args)
    for name, gradient in theirs.grads.items():
        assert relative_error(mine.grads[name], gradient) <= 1e-13


def test_two_threads_at_once() -> None:
    """ctypes lets go of the interpreter lock: kernels share nothing."""
    kernel = model("lstm").compile("c")
    args = [arrays(kernel, steps=30, batch=5, seed=n) for n in range(2)]
    expected = [kernel.value_and_grad(*a) for a in args]
    wrong: list[str] = []

    def work(n: int) -> None:
        bound = kernel.bind(*args[n])
        for _ in range(40):
            result = bound()
            if any((result.grads[k] != g).any() for k, g in expected[n].grads.items()):
                wrong.append(f"thread {n}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_sizes_beyond_the_address_space() -> None:
    kernel = model("silent").compile("c")
    params, inputs, initial = arrays(kernel)
    with pytest.raises(derive.InputError, match="fit into memory"):
        kernel.backend.call("forward", {"T": 2**61, "B": 2**61, "H": 3, "K": 2}, params, inputs, initial)
