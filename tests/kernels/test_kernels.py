"""Kernels of every target against complex step, central differences and the interpreter; and their interface."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import derive
from derive.interpreter import Evaluation
from derive.kernels.entry import entry_points
from derive.kernels.gradcheck import check, size_sets
from derive.kernels.lowering.schedule import passes
from derive.kernels.lowering.statements import Loop
from derive.kernels.report import TOLERANCE, Report, relative_error
from derive.kernels.runtime import Kernel
from derive.kernels.samples import draw
from derive.kernels.targets import PLAIN
from tests.cells import CATALOGUE, FEATURES, model
from tests.kernels.arrays import arrays
from tests.tools import some

EVERY = (*CATALOGUE, *FEATURES)


@pytest.fixture(params=PLAIN)
def target(request: pytest.FixtureRequest) -> str:
    """What holds for every target."""
    return str(request.param)


def explain(report: Report) -> str:
    return ", ".join(f"{q} {error:.1e}" for q, _, error, bound in report.rows() if not error <= bound)


@pytest.mark.parametrize("name", CATALOGUE)
def test_catalogue_gradients(name: str, target: str) -> None:
    """Five sets of sizes, T = 4, and the edges T = 1, T = 0 and B = 0."""
    report = check(model(name).compile(target), sets=5)
    assert report.ok, explain(report)
    assert report.worst <= 1e-12


@pytest.mark.parametrize("name", some(FEATURES, FEATURES[::2]))
def test_feature_gradients(name: str, target: str) -> None:
    report = check(model(name).compile(target), sets=2)
    assert report.ok, explain(report)


@pytest.mark.parametrize("name", some(EVERY, CATALOGUE))
def test_single_precision(name: str, target: str) -> None:
    report = check(model(name).compile(target, dtype="float32"), sets=1)
    assert report.ok, explain(report)


@pytest.mark.parametrize("name", some(EVERY, CATALOGUE))
def test_every_pass_keeps_the_values(name: str) -> None:
    """Lowering is a chain of programs: each must have the values of the entry point's own."""
    normal = model(name).normal
    sizes = size_sets(normal, 1)[0]
    for entry in entry_points(normal):
        given = [v for v in entry.program.variables.values() if v.role == "cotangent"]
        for steps, batch in ((4, 2), (1, 1), (0, 2)):
            sample = draw(normal, sizes, steps, batch, seed=3)
            rng = np.random.default_rng(4)
            bars = {}
            for v in given:
                lead = (steps,) * ("t" in v.axes) + (batch,) * ("b" in v.axes)
                bars[v.name] = rng.normal(size=(*lead, *(int(n.subs(_numbers(normal, sizes))) for n in v.shape)))
            values = {**sample.arrays, **bars}
            truth = Evaluation(entry.program, sizes, steps, batch, values)
            for label, program, _ in passes(entry):
                run = Evaluation(program, sizes, steps, batch, values)
                for result in entry.results():
                    error = relative_error(run.value(result), truth.value(result))
                    assert error <= 1e-12, f"{entry.name}, {label}: {result}"


def _numbers(normal: derive.program.Program, sizes: dict[str, int]) -> dict:  # type: ignore[type-arg]
    return {s: sizes[s.name] for s in normal.sizes}


def test_the_check_can_fail() -> None:
    """A kernel of another model, one wrong bound, NaN: none passes."""
    kernel = model("elman").compile()
    wrong = dataclasses.replace(kernel, backend=_Spoiled(kernel))
    assert not check(wrong, sets=1).ok
    report = Report("x", "numpy", "float64", {"W": float("nan")})
    assert not report.ok
    assert not Report("x", "numpy", "float64").ok
    assert not Report("x", "numpy", "float64", {"W": 2 * TOLERANCE["float64"]}).ok


class _Spoiled:
    """A backend with one wrong entry in one gradient."""

    def __init__(self, kernel: Kernel):
        self.inner = kernel.backend

    def bind(self, function: str, *arguments, again: bool = False):  # type: ignore[no-untyped-def]
        return self.inner.bind(function, *arguments, again=again)

    def call(self, function: str, *arguments):  # type: ignore[no-untyped-def]
        result = dict(self.inner.call(function, *arguments))
        if result.get("grads") and result["grads"]["W"].size:
            result["grads"]["W"][0, 1] *= 1 + 1e-10
        return result


# the schedule


def loops(kernel: Kernel) -> list[Loop]:
    return [s for s in kernel.schedule.statements if isinstance(s, Loop)]


def products(statements) -> list[str]:  # type: ignore[no-untyped-def]
    return [s.target.code for s in statements if s.kind in ("Gemm", "Gather", "Contract")]


def test_lstm_has_one_product_per_step_and_direction() -> None:
    kernel = model("lstm").compile()
    assert [loop.direction for loop in loops(kernel)] == [1, -1]
    assert [len(products(loop.body)) for loop in loops(kernel)] == [1, 1]
    outside = [s.kind for s in kernel.schedule.statements if not isinstance(s, Loop)]
    assert outside.count("Accumulate") == 3  # U, W and V: the gates of each are one product


@pytest.mark.parametrize(("name", "inside"), [("elman", [1, 1]), ("gru", [2, 2]), ("gru_reset_after", [1, 1])])
def test_products_inside_loops(name: str, inside: list[int]) -> None:
    assert [len(products(loop.body)) for loop in loops(model(name).compile())] == inside


def test_one_hot_inputs_are_gathered_and_scattered() -> None:
    kinds = [s.kind for s in model("char_rnn").compile().schedule.walk()]
    assert "Gather" in kinds
    assert "ScatterAdd" in kinds
    assert "np.eye" not in model("char_rnn").code()["char_rnn.py"]


def test_wrt_prunes() -> None:
    m = model("lstm")
    everything, few = m.compile(), m.compile(wrt=["V", "h"])
    assert len(list(few.schedule.walk())) < len(list(everything.schedule.walk()))
    args = arrays(everything)
    all_, some = everything.value_and_grad(*args), few.value_and_grad(*args)
    assert list(some.grads) == ["V"]
    assert list(some.initial) == ["h"]
    assert not some.inputs
    np.testing.assert_allclose(some.grads["V"], all_.grads["V"], rtol=1e-13)
    np.testing.assert_allclose(some.initial["h"], all_.initial["h"], rtol=1e-12)
    forward_only = m.compile(wrt=["V"])
    assert len(loops(forward_only)) == 1  # nothing goes back through time for V


# the interface


def test_results_are_fresh_and_nothing_is_modified(target: str) -> None:
    kernel = model("lstm").compile(target)
    params, inputs, initial = arrays(kernel)
    before = [{n: a.copy() for n, a in g.items()} for g in (params, inputs, initial)]
    first = kernel.value_and_grad(params, inputs, initial)
    kept = {n: a.copy() for n, a in first.grads.items()}
    kernel.value_and_grad(params, {**inputs, "x": inputs["x"] + 1}, initial)
    for old, new in zip(before, (params, inputs, initial), strict=True):
        for n in old:
            np.testing.assert_array_equal(old[n], new[n])
    for n, a in kept.items():
        np.testing.assert_array_equal(a, first.grads[n])
        assert not any(np.shares_memory(first.grads[n], x) for x in (*params.values(), *inputs.values()))


def test_any_strides_are_accepted(target: str) -> None:
    kernel = model("elman").compile(target)
    params, inputs, initial = arrays(kernel)
    plain = kernel.value_and_grad(params, inputs, initial)
    strided = {n: np.asfortranarray(a) for n, a in inputs.items()}
    reversed_ = {n: a[::-1].copy()[::-1] for n, a in params.items()}
    other = kernel.value_and_grad(reversed_, strided, initial)
    np.testing.assert_allclose(plain.grads["W"], other.grads["W"], rtol=1e-13)


def misaligned(a: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """The same numbers at an odd address."""
    raw = np.zeros(a.nbytes + 1, np.uint8)
    view = raw[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def test_misaligned_arrays(target: str) -> None:
    kernel = model("elman").compile(target)
    params, inputs, initial = arrays(kernel)
    plain = kernel.value_and_grad(params, inputs, initial)
    odd = {n: misaligned(a) for n, a in inputs.items()}
    np.testing.assert_allclose(kernel.value_and_grad(params, odd, initial).grads["W"], plain.grads["W"], rtol=1e-13)
    with pytest.raises(derive.InputError, match="aligned"):
        kernel.bind(params, odd, initial)


def test_bind_takes_what_it_can_run_on(target: str) -> None:
    kernel = model("elman").compile(target)
    params, inputs, initial = arrays(kernel)
    for bad in ({**params, "W": params["W"].tolist()}, {**params, "W": params["W"].T}):
        with pytest.raises(derive.InputError):
            kernel.bind(bad, inputs, initial)


def test_bind_runs_on_current_contents_and_returns_one_object(target: str) -> None:
    kernel = model("gru").compile(target)
    params, inputs, initial = arrays(kernel)
    bound = kernel.bind(params, inputs, initial)
    first = bound()
    loss = float(first.loss)
    name = next(iter(params))
    params[name][...] *= 0.5
    second = bound()
    assert second is first
    assert float(second.loss) != loss
    expected = kernel.value_and_grad(params, inputs, initial)
    assert second.loss == expected.loss
    np.testing.assert_array_equal(second.grads[name], expected.grads[name])


def test_fixed_sizes(target: str) -> None:
    m = model("elman")
    free = m.compile(target)
    params, inputs, initial = arrays(free)
    steps, batch, width = inputs["x"].shape
    fixed = m.compile(target, sizes={"I": width, "T": steps, "B": batch})
    assert f"I = {width}" in fixed.source
    assert "Fixed: T" in fixed.source
    same = fixed.value_and_grad(params, inputs, initial)
    np.testing.assert_array_equal(same.grads["U"], free.value_and_grad(params, inputs, initial).grads["U"])
    with pytest.raises(derive.InputError, match="x"):
        m.compile(target, sizes={"I": width + 1}).value_and_grad(params, inputs, initial)


BAD = [
    ("a missing parameter", lambda p, i, h: p.pop("W"), "W"),
    ("an unknown name", lambda p, i, h: p.update(Q=p["W"]), "params"),
    ("another dtype", lambda p, i, h: i.update(x=i["x"].astype("float32")), "x"),
    ("integers", lambda p, i, h: p.update(W=p["W"].astype(int)), "W"),
    ("a wrong shape", lambda p, i, h: p.update(W=p["W"][:-1]), "W"),
    ("a wrong rank", lambda p, i, h: i.update(x=i["x"][0]), "x"),
    ("another T", lambda p, i, h: i.update(x=i["x"][:-1]), "y"),
    ("another B", lambda p, i, h: h.update(h=h["h"][:-1]), "h"),
    ("no boundary value", lambda p, i, h: h.clear(), "h"),
    ("a scalar for a boundary value", lambda p, i, h: h.update(h=h["h"][0, 0]), "h"),
    ("nothing", lambda p, i, h: p.update(W=None), "W"),
    ("a mask", lambda p, i, h: p.update(W=np.ma.masked_array(p["W"], p["W"] > 0)), "W"),
    ("what refuses to be an array", lambda p, i, h: p.update(W=Refusing()), "W"),
]


class Refusing:
    """As a tensor does that has a gradient."""

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("call detach first")


@pytest.mark.parametrize(("what", "spoil", "name"), BAD, ids=[b[0] for b in BAD])
def test_bad_arrays(what: str, spoil, name: str, target: str) -> None:  # type: ignore[no-untyped-def]
    kernel = model("elman").compile(target)
    params, inputs, initial = arrays(kernel)
    spoil(params, inputs, initial)
    for call in (kernel.value_and_grad, kernel.forward, kernel.vjp, kernel.bind):
        with pytest.raises(derive.InputError) as caught:
            call(params, inputs, initial)
        assert caught.value.name in (name, "x", "y")
        assert caught.value.expected
        assert caught.value.got
        assert isinstance(caught.value, ValueError)


def test_a_name_in_the_wrong_place_is_told_its_own() -> None:
    m = derive.parse(
        "cell c\ndims H\ninput x : H\nstate h : H = 0\nparam W : H x H\nconst A : H x H\n"
        "h[t] = tanh(W @ h[t-1] + A @ x[t])\nloss[t] = norm2(h[t])\n"
    )
    square, x = np.eye(2), np.ones((3, 1, 2))
    with pytest.raises(derive.InputError, match="A belongs to inputs"):
        m.compile().forward({"W": square, "A": square}, {"x": x})
    with pytest.raises(derive.InputError, match="h begins at zero"):
        m.compile().forward({"W": square}, {"x": x, "A": square}, {"h": np.ones((1, 2))})


@pytest.mark.parametrize("wrong", [-1, 100])
def test_classes_out_of_range(wrong: int, target: str) -> None:
    kernel = model("char_rnn").compile(target)
    params, inputs, initial = arrays(kernel)
    inputs["x"][1, 0] = wrong
    with pytest.raises(derive.InputError, match="classes"):
        kernel.forward(params, inputs, initial)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64])
def test_classes_may_have_any_integer_dtype(kind: type, target: str) -> None:
    kernel = model("char_rnn").compile(target)
    params, inputs, initial = arrays(kernel)
    plain = kernel.value_and_grad(params, inputs, initial)
    other = kernel.value_and_grad(params, {n: a.astype(kind) for n, a in inputs.items()}, initial)
    assert plain.loss == other.loss
    with pytest.raises(derive.InputError, match="int32"):
        kernel.bind(params, {n: a.astype(np.int64) for n, a in inputs.items()}, initial)


def test_options_are_checked() -> None:
    m = model("elman")
    for bad in (
        {"dtype": "float16"},
        {"sizes": {"Q": 3}},
        {"sizes": {"H": 0}},
        {"sizes": {"H": 2.5}},
        {"wrt": ["y"]},
        {"wrt": ["Q"]},
    ):
        with pytest.raises(derive.InputError):
            m.compile(**bad)  # type: ignore[arg-type]
    for call in (
        lambda: m.compile("fortran"),
        lambda: m.compile(3),  # type: ignore[arg-type]
        lambda: m.compile(dtype=[]),  # type: ignore[arg-type]
        lambda: m.compile(sizes=[1]),  # type: ignore[arg-type]
        lambda: m.compile(sizes={"T": 2**70}),
        lambda: m.compile(wrt=3),  # type: ignore[arg-type]
        lambda: m.compile(wrt="W"),
        lambda: m.compile(wrt=[[]]),  # type: ignore[list-item]
        lambda: m.gradient([]),  # type: ignore[arg-type]
        lambda: m.gradient("W").unrolled("2"),  # type: ignore[arg-type]
        lambda: m.gradient("W").unrolled(-1),
        lambda: m.gradient("W").unrolled(10**9),
        lambda: derive.parse(None),  # type: ignore[arg-type]
        lambda: derive.load(3),  # type: ignore[arg-type]
    ):
        with pytest.raises(derive.InputError):
            call()


def test_vjp_defaults_to_the_gradient_of_the_loss(target: str) -> None:
    kernel = model("lstm").compile(target)
    args = arrays(kernel)
    np.testing.assert_allclose(kernel.vjp(*args).grads["V"], kernel.value_and_grad(*args).grads["V"], rtol=1e-13)
    zero = kernel.vjp(*args, cotangents={"loss": 0.0})
    assert not zero.grads["V"].any()


def test_a_block_without_loss_has_a_vjp_only(target: str) -> None:
    kernel = model("nested").compile(target)
    args = arrays(kernel)
    with pytest.raises(derive.InputError, match="vjp"):
        kernel.value_and_grad(*args)
    assert kernel.forward(*args).loss is None
    assert kernel.forward(*args).final["h"].shape[0] == 2  # two lags, nearest first


@pytest.mark.parametrize("name", ["elman", "char_rnn", "everything"])
def test_logits_of_a_thousand(name: str, target: str) -> None:
    """Losses composed with softmax or sigmoid stay finite, with finite gradients."""
    kernel = model(name).compile(target)
    params, inputs, initial = arrays(kernel)
    head = {"elman": "V", "char_rnn": "V", "everything": "P"}[name]
    params[head] = np.sign(params[head]) * 1e3
    with np.errstate(over="raise", invalid="raise"):
        result = kernel.value_and_grad(params, inputs, initial)
    assert np.isfinite(result.loss)
    assert all(np.isfinite(g).all() for g in (*result.grads.values(), *result.inputs.values()))


def test_stable_functions_far_out(target: str) -> None:
    """Sigmoid, softplus and log-softmax at ±1000: the limits, not NaN or infinity."""
    text = (
        "cell far\ndims H\ninput x : H\nparam w : H\ns[t] = sigmoid(w * x[t])\np[t] = softplus(w * x[t])\n"
        "l[t] = log_softmax(w * x[t])\nq[t] = silu(w * x[t]) + gelu(w * x[t]) + elu(w * x[t])\n"
        "loss[t] = sum(s[t]) + sum(p[t]) + sum(l[t]) + sum(q[t])\noutput s, p, l, q\n"
    )
    kernel = derive.parse(text).compile(target)
    x = np.array([[[1000.0, -1000.0, 0.0]]])
    result = kernel.value_and_grad({"w": np.ones(3)}, {"x": x})
    np.testing.assert_array_equal(result.outputs["s"][0, 0], [1, 0, 0.5])
    np.testing.assert_allclose(result.outputs["p"][0, 0], [1000, 0, np.log(2)])
    np.testing.assert_array_equal(result.outputs["l"][0, 0], [0, -2000, -1000])
    np.testing.assert_allclose(result.outputs["q"][0, 0], [3000, -1, 0])
    assert np.isfinite(result.grads["w"]).all()
    assert np.isfinite(result.inputs["x"]).all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", some(["elman", "irnn", "lstm", "everything"], ["irnn", "lstm"]))
def test_nan_and_infinity_pass_through(name: str, wrong: float, target: str) -> None:
    """A NaN that goes in is not lost, whatever the functions on its way; nothing traps."""
    kernel = model(name).compile(target)
    params, inputs, initial = arrays(kernel)
    state = next(iter(initial))
    initial[state].flat[0] = wrong
    with np.errstate(all="ignore"):
        result = kernel.value_and_grad(params, inputs, initial)
        reference = model(name).compile("numpy").value_and_grad(params, inputs, initial)
    if np.isnan(wrong):
        assert np.isnan(result.loss)
    for group, found in result.groups().items():
        for key, a in found.items():
            np.testing.assert_array_equal(np.isnan(a), np.isnan(reference.groups()[group][key]), f"{group} {key}")


def test_no_steps_and_no_sequences(target: str) -> None:
    """With T = 0 the final state is the initial one and its cotangent passes through."""
    kernel = model("elman").compile(target)
    params, inputs, initial = arrays(kernel, steps=0)
    bar = np.ones_like(initial["h"])
    result = kernel.vjp(params, inputs, initial, final_cotangents={"h": bar})
    np.testing.assert_array_equal(result.final["h"], initial["h"])
    np.testing.assert_array_equal(result.initial["h"], bar)
    assert result.loss == 0
    assert not result.grads["W"].any()
    empty = kernel.value_and_grad(*arrays(kernel, batch=0))
    assert empty.loss == 0
    assert not empty.grads["W"].any()


def test_fresh_boundary_of_a_regulariser(target: str) -> None:
    """A term without time counts once, whatever T and B."""
    kernel = model("total_loss").compile(target)
    params, inputs, initial = arrays(kernel, steps=0)
    assert kernel.forward(params, inputs, initial).loss == pytest.approx(0.1 * (params["w"] ** 2).sum())
    np.testing.assert_allclose(kernel.value_and_grad(params, inputs, initial).grads["w"], 0.2 * params["w"])


@pytest.mark.parametrize("loss", ["3", "detach(norm2(h[t] * w))", "sum(y[t] * a)", "0 * norm2(w) + 3"])
def test_a_loss_that_nothing_moves(loss: str, target: str) -> None:
    """All gradients are zero, and the check says so."""
    text = (
        "cell flat\ndims H\ninput x : H\ntarget y : H\nconst a : H\nstate h : H\nparam w : H\n"
        f"h[t] = tanh(w * h[t-1] + x[t])\nloss[t] = {loss}\n"
    )
    report = check(derive.parse(text).compile(target), sets=1)
    assert report.ok, explain(report)


def test_nothing_wanted(target: str) -> None:
    kernel = model("elman").compile(target, wrt=[])
    result = kernel.value_and_grad(*arrays(kernel))
    assert not result.grads
    assert np.isfinite(result.loss)


@pytest.mark.parametrize(
    "call",
    [
        lambda k, p, i, h: k.value_and_grad(None, i, h),
        lambda k, p, i, h: k.forward({**p, "W": [[1.0], [1.0, 2.0]]}, i, h),
        lambda k, p, i, h: k.vjp(p, i, h, cotangents={"loss": "a"}),
        lambda k, p, i, h: k.vjp(p, i, h, cotangents={"loss": 1j}),
        lambda k, p, i, h: k.vjp(p, i, h, cotangents="loss"),
    ],
)
def test_what_is_no_array_is_refused(call, target: str) -> None:  # type: ignore[no-untyped-def]
    kernel = model("elman").compile(target)
    with pytest.raises(derive.InputError):
        call(kernel, *arrays(kernel))


def test_sizes_that_no_array_tells(target: str) -> None:
    """T, B and K of a cell without sequences: at the call, or fixed."""
    m = model("silent")
    kernel = m.compile(target)
    params, inputs, initial = arrays(kernel)
    sizes = {"T": 5, "B": 2, "K": 3}
    result = kernel.value_and_grad(params, inputs, initial, sizes)
    assert result.outputs["h"].shape[:2] == (5, 2)
    fixed = m.compile(target, sizes=sizes).value_and_grad(params, inputs, initial)
    np.testing.assert_array_equal(result.grads["W"], fixed.grads["W"])
    assert kernel.bind(params, inputs, initial, sizes)().loss == result.loss
    assert kernel.vjp(params, inputs, initial, sizes=sizes).grads["W"].any()
    for wrong, name in (
        ({"T": 5, "B": 2}, "K"),
        ({**sizes, "H": 7}, "W"),
        ({**sizes, "K": 0}, "K"),
        ({**sizes, "Q": 1}, "sizes"),
        ("T", "sizes"),
    ):
        with pytest.raises(derive.InputError) as caught:
            kernel.forward(params, inputs, initial, wrong)  # type: ignore[arg-type]
        assert caught.value.name == name
    with pytest.raises(derive.InputError, match="fixed"):
        m.compile(target, sizes={"T": 5}).forward(params, inputs, initial, {**sizes, "T": 6})
    bad = {"W": params["W"], "b": params["b"]}
    if target == "numpy":
        with pytest.raises(ValueError, match="missing"):  # the file as it stands checks for itself
            kernel.backend.module.forward(bad, {}, {}, {"T": 1})  # type: ignore[attr-defined]


def test_a_bound_call_sees_classes_out_of_range(target: str) -> None:
    kernel = model("char_rnn").compile(target)
    params, inputs, initial = arrays(kernel)
    bound = kernel.bind(params, inputs, initial)
    inputs["x"][1, 0] = 100
    with pytest.raises(derive.InputError, match="classes"):
        bound()


def test_a_missing_lag_is_called_by_its_state(target: str) -> None:
    kernel = model("delays").compile(target)
    params, inputs, initial = arrays(kernel)
    state = next(n for n, a in initial.items() if a.ndim == 3)
    with pytest.raises(derive.InputError) as caught:
        kernel.forward(params, inputs, {n: a for n, a in initial.items() if n != state})
    assert caught.value.name == state
    assert f"[{initial[state].shape[0]}, B, " in str(caught.value)
    with pytest.raises(derive.InputError) as caught:
        kernel.forward(params, inputs, {**initial, state: initial[state][:, 0]})
    assert "init1" not in str(caught.value)


def test_a_notebook_shows_the_schedule_and_the_code(target: str) -> None:
    shown = model("elman").compile(target)._repr_html_()
    assert "for t = 0 … T-1" in shown
    assert "<summary>elman" in shown
    assert "&lt;-" in shown
    assert "<-" not in shown.replace("&lt;-", "")
