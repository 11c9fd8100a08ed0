"""Inequalities between norms, on cells that set traps: what an adversary found, and what only looks true."""

from __future__ import annotations

from pathlib import Path

import pytest

from derive.model import Model, load
from derive.proof.inequality.certificate import check

NOT_TRUE = ("refuted", "open", "ill-formed")


def model(folder: Path, equations: str, states: str = "h", more: str = "") -> Model:
    """A cell with square weights W and U."""
    path = folder / "trap.cell"
    declared = "\n".join(f"state {s} : H" for s in states.split())
    path.write_text(
        f"cell trap\ndims H\ninput x : H\n{declared}\nparam W : H x H\nparam U : H x H\n{more}{equations}\n"
    )
    return load(str(path))


@pytest.mark.parametrize(
    "tex", [r"\|g_{t+1}\|_\infty \le 1", r"\|g_T\|_\infty \le 1", r"\|W \operatorname{diag}(g_{t+1})\| \le \|W\|"]
)
def test_a_state_after_the_last_step_may_be_anything(tex: str, tmp_path: Path) -> None:
    backward = model(tmp_path, "g[t] = tanh(x[t] + W @ g[t+1])", "g")
    assert backward.verify(tex).outcome in NOT_TRUE
    assert backward.verify(r"\|g_t\|_\infty \le 1").outcome == "proved"


@pytest.mark.parametrize("tex", [r"\|h_{t-1}\|_\infty \le 1", r"\|\operatorname{diag}(1 - h_{t-1}^2)\| \le 1"])
def test_a_state_before_the_first_step_may_be_anything(tex: str, tmp_path: Path) -> None:
    assert model(tmp_path, "h[t] = tanh(x[t] + W @ h[t-1])").verify(tex).outcome in NOT_TRUE


def test_a_norm_is_not_two_thirds_of_that_of_the_transpose(tmp_path: Path) -> None:
    trap = model(tmp_path, "h[t] = tanh(W @ h[t-1] + U @ x[t])")
    assert trap.verify(r"\|2W^\top + 3U\| \le \frac23\|2W + 3U^\top\| + 9\|x_t\|").outcome in NOT_TRUE
    assert trap.verify(r"\|2W^\top + 3U\| \le \|2W + 3U^\top\|").outcome == "proved"


def test_rounding_where_large_numbers_cancel_violates_nothing(tmp_path: Path) -> None:
    trap = model(tmp_path, "h[t] = exp(x[t] * x[t]) + 0.1 * h[t-1]")
    assert trap.verify(r"\|W(h_t + x_t) - W h_t\| \le \|W x_t\|").outcome != "refuted"


CHAIN = {
    "two states": ("h[t] = tanh(W @ h[t-1] + U @ c[t-1])\nc[t] = sigmoid(W @ h[t-1])", "h c"),
    "two lags": ("h[t] = tanh(W @ h[t-1] + U @ h[t-2])", "h"),
    "a residual": ("h[t] = h[t-1] + tanh(W @ h[t-1])", "h"),
    "a steep slope": ("h[t] = tanh(2 * W @ h[t-1])", "h"),
    "a gate": ("z[t] = sigmoid(U @ h[t-1])\nh[t] = z[t] * tanh(W @ h[t-1])", "h"),
}


@pytest.mark.parametrize("kind", CHAIN)
def test_what_does_not_go_through_one_matrix_is_not_bounded_by_it(kind: str, tmp_path: Path) -> None:
    trap = model(tmp_path, *CHAIN[kind])
    assert trap.verify(r"\left\|\frac{\partial h_t}{\partial h_k}\right\| \le \|W\|^{t-k}").outcome in NOT_TRUE


def test_what_reads_the_past_beside_the_state_is_no_factor(tmp_path: Path) -> None:
    equations = "h[t] = tanh(W @ h[t-1] + x[t])\ny[t] = U @ h[t] + h[t-1]\nloss[t] = dot(y[t], y[t])"
    trap = load(str(_written(tmp_path, equations)))
    last = r"\left\|\frac{\partial L_t}{\partial h_t}\right\|"
    tex = rf"\left\|\frac{{\partial L_t}}{{\partial h_k}}\right\| \le {last} \|W\|^{{t-k}}"
    assert trap.verify(tex).outcome in NOT_TRUE


def _written(folder: Path, equations: str) -> Path:
    path = folder / "beside.cell"
    path.write_text(f"cell beside\ndims H\ninput x : H\nstate h : H\nparam W : H x H\nparam U : H x H\n{equations}\n")
    return path


def test_a_proof_says_what_it_takes_for_granted_of_the_data() -> None:
    last = r"\|V\| \left\|\hat y_t - y_t\right\|"
    claims = {
        r"\left\|\frac{\partial L_t}{\partial h_t}\right\| \le " + last: ["sum(y) == 1"],
        r"\left\|\frac{\partial h_t}{\partial h_{t-1}}\right\| \le \|W\|": [],
    }
    for tex, assumed in claims.items():
        found = load("elman").verify(tex, ["layout numerator"])
        assert found.verdict is not None
        assert [*found.verdict.assumptions] == assumed
        assert found.certificate is not None
        assert [a for a in check(found.certificate)["assumptions"] if "==" in a] == assumed
    kinked = load("irnn").verify(next(reversed(claims)), ["layout numerator"]).verdict
    assert kinked is not None
    assert "away from the jumps" in kinked.assumptions[0]


def test_a_chain_says_what_each_part_rests_on() -> None:
    tex = r"\left\|\frac{\partial h_t}{\partial h_{t-1}}\right\| \le \|\operatorname{diag}(1-h_t^2)\| \|W\| \le \|W\|"
    found = load("elman").verify(tex)
    assert found.outcome == "proved"
    assert "and the next of the chain" in found.reason


# What is assumed of a norm: ‖W‖ ≤ β is used as if β were ‖W‖, which speaks for larger β where it only makes the larger
# side larger.  Each of these is false for some β that the assumption allows.
UNSOUND = [
    (r"assume \|h_t\| \le \beta_t", r"\beta_{t-1} \le \|h_{t-1}\|"),
    (r"assume \|h_t\| \le \beta", r"\beta \le \|h_{t-1}\|"),
    (r"assume \|W\| \le \beta", r"\beta \le \|W\|_F"),
    (r"assume \|W\| \le \beta; where n = \|W\|", r"\|V - n V\| \le \|V - \beta V\|"),
    (r"assume \|W\| \le \beta; where n = \|W\|; assume \|V - \beta V\| \le 1", r"\|V - n V\| \le 1"),
    (r"assume \|W\| \le \beta; assume \|V - \beta V\| \le \gamma", r"\|V - \beta V\| \le \gamma"),
    (r"assume \|x_{t-1}\| \le \beta", r"\|\mathbf 1 - h_{t-1}\odot h_{t-1}\|_\infty \le 1+\beta"),
    (r"assume \|W\| \le \beta; where \gamma = \beta", r"\gamma \le \|W\|"),
    (r"assume \|W\| \le \beta", r"\|W\| \le \frac{1}{\beta}\|W\|\|W\|"),
    (r"assume \|W\| \le \beta", r"\|W\|^{\beta} \le \|W\|^{\beta}"),
    (r"assume \|W\| \le V", r"\|W\| \le V"),
    (r"let \beta = H; assume \|W\| \le \beta", r"\|W\| \le \beta"),
    (r"let A = W | V; assume \|A\| \le 1", r"\|W\| \le 1"),
    (r"assume \|W\| \le \beta; assume \|V\| \le \beta", r"\|W\| \le \beta"),
    (r"assume \|W\| \le \beta_W", r"\beta_W \le \|W\|_F"),
    (r"assume \|W\| \le \beta_W", r"\|W\|^{\beta_W} \le \|W\|^{\beta_W}"),
    (r"assume \|W\| \le \beta_t", r"\|W\| \le \beta_t"),
]


@pytest.mark.parametrize(("said", "tex"), UNSOUND)
def test_a_letter_speaks_for_every_number_that_it_may_be(said: str, tex: str) -> None:
    found = load("elman").verify(tex, ["time 1..T", *said.split("; ")])
    assert found.outcome in ("open", "unreadable"), found.reason


@pytest.mark.parametrize(
    ("said", "tex"),
    [
        (r"assume \|W\| \le \beta", r"\|W h_t\| \le \beta \|h_t\|"),
        (r"assume \beta \ge \|W\|; assume \|V\| \le \gamma", r"\|V W h_t\| \le \gamma \beta \|h_t\|"),
        (r"assume \|W\| \le \frac12", r"\|W h_t\| \le \frac12 \|h_t\|"),
        (r"assume \|W\|_F \le 2", r"\|W\| \le 2"),
        (r"assume \|W\| \le \beta_W; assume \|V\| \le \beta_V", r"\|V W h_t\| \le \beta_V \beta_W \|h_t\|"),
        (r"assume \|W\| \le \beta_W", r"\left\|\frac{\partial h_t}{\partial h_k}\right\| \le \beta_W^{t-k}"),
    ],
)
def test_what_follows_from_an_assumption_is_proved(said: str, tex: str) -> None:
    assert load("elman").verify(tex, said.split("; ")).outcome == "proved"
