"""Threads that share out the sequences, against one kernel for all of them."""

from __future__ import annotations

import ctypes
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import derive
from derive.errors import InputError, ToolError
from derive.kernels import build
from derive.kernels.gradcheck import check, size_sets
from derive.kernels.options import Options
from derive.kernels.rows import Pieces, rows
from derive.kernels.runtime import Kernel, Result
from derive.kernels.segments import SegmentPlan
from derive.kernels.targets import c
from tests.cells import CATALOGUE, FEATURES, model
from tests.kernels.arrays import Arguments, arguments, arrays
from tests.kernels.c.driver import BUILDS, C99, STRICT, check_syntax, compile_and_run, module_of
from tests.kernels.test_segments import SEGMENTED, same
from tests.tools import some

SOME = ["elman", "rnn_classifier", "delays", "everything", "total_loss", "nested", "tied_onehot"]
PENALTY = (
    "cell penalty\ndims I, H\ninput x : I\nstate h : H\nparam U : H x I\nparam W : H x H\nparam b : H\n"
    "h[t] = tanh(U @ x[t] + W @ h[t-1] + b)\ne[t] = norm2(h[t])\nloss = sum(e[t]) + 0.5 * norm2(b)\n"
)
QUICK = ("-std=c99", "-O1", "-fPIC", "-shared")  # what is tested is the same, and there is a lot to compile


def threaded(m: derive.Model, threads: int = 2, flags: tuple[str, ...] = (*QUICK, build.OPENMP), **more: Any) -> Kernel:
    return c.build(m.options(threads=threads, **more), flags=flags)


def cotangents(plain: Kernel, given: Arguments, seed: int = 1) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of every output, the loss and the final states."""
    r = np.random.default_rng(seed)
    out = plain.forward(*given)
    bars = {n: np.asarray(r.standard_normal(np.shape(a)), plain.dtype) for n, a in out.outputs.items()}
    bars |= {} if out.loss is None else {"loss": np.asarray(0.7, plain.dtype)}
    return bars, {n: np.asarray(r.standard_normal(a.shape), plain.dtype) for n, a in out.final.items()}


def agree(fast: Kernel, plain: Kernel, given: Arguments, within: float = 1e-12) -> None:
    """Every function gives the same results."""
    same(fast.forward(*given), plain.forward(*given), within)
    bars = cotangents(plain, given)
    same(fast.vjp(*given, *bars), plain.vjp(*given, *bars), within)
    same(fast.vjp(*given), plain.vjp(*given), within)
    if plain.normal.total:
        same(fast.value_and_grad(*given), plain.value_and_grad(*given), within)


def fixed(name: str, steps: int, batch: int) -> dict[str, int]:
    """The sizes that no array tells."""
    return {"T": steps, "B": batch, "K": 4} if name == "silent" else {}


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("name", some([*CATALOGUE, *FEATURES], ["elman", "lstm", "bidirectional", "once_onehot"]))
def test_threads_change_no_digit_that_counts(name: str, threads: int) -> None:
    m = model(name)
    plain = m.compile(sizes=fixed(name, 7, 5))
    agree(threaded(m, threads, sizes=fixed(name, 7, 5)), plain, arrays(plain, steps=7, batch=5))


def test_a_penalty_without_any_output() -> None:
    m = derive.parse("cell a\ndims H\ninput x : H\nparam w : H\nloss = sum(dot(w, x[t])) + norm2(w)\n")
    assert not m.normal.outputs
    plain = m.compile()
    agree(threaded(m, 2), plain, arrays(plain, steps=4, batch=3))


@pytest.mark.parametrize("name", some(SOME, SOME[::2]))
def test_few_sequences(name: str) -> None:
    """Fewer than there are threads, or none; and no steps."""
    m = model(name)
    plain, fast = m.compile(), threaded(m, 3)
    for steps, batch in ((7, 0), (7, 1), (7, 2), (0, 2), (1, 4)):
        if steps >= m.normal.least_steps:
            agree(fast, plain, arrays(plain, steps=steps, batch=batch))


def test_the_gradient() -> None:
    report = check(model("lstm").compile("c", threads=2), sets=2)
    assert report.ok, report


# what has no sequences


def test_a_penalty_counts_once() -> None:
    m = derive.parse(PENALTY)
    found = rows(m.normal)
    assert found.total == Pieces("L_rows", "L_once")
    assert not found.program.total
    plain = m.compile()
    for batch in (0, 1, 5):
        agree(threaded(m, 3), plain, arrays(plain, steps=4, batch=batch))


@pytest.mark.parametrize("options", [{"checkpoint": 2}, {"checkpoint": True}], ids=str)
def test_a_penalty_counts_once_in_a_segment(options: dict[str, Any]) -> None:
    """The loss of a segment is an output, whose cotangent only the first part is given where it counts once."""
    m = derive.parse(PENALTY)
    plain = m.compile()
    agree(threaded(m, 3, **options), plain, arrays(plain, steps=5, batch=5))


def test_a_sum_over_the_sequences_stays_the_total() -> None:
    found = rows(model("lstm").normal)
    assert found.total is None
    assert not found.outputs
    assert found.program.total == model("lstm").normal.total
    assert dict(found.program.equations) == dict(model("lstm").normal.equations)


def test_the_loss_of_a_segment_in_pieces() -> None:
    """At the end of the steps a term for each sequence and a penalty: one output is a sum, the other is both."""
    m = derive.parse(PENALTY.replace("sum(e[t])", "sum(e[t]) + e[T-1]"))
    plan = SegmentPlan(Options(m.normal, "penalty.cell", checkpoint=3))
    found = rows(plan.program)
    assert found.outputs == {
        "steps_loss": Pieces("steps_loss", ""),
        "once_loss": Pieces("once_loss_rows", "once_loss_once"),
    }
    plain = m.compile()
    for batch in (0, 1, 5):
        agree(threaded(m, 2, checkpoint=3), plain, arrays(plain, steps=7, batch=batch))


# the same bits


def bits(r: Result) -> list[bytes]:
    found = [np.asarray(a).tobytes() for group in r.groups().values() for a in group.values()]
    return [np.asarray(r.loss).tobytes(), *found]


@pytest.mark.parametrize("name", ["gru", "total_loss"])
def test_the_same_bits_with_openmp_and_without(name: str) -> None:
    m = model(name)
    given = arguments(m, steps=9, batch=7)
    with_threads, without = threaded(m, 3, build.default_flags(3)), threaded(m, 3, build.default_flags())
    expected = bits(without.value_and_grad(*given))
    for _ in range(20):
        assert bits(with_threads.value_and_grad(*given)) == expected


def test_the_parts_do_not_depend_on_the_others() -> None:
    """What a sequence gets is the bits that it gets alone, but for sums over the sequences."""
    m = model("lstm")
    params, inputs, initial = arguments(m, steps=6, batch=4)
    whole = threaded(m, 2).value_and_grad(params, inputs, initial)
    half = threaded(m, 1).value_and_grad(
        params, {n: a[:, 2:] for n, a in inputs.items()}, {n: a[2:] for n, a in initial.items()}
    )
    assert np.array_equal(whole.outputs["yhat"][:, 2:], half.outputs["yhat"])
    assert np.array_equal(whole.inputs["x"][:, 2:], half.inputs["x"])
    assert np.array_equal(whole.initial["c"][2:], half.initial["c"])


# with other options


@pytest.mark.parametrize("name", some(["elman", "lstm", "rnn_classifier", "delays", "once_onehot"], ["delays"]))
@pytest.mark.parametrize("options", [{"checkpoint": True}, {"checkpoint": 3}, {"truncate": 3}], ids=str)
def test_segments_with_threads(name: str, options: dict[str, Any]) -> None:
    assert name in SEGMENTED
    m = model(name)
    plain, fast = m.compile(**options), threaded(m, 2, **options)
    for steps, batch in ((7, 5), (6, 1), (3, 0)):
        agree(fast, plain, arrays(plain, steps=steps, batch=batch))


def test_only_some_gradients() -> None:
    m = model("lstm")
    given = arguments(m, steps=5, batch=5)
    plain, fast = m.compile(wrt=["W_f", "h"]), threaded(m, 2, wrt=["W_f", "h"])
    agree(fast, plain, given)
    got = fast.value_and_grad(*given)
    assert set(got.grads) == {"W_f"}
    assert not got.inputs


@pytest.mark.parametrize("options", [{}, {"checkpoint": 3}], ids=str)
def test_sizes_that_are_fixed(options: dict[str, Any]) -> None:
    m = model("gru")
    plain = m.compile()
    given = arrays(plain, steps=7, batch=5)
    sizes = {**size_sets(m.normal, 1)[0], "T": 7, "B": 5}
    for fixed_sizes in (sizes, {"B": 5}, {"T": 7}):
        agree(threaded(m, 2, sizes=fixed_sizes, **options), plain, given)


def test_single_precision() -> None:
    m = model("lstm")
    plain = m.compile("c", "float32")
    fast = c.build(m.options("float32", threads=3), flags=(*QUICK, build.OPENMP))
    given = arrays(plain, steps=6, batch=5)
    agree(fast, plain, given, 1e-5)


# the C interface


@pytest.mark.parametrize("build_name", ["gcc asan ubsan", "clang asan ubsan", "gcc", "gcc c++11", "clang c++11"])
@pytest.mark.parametrize("name", some(["elman", "tied_onehot"], ["tied_onehot"]))
def test_memory_statuses_and_results_that_are_left_out(name: str, build_name: str, tmp_path: Path) -> None:
    """Two parts, one after the other where there is no OpenMP: guarded arrays, every status, NULL results."""
    dtype = "float64" if name == "elman" else "float32"
    more = ["-DDERIVE_PORTABLE", *([build.OPENMP] if build_name.startswith("gcc") else [])]
    compile_and_run(module_of(name, dtype, threads=2), BUILDS[build_name], tmp_path, more)


@pytest.mark.parametrize(
    "options", [{"checkpoint": True}, {"truncate": 3, "threads": 2}, {"checkpoint": 2, "threads": 3}], ids=str
)
def test_memory_of_segments(options: dict[str, Any], tmp_path: Path) -> None:
    module = module_of("elman", **options)
    compile_and_run(module, BUILDS["gcc asan ubsan"], tmp_path, ["-DDERIVE_PORTABLE"])


def test_a_penalty_under_sanitizers(tmp_path: Path) -> None:
    module = c.Module(derive.parse(PENALTY).options(threads=2))
    compile_and_run(module, BUILDS["gcc asan ubsan"], tmp_path, ["-DDERIVE_PORTABLE"])


def value(text: str, sizes: dict[str, int]) -> int:
    """What "with n = … parts of R = … sequences, bytes" comes to."""
    found = re.findall(r"(\w) = (.*?) (?:parts|sequences|segments|steps)\b", text)
    formula = re.split(r"(?:sequences|steps), ", text)[-1]
    known: dict[str, Any] = {**sizes, "ceil": math.ceil, "sqrt": math.sqrt}
    for name, e in sorted(found, key=lambda x: "KnPR".index(x[0])):
        known[name] = eval(e, known)  # noqa: S307 - our own text
    return int(eval(formula, known))  # noqa: S307


@pytest.mark.parametrize("options", [{}, {"checkpoint": 3}, {"truncate": 2}, {"checkpoint": True}], ids=str)
def test_the_formula_is_the_workspace(options: dict[str, Any]) -> None:
    m = model("delays")
    fast = threaded(m, 3, **options)
    module = fast.backend.module  # type: ignore[attr-defined]
    (note,) = m.code_notes("c", threads=3, **options)
    text = re.fullmatch(r"delays: a workspace has (.*) bytes", note)[1]  # type: ignore[index]
    assert text in fast.files["delays.h"]
    for steps, batch in ((7, 5), (10, 1), (4, 3), (5, 6)):
        sizes = {**size_sets(m.normal, 1)[0], "T": steps, "B": batch}
        values = (ctypes.c_size_t * len(module.free))(*(sizes[s.key] for s in module.free))
        got = fast.backend.workspace_bytes(ctypes.byref(values))  # type: ignore[attr-defined]
        assert got == value(text, sizes), (steps, batch)


def test_no_part_shares_a_line_of_the_cache() -> None:
    fast = threaded(model("elman"), 3)
    for batch in (1, 2, 3, 7):
        sizes = {**size_sets(fast.normal, 1)[0], "T": 3, "B": batch}
        count = fast.backend.prepared("vjp", sizes).workspace  # type: ignore[attr-defined]
        assert count % (64 * min(3, batch)) == 0


# what does not go


@pytest.mark.parametrize("threads", [0, -1, 257, True, 1.5, "2"])
def test_the_option_is_checked(threads: Any) -> None:
    with pytest.raises(InputError, match="a whole number from 1 to 256"):
        model("elman").code("c", threads=threads)


def test_one_thread_is_the_kernel_without() -> None:
    assert model("elman").code("c", threads=1) == model("elman").code("c")


def test_numpy_has_its_own() -> None:
    with pytest.raises(InputError, match="OPENBLAS_NUM_THREADS"):
        model("elman").compile(threads=2)


def test_a_compiler_without_openmp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "OPENMP", "-fno-such-thing")
    with pytest.raises(ToolError, match=r"has no OpenMP, which threads=2 needs: install libgomp"):
        model("elman").compile("c", threads=2)


def test_another_failure_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFLAGS", "-fno-such-thing")
    with pytest.raises(ToolError, match="no-such-thing"):
        model("elman").compile("c", threads=2)


# names and warnings

CLASHES = """cell clash
dims rows, parts
input first : parts
input next : rows once
param own : rows x parts
param losses, seed, done : rows
state piece : rows
piece[t] = tanh(own @ first[t] + losses * piece[t-1]) + next
total[t] = dot(seed, piece[t]) ** 2
loss = sum(total[t]) + norm2(done)
"""


@pytest.mark.parametrize(
    "options", [{}, {"wrt": ["done"]}, {"wrt": []}, {"sizes": {"T": 7, "B": 3}}, {"checkpoint": 3}], ids=str
)
@pytest.mark.parametrize("text", [CLASHES, PENALTY], ids=["clash", "penalty"])
def test_no_name_clashes_and_no_compiler_warns(text: str, options: dict[str, Any], tmp_path: Path) -> None:
    options = {"wrt": ["b"]} if options == {"wrt": ["done"]} and text is PENALTY else options
    for name, content in derive.parse(text).code("c", threads=2, **options).items():
        (tmp_path / name).write_text(content)
    for command in (["gcc", *C99], ["gcc", *C99, build.OPENMP], ["clang", *C99], ["g++", "-x", "c++", *STRICT]):
        for path in tmp_path.glob("*.c"):
            check_syntax(command, tmp_path, path.name)


def test_a_cell_whose_names_are_those_of_the_threads() -> None:
    m = derive.parse(CLASHES)
    plain = m.compile()
    agree(threaded(m, 2), plain, arrays(plain, steps=4, batch=3))
    agree(threaded(m, 2, checkpoint=3), plain, arrays(plain, steps=4, batch=3))
