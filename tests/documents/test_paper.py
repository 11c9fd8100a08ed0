"""The paper: complete, inert, the same bytes on every run, and accepted by pdflatex where there is one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import derive
from derive.algebra.names import Notation
from derive.calculus.adjoint import adjoint
from derive.calculus.normal import normalise
from derive.documents.content import Equations, Mark, Section
from derive.documents.escape import escape_tex
from derive.documents.latex import MatrixPrinter
from derive.documents.layout import LINE, displays, rows, width
from derive.documents.pdf import pdf
from derive.documents.reading import sections
from derive.documents.rules import rules
from derive.documents.summary import legend
from derive.documents.tex import BARE, STRUTTED, latex_document
from derive.language import catalogue, read
from derive.model.paper import plan
from tests.tools import needs, some

CELLS = {p.stem: p for p in sorted((Path(__file__).resolve().parents[1] / "cells").glob("*.cell"))}
HOSTILE = r"100% \input{/etc/passwd} $x$ #1 } { ~ ^ _ & \write18{id} ^^5c <b> `ls` | γ 中文 é “q”"
ODD = """cell odd "TITLE"
dims I, H, O
input x : I
input c : H once
target y : O where sum(y) == 1
state h : H as "\\tilde{h}^1"
state s : H = 0
state g : H
param W : 2*H x I
param A : H x H
param u : H
param V : O x H
param beta
const tau = 0.1
z[t] = W @ x[t]
p[t] = relu(slice(z[t], 0, H)) + leaky_relu(slice(z[t], H, 2*H), 0.01)
h[t] = tanh(p[t] + A @ h[t-1] + 0.5 * (A.T @ h[t-2]) + c * beta) * tau
s[t] = s[t-1] / (1 + exp(s[t-1])) + detach(h[t]) * sum(h[t]) + u ** 3
g[t] = abs(g[t+1]) + h[t]
q[t] = softmax(V @ s[t])
e[t] = cross_entropy(y[t], q[t]) + 0.1 * norm2(u)
loss = mean(e[t]) + 0.25 * norm2(u) + sum(h[T-1]) + sum(g[0])
"""


def document(source: str) -> str:
    """The paper, its equations not checked."""
    model = derive.parse(source, "test.cell")
    return latex_document(plan(model, None, 2), Notation(model.adjoint.program.variables), model.name)


@pytest.mark.parametrize("cell", some(CELLS, ["inline_losses", "ends", "once_onehot"]))
def test_every_model_has_a_document(cell: str) -> None:
    text = document(CELLS[cell].read_text("utf-8"))
    assert text.count(r"\begin{align}") == text.count(r"\end{align}") > 3


def test_a_fused_loss_is_explained_whether_its_probabilities_have_a_name_or_not() -> None:
    named = document(catalogue.text("elman"))
    assert "the logarithm are differentiated together; $\\hat{y}$ is then an output" in named
    inline = document(CELLS["inline_losses"].read_text("utf-8"))
    assert inline.count("the logarithm are differentiated together.") == 3


@pytest.fixture(scope="module")
def papers() -> dict[str, str]:
    cells = {name: catalogue.text(name) for name in catalogue.names()}
    return {name: document(source) for name, source in (cells | {"odd": ODD}).items()}


def derived(name: str) -> dict[str, Section]:
    """The sections on recursion and gradients, by title."""
    normal = normalise(read(catalogue.text(name), name).program)
    return {s.title: s for s in sections(normal, adjoint(normal))}


def equations_of(section: Section) -> dict[str, Equations]:
    return {e.label: block for block in section.blocks if isinstance(block, Equations) for e in block.items}


def test_every_gradient_is_in_the_paper(papers: dict[str, str]) -> None:
    for name in catalogue.names():
        program = read(catalogue.text(name), name).program
        notation = Notation(program.variables)
        for v in program.variables.values():
            if v.differentiable:
                assert rf"\frac{{dL}}{{d{notation.tex(v.name, 't' if v.timed else None)}}} &=" in papers[name]


def test_references_and_environments_match(papers: dict[str, str]) -> None:
    for tex in papers.values():
        labels = re.findall(r"\\label\{([^}]*)\}", tex)
        assert len(labels) == len(set(labels))
        assert set(re.findall(r"\\eqref\{([^}]*)\}", tex)) <= set(labels)
        begun, ended = (sorted(re.findall(rf"\\{word}\{{(\w+\*?)\}}", tex)) for word in ("begin", "end"))
        assert begun == ended
        assert tex.endswith("\\end{document}\n")
        assert "None" not in tex
        assert "``" not in tex


def test_no_helper_of_the_calculus_is_left_undefined(papers: dict[str, str]) -> None:
    """What the adjoint program calls z_dz_… or tanh_h is printed as what it stands for."""
    for tex in papers.values():
        assert not re.search(
            r"z_\{dz|\\mathrm\{(?:tanh|softmax|softmaxcrossentropy|step|detach|exp)\}_|overleftarrow\{h", tex
        )


def test_the_lstm_reads_as_in_a_textbook(papers: dict[str, str]) -> None:
    for line in (
        r"h_{t} &= o_{t} \odot \tanh(c_{t})",
        r"L_{t} &= -y_{t}^{\top} \log \hat{y}_{t}",
        r"\frac{dL}{dz_{\hat{y},t}} &= \hat{y}_{t} - y_{t}",
        r"\odot o_{t} \odot (\mathbf{1} - \tanh^{2}(c_{t})) + \frac{dL}{dc_{t+1}} \odot f_{t+1}",
        r"\frac{dL}{dz_{g,t}} &= \frac{dL}{dg_{t}} \odot (\mathbf{1} - g_{t}^{\odot 2})",
        r"\frac{dL}{dW_{f}} &= \sum_{t=0}^{T-1} \frac{dL}{dz_{f,t}} h_{t-1}^{\top}",
        r"\frac{dL}{dc_{-1}} &= \frac{dL}{dc_{0}} \odot f_{0}",
        r"\item $\mathbf{1}^{\top} y_{t} = 1$.",
    ):
        assert line in papers["lstm"]


def test_the_elman_network_has_the_double_sum(papers: dict[str, str]) -> None:
    assert (
        r"\frac{dL}{dW} &= \sum_{j=0}^{T-1} \sum_{k=0}^{j} \operatorname{diag}(\mathbf{1} - h_{k}^{\odot 2}) "
        r"\left(\mathop{\overrightarrow{\prod}}\limits_{m=k+1}^{j} W^{\top} \operatorname{diag}"
        r"(\mathbf{1} - h_{m}^{\odot 2})\right) V^{\top} (\hat{y}_{j} - y_{j}) h_{k-1}^{\top}"
    ) in papers["elman"].replace("\\notag \\\\\n&\\quad \\cdot ", "").replace(STRUTTED, BARE)


def test_a_long_jacobian_of_one_step_keeps_a_name(papers: dict[str, str]) -> None:
    tex = papers["gru"].replace(STRUTTED, BARE)
    assert r"\left(\mathop{\overleftarrow{\prod}}\limits_{m=k+1}^{j} \frac{\partial^{+} h_{m}}" in tex
    assert r"\left(\mathop{\overrightarrow{\prod}}\limits_{m=k+1}^{j} K_{m}\right)" in tex
    assert tex.count("K_{t} &=") == 1
    chain = tex[tex.index("step by step") : tex.index("One operation at a time")]
    assert "z_{" not in chain.replace("z_{t}", "").replace("z_{m}", "").replace("z_{k}", "")  # named later


def test_the_loss_of_the_last_step_leaves_a_single_sum(papers: dict[str, str]) -> None:
    tex = papers["rnn_classifier"]
    sums = tex[tex.index("The same gradients as sums over steps") :]
    assert "double sum" not in sums
    assert "= T-1]" not in sums
    assert r"\sum_{j" not in sums


def test_a_named_constant_is_no_index() -> None:
    text = """
cell leaky
dims H
input x : H
state h : H
param W : H x H
const alpha = 0.125
a[t] = tanh(W @ h[t-1] + x[t])
h[t] = (1 - alpha) * h[t-1] + alpha * a[t]
loss[t] = norm2(h[t])
"""
    paper = derive.parse(text).paper()
    marks = [mark for e in paper.document.equations() for mark in e.marks]
    assert Mark.UNCHECKED not in marks
    (gradient,) = (e for e in paper.document.equations() if e.label == "W:layout1")
    assert gradient.mark is Mark.PROVED
    assert r"h_{t} &= (1 - \alpha) h_{t-1} + \alpha a_{t}" in paper.latex()


def test_only_the_marks_of_the_document_are_explained() -> None:
    paper = derive.parse("cell c\ndims H\ninput x : H\nparam w : H\nloss[t] = sum(tanh(w * x[t]))\n").paper()
    assert [mark for mark, _ in legend(paper.document)] == [Mark.PROVED, Mark.EXACT, Mark.DEFINITION]
    assert "could not be evaluated" not in paper.latex() + paper.html()


def test_reasons_point_to_the_equations_that_use_a_value() -> None:
    found = equations_of(derived("lstm")["Backward through time"])
    assert (
        found["d:h"].note
        == "`h[t]` is used in @z_yhat and, one step later, in @z_i, @z_f, @z_o and @z_g (matrix product)."
    )
    assert (
        found["d:c"].note == "`c[t]` is used in @h and, one step later, in @c (elementwise product and slope of tanh)."
    )


def test_each_rule_is_listed_once() -> None:
    normal = normalise(read(catalogue.text("lstm"), "x").program)
    found = rules(normal, adjoint(normal).cotangents)
    assert "Softmax" not in {r.title for r in found}, "the gradient passes through the fused loss only"
    assert [r.title for r in found].count("Matrix product") == 1
    tanh = next(r for r in found if r.title == "Slope of tanh")
    assert tanh.definition == r"y = \tanh(a)"
    assert tanh.consequences == (r"\frac{dL}{da} = \frac{dL}{dy} \odot (\mathbf{1} - y^{\odot 2})",)


@pytest.mark.parametrize("character", [chr(c) for c in range(32, 127) if not chr(c).isalnum()])
def test_what_tex_acts_on_is_spelled_out(character: str) -> None:
    tex = escape_tex(f"a{character}b")
    bare = re.sub(r"\\text\w+\{\}|\\[{}$&#%_]", "", tex)
    assert not set(bare) & set("\\{}$&#%_^~")


def test_a_hostile_title_is_inert() -> None:
    tex = document(ODD.replace("TITLE", HOSTILE))
    title = next(line for line in tex.splitlines() if line.startswith(r"{\LARGE"))
    assert r"\textbackslash{}input\{/etc/passwd\}" in title
    assert r"\input{" not in tex
    assert r"\write18" not in tex
    assert escape_tex("a\nb\\par\tc\x00\u202e") == r"a b\textbackslash{}par c "


def test_long_equations_fit_the_line(papers: dict[str, str]) -> None:
    for tex in papers.values():
        for block in re.findall(r"\\begin\{align\}\n(.*?)\n\\end\{align\}", tex, re.DOTALL):
            for row in re.sub(r"\\label\{[^}]*\}| \\notag", "", block).split(" \\\\\n"):
                assert width(row.replace("&", "").replace(STRUTTED, BARE)) <= LINE + 8, row


def test_a_row_is_cut_at_signs_first_and_never_in_a_group() -> None:
    long = " + ".join(rf"W_{{{n}}} \operatorname{{diag}}(a_{{{n}}} - b + c)" for n in "abcdefgh")
    found = rows(long, 30)
    assert len(found) > 2
    assert all(row.startswith("+ ") and row.count("(") == row.count(")") for row in found[1:])
    nested = r"\left(" + long + r"\right) x"
    cut = rows(nested, 40)
    assert all(r"\left" not in row and row.count("{") == row.count("}") for row in cut)
    assert rows("a + b", 30) == ("a + b",)


def test_a_short_parenthesis_stays_on_one_row(papers: dict[str, str]) -> None:
    long = " + ".join(
        rf"\operatorname{{diag}}(a_{{{n}}} \odot (1 - b_{{{n}}}) \odot c_{{{n}}} \odot d_{{{n}}}) W" for n in "pqrs"
    )
    for row in rows(rf"\left(\sum {long}\right) V", 24):
        assert "(1" not in row or "(1 - b" in row
    assert not re.search(r"\(\\mathbf\{1\} (?:\\notag )?\\\\\n", "".join(papers.values()))


def test_a_wide_block_matrix_is_followed_by_its_entries() -> None:
    closed = equations_of(derived("lstm")["The same gradients as sums over steps"])
    step = closed["s:K"].items[0]
    shown = list(displays("K_{t}", step.rights[0], MatrixPrinter()))
    assert shown[0].rows == (
        r"\begin{bmatrix} [K_{t}]_{11} & [K_{t}]_{12} \\ [K_{t}]_{21} & [K_{t}]_{22} \end{bmatrix}",
    )
    assert [d.left for d in shown[1:]] == ["[K_{t}]_{11}", "[K_{t}]_{12}", "[K_{t}]_{21}", "[K_{t}]_{22}"]


def test_the_same_bytes_whatever_the_hash_seed() -> None:
    code = "import derive; import sys; sys.stdout.write(derive.load('elman').latex())"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1
    assert b"\\begin{document}" in outputs.pop()


def typeset(folder: Path, tex: str, engine: str = "pdflatex") -> str:
    """What TeX says of a document after two runs."""
    (folder / "paper.tex").write_text(tex, encoding="utf-8")
    command = [engine, "-no-shell-escape", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"]
    environment = {**os.environ, "openin_any": "p", "openout_any": "p"}
    for _ in range(2):
        done = subprocess.run(command, check=False, cwd=folder, capture_output=True, timeout=120, env=environment)
    log = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, log[-2000:]
    return log


@pytest.mark.parametrize("name", some([*catalogue.names(), "odd"], ["elman", "lstm", "bidirectional", "odd"]))
def test_pdflatex_accepts_it_without_a_complaint(name: str, papers: dict[str, str], tmp_path: Path) -> None:
    needs("pdflatex")
    log = typeset(tmp_path, papers[name].replace("TITLE", escape_tex(HOSTILE)))
    assert "undefined" not in log
    assert not [w for w in re.findall(r"Overfull \\hbox \((\d+)", log) if int(w) > 10]


@pytest.mark.parametrize("name", some(["elman", "lstm", "odd"], ["odd"]))
def test_lualatex_accepts_it_too(name: str, papers: dict[str, str], tmp_path: Path) -> None:
    needs("lualatex")
    log = typeset(tmp_path, papers[name].replace("TITLE", escape_tex(HOSTILE)), "lualatex")
    assert "undefined" not in log
    assert not [w for w in re.findall(r"Overfull \\hbox \((\d+)", log) if int(w) > 10]


@pytest.mark.parametrize("packages", ["amsmath", "amsmath,amssymb,tikz"])
def test_a_fragment_goes_into_a_document_of_ones_own(packages: str, tmp_path: Path) -> None:
    needs("pdflatex")
    model = derive.load("elman")
    notation = Notation(model.adjoint.program.variables)
    (tmp_path / "chain.tex").write_text(
        latex_document(plan(model, ["W"], 2), notation, "elman", fragment=True), "utf-8"
    )
    tex = f"\\documentclass{{book}}\\usepackage{{{packages}}}\\begin{{document}}\\input{{chain}}\\end{{document}}"
    log = typeset(tmp_path, tex)
    assert "undefined" not in log


def test_the_same_pdf_twice_and_a_clear_word_when_tex_fails() -> None:
    needs("pdflatex")
    tex = r"\documentclass{article}\pdftrailerid{}\pdfsuppressptexinfo=-1\begin{document}a\end{document}"
    assert pdf(tex, "paper") == pdf(tex, "paper")
    with pytest.raises(derive.ToolError, match="Undefined control sequence"):
        pdf(r"\documentclass{article}\begin{document}\nothing\end{document}", "paper")


def test_tex_reads_and_writes_in_its_own_folder_only(tmp_path: Path) -> None:
    needs("pdflatex")
    secret, written = tmp_path / "secret.tex", tmp_path / "written.txt"
    secret.write_text("what nobody else should read", "utf-8")
    for attack in (rf"\input{{{secret}}}", rf"\immediate\openout1={written} \immediate\write1{{a}}"):
        with pytest.raises(derive.ToolError):
            pdf(rf"\documentclass{{article}}\begin{{document}}a {attack} b\end{{document}}", "paper")
    assert not written.exists()


def test_a_model_that_names_a_step_says_how_long_sequences_are() -> None:
    text = "cell c\ndims H\ninput x : H\nstate h : H\nh[t] = tanh(h[t-1] + x[t])\nloss = sum({})\n"
    assert "The sequence has at least 4 steps." in document(text.format("h[3]"))
    assert "The sequence has at least 2 steps." in document(text.format("h[T-2]"))
    assert "The sequence has at least" not in document(text.format("h[T-1]"))
