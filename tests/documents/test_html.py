"""The page: well formed, inert, without script or network, the same numbers as LaTeX; MathML of all that is printed."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from sympy import MatrixExpr, Rational, Symbol

import derive
from derive.algebra.names import Notation
from derive.documents.content import Document, Items, Paragraph, Section
from derive.documents.html import html_document
from derive.documents.latex import MatrixPrinter
from derive.documents.mathml import MathMLPrinter, mathml
from derive.documents.prose import name_tex, pieces
from derive.documents.tex import latex_document
from derive.errors import UnsupportedError
from derive.language import catalogue
from derive.language.tex import ACCENTS, FONTS, SYMBOLS
from derive.model.paper import plan
from tests.algebra.samples import SAMPLES

HOSTILE = "<script>alert(1)</script> & \"x\" 'y' </title> <img src=x onerror=alert(2)> $x$ `h`"


def page(model: derive.Model) -> str:
    return html_document(plan(model, None, 2), Notation(model.adjoint.program.variables), model.name)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {name: page(derive.load(name)) for name in catalogue.names()}


def tree_of(text: str) -> ElementTree.Element:
    """What is not well formed is an error."""
    return ElementTree.fromstring(text.replace("&#x2061;", "").replace("&ensp;", " "))  # noqa: S314 - our own text


def parsed(text: str) -> ElementTree.Element:
    """The page as a tree."""
    return tree_of(re.sub(r"<meta ([^>]*)>", r"<meta \1/>", text.removeprefix("<!DOCTYPE html>\n")))


def test_pages_are_well_formed_and_stand_alone(pages: dict[str, str]) -> None:
    for text in pages.values():
        tree = parsed(text)
        tags = {e.tag.rsplit("}")[-1] for e in tree.iter()}
        assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
        for e in tree.iter():
            assert not any(k.startswith("on") for k in e.attrib)
            for key in ("href", "src", "action"):
                assert e.attrib.get(key, "#").startswith("#")
        assert "url(" not in text.replace("url(#", "")
        assert "@import" not in text
        assert "http" not in text.replace("http://www.w3.org/1999/xhtml", "")


def test_every_anchor_exists_once(pages: dict[str, str]) -> None:
    for text in pages.values():
        tree = parsed(text)
        ids = [e.attrib["id"] for e in tree.iter() if "id" in e.attrib]
        assert len(ids) == len(set(ids))
        targets = {e.attrib["href"][1:] for e in tree.iter() if "href" in e.attrib}
        assert targets <= set(ids)


def test_the_numbers_are_those_of_latex(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        model = derive.load(name)
        tex = latex_document(plan(model, None, 2), Notation(model.adjoint.program.variables), name)
        blocks = re.findall(r"\\begin\{align\}\n(.*?)\\end\{align\}", tex, re.DOTALL)
        numbered = [row for block in blocks for row in block.split(" \\\\\n") if r"\notag" not in row]
        labels = [m[1] if (m := re.search(r"\\label\{([^}]*)\}", row)) else "" for row in numbered]
        assert numbers(parsed(text)) == [(f"({n})", label) for n, label in enumerate(labels, 1)]


def numbers(tree: ElementTree.Element) -> list[tuple[str, str]]:
    """The number and the anchor of every equation of a page."""
    found = []
    for block in tree.iter("div"):
        if block.get("class") == "equations":
            for left, number in zip(block[::4], block[3::4], strict=True):
                shown = re.sub(r"\).*", ")", "".join(number.itertext()))
                if shown:
                    found.append((shown, left.get("id", "")))
    return found


def test_a_hostile_title_is_text() -> None:
    source = catalogue.text("elman").replace("Vanilla recurrent network", HOSTILE.replace('"', ""))
    text = page(derive.parse(source))
    tree = parsed(text)
    assert "".join(tree.find("body/header/h1").itertext()) == HOSTILE.replace('"', "")  # type: ignore[union-attr]
    assert "<script" not in text
    assert "<img" not in text


def test_words_are_text_whatever_they_are() -> None:
    made = Document("a", (Section("b < c", (Paragraph("<b>bold</b> & so on"), Items("<i>", ("1 < 2",)))),))
    text = html_document(made, Notation(), "x")
    assert "b &lt; c" in text
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; so on" in text
    assert "1 &lt; 2" in text
    assert "<i>" not in text


def test_a_users_names_are_in_the_figure_and_the_formulas() -> None:
    source = catalogue.text("elman").replace("state  h : H", 'state  h : H as "\\tilde{h}^1"')
    text = page(derive.parse(source))
    assert '<mover accent="true"><mi>h</mi><mo>~</mo></mover>' in text


def test_it_says_what_was_checked() -> None:
    text = derive.load("elman").paper().html()
    assert re.search(r"(\d+) of \1 equalities checked, \d+ proved for all", re.sub("<[^>]*>", "", text))
    assert text.count('title="proved for every T and every size"') > 5


# --- MathML ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("e", [e for samples in SAMPLES.values() for e in samples], ids=str)
def test_every_sample_has_mathml(e: MatrixExpr) -> None:
    found = MathMLPrinter().doprint(e)
    tree = tree_of(f"<math>{found}</math>")
    assert list(tree)
    for parent in tree.iter():
        children = {"mfrac": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "mover": 2, "munderover": 3}
        if parent.tag in children:
            assert len(parent) == children[parent.tag], ElementTree.tostring(parent)


@pytest.mark.parametrize("word", sorted(SYMBOLS | ACCENTS | FONTS))
def test_every_command_that_a_name_may_have(word: str) -> None:
    assert mathml(f"\\{word}{{x_{{1}}^{{\\top}}}}" if word in ACCENTS | FONTS else f"\\{word}")


def test_the_structure_of_a_formula() -> None:
    assert mathml(r"\frac{a}{b}") == "<mfrac><mi>a</mi><mi>b</mi></mfrac>"
    assert mathml("h_{t}^{2}") == mathml("h^{2}_{t}") == "<msubsup><mi>h</mi><mi>t</mi><mn>2</mn></msubsup>"
    assert mathml(r"\mathbf{1} - \mathcal{L}") == "<mi>𝟏</mi><mo>−</mo><mi>ℒ</mi>"
    assert mathml(r"\sum_{k=0}^{j} a").startswith("<munderover>")
    assert "<mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr>" in mathml(
        r"\begin{bmatrix} a & b \\[6pt] c & d \end{bmatrix}"
    )
    assert "′" in mathml("h'_{t}")


def test_a_scalar_is_printed_by_sympy() -> None:
    assert "<mfrac>" in MathMLPrinter().doprint(Rational(1, 2) * Symbol("x"))


@pytest.mark.parametrize("tex", [r"\frac{a}", r"a}", r"\left( a", r"\undefined", r"{a", r"\begin{cases} a \end{cases}"])
def test_tex_that_we_do_not_write_is_refused(tex: str) -> None:
    with pytest.raises(UnsupportedError):
        mathml(tex)


def test_notation_is_the_same_in_both_outputs() -> None:
    program = derive.load("elman").adjoint.program
    printer, tex = MathMLPrinter(Notation(program.variables)), MatrixPrinter(Notation(program.variables))
    e = program.equations["dh"]
    assert printer.doprint(e) == mathml(tex.doprint(e))


# --- Prose ----------------------------------------------------------------------------------------


def test_prose_is_taken_apart() -> None:
    found = [(p.kind, p.text) for p in pieces("By @{W:sum1} and @h, `h[t-1]` has $a_{k}$, dL/dW and 5 % of <b>.")]
    assert found == [
        ("text", "By "),
        ("ref", "W:sum1"),
        ("text", " and "),
        ("ref", "n:h"),
        ("text", ", "),
        ("name", "h[t-1]"),
        ("text", " has "),
        ("math", "a_{k}"),
        ("text", ", "),
        ("name", "dL/dW"),
        ("text", " and 5 % of <b>."),
    ]


def test_names_in_prose() -> None:
    notation = Notation(derive.load("elman").program.variables)
    assert name_tex("yhat[j]", notation) == r"\hat{y}_{j}"
    assert name_tex("∂⁺h[k]/∂\\W", notation) == r"\partial^{+} h_{k} / \partial \vec{W}"
    assert name_tex("dloss[j]/dW", notation) == "dL_{j} / dW"


def test_notebooks_show_models_and_gradients() -> None:
    model = derive.load("lstm")
    for shown in (model, model.gradient("W_f"), model.gradient("h")):
        assert "<math display=" in shown._repr_html_()
        assert shown._repr_latex_().startswith(r"$\displaystyle \begin{aligned} ")


def test_a_script_on_a_sized_bracket_does_not_make_it_small() -> None:
    """What is inside <msup> is not stretched: the bracket stands before it."""
    shown = mathml(r"\Bigl( x \Bigr)^{\top} W \operatorname{diag}(x)")
    assert '<mo minsize="1.8em" maxsize="1.8em">)</mo><msup><mspace' in shown
    assert '<mi>W</mi><mspace width="0.1667em"/><mi mathvariant="normal">diag</mi>' in shown
