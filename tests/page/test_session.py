"""What the page asks of Python: the same answers as everywhere else, without NumPy, as data that JSON can hold."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import derive
from derive.language import names, text
from derive.page.build import CLAIMS
from derive.page.session import TARGETS, answer

ROOT = Path(__file__).resolve().parents[2]
ELMAN = text("elman")
HOSTILE = '<img src=x onerror="alert(1)"></script><script>alert(2)</script>'


def ask(verb: str, **data: object) -> dict[str, Any]:
    found = json.loads(answer(json.dumps({"verb": verb, **data})))
    assert isinstance(found, dict)
    return found


def claim(tex: str, repair: bool = False, cell: str = ELMAN) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = ask("claim", cell=cell, claim=tex, repair=repair)["results"]
    return results


def test_a_derivation() -> None:
    heard: list[str] = []
    found = json.loads(answer(json.dumps({"verb": "derivation", "cell": ELMAN}), heard.append))
    assert (found["name"], found["title"], found["warnings"]) == ("elman", "Vanilla recurrent network", [])
    whole, checked = (int(n) for n in re.findall(r"^(\d+) of (\d+) equalities", found["summary"])[0])
    assert whole == checked > 50
    assert heard[-1] == f"{len(heard)} of {len(heard)} equations checked"
    paper = derive.load("elman").paper()
    assert found["html"] == paper.html(fragment=True)
    assert found["latex"] == paper.latex()


def test_the_fragment_says_what_the_page_says() -> None:
    paper = derive.load("elman").paper(seconds=0.001)
    whole, part = paper.html(), paper.html(fragment=True)
    assert "<html" not in part
    assert "<style" not in part
    for kind in ("math", "svg", "table", "dt", "div", "section"):
        assert part.count(f"<{kind}") == whole.count(f"<{kind}") > 0
    assert [part.count(f"<h{n}") for n in (1, 2, 3)] == [0, 0, whole.count("<h2")]


def test_the_code_is_that_of_the_command_line() -> None:
    found = ask("code", cell=ELMAN)["code"]
    model = derive.load("elman")
    assert {t: found[t]["files"] for t in TARGETS} == {t: model.code(t) for t in TARGETS}
    assert found["c"]["notes"] == model.code_notes("c")


def test_errors_have_a_place_a_caret_and_an_explanation() -> None:
    (found,) = ask("derivation", cell=ELMAN.replace("tanh(", "tanhh("))["errors"]
    row = ELMAN.splitlines().index("h[t]    = tanh(U @ x[t] + W @ h[t-1])") + 1
    assert (found["code"], found["line"], found["column"], found["width"]) == ("E0405", row, 11, 5)
    assert f"{row} | h[t]    = tanhh(" in found["text"]
    assert "|           ^^^^^\n" in found["text"]
    assert found["explanation"].startswith("error[E0405]")
    for verb, more in (("code", {}), ("claim", {"claim": "a = b", "repair": True})):
        assert ask(verb, cell="cell", **more)["errors"] == ask("derivation", cell="cell")["errors"]


def test_the_formula_of_the_textbook_is_refuted_and_repaired() -> None:
    (found,) = claim(dict(CLAIMS)["dL/dW as a textbook prints it"], repair=True)
    assert found["false"]
    assert found["status"] == "ill-formed"
    repair = found["repair"]
    assert repair["status"] == "proved"
    assert {"the index b → k", r"V^{\top} inserted", r"\operatorname{diag}(1-h_k^2) inserted"} < set(repair["edits"])
    assert found["repair_math"].startswith("<math")
    model = derive.load("elman")
    ordered = found["near"] == ["where the factors of ∏ stand, from left to right, from the first to the last"]
    assert ordered
    assert str(model.verify(repair["latex"]).status) in ("proved", "conditional")


@pytest.mark.parametrize("title", ["dL/dV", "one step of the recursion"])
def test_true_claims_to_try_are_true(title: str) -> None:
    (found,) = claim(dict(CLAIMS)[title], repair=True)
    assert found["true"], found["reason"]
    assert found["repair"] is None
    assert found["math"].startswith("<math")


def test_a_piece_of_a_paper_has_several_claims() -> None:
    wrong, right = (dict(CLAIMS)[title] for title in ("dL/dV without a transpose", "dL/dV"))
    tex = rf"As we see, \[ {wrong} \] and \begin{{equation}}\label{{eq:v}} {right} \end{{equation}}"
    found = claim(tex, repair=True)
    assert [(r["id"], r["status"]) for r in found] == [("claim:1", "ill-formed"), ("eq:v", "proved")]
    assert found[0]["repair"]["edits"] == ["h_t transposed"]


@pytest.mark.parametrize("form", ["{}", "${}$", r"\({}\)", "\n  {}\n", "% derive: let g = dL/dV\n{}"])
def test_a_bare_equation_is_one_claim(form: str) -> None:
    left = "g" if "let g" in form else r"\frac{\partial L}{\partial V}"
    (found,) = claim(form.format(rf"{left} = \sum_t (\hat y_t - y_t) h_t^\top"))
    assert found["status"] == "proved"


def test_what_cannot_be_read_is_marked_under_the_caret() -> None:
    (found,) = claim(r"\frac{a")
    assert found["status"] == "unreadable"
    claimed, caret = found["text"].splitlines()[:2]
    assert (claimed, caret) == (r"\frac{a", "       ^")


@pytest.mark.parametrize(
    ("tex", "words"),
    [
        ("", "got nothing"),
        ("% only a comment", "got nothing"),
        (r"\input{secrets}", "secrets"),
        ("x" * 100_001, "100,001"),
    ],
)
def test_what_is_no_claim_is_said(tex: str, words: str) -> None:
    (found,) = ask("claim", cell=ELMAN, claim=tex, repair=True)["errors"]
    assert words in found["message"]


def test_a_model_of_a_directive_is_one_of_the_catalogue() -> None:
    known = "% derive: model elman\n" + dict(CLAIMS)["dL/dV"]
    (found,) = claim(known, cell=text("gru"))
    assert found["status"] == "proved"
    (found,) = claim(known.replace("model elman", "model ../secret.cell"), cell=text("gru"))
    assert found["status"] == "unreadable"


def test_requests_outside_the_table_are_no_requests() -> None:
    with pytest.raises(KeyError):
        answer('{"verb": "_model", "cell": ""}')


# --- What the page lets in -----------------------------------------------------------------------


class Parts(HTMLParser):
    """The elements and attributes of a text."""

    def __init__(self, markup: str):
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}


def let_in(name: str) -> set[str]:
    """A set of words of the page's script."""
    script = (ROOT / "templates" / "page" / "page.js.j2").read_text("utf-8")
    body = re.search(rf"const {name} = new Set\((.*?)\);", script, re.DOTALL)
    assert body is not None
    return set(" ".join(re.findall(r'"([^"]*)"', body[1])).split())


@pytest.mark.parametrize("name", names())
def test_the_page_lets_in_what_derivations_are_made_of(name: str) -> None:
    parts = Parts(derive.load(name).paper(seconds=0.001).html(fragment=True))
    assert parts.elements <= let_in("ELEMENTS")
    assert parts.attributes <= let_in("ATTRIBUTES")


def test_the_page_lets_in_nothing_that_runs() -> None:
    assert not let_in("ELEMENTS") & {"script", "img", "iframe", "object", "embed", "form", "input", "style", "link"}
    assert not [a for a in let_in("ATTRIBUTES") if a.startswith("on") or a in ("style", "src", "action")]


def test_what_a_user_types_is_inert() -> None:
    cell = ELMAN.replace("Vanilla recurrent network", HOSTILE.replace('"', "'"))
    found = ask("derivation", cell=cell)
    assert found["title"] == HOSTILE.replace('"', "'")  # shown as text
    assert "<script" not in found["html"]
    assert "<img" not in found["html"]
    for tex in (HOSTILE, rf"\text{{{HOSTILE}}} = h_t", r"\mathrm{<script>} = \operatorname{<img>}"):
        for result in claim(tex):
            for markup in (result["math"], result["repair_math"]):
                assert Parts(markup).elements <= let_in("ELEMENTS")


# --- Without NumPy -------------------------------------------------------------------------------

BLOCKER = """
import json, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("numpy", "click", "rich"):
            raise ImportError(f"no {name} on the page")

sys.meta_path.insert(0, Blocker())
from derive.language import text
from derive.page.build import CLAIMS
from derive.page.session import answer

def ask(**request):
    found = json.loads(answer(json.dumps({"cell": text("elman"), **request})))
    assert "errors" not in found, found
    return found

assert ask(verb="derivation")["html"]
assert not any("errors" in made for made in ask(verb="code")["code"].values())
assert ask(verb="claim", claim=CLAIMS[1][1], repair=True)["results"][0]["repair"]["status"] == "proved"
assert not {"numpy", "click", "rich"} & set(sys.modules)
"""


def test_nothing_on_the_page_needs_numpy() -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKER], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
