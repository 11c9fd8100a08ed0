"""Files from strangers: nothing in them reaches a shell, TeX, HTML, C, Python or a template as anything but text."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from time import monotonic, process_time

import pytest

from derive.errors import CellError, InputError
from derive.files import publish
from derive.model import Model, load
from derive.proof.checker import CertificateError
from derive.proof.checker import check as check_equality
from derive.proof.inequality.certificate import check as check_inequality
from tests.tools import some

MARK = "PWNED"
REFUSED = {"C line", "terminal", "right to left", "null"}  # lines and characters that a cell may not have
QUICK = ["C comment", "Python escape", "HTML", "TeX file", "template"]
TRICKS = {
    "C comment": f"*/ int {MARK}(void); /*",
    "C line": f"\\\n int {MARK}; //",
    "C string": f'"); system("touch {MARK}"); ("',
    "trigraph": f"??/ {MARK}",
    "Python": f'""" + __import__("os").system("touch {MARK}") + """',
    "Python escape": f"\\x22\\x22\\x22 {MARK}",
    "format": "%s %n {0.__class__} " + MARK,
    "template": "{{ 7 * 7 }} {% raw %} " + MARK + " {# #}",
    "HTML": f"<script>{MARK}()</script><img src=x onerror={MARK}()>",
    "HTML attribute": f'" onmouseover="{MARK}()" x="',
    "TeX file": f"\\input{{/etc/passwd}} {MARK}",
    "TeX shell": f"\\immediate\\write18{{touch {MARK}}}",
    "TeX code": f"\\catcode`\\%=0 {MARK} ^^5cinput{{/etc/passwd}}",
    "TeX end": f"}} $ & # _ ^ ~ \\end{{document}} {MARK}",
    "shell": f"$(touch {MARK}) `touch {MARK}`; touch {MARK}",
    "path": f"../../{MARK}",
    "terminal": f"\x1b]0;{MARK}\x07\x1b[31m",
    "right to left": f"\u202e{MARK}\u202c",
    "null": f"\0{MARK}",
}


def text(title: str = "A network", name: str = "h", called: str = "") -> str:
    alias = f" as {called}" if called else ""
    return (
        f'cell trick "{title}"\n\ndims I, H\ninput x : I\nstate {name} : H{alias}\nparam U : H x I\nparam W : H x H\n\n'
        f"{name}[t] = tanh(U @ x[t] + W @ {name}[t-1])\nloss[t] = dot({name}[t], {name}[t])\n"
    )


def read(folder: Path, source: str) -> Model | None:
    """The model, or None where the cell is refused with a clean error."""
    path = folder / "trick.cell"
    path.write_text(source, "utf-8", newline="")
    try:
        return load(str(path))
    except CellError as error:
        refused = str(error)
    assert refused.startswith("error[E")
    assert "\x1b" not in refused, "a message does not talk to the terminal"
    return None


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


def tags(html: str) -> list[tuple[str, tuple[str, ...]]]:
    parser = Tags()
    parser.feed(html)
    return parser.found


def commands(tex: str) -> set[str]:
    return set(re.findall(r"\\(?:[A-Za-z@]+|.)", re.sub(r"\\textbackslash\s*\{\}", "", tex)))


def strings(python: str) -> str:
    """A module without its strings; comments are gone too."""
    tree = ast.parse(python)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.unparse(tree)


def bare(c: str) -> str:
    """C without comments and strings."""
    joined = c.replace("\\\n", "")
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:[^"\\]|\\.)*"', " ", joined, flags=re.DOTALL)


@pytest.mark.parametrize("trick", some(list(TRICKS), QUICK))
def test_a_title_is_text_wherever_it_is_printed(trick: str, tmp_path: Path) -> None:
    plain, model = read(tmp_path, text()), read(tmp_path, text(TRICKS[trick].replace('"', "'")))
    assert plain is not None
    assert (model is None) is (trick in REFUSED)
    if model is None:
        return
    for target in ("numpy", "c", "header", "arduino", "torch", "jax"):
        for name, content in model.code(target).items():
            assert set(Path(name).parts).isdisjoint({"..", MARK})
            if name.endswith(".py"):
                assert MARK not in strings(content), name
            elif name.endswith((".c", ".h", ".ino")):
                assert MARK not in bare(content), name
                assert not re.search(r"\?\?[=/'()!<>-]", content), "trigraphs"
    made, usual = model.paper(), plain.paper()
    assert tags(made.html()) == tags(usual.html())
    assert commands(made.latex()) - commands(usual.latex()) <= ESCAPES


ESCAPES = {rf"\{c}" for c in "%$&#_{}"} | {
    rf"\text{name}"
    for name in ("asciicircum", "asciitilde", "quotesingle", "less", "greater", "bar", "asciigrave", "quotedbl")
}


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no compiler")
@pytest.mark.parametrize("trick", ["C comment", "C string", "trigraph", "format"])
def test_c_with_a_title_that_breaks_out_compiles(trick: str, tmp_path: Path) -> None:
    model = read(tmp_path, text(TRICKS[trick].replace('"', "'")))
    assert model is not None
    for name, content in model.code("c").items():
        (tmp_path / name).write_text(content)
    command = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "trick.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "name", ["h;system", "h()", "__import__", "../h", "h\\input", "int", "h{", "ĥ\u202e", "h" * 500]
)
def test_what_is_no_name_is_an_error(name: str, tmp_path: Path) -> None:
    assert read(tmp_path, text(name=name)) is None


@pytest.mark.parametrize("trick", TRICKS)
def test_what_a_name_is_called_in_print_is_a_formula_or_an_error(trick: str, tmp_path: Path) -> None:
    assert read(tmp_path, text(called='"\\hat{h}"')) is not None
    assert read(tmp_path, text(called='"' + TRICKS[trick].replace('"', "'") + '"')) is None


CLAIMS = [
    r"\input{/etc/passwd} h_t = h_t",
    r"\immediate\write18{touch PWNED} h_t = h_t",
    r"\catcode`\%=0 h_t = h_t",
    r"\def\x{\x\x}\x = h_t",
    r"\csname input\endcsname{/etc/passwd} = h_t",
    r"^^5cinput{/etc/passwd} = h_t",
    r"h_t = \lambda: __import__('os').system('touch PWNED')",
    r"h_t = \exp(h_t).__class__",
    "h_t = \x1b]0;PWNED\x07 h_t",
    "h_t = \u202eh_t",
    "\0 = h_t",
    r"h_t = W^{999999999999999999} h_{t-1}",
    r"h_t = W^{9^{9^{9^{9}}}} h_{t-1}",
    r"h_t = \sum_{k=1}^{999999999999} h_k",
    r"h_t = \sum_{i=1}^{T}\sum_{j=1}^{T}\sum_{k=1}^{T}\sum_{l=1}^{T}\sum_{m=1}^{T} W^{i+j+k+l+m} h_t",
    "h_t = " + "(" * 3000 + "h_t" + ")" * 3000,
    "h_t = " + r"\frac{1}{" * 500 + "2" + "}" * 500,
    "h_t = " + "h_t + " * 20_000 + "h_t",
    r"h_{t-999999999} = h_t",
    r"\|W\|^{999999999} \le \|W\|_F^{t^{t^{t}}}",
    r"h_t = 1" + "0" * 100_000,
]


@pytest.mark.parametrize("tex", CLAIMS, ids=[c[:30].encode("unicode_escape").decode() for c in CLAIMS])
def test_a_claim_ends_in_a_verdict(tex: str, tmp_path: Path) -> None:
    model = read(tmp_path, text())
    assert model is not None
    start = process_time()
    found = model.verify(tex)
    assert process_time() - start < 20
    assert found.outcome not in ("proved", "checked")
    assert not list(tmp_path.rglob(MARK))


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "derive", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_a_paper_includes_nothing_from_outside_its_folder(tmp_path: Path) -> None:
    project = tmp_path / "paper"
    project.mkdir()
    (tmp_path / "secret.tex").write_text(r"\begin{equation} h_t = SECRET \end{equation}")
    (project / "linked.tex").symlink_to(tmp_path / "secret.tex")
    (project / "folder").symlink_to(tmp_path)
    for path in ("../secret", str(tmp_path / "secret"), "linked", "folder/secret"):
        (project / "main.tex").write_text(rf"\input{{{path}}}")
        done = run(project, "lint", "main.tex")
        assert "SECRET" not in done.stdout + done.stderr, path
        assert done.returncode == 2, path


@pytest.mark.parametrize("what", ["cell", "claims", "certificate"])
def test_a_large_file_is_refused_quickly(what: str, tmp_path: Path) -> None:
    (tmp_path / "big").write_text("h[t] = x\n" * 2**17 if what == "cell" else '{"a": [' + "0," * 2**23 + "0]}")
    start = monotonic()
    if what == "cell":
        (tmp_path / "big").rename(tmp_path / "big.cell")
        done = run(tmp_path, "run", "big.cell")
    elif what == "claims":
        (tmp_path / "big").write_text(r"\[ h_t = " + "h_t + " * 2**18 + r"h_t \]")
        done = run(tmp_path, "verify", "elman", "big")
    else:
        done = run(tmp_path, "check-proof", "big")
    assert done.returncode == (3 if what == "claims" else 2), done.stdout[:300] + done.stderr[:300]
    assert "Traceback" not in done.stderr
    assert monotonic() - start < 20


STRANGE = [
    "", "{}", "[]", "null", "NaN", '{"format": "derive certificate", "version": 1}', '{"format":' * 10_000,
    '{"format": "derive certificate of an inequality", "version": 1, "digest": "x"}',
    '{"format": "derive certificate", "version": 1e999, "digest": "\\ud800"}', "\ud800", "9" * 10_000,
]  # fmt: skip


@pytest.mark.parametrize("given", STRANGE, ids=[repr(s[:20]) for s in STRANGE])
def test_a_strangers_certificate_is_no_proof(given: str) -> None:
    for check in (check_equality, check_inequality):
        with pytest.raises(CertificateError):
            check(given)


@pytest.mark.parametrize("output", ["out\nput", "a\0b", "x" * 300, "/proc/self/nowhere", "file.txt/below"])
def test_a_strange_folder_is_bad_input(output: str, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("mine")
    try:
        publish(tmp_path / output, {"a.c": b"Generated by derive"})
    except InputError:
        assert not list(tmp_path.rglob("a.c"))
    assert (tmp_path / "file.txt").read_text() == "mine"
