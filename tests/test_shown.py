"""What a notebook shows of each object: well formed, inert whatever the names and titles are, short as plain text."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import derive
from derive.claims.verdict.verdicts import Judgement, Outcome, Repair
from derive.kernels.report import Report
from derive.kernels.runtime import Kernel, Result
from derive.language import catalogue
from derive.proof.verdict import Counterexample, Status, Verdict

HOSTILE = "<script>alert(1)</script> & \"x\" 'y' </td></pre> <img src=x onerror=alert(2)> {{ 1 }}"
ELMAN = derive.load("elman")
FALSE = r"\frac{\partial L}{\partial V} = \sum_{t} (y_t - \hat y_t) h_t^\top"
ALLOWED = set("p strong table thead tbody tr th td details summary pre div".split())
MATHML = set("math mrow mi mn mo mtext mspace mfrac msup msub msubsup mover munder munderover mtable mtr mtd".split())
# What MathJax's base and AMS packages know of what we print, and KaTeX too.
KNOWN = set(
    r"""\, \\ \begin \dfrac \displaystyle \end \frac \hat \lVert \left \limits \log \mathbf \mathop \mathrm \odot
    \operatorname \overleftarrow \overrightarrow \prod \rVert \right \sigma \sum \tanh \tilde \times \top""".split()
)


def tree(shown: str) -> ElementTree.Element:
    """What is not well formed is an error."""
    return ElementTree.fromstring(f"<div>{shown.replace('&#x2061;', '')}</div>")  # noqa: S314 - our own text


def tags(shown: str) -> set[str]:
    return {e.tag for e in tree(shown).iter()}


def text(shown: str) -> str:
    return "".join(tree(shown).itertext())


def result() -> Result:
    params = {"U": np.eye(2), "W": np.eye(2), "V": np.eye(2)}
    inputs = {"x": np.ones((3, 1, 2)), "y": np.full((3, 1, 2), 0.5)}
    return ELMAN.compile().value_and_grad(params, inputs, {"h": np.zeros((1, 2))})


@cache
def held() -> dict[str, Any]:
    """One of everything that a user holds."""
    gradient, kernel, false = ELMAN.gradient("W"), ELMAN.compile(), ELMAN.verify(FALSE)
    return {
        "model": ELMAN,
        "gradient": gradient,
        "gradient of a state": ELMAN.gradient("h"),
        "recursion": gradient.recursion,
        "step": gradient.recursion[1],
        "unrolled": gradient.unrolled(1),
        "verdict": gradient.prove(),
        "judgement": false,
        "counterexample": false.counterexample,
        "repair": false.repair,
        "report": ELMAN.check(sets=1),
        "kernel": kernel,
        "schedule": kernel.schedule,
        "result": result(),
    }


HELD = (
    "model", "gradient", "gradient of a state", "recursion", "step", "unrolled", "verdict", "judgement",
    "counterexample", "repair", "report", "kernel", "schedule", "result",
)  # fmt: skip
WRITTEN = ("model", "verdict", "counterexample", "judgement", "repair", "report", "kernel", "result")


@pytest.mark.parametrize("name", HELD)
def test_it_is_shown_well_formed_and_is_short_as_text(name: str) -> None:
    shown = held()[name]._repr_html_()
    assert tags(shown) <= ALLOWED | MATHML
    assert all(set(e.attrib) <= {"style", "display", "displaystyle", "columnalign"} for e in flow(tree(shown)))
    assert len(repr(held()[name])) < 500
    assert "Program(" not in repr(held()[name])


def flow(root: ElementTree.Element) -> list[ElementTree.Element]:
    """The elements that are not inside of mathematics."""
    return [root, *(e for child in root for e in ([child] if child.tag == "math" else flow(child)))]


def test_nothing_is_left_out() -> None:
    assert (tuple(held()), tuple(hostile())) == (HELD, WRITTEN)


def test_a_model_shows_its_equations_and_shapes() -> None:
    shown = tree(ELMAN._repr_html_())
    rows = {"".join(r[0].itertext()): ["".join(c.itertext()) for c in r[1:]] for r in shown.iterfind(".//tbody/tr")}
    assert rows["W"] == ["H×H", "parameter"]
    assert len(shown.findall("math//mtr")) == len(ELMAN.program.equations)
    assert "Vanilla recurrent network" in text(ELMAN._repr_html_())


def test_a_gradient_shows_every_step_behind_it() -> None:
    gradient = ELMAN.gradient("W")
    shown = tree(gradient._repr_html_())
    assert len(shown.findall("details//tbody/tr")) == len(gradient.recursion)
    assert "slope of tanh" in text(gradient._repr_html_())


def test_steps_are_written_in_the_names_of_the_model() -> None:
    *_, step = ELMAN.gradient("W").recursion
    assert repr(step) == "dL/dW = Σ_t dL/dz_h[t] h[t-1]ᵀ"
    assert r"\frac{dL}{dW} &= \sum_{t=0}^{T-1}" in step._repr_latex_()


def test_a_refutation_shows_where_and_by_how_much() -> None:
    example = held()["counterexample"]
    for shown in (held()["judgement"], example):
        rows = {"".join(r[0].itertext()): "".join(r[1].itertext()) for r in tree(shown._repr_html_()).iter("tr")}
        assert rows["T"] == str(example.T)
        assert set(example.sides) <= set(rows.values())
    assert str(held()["judgement"]).splitlines()[0] == "refuted: the sides differ at T = 1"
    assert f"$${held()['repair'].latex}$$" in text(held()["judgement"]._repr_html_())


def test_a_report_shows_each_error_and_its_bound() -> None:
    report = Report("m", "c", "float64", {"W": 1e-15, "U": float("nan")})
    cells = [["".join(c.itertext()) for c in r] for r in tree(report._repr_html_()).iterfind(".//tbody/tr")]
    assert cells == [
        ["dL/dW", "complex step", "1.0e-15", "1e-12", "yes"],
        ["dL/dU", "complex step", "nan", "1e-12", "no"],
    ]
    assert "not ok" in text(report._repr_html_())
    assert "not ok" in repr(report)


def test_a_kernel_shows_what_it_takes() -> None:
    cells = [["".join(c.itertext()) for c in r] for r in tree(held()["kernel"]._repr_html_()).iterfind(".//tbody/tr")]
    assert ["params", "W", "[H, H]"] in cells
    assert ["inputs", "x", "[T, B, I]"] in cells
    assert ["initial", "h", "[B, H]"] in cells


def test_a_paper_is_shown_in_a_frame_in_which_nothing_runs() -> None:
    paper = ELMAN.paper(wrt=["V"], unroll=0)
    summary, frame = tree(paper._repr_html_())
    assert (frame.tag, frame.attrib["sandbox"]) == ("iframe", "allow-same-origin")  # and no scripts
    assert frame.attrib["srcdoc"].split() == paper.html().split()
    assert "equalities checked" in "".join(summary.itertext())
    assert len(repr(paper)) < 200


def test_a_long_file_is_cut() -> None:
    kernel = held()["kernel"]
    long = Kernel(kernel.normal, "c", "float64", {"a.c": "x;\n" * 1000}, kernel.schedules, kernel.backend)
    shown = text(long._repr_html_())
    assert shown.count("x;") == 200
    assert "… 800 more lines: kernel.files['a.c']" in shown


def test_a_judgement_says_what_was_assumed() -> None:
    judgement = ELMAN.verify(FALSE.replace("y_t - \\hat y_t", "\\hat y_t - y_t"))
    assert "assumed: sum(y) == 1" in text(judgement._repr_html_())
    assert "  assumed: sum(y) == 1" in str(judgement)


def test_a_result_shows_its_arrays() -> None:
    shown = text(held()["result"]._repr_html_())
    assert re.search(r"outputs\s*yhat\s*\(3, 1, 2\)", shown) or "outputsyhat(3, 1, 2)" in shown
    assert repr(held()["result"]).startswith("<Result: loss 2.")


# --- Nothing that anybody wrote acts on the page --------------------------------------------------


@cache
def hostile() -> dict[str, Any]:
    title = HOSTILE.replace('"', "'").replace("\n", "")
    model = derive.parse(f'cell a "{title}"\ndims H\ninput x : H\nstate h : H\nh[t] = tanh(x[t] + h[t-1])\n')
    example = Counterexample(1, {HOSTILE: 2}, 0, None, (0, 0), HOSTILE, HOSTILE)
    verdict = Verdict(
        Status.REFUTED, HOSTILE, counterexample=example, word=HOSTILE, assumptions=(HOSTILE,), tried=(HOSTILE,)
    )
    repair = Repair(HOSTILE, (HOSTILE,), Outcome.PROVED, (HOSTILE,), {HOSTILE: HOSTILE})
    kernel = ELMAN.compile()
    return {
        "model": model,
        "verdict": verdict,
        "counterexample": example,
        "judgement": Judgement(Outcome.UNREADABLE, HOSTILE, help=HOSTILE, repair=repair),
        "repair": repair,
        "report": Report(HOSTILE, HOSTILE, "float64", {HOSTILE: 0.0}),
        "kernel": Kernel(kernel.normal, HOSTILE, HOSTILE, {HOSTILE: HOSTILE}, kernel.schedules, kernel.backend),
        "result": Result(loss=1.0, outputs={HOSTILE: np.zeros(2)}),
    }


@pytest.mark.parametrize("name", WRITTEN)
def test_nothing_written_by_others_acts_on_the_page(name: str) -> None:
    shown = hostile()[name]._repr_html_()
    assert tags(shown) <= ALLOWED | MATHML
    assert "alert(1)" in text(shown)
    assert "{{ 1 }}" in text(shown)


# --- LaTeX that notebooks can set ----------------------------------------------------------------


def latex_of(name: str) -> list[str]:
    model = derive.load(name)
    gradients = [model.gradient(v.name) for v in model.program.parameters]
    return [model._repr_latex_(), *(x._repr_latex_() for g in gradients for x in (g, g.recursion))]


@pytest.mark.parametrize("name", catalogue.names())
def test_the_latex_is_what_mathjax_knows(name: str) -> None:
    for shown in latex_of(name):
        assert shown.startswith(r"$\displaystyle ")
        assert shown.endswith("$")
        assert "$" not in shown[1:-1]
        assert set(re.findall(r"\\(?:[A-Za-z]+|.)", shown)) <= KNOWN
        assert set(re.findall(r"\\begin\{(\w+)\}", shown)) <= {"aligned", "bmatrix"}
