"""False equations are repaired: the chapter's, and slips of every kind, each by the edit that undoes it."""

from __future__ import annotations

from time import process_time

import pytest

import derive
from derive.claims.verdict.verdicts import ANEW, TRUE, Judgement, Outcome
from derive.model.claims import Paper
from tests.claims.papers import FOLDER

ELMAN = derive.load("elman")
CHAPTER = (
    r"\frac{\partial L}{\partial W}=\sum_{j=0}^{T-1}\sum_{b=0}^{j}(\hat{y}_j-y_j)\prod_{m=k+1}^{j}W^{T}"
    r"\operatorname{diag}(1-\tanh^2(Wh_{m-1}+Ux_m))\otimes h_{k-1}"
)
TRUE_W = (
    r"\frac{\partial L}{\partial W} = \sum_{j=0}^{T-1}\sum_{k=0}^{j} \operatorname{diag}(1-h_k^2) "
    r"\left(\mathop{\overrightarrow{\prod}}\limits_{m=k+1}^{j} W^\top \operatorname{diag}(1-h_m^2)\right) "
    r"V^\top (\hat y_j - y_j) h_{k-1}^\top"
)
TRUE_H = (
    r"\frac{\partial L}{\partial h_t} = V^\top (\hat y_t - y_t) + "
    r"W^\top \operatorname{diag}(1-h_{t+1}^2) \frac{\partial L}{\partial h_{t+1}}"
)
TRUE_V = r"\frac{\partial L}{\partial V} = \sum_{t=0}^{T-1} (\hat y_t - y_t) h_t^\top"
D = r"\frac{\partial L}{\partial %s}"
SLIPS = {  # what is exchanged for what in which equation
    "transpose dropped": (TRUE_W, r"V^\top", "V"),
    "a transpose too many": (TRUE_H, r"W^\top \operatorname", r"W \operatorname"),
    "lower bound": (TRUE_V, "t=0", "t=1"),
    "upper bound": (TRUE_W, "^{j} W", "^{j-1} W"),
    "start of the product": (TRUE_W, "m=k+1", "m=k"),
    "factor missing": (TRUE_W, r"\operatorname{diag}(1-h_k^2) ", ""),
    "factor too many": (TRUE_H, r"V^\top (", r"V^\top V V^\top ("),
    "time of the state": (TRUE_W, "h_{k-1}", "h_k"),
    "time of the slope": (TRUE_H, "h_{t+1}^2", "h_t^2"),
    "sign": (TRUE_H, "+ W", "- W"),
    "sign inside": (TRUE_H, r"1-h_{t+1}", r"1+h_{t+1}"),
    "order": (TRUE_W, r"W^\top \operatorname{diag}(1-h_m^2)", r"\operatorname{diag}(1-h_m^2) W^\top"),
    "another quantity": (TRUE_W, "h_{k-1}", "x_{k-1}"),
    "square missing": (TRUE_H, "h_{t+1}^2", "h_{t+1}"),
    "term missing": (TRUE_H, r"V^\top (\hat y_t - y_t) + ", ""),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_undone(slip: str) -> None:
    good, old, new = SLIPS[slip]
    assert good.count(old) == 1
    assert ELMAN.verify(good, repair=False).outcome in TRUE
    judgement = ELMAN.verify(good.replace(old, new))
    assert judgement.outcome in (Outcome.REFUTED, Outcome.ILL_FORMED)
    assert judgement.repair is not None
    assert judgement.repair.outcome in TRUE
    assert ANEW not in judgement.repair.edits
    holds(ELMAN, judgement)


def holds(model: derive.Model, judgement: Judgement) -> None:
    """What a repair prints is true when it is read again, if only in one reading."""
    assert judgement.repair is not None
    again = model.verify(judgement.repair.latex, ["partial local"], repair=False)
    assert again.outcome in (*TRUE, Outcome.CONDITIONAL), judgement.repair.latex


def test_the_chapter_is_repaired() -> None:
    """Rename b to k, insert Vᵀ, insert diag(1 − h_k²), move the error vector: no other equation is as near."""
    start = process_time()
    judgement = ELMAN.verify(CHAPTER)
    assert process_time() - start < 15
    assert judgement.outcome is Outcome.ILL_FORMED
    repair = judgement.repair
    assert repair is not None
    assert repair.outcome is Outcome.PROVED
    assert repair.others == ()
    inserted = {r"\operatorname{diag}(1-h_k^2) inserted", r"V^{\top} inserted"}
    assert repair.edits[0] == "the index b → k"
    assert set(repair.edits[1:3]) == inserted
    assert len(repair.edits) == 4
    assert r"V^{\top}(\hat{y}_j-y_j)\otimes h_{k-1}" in repair.latex
    holds(ELMAN, judgement)


def test_where_no_edit_helps_the_equation_is_derived() -> None:
    judgement = ELMAN.verify(r"\frac{\partial L}{\partial h_t} = U x_t")
    assert judgement.repair is not None
    assert judgement.repair.outcome in TRUE
    holds(ELMAN, judgement)


def test_what_is_derived_is_short_and_without_names_of_the_normal_form() -> None:
    """One step of the recursion or one sum over steps."""
    lstm = derive.load("lstm")
    forgotten = rf"{D % 'h_t'} = V^\top (\hat y_t - y_t)"
    later = rf"W^{{\top}}\left({D % 'h_{t+1}'}\odot (1-h_{{t+1}}^2)\right)"
    is_derived(ELMAN, forgotten, [], rf"V^{{\top}}(\hat{{y}}_t-y_t)+{later}")
    forgotten = rf"{D % 'c_t'} = {D % 'h_t'} \odot o_t \odot (1 - \tanh^2(c_t))"
    now = rf"{D % 'h_t'}\odot o_t\odot (1-\tanh^2(c_t))"
    is_derived(lstm, forgotten, [], rf"{now}+{D % 'c_{t+1}'}\odot f_{{t+1}}")
    term = rf"\left({D % 'f_t'}\odot f_t\odot (1-f_t)\right)h_{{t-1}}^{{\top}}"
    other = rf"{D % 'W_f'} = \sum_t (c_t \odot h_t) h_{{t-1}}^\top"
    is_derived(lstm, other, [], rf"\sum_{{t=0}}^{{T-1}}{term}")


def test_what_is_derived_is_in_the_notation_of_the_claim() -> None:
    """Its names, for derivatives too, its first and last step, its rows."""
    own = ["time 1..N", "let J = L", "let W_{hh} = W", r"let h^{(t)} = h[t]", r"let \delta^{(t)} = dL/dh[t]"]
    term = r"(\delta^{(t)}\odot (1-(h^{(t)})^2))(h^{(t-1)})^{\top}"
    wrong = r"\frac{\partial J}{\partial W_{hh}} = \sum_{t=1}^N h^{(t)}"
    is_derived(ELMAN, wrong, own, rf"\sum_{{t=1}}^N{term}")
    rows = ["convention row", r"let \delta_t = dL/dh[t]"]
    later = r"(\delta_{t+1}\odot (1-h_{t+1}^2))W"
    is_derived(ELMAN, r"\delta_t = x_t", rows, rf"(\hat{{y}}_t-y_t)V+{later}")


def test_what_is_derived_is_said_by_derivatives_that_the_claim_names() -> None:
    """The forgotten way from the gate through the candidate of a GRU, not ∂L/∂r, which the claim has no name for."""
    names = [rf"let \delta_{x} = dL/d{q}[t]" for x, q in (("r", "z_r"), ("c", "z_htilde"), ("h", "h"))]
    expected = r"(W_h^{\top}\delta_c)\odot h_{t-1}\odot r_t\odot (1-r_t)"
    gru = derive.load("gru")
    found = gru.verify(r"\delta_r = \delta_h \odot r_t \odot h_t", names).repair
    assert found is not None
    assert found.edits == (ANEW,)
    assert found.latex.partition(" = ")[2] == expected
    assert gru.verify(found.latex, names, repair=False).outcome in TRUE


def is_derived(model: derive.Model, tex: str, directives: list[str], expected: str) -> None:
    repair = model.verify(tex, directives).repair
    assert repair is not None
    assert repair.edits == (ANEW,)
    assert repair.latex.partition(" = ")[2] == expected
    assert model.verify(repair.latex, directives).outcome is Outcome.PROVED


@pytest.mark.parametrize("label", ["rx-delta", "rx-Wxh", "rx-Whh"])
def test_a_factor_like_one_that_is_there_may_be_tried_while_others_move(label: str) -> None:
    """Two equal factors are two: diag(1 - h²) is there, and among what may be missing."""
    (found,) = Paper(FOLDER / "web_course.tex").judge(frozenset([label]))
    assert found.judgement.repair is not None
    assert found.judgement.repair.outcome in TRUE


def test_a_repair_is_no_tautology() -> None:
    judgement = ELMAN.verify(r"\frac{\partial L}{\partial h_t} = \frac{\partial L}{\partial h_{t+1}}")
    assert judgement.repair is not None
    left, right = judgement.repair.latex.split(" = ")
    assert left != right


def test_no_repair_is_looked_for_where_none_is_wanted() -> None:
    assert ELMAN.verify(CHAPTER, repair=False).repair is None


def test_a_notebook_shows_the_verdict_and_the_repair() -> None:
    judgement = ELMAN.verify(r"\frac{\partial L}{\partial V} = \sum_{t} (y_t - \hat y_t) h_t^\top")
    shown = judgement._repr_html_()
    assert "<strong>refuted</strong>" in shown
    assert judgement.repair is not None
    assert f"$${judgement.repair.latex}$$" in shown


@pytest.mark.parametrize(
    ("tex", "edit"),
    [
        (r"h_t = \tanh(W h_{t+1} + U x_t)", "the time of h_{t+1}: t+1 → t-1"),
        (r"\sum_{k=0}^{t} W^k = I + \sum_{k=1}^{t-1} W^k", "the upper bound t-1 → t"),
        (r"W + W^2 + \cdots + W^t = \sum_{k=1}^{t} W^{k+1}", "the exponent k+1 → k"),
        (r"L_{t+2} + \cdots + L_{T-1} = \sum_{m > t-1} L_m", "the bound t-1 → t+1"),
        (rf"{D % 'h_t'} = V (\hat y_t - y_t), \quad t = T-1", "V transposed"),
        (r"h_t = \tanh(W h_{-1} + U x_{t+1}), \quad t = 0", "the time of x_{t+1}: t+1 → t"),
        (r"h_{t-4} = \tanh(W h_{t-5} - U x_{t-4})", "the sign of Ux_{t-4}"),
        (r"h_t = \tanh(-[U\; W][x_t;\, h_{t-1}])", "the sign of [UW][x_t;h_{t-1}]"),
        (r"h_t \mathbf{1}^\top h_t = h_t (\mathbf{1}^\top h_{t-1})", "the time of h_{t-1}: t-1 → t"),
        (r"W^{\odot 2} = W^\top \odot W", r"W^{\top} without its transpose"),
        (rf"{D % 'h_t'} = {D % 'h_{t+1}'} \operatorname{{diag}}(1-h_{{t+1}}^2) W + V^\top (\hat y_t - y_t)",
         rf"{D % 'h_{t+1}'}\operatorname{{diag}}(1-h_{{t+1}}^2)W transposed"),
    ],
)  # fmt: skip
def test_slips_of_times_bounds_and_exponents_are_put_right(tex: str, edit: str) -> None:
    judgement = ELMAN.verify(tex)
    assert judgement.outcome in (Outcome.REFUTED, Outcome.ILL_FORMED)
    assert judgement.repair is not None
    assert judgement.repair.edits == (edit,)
    holds(ELMAN, judgement)


@pytest.mark.parametrize(
    ("cell", "tex"),
    [
        ("gru", r"h_t = (1-z_t) \odot h_{t-1} + z_t \odot \tilde h_t"),
        ("lstm", rf"{D % 'c_t'} = {D % 'h_t'} \frac{{\partial h_t}}{{\partial c_t}}"),
        ("elman", rf"{D % 'h_t'} = {D % 'h_{t+1}'} \frac{{\partial h_{{t+1}}}}{{\partial h_t}}"),
    ],
)
def test_nothing_is_explained_by_itself(cell: str, tex: str) -> None:
    """h_t = (1 - z_t) ⊙ h_t + z_t ⊙ h_t is true, and says nothing; nor does ∂c_t/∂c_t."""
    repair = derive.load(cell).verify(tex).repair
    assert repair is not None
    left, _, right = repair.latex.partition(" = ")
    assert left not in right
    assert r"\frac{\partial c_t}{\partial c_t}" not in right
    if cell == "gru":
        assert repair.edits == ("(1-z_t) and z_t exchanged",)


def test_of_one_step_every_time_may_be_named() -> None:
    d = r"let d\gamma_t = dL/dh[t]", "let dU = dL/dU", "time 1..1"
    judgement = ELMAN.verify(r"dU = (d\gamma_t \odot (1 - h_t^2)) x_t", directives=d)
    assert judgement.repair is not None
    assert judgement.repair.edits == ("x_t transposed",)
    assert ELMAN.verify(judgement.repair.latex, repair=False, directives=d).outcome in TRUE


@pytest.mark.parametrize(
    ("cell", "tex", "edit"),
    [
        ("gru", rf"{D % 'U_z'} = \sum_t ({D % 'z_t'} \odot (1 - z_t^2)) x_t^\top", r"z_t\odot (1-z_t) for 1-z_t^2"),
        ("lstm", rf"{D % 'W_f'} = \sum_t diag(1-f_t^2) {D % 'f_t'} h_{{t-1}}^\top", r"f_t\odot (1-f_t) for 1-f_t^2"),
        ("lstm", rf"{D % 'W_g'} = \sum_t ({D % 'g_t'} \odot g_t (1-g_t)) h_{{t-1}}^\top", "(1-g_t^2) for g_t(1-g_t)"),
        ("gru", rf"{D % 'U_z'} = \sum_t ({D % 'z_t'} \odot z_t) x_t^\top", "(1-z_t) inserted at the end"),
        ("lstm", rf"{D % 'c_t'} = {D % 'h_t'} \odot o_t \odot \tanh(c_t) + {D % 'c_{t+1}'} \odot f_{{t+1}}",
         r"(1-\tanh^2(c_t)) for \tanh(c_t)"),
        ("lstm", rf"{D % 'o_t'} = {D % 'h_t'} \odot (1-\tanh^2(c_t))", r"\tanh(c_t) for 1-\tanh^2(c_t)"),
        ("lstm", r"h_t = o_t \odot \sigma(c_t)", r"\tanh for \sigma"),
        ("gru", r"z_t = \tanh(U_z x_t + W_z h_{t-1} + b_z)", r"\sigma for \tanh"),
        ("lstm", rf"{D % 'W_o'} = \sum_t ({D % 'o_t'} \odot \sigma(o_t) (1 - \sigma(o_t))) h_{{t-1}}^\top",
         r"o_t for \sigma(o_t)"),
        ("lstm", rf"{D % 'c_t'} = {D % 'h_t'} \odot o_t \odot (1-\tanh^2(c_t)) \odot {D % 'c_{t+1}'} \odot f_{{t+1}}",
         rf"+ for \odot before {D % 'c_{t+1}'}"),
    ],
)  # fmt: skip
def test_slips_of_functions_and_slopes_are_put_right(cell: str, tex: str, edit: str) -> None:
    model = derive.load(cell)
    judgement = model.verify(tex)
    assert judgement.outcome is Outcome.REFUTED
    assert judgement.repair is not None
    assert judgement.repair.edits == (edit,)
    holds(model, judgement)
