"""verify and lint: files, directives, exit statuses, formats, and what strangers' papers may not do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest
from click.testing import CliRunner, Result
from sympy import Expr, S, Symbol

import derive
from derive.algebra.build import add
from derive.algebra.nodes import t
from derive.claims.verdict.domain import Domain
from derive.claims.verdict.judge import Judge
from derive.claims.verdict.verdicts import FALSE as FALSEHOODS
from derive.claims.verdict.verdicts import NONE_FOUND, Outcome
from derive.claims.verdict.verdicts import TRUE as TRUTHS
from derive.cli.commands import cli
from derive.errors import DeriveError, InputError

TRUE = r"\frac{\partial L}{\partial V} = \sum_t (\hat y_t - y_t) h_t^\top"
FALSE = r"\frac{\partial L}{\partial V} = \sum_t (\hat y_t - y_t) h_{t-1}^\top"
JACOBIAN = r"\frac{\partial h_t}{\partial h_{t-1}} = \operatorname{diag}(1-h_t^2) W"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def go(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments)

    return go


def paper(*lines: str) -> str:
    """Each equation displayed; comments and what is displayed already as they are."""
    kept = ("%", r"\[", r"\begin")
    return "\n".join(line if line.startswith(kept) else rf"\[{line}\]" for line in lines) + "\n"


@pytest.mark.parametrize(
    ("tex", "status", "word"),
    [
        (TRUE, 0, "proved"),
        (JACOBIAN, 0, "conditional"),
        (FALSE, 1, "refuted"),
        (r"h_t = x_t", 1, "ill-formed"),
        (r"h_t = \foo", 3, "unreadable"),
        (r"\frac{\partial^2 L}{\partial h_t^2} = h_t", 3, "open"),
    ],
)
def test_exit_statuses(run: Run, tex: str, status: int, word: str) -> None:
    done = run("verify", "elman", "--no-repair", "-e", tex)
    assert done.exit_code == status, done.output
    assert f"-e:1: {word}" in done.output


def test_a_false_equation_goes_before_an_open_one(run: Run) -> None:
    assert run("verify", "elman", "--no-repair", "-e", r"h_t = \foo", "-e", FALSE).exit_code == 1


def test_a_paper_names_its_models(run: Run, tmp_path: Path) -> None:
    (tmp_path / "p.tex").write_text(
        paper("% derive: model elman", TRUE, "% derive: model lstm", r"h_t = o_t \odot \tanh(c_t)")
    )
    done = run("lint", "p.tex", "--json")
    assert done.exit_code == 0
    found = json.loads(done.output)["claims"]
    assert [(c["model"], c["status"]) for c in found] == [("elman", "proved"), ("lstm", "checked")]
    assert json.loads(found[0]["certificate"])
    assert [c["line"] for c in found] == [2, 4]


def test_json_holds_what_the_interface_says(run: Run) -> None:
    (claim,) = json.loads(run("verify", "elman", "-e", FALSE, "--json").output)["claims"]
    assert set(claim) >= {
        "id",
        "file",
        "line",
        "status",
        "reading",
        "readings",
        "counterexample",
        "repair",
        "certificate",
    }
    assert set(claim["counterexample"]) >= {"T", "sizes", "seed", "lhs", "rhs"}
    assert claim["repair"]["status"] == "proved"
    assert "h_t^" in claim["repair"]["latex"]
    (again,) = json.loads(run("verify", "elman", "-e", FALSE, "--json").output)["claims"]
    assert again == claim, "a second run gives the same numbers"


def test_expectations(run: Run, tmp_path: Path) -> None:
    (tmp_path / "p.tex").write_text(paper("% derive: expect false", FALSE, "% derive: skip", "h_t = x_t", TRUE))
    done = run("verify", "elman", "p.tex", "--no-repair")
    assert done.exit_code == 0, done.output
    assert "2 equations: 1 proved, 1 refuted" in done.output
    (tmp_path / "p.tex").write_text(paper("% derive: expect false", TRUE))
    assert run("verify", "elman", "p.tex").exit_code == 1


def test_an_unknown_directive_ends_at_the_next_model(run: Run, tmp_path: Path) -> None:
    (tmp_path / "p.tex").write_text(
        paper("% derive: model elman", "% derive: wrong", TRUE, "% derive: model elman", TRUE)
    )
    done = run("lint", "p.tex", "--json")
    assert [c["status"] for c in json.loads(done.output)["claims"]] == ["unreadable", "proved"]
    assert done.exit_code == 3


def test_annotations(run: Run) -> None:
    lines = run("verify", "elman", "--no-repair", "-e", FALSE, "-e", TRUE, "--format", "github").output.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("::error file=-e,line=1,title=refuted%3A -e%3A1::")


def test_sarif(run: Run) -> None:
    report = json.loads(run("verify", "elman", "--no-repair", "-e", FALSE, "-e", TRUE, "--format", "sarif").output)
    (found,) = report["runs"][0]["results"]
    assert (report["version"], found["ruleId"], found["level"]) == ("2.1.0", "refuted", "error")
    assert {r["id"] for r in report["runs"][0]["tool"]["driver"]["rules"]} >= {"refuted", "ill-formed"}


def test_included_files_and_macros(run: Run, tmp_path: Path) -> None:
    (tmp_path / "macros.tex").write_text(
        "\\newcommand{\\Loss}{L}\n\\newcommand{\\by}[2]{\\frac{\\partial #1}{\\partial #2}}\n"
    )
    (tmp_path / "part.tex").write_text(paper(r"\[\by{\Loss}{V} = \sum_t (\hat y_t - y_t) h_t^\top\]"))
    (tmp_path / "main.tex").write_text("% derive: model elman\n\\input{macros}\n\\input{part}\n\\input{main}\n")
    (claim,) = json.loads(run("lint", "main.tex", "--json").output)["claims"]
    assert (claim["file"], claim["status"]) == ("part.tex", "proved")


@pytest.mark.parametrize("line", [r"\input{../secret}", r"\input{/etc/passwd}"])
def test_nothing_outside_the_folder_is_read(run: Run, tmp_path: Path, line: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "secret.tex").write_text("word\n")
    (inner / "p.tex").write_text(line)
    done = run("lint", str(inner / "p.tex"))
    assert isinstance(done.exception, DeriveError)
    assert "not followed" in str(done.exception)


def test_no_model_outside_the_folder_is_read(run: Run, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "secret.cell").write_text("top secret\n")
    for path in ("../secret.cell", "../secret", "../../../etc/passwd"):
        (inner / "p.tex").write_text(paper(f"% derive: model {path}", TRUE))
        done = run("lint", str(inner / "p.tex"))
        assert done.exit_code == 3
        assert "top secret" not in done.output
        assert "root:" not in done.output


def test_only_some(run: Run, tmp_path: Path) -> None:
    (tmp_path / "p.tex").write_text(paper(TRUE, rf"\begin{{equation}}\label{{two}}{FALSE}\end{{equation}}"))
    done = run("verify", "elman", "p.tex", "--no-repair", "--only", "two")
    assert "1 equation: 1 refuted" in done.output


def test_verify_wants_claims(run: Run) -> None:
    assert run("verify", "elman").exit_code == 2


def test_what_stands_beside_a_definition_is_judged(run: Run) -> None:
    define = [r"% derive: model elman", r"% derive: define"]
    Path("p.tex").write_text(paper(*define, rf"N_t = W^\top h_t, \quad {TRUE}", r"h_t = W N_t, \quad h_t = 0"))
    result = run("lint", "p.tex", "--no-repair", "--json")
    assert [r["status"] for r in json.loads(result.output)["claims"]] == ["proved", "refuted"]
    Path("p.tex").write_text(paper(*define, r"N_t = W^\top h_t"))
    assert run("lint", "p.tex").exit_code == 0


def test_a_condition_under_which_all_is_zero_is_none(run: Run) -> None:
    Path("quiet.cell").write_text(
        "cell quiet\ndims O, H\ntarget y : O\nstate h : H\nparam W : H x H\nparam V : O x H\n"
        "h[t] = W @ h[t-1]\no[t] = V @ h[t]\nloss[t] = squared_error(y[t], o[t])\n"
    )
    assert run("verify", "quiet.cell", "-e", r"h_t = W^{t-1} h_{-1}").exit_code == 1
    assert run("verify", "quiet.cell", "-e", r"h_t = W^{t+1} h_{-1}").exit_code == 0


def test_ranges_that_end_before_they_begin_are_named() -> None:
    """At t = 0 the last sum would have one term less than none: the claim is not about that, and says so."""
    claim = r"\sum_{m=0}^{t} L_m = L_0 + L_1 + \sum_{m=2}^{t} L_m"
    found = derive.load("elman").verify(claim, ["time 0..T-1"], repair=False)
    assert found.status == "checked"
    assert "the range of m does not end before it begins" in found.readings[0].verdict.assumptions


HOSTILE = (
    r"\sum_a \sum_b \sum_c \sum_d \sum_e \sum_f L_a L_b L_c L_d L_e L_f = L^6",
    (
        r"\frac{\partial L}{\partial h_t} = \sum_{a=0}^{T-1} \sum_{b=0}^{T-1} \sum_{c=0}^{T-1} \sum_{d=0}^{T-1} "
        r"\sum_{e=0}^{T-1} \sum_{f=0}^{T-1} \frac{\partial L_f}{\partial h_a} L_b L_c L_d L_e"
    ),
)


@pytest.mark.parametrize("tex", HOSTILE)
def test_hostile_claims_end(tex: str) -> None:
    """All readings share one limit, and so do all candidates for a repair; 8 and 4 seconds, and what is under way."""
    start = process_time()
    judgement = derive.load("elman").verify(tex)
    assert process_time() - start < 18
    assert judgement.status in ("open", "refuted")


def test_the_place_of_an_entry_may_be_a_product() -> None:
    program = derive.load("elman").program
    a, H = Symbol("a", integer=True), next(s for s in program.sizes if s.name == "H")
    domain = Domain(program, 3, {"I": 2, "H": 3, "O": 4})
    assert domain.integer(a * H + 1, {a: 2, H: 3}) == 7
    assert domain.integer(a**2 - a, {a: 3}) == 6
    assert domain.integer(2 * a - 1, {a: 3}) == 5


LAGS = """
cell lags
dims H
input x : H
state h : H
param W, R : H x H
a[t] = W @ h[t-1] + R @ h[t-2] + x[t]
h[t] = tanh(a[t])
loss[t] = 0.5*norm2(h[t])
"""


def test_an_assumption_is_about_one_value_before_the_first_step() -> None:
    model = derive.parse(LAGS)
    claim, near, far = r"h_0 = \tanh(x_0)", "assume h_{-1} = 0", "assume h_{-2} = 0"
    found = model.verify(claim, ["time 0..T-1", near], repair=False)
    assert found.status == "conditional"
    assert found.reading == {"the state before the first step (h[-2]) is": "zero"}
    assert model.verify(claim, ["time 0..T-1", near, far], repair=False).status == "checked"
    rest = model.verify(r"h_0 = \tanh(x_0 + R h_{-2})", ["time 0..T-1", near], repair=False)
    assert rest.status == "checked"


def test_a_sum_from_one_to_T_is_told_of_the_other_way_to_count() -> None:
    """Only where the equation is not true as it is read, and where nobody said how steps are counted."""
    model = derive.load("elman")
    tex = r"\frac{\partial L}{\partial V} = \sum_{t=1}^{T} (\hat y_t - y_t) h_t^\top"
    assert "time 1..T" in model.verify(tex, repair=False).help
    assert model.verify(tex, ["time 1..T"], repair=False).status == "proved"
    assert "time 1..T" not in model.verify(tex.replace("h_t", "h_{t-1}"), ["time 1..T"], repair=False).help
    assert not model.verify(tex.replace("t=1}^{T}", "t=0}^{T-1}"), repair=False).help


def test_a_file_without_equations_is_not_passed_over(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.tex").write_text("No display here.\n", "utf-8")
    done = run("lint", "notes.tex")
    assert done.exit_code == 0
    assert "warning: notes.tex: there is no displayed equation in it" in done.stderr


def test_what_a_comment_would_say_is_said_on_the_command_line(run: Run, tmp_path: Path) -> None:
    """For equations without a file, and for a file, above its own directives."""
    equation = r"\delta_T = V^\top (\hat y_T - y_T)"
    said = ("-d", r"let \delta_t = dL/dh[t]", "-d", "time 1..T")
    assert run("verify", "elman", "-e", equation).exit_code == 3
    assert "-e:1: checked" in run("verify", "elman", *said, "-e", equation).output
    (tmp_path / "p.tex").write_text(paper(equation, "% derive: model jordan", r"\delta_t = h_t"), "utf-8")
    done = run("verify", "elman", "p.tex", *said)
    assert "p.tex:1: checked" in done.output
    assert "p.tex:3: unreadable" in done.output, "a model starts afresh"


@pytest.mark.parametrize(
    ("said", "word"), [("lat x", "there are model, time, let"), ("time one", "time 1..T"), ("expect", "expect false")]
)
def test_a_directive_that_is_not_understood_is_bad_input(run: Run, said: str, word: str) -> None:
    for more in (["-e", "h_t = h_t"], []):
        done = run("verify", "elman", "-d", said, *more)
        assert done.exit_code, "nothing is judged"
        assert isinstance(done.exception, InputError) == bool(more)
        assert not more or word in str(done.exception)


def test_a_directive_that_is_not_supported_leaves_the_claim_open(run: Run) -> None:
    """On the command line and in Python as in a file."""
    said = r"operator \mathcal R = derivative along W : V_W"
    done = run("verify", "elman", "-d", said, "-e", "h_t = h_t")
    assert (done.exit_code, "-e:1: open" in done.output) == (3, True)
    assert derive.load("elman").verify("h_t = h_t", [said]).outcome == "open"


def test_what_the_field_does_not_know_of_one_hot_vectors_is_asked_of_numbers() -> None:
    """Where an entry of o is zero, both slopes of the maximum are: the sum of its derivatives is not 1 there."""
    model = derive.parse(
        "cell c\ndims H\ninput o : H onehot\ninput x : H\nstate h : H\nh[t] = x[t]\nm[t] = maximum(h[t] + o[t], h[t])\n"
        "loss[t] = sum(m[t]) + 0*sum(h[t-1])\n"
    )
    assert model.verify(r"\frac{\partial L}{\partial h_t} = \mathbf{1}").outcome is Outcome.REFUTED
    one_hot = model.verify(r"\sum_t o_t \odot (1 / o_t) \odot x_t = \sum_t x_t")
    assert one_hot.outcome is Outcome.OPEN
    assert "no real values" in one_hot.reason


def test_a_counterexample_counts_as_the_paper_does() -> None:
    claim = r"\frac{\partial L}{\partial h_t} = V^\top (\hat y_t - y_t)"
    steps = {first: derive.load("elman").verify(claim, [f"time {first}..T"], repair=False) for first in (0, 1)}
    assert [f", t = {first}, " in str(steps[first]) for first in (0, 1)] == [True, True]


LATER = r"V^\top (\hat y_{%s} - y_{%s}) + W^\top (\frac{\partial L}{\partial h_{%s}} \odot (1-h_{%s}^2))"
STEPS = {  # claims about one step, which sequences that are too short do not have
    "the fifth": r"\frac{\partial L}{\partial h_5} = " + LATER % (5, 5, 6, 6),
    "the last but two": r"\frac{\partial L}{\partial h_{T-3}} = " + LATER % ("T-3", "T-3", "T-2", "T-2"),
    "trivially": r"\hat y_5 - y_5 = -(y_5 - \hat y_5)",
    "a sum of four": r"\sum_{k=2}^{5} h_k = h_2 + h_3 + h_4 + h_5",
    "the last three": r"\sum_{k=T-3}^{T-1} h_k = h_{T-3} + h_{T-2} + h_{T-1}",
    "its state": r"h_{T-3} = \tanh(U x_{T-3} + W h_{T-4})",
}


@pytest.mark.parametrize("claim", STEPS.values(), ids=STEPS)
def test_a_claim_about_one_step_is_asked_where_there_is_one(claim: str) -> None:
    """It is not proved for every T, nor refuted by a sequence that does not have the step."""
    assert derive.load("elman").verify(claim, repair=False).outcome is Outcome.CHECKED
    wrong = claim.replace("= ", "= 2 ", 1)
    assert derive.load("elman").verify(wrong, repair=False).outcome in (Outcome.REFUTED, Outcome.ILL_FORMED)


HEAD = """cell c
dims I, H, O
input x : I
target y : O
state h : H
param W : H x H
param U : H x I
param V : O x H
h[t] = tanh(W @ h[t-1] + U @ x[t])
"""
SINE = r"(\sin(o_t) - y_t) \odot \cos(o_t)"
COSINE = r"(\cos(o_t) - y_t) \odot \sin(o_t)"


@pytest.mark.parametrize(
    ("loss", "value", "outcome"),
    [
        ("squared_error(y[t], sin(V @ h[t]))", SINE, "true"),
        ("squared_error(y[t], sin(V @ h[t])) + squared_error(y[t], cos(V @ h[t]))", SINE, "refuted"),
        ("squared_error(y[t], sin(V @ h[t])) + squared_error(y[t], cos(V @ h[t]))", f"{SINE} - {COSINE}", "true"),
        ("squared_error(y[t] - V @ h[t-1], sin(V @ h[t]))", SINE, "open"),
    ],
)
def test_a_paper_may_differentiate_by_what_it_defines(loss: str, value: str, outcome: str) -> None:
    """∂L/∂o by the name that the normal form gives to V h; not where a part of it is read elsewhere too."""
    model = derive.parse(f"{HEAD}loss[t] = {loss}\n")
    claim = rf"\frac{{\partial L}}{{\partial o_t}} = {value}"
    for directives in (["where o_t = V h_t"], [r"where o_t = h_t V^\top", "convention row"]):
        found = model.verify(claim, directives, repair=False).outcome
        assert ("true" if found in TRUTHS else found) == outcome


def test_the_terms_of_what_a_paper_defines_may_stand_in_any_order() -> None:
    claim = r"\frac{\partial L}{\partial a_t} = diag(1 - h_t^2) \frac{\partial L}{\partial h_t}"
    for definition in ("U x_t + W h_{t-1}", "W h_{t-1} + U x_t"):
        found = derive.load("elman").verify(claim, [f"where a_t = {definition}"], repair=False)
        assert found.outcome is Outcome.PROVED


def test_where_no_repair_is_found_that_is_said() -> None:
    claim = r"\frac{\partial h_{t,i}}{\partial h_{t-1,j}} = 1 - \tanh^2(h_{t,i})"
    assert NONE_FOUND in str(derive.load("elman").verify(claim))
    assert NONE_FOUND not in str(derive.load("elman").verify(claim, repair=False))


@pytest.mark.parametrize("number", ["((((64^{64})^{64})^{64})^{64})^{64}", "(((9 L)^{60})^{60})^{60}"])
def test_towers_of_powers_end_at_once_with_repairs_too(number: str) -> None:
    start = process_time()
    for repair in (False, True):
        assert derive.load("elman").verify(f"L = {number}", repair=repair).outcome in FALSEHOODS
    assert process_time() - start < 20


@pytest.mark.parametrize(("step", "about_all"), [(t, True), (S.Zero, True), (S.NegativeOne, True), (S.One, False)])
def test_an_equation_that_names_a_step_is_not_about_all(step: Expr, about_all: bool) -> None:
    """Even where an index runs: at T = 1 there is no step 1, though there is one at T = 2 and 3."""
    prover = derive.load("elman").prover
    x, h = prover.subject.names.at("h", t), prover.subject.names.at("h", step)
    assert Judge(prover)._is_about_all(add(x, h), add(h, x), {t}) is about_all


def test_an_equation_is_a_text() -> None:
    with pytest.raises(InputError, match="an equation as LaTeX, got 3"):
        derive.load("elman").verify(3)  # type: ignore[arg-type]
