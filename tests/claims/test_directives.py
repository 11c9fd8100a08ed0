"""Directives: each kind, and what is refused."""

from __future__ import annotations

import pytest

import derive
from derive.claims.reading.directives import (
    Abstract,
    Assume,
    Choice,
    Counting,
    DirectiveError,
    ExpectFalse,
    ForAll,
    IndexSet,
    Let,
    Operator,
    Order,
    Quantity,
    Quotient,
    Skip,
    UseModel,
    Where,
    read_directive,
)
from derive.errors import InputError

L = Quantity("L")
KNOWN: dict[str, Order] = {
    "model elman.cell": UseModel("elman.cell"),
    r"let W_{hh} = W": Let("W_{hh}", (Quantity("W"),)),
    r"let c_{prev} = c[t-1]": Let("c_{prev}", (Quantity("c", "t-1"),)),
    r"let \delta_t = dL/da[t]": Let(r"\delta_t", (Quotient(L, Quantity("a", "t")),)),
    r"let g_t = -dL/da[t]": Let("g_t", (Quotient(L, Quantity("a", "t"), -1),)),
    r"let \Delta^t = dloss[t]/dy[t]": Let(r"\Delta^t", (Quotient(Quantity("loss", "t"), Quantity("y", "t")),)),
    r"let p^{k}_{ij}(t) = dy[t][k]/dw[i,j]": Let(
        "p^{k}_{ij}(t)", (Quotient(Quantity("y", "t", ("k",)), Quantity("w", "", ("i", "j"))),)
    ),
    r"let w_{kl} = w[k,I+l]": Let("w_{kl}", (Quantity("w", "", ("k", "I+l")),)),
    r"let w_{lm}(\tau) = W@\tau[l,m]": Let(r"w_{lm}(\tau)", (Quantity("W", "", ("l", "m"), r"\tau"),)),
    r"let \theta_t = W@t": Let(r"\theta_t", (Quantity("W", copy="t"),)),
    "let U = range(H)": Let("U", (IndexSet("H"),)),
    r"let y^{(t)} = o[t] | yhat[t]": Let("y^{(t)}", (Quantity("o", "t"), Quantity("yhat", "t"))),
    "let dh = dL/dh[t] through a[t+1], z[t]": Let(
        "dh", (Quotient(L, Quantity("h", "t"), 1, (Quantity("a", "t+1"), Quantity("z", "t"))),)
    ),
    r"where \sigma'_t = 1 - h_t^2": Where(r"\sigma'_t", "1 - h_t^2"),
    "fn f(x_t, h_{t-1}, w) = h[t]": Abstract("f(x_t, h_{t-1}, w)", Quantity("h", "t")),
    "time 1..T": Counting(1, "T"),
    "time 0..T-1": Counting(0, "T-1"),
    r"time 1..\tau": Counting(1, r"\tau"),
    "convention row": Choice("convention", "row"),
    "layout numerator": Choice("layout", "numerator"),
    r"assume \|W\| \le \beta": Assume(r"\|W\| \le \beta"),
    r"forall \star = z, i, f, o": ForAll(r"\star", ("z", "i", "f", "o")),
    r"operator \mathcal R = derivative along W : V_W": Operator(r"\mathcal R", "W", "V_W"),
    "skip": Skip(),
    "expect false": ExpectFalse(),
}


@pytest.mark.parametrize("text", KNOWN)
def test_directives(text: str) -> None:
    assert read_directive(text) == KNOWN[text]


@pytest.mark.parametrize(
    "text",
    ["", "modell x", "model", "model a b", "let x", "let x = ", "let x = h[", "let x = h[]", "let x = h[t][i][j]",
     "let x = h[t] through a[t]", "layout sideways", "time T", "skip this", "expect true", "operator R = W",
     "let x = __import__('os')"],
)  # fmt: skip
def test_what_is_no_directive(text: str) -> None:
    with pytest.raises(DirectiveError):
        read_directive(text)


def test_a_directive_that_is_given_alone_is_named_with_what_is_wrong() -> None:
    with pytest.raises(InputError) as found:
        derive.load("elman").verify("x_t = x_t", ["time 0..T-1", r"let \delta_t = \frac{\partial L}{\partial a_t}"])
    told = str(found.value)
    assert told.startswith(r"directive 'let \delta_t = \frac{\partial L}{\partial a_t}':")
    assert told.endswith("a formula is said by 'where LEFT = RIGHT'")


@pytest.mark.parametrize(
    ("claim", "where"),
    [
        (
            r"\frac{\partial L}{\partial U} = \sum_{t=1}^T \frac{\partial L}{\partial h_t} x_{t-1}^\top",
            "before the first",
        ),
        (r"\sum_{t=1}^T x_{t+1} = \sum_{t=1}^T x_{t+1}", "after the last"),
    ],
)
def test_what_is_read_outside_the_sequence_is_named(claim: str, where: str) -> None:
    found = derive.load("elman").verify(claim, ["time 1..T"], repair=False)
    assert found.outcome == "ill-formed"
    assert f"is read {where} one" in found.reason


@pytest.mark.parametrize(
    ("tex", "outcome"),
    [
        (r"L = L_1 + L_2 + L_3", "checked"),
        (r"L = L_1 + L_2", "refuted"),
        (r"\frac{\partial L}{\partial h_3} = V^\top (\hat y_3 - y_3)", "checked"),
        (r"\frac{\partial L}{\partial h_2} = V^\top (\hat y_2 - y_2)", "refuted"),
        (r"\frac{\partial L}{\partial V} = \sum_{t=1}^3 (\hat y_t - y_t) h_t^\top", "checked"),
        (r"\frac{\partial L}{\partial V} = \sum_{t=2}^3 (\hat y_t - y_t) h_t^\top", "refuted"),
        (r"h_t = \tanh(W h_{t-1} + U x_t)", "checked"),
        (r"h_4 = \tanh(W h_3 + U x_4)", "ill-formed"),
    ],
)
def test_a_worked_example_has_so_many_steps(tex: str, outcome: str) -> None:
    assert derive.load("elman").verify(tex, ["time 1..3"], repair=False).outcome == outcome


@pytest.mark.parametrize("time", ["1..0", "1..13", "2..1"])
def test_so_many_steps_are_not_looked_at(time: str) -> None:
    with pytest.raises(InputError, match="the last step is a letter, or one of the first 12"):
        derive.load("elman").verify("L = L_1", [f"time {time}"])
