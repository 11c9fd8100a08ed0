"""The house rules: who may know whom, what may never be called, how long a thing may be."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sympy import HadamardProduct, Identity, MatAdd, MatMul, MatrixExpr, OneMatrix, Transpose, ZeroMatrix

from derive.algebra.functions import FUNCTIONS, Function
from derive.algebra.nodes import Node
from derive.calculus.pullback import pullback
from derive.calculus.tangent import pushforward
from derive.interpreter import evaluate
from derive.proof.field.functions import RELATIONS
from derive.proof.field.rules import evaluate as exact

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "derive"
MODULES = sorted(PACKAGE.rglob("*.py"))

# From the ground up.  A room knows itself and the floors below, never its own floor's other rooms:
# proof, kernels and documents must not know each other, and a cell's text must be readable without
# the calculus.  "derive" is derive/__init__.py, the public face.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("files",),
    ("render", "picture"),
    ("algebra",),
    ("program",),
    ("graph",),
    ("language", "calculus"),
    ("interpreter",),
    ("proof", "kernels", "documents"),
    ("claims",),
    ("model",),
    ("bench", "flow", "page", "parallel"),
    ("derive",),
    ("cli",),
    ("__main__",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
INSIDE = {  # floors of a room that is a house of its own
    "claims": ("text", "reading", "verdict", "repair"),
    "kernels": (
        "arrays", "sums", "report", "entry", "lowering", "options", "build", "samples", "checks", "runtime", "rows",
        "segments", "written", "targets",
    ),
}  # fmt: skip
DATA = "cells"  # no code: the catalogue's files and an empty __init__.py

MODULE_LINES, FUNCTION_LINES = 300, 50


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(tree(path))


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "derive" if first == "__init__" else first


# --- Imports only go down ------------------------------------------------------------------------


def imported_rooms(path: Path) -> Iterator[tuple[ast.AST, str]]:
    """Every room that a module imports, those inside functions and under `if` included."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names = [f"derive.{a.name}" for a in node.names] if module == "derive" else [module]
        else:
            continue
        for name in names:
            if name == "derive":
                yield node, "derive"
            elif name.startswith("derive."):
                room = name.split(".")[1]
                yield node, room if room in FLOOR or room == DATA else "derive"


def broken_imports(path: Path) -> Iterator[str]:
    own = room_of(path)
    for node, room in imported_rooms(path):
        if room in (own, DATA):
            continue
        if FLOOR[room] >= FLOOR[own]:
            relation = "its neighbour" if FLOOR[room] == FLOOR[own] else "above it"
            yield f"{where(path, node)}: {own} imports {room}, which is {relation}; move what both need to a lower room"


@pytest.mark.parametrize("room", INSIDE)
def test_imports_only_go_down_inside(room: str) -> None:
    floors = {part: n for n, part in enumerate(INSIDE[room])}
    for path in sorted((PACKAGE / room).rglob("*.py")):
        own = path.relative_to(PACKAGE / room).parts[0]
        for node in nodes(path):
            if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"derive.{room}."):
                whole = node.module == f"derive.{room}"
                for part in [a.name for a in node.names] if whole else [str(node.module).split(".")[2]]:
                    below = floors.get(part, len(floors)) <= floors.get(own.removesuffix(".py"), len(floors))
                    assert below, f"{where(path, node)}: {own} imports {part}, which is above it"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_only_go_down(path: Path) -> None:
    room = room_of(path)
    if room == DATA:
        pytest.fail(f"{path} holds code") if len(tree(path).body) > 1 else None
        return
    assert room in FLOOR, f"derive/{room} has no floor: give it a place in FLOORS"
    assert not list(broken_imports(path))


def test_a_wrong_import_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    bad = tmp_path / "proof.py"
    bad.write_text(
        "def f():\n    from derive.kernels import x\n    import derive.cli\n    from derive.algebra import y\n"
    )
    assert [line.split(": ")[0] for line in broken_imports(bad)] == ["proof.py:2", "proof.py:3"]


def test_the_catalogue_is_data_only() -> None:
    others = [p.name for p in (PACKAGE / DATA).iterdir() if p.suffix != ".cell" and p.name != "__pycache__"]
    assert others == ["__init__.py"]


# --- No evaluator --------------------------------------------------------------------------------

EVALUATORS = {
    "eval": "runs text",
    "exec": "runs text",
    "compile": "runs text",
    "__import__": "runs text",
    "sympify": "evaluates text unless strict=True",
    "S": "is sympify: use Integer, Rational or a named constant such as S.Half",
    "parse_expr": "evaluates text",
    "parse_latex": "is silently wrong",
    "lambdify": "evaluates the names of symbols",
    "system": "runs a shell",
    "popen": "runs a shell",
    "simplify": "reorders matrix products and drops terms",
    "nsimplify": "evaluates text",
    "diff": "is silently wrong on matrices: use derive.calculus",
    "Derivative": "is silently wrong on matrices: use derive.calculus",
    "loads": "of pickle runs code",
}
METHODS = {"system", "popen", "simplify", "diff"}  # forbidden as attributes of anything
SIZES = "the coefficient of a size in a polynomial of sizes, a scalar"
SCALAR_DIFF = {"derive/kernels/arrays.py": SIZES, "derive/kernels/targets/signature.py": SIZES}
MODULES_OF_EVALUATORS = {"os", "sympy", "sp", "builtins", "pickle", "marshal", "subprocess"}


def called(node: ast.Call) -> tuple[str, str]:
    """(what it is an attribute of, the name); ("", name) for a bare name."""
    f = node.func
    if isinstance(f, ast.Name):
        return "", f.id
    if isinstance(f, ast.Attribute):
        return (f.value.id if isinstance(f.value, ast.Name) else "?"), f.attr
    return "?", ""


def keyword_is_true(node: ast.Call, name: str) -> bool:
    return any(k.arg == name and isinstance(k.value, ast.Constant) and k.value.value is True for k in node.keywords)


def evaluates(owner: str, name: str) -> bool:
    if name not in EVALUATORS:
        return False
    return owner == "" or owner in MODULES_OF_EVALUATORS or (name in METHODS and owner not in ("np", "numpy"))


def evaluator_calls(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES_OF_EVALUATORS:
            for a in node.names:
                if a.name in EVALUATORS and a.name not in ("S", "sympify"):
                    yield f"{where(path, node)}: imports {a.name}, which {EVALUATORS[a.name]}"
        if not isinstance(node, ast.Call):
            continue
        owner, name = called(node)
        if keyword_is_true(node, "shell"):
            yield f"{where(path, node)}: {name}(shell=True) runs a shell: pass a list of arguments"
        elif keyword_is_true(node, "allow_pickle"):
            yield f"{where(path, node)}: {name}(allow_pickle=True) runs code"
        elif evaluates(owner, name) and not (name == "sympify" and keyword_is_true(node, "strict")):
            yield f"{where(path, node)}: calls {name}, which {EVALUATORS[name]}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_evaluates_text_or_differentiates_by_sympy(path: Path) -> None:
    found = list(evaluator_calls(path))
    if str(path.relative_to(ROOT)) in SCALAR_DIFF:
        assert found, "an exception that is no longer needed"
        found = [line for line in found if ": calls diff," not in line]
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "eval('1')",
        "builtins.exec('1')",
        "sympy.sympify(x)",
        "sympify(x, strict=False)",
        "S(text)",
        "from sympy import lambdify as f",
        "from sympy.parsing.sympy_parser import parse_expr",
        "os.system('ls')",
        "subprocess.run('ls', shell=True)",
        "f(x)[0].diff(x)",
        "e.simplify()",
        "pickle.loads(b'')",
    ],
)
def test_an_evaluator_is_seen(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    bad = tmp_path / "bad.py"
    bad.write_text(line)
    assert len(list(evaluator_calls(bad))) == 1


@pytest.mark.parametrize("line", ["re.compile('a')", "sympify(x, strict=True)", "np.diff(x)", "json.loads('1')"])
def test_a_harmless_call_is_none(line: str, tmp_path: Path) -> None:
    good = tmp_path / "good.py"
    good.write_text(line)
    assert not list(evaluator_calls(good))


# --- A browser page has no NumPy -----------------------------------------------------------------

WITHOUT_NUMPY = ("errors", "render", "algebra", "program", "language", "calculus", "proof", "documents")
BLOCKER = """
import importlib, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "numpy":
            raise ImportError("no NumPy on a browser page")

sys.meta_path.insert(0, Blocker())
for name in sys.argv[1:]:
    importlib.import_module(name)
assert "numpy" not in sys.modules
"""
DERIVATION = """
from derive.calculus.adjoint import adjoint
from derive.calculus.normal import normalise
from derive.language import read
program = normalise(read(open(PATH, encoding="utf-8").read(), "elman").program)
assert {"U", "W", "V", "x"} <= set(adjoint(program).cotangents)
"""


def modules_without_numpy() -> list[str]:
    paths = [p for p in MODULES if room_of(p) in WITHOUT_NUMPY]
    return [".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for p in paths]


def python(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *args], cwd=ROOT, capture_output=True, text=True, check=False)


def test_derivations_need_no_numpy() -> None:
    code = BLOCKER + DERIVATION.replace("PATH", repr(str(PACKAGE / DATA / "elman.cell")))
    done = python(code, *modules_without_numpy())
    assert done.returncode == 0, done.stderr


def test_the_blocker_blocks() -> None:
    assert "no NumPy on a browser page" in python(BLOCKER, "derive.interpreter").stderr


# --- Length --------------------------------------------------------------------------------------


def test_modules_are_short() -> None:
    lengths = {p: len(p.read_text("utf-8").splitlines()) for p in MODULES}
    long = [f"derive/{p.relative_to(PACKAGE)}: {n} lines" for p, n in lengths.items() if n > MODULE_LINES]
    assert not long, f"more than {MODULE_LINES} lines, so two rooms share a wall:\n" + "\n".join(long)


def test_functions_are_short() -> None:
    long = []
    for path in MODULES:
        for node in nodes(path):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    long.append(f"{where(path, node)}: {node.name} has {length} lines")
    assert not long, f"more than {FUNCTION_LINES} lines:\n" + "\n".join(long)


# --- Every node has its rules --------------------------------------------------------------------

SYMPY_NODES: tuple[type[MatrixExpr], ...] = (
    MatAdd,
    MatMul,
    HadamardProduct,
    Transpose,
    OneMatrix,
    ZeroMatrix,
    Identity,
)
ABSTRACT = {"Unary": "base", "FusedLoss": "base", "Bound": "base"}
REFERENCE = "a reference: handled by the default rule"
SYMBOL = "a symbol for a derivative: only the field knows its value"
CLOSED_FORM = "a closed form for readers, never in a program"
COMPONENT = "of claims, never in a program"
EXEMPT: dict[str, dict[str, str]] = {
    "pullback": {
        **ABSTRACT,
        "Timed": REFERENCE,
        "StepGradient": SYMBOL,
        "Gradient": SYMBOL,
        "Jacobian": SYMBOL,
        "Entry": COMPONENT,
        "Reshape": COMPONENT,
        "Norm": COMPONENT,
        "Kronecker": CLOSED_FORM,
        "MatrixSum": CLOSED_FORM,
        "OrderedProduct": CLOSED_FORM,
        "Loss": "expanded or fused by the normal form",
        "Blocks": "a block matrix of a closed form for readers",
        "SumOver": "widens the axes: in derive.calculus.adjoint, which knows them",
        "Delta": "changes the axes: in derive.calculus.adjoint, which knows them",
    },
    "pushforward": {
        **ABSTRACT,
        "Timed": REFERENCE,
        "StepGradient": SYMBOL,
        "Gradient": SYMBOL,
        "Jacobian": SYMBOL,
        "Entry": COMPONENT,
        "Reshape": COMPONENT,
        "Norm": COMPONENT,
        "Kronecker": CLOSED_FORM,
        "MatrixSum": CLOSED_FORM,
        "OrderedProduct": CLOSED_FORM,
        "Loss": "expanded or fused by the normal form",
        "Blocks": "a block matrix of a closed form for readers",
    },
    "field": {**ABSTRACT, "Timed": REFERENCE},
    "interpreter": {
        **ABSTRACT,
        "Timed": REFERENCE,
        "StepGradient": SYMBOL,
        "Gradient": SYMBOL,
        "Jacobian": SYMBOL,
        "Entry": COMPONENT,
        "Reshape": COMPONENT,
        "Norm": COMPONENT,
        "Kronecker": CLOSED_FORM,
        "MatrixSum": CLOSED_FORM,
        "OrderedProduct": CLOSED_FORM,
    },
}
RULES = {"pullback": pullback, "pushforward": pushforward, "interpreter": evaluate, "field": exact}


def node_classes() -> list[type[MatrixExpr]]:
    """Every subclass of Node in the package, wherever it lives, and the nodes of SymPy's that are used."""
    import derive.algebra

    for module in pkgutil.walk_packages(derive.algebra.__path__, "derive.algebra."):
        importlib.import_module(module.name)
    found: list[type[MatrixExpr]] = []
    todo = Node.__subclasses__()
    while todo:
        cls = todo.pop()
        todo.extend(cls.__subclasses__())
        if cls.__module__.startswith("derive.") and cls not in found:
            found.append(cls)
    return [*SYMPY_NODES, *sorted(found, key=lambda c: c.__name__)]


@pytest.mark.parametrize("kind", RULES)
def test_every_node_has_a_rule(kind: str) -> None:
    default = RULES[kind].dispatch(object)
    without = {c.__name__ for c in node_classes() if RULES[kind].dispatch(c) is default}
    missing = without - set(EXEMPT[kind])
    assert not missing, f"no {kind} for {sorted(missing)}: register one, or say in EXEMPT why it needs none"
    assert without >= set(EXEMPT[kind]), "an exemption that is no longer needed"


# --- Every function is complete ------------------------------------------------------------------

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def test_the_field_knows_every_function() -> None:
    assert set(FUNCTIONS) == {*RELATIONS, "power"}


@pytest.mark.parametrize("entry", FUNCTIONS.values(), ids=lambda f: f.name)
def test_every_function_has_tex_and_code(entry: Function) -> None:
    assert entry.tex
    assert entry.tex.count("{") == entry.tex.count("}")
    assert {"numpy", "c"} <= set(entry.code)
    head, _, name = entry.code["numpy"].rpartition(".")
    assert head in ("", "np")
    assert IDENTIFIER.fullmatch(name)
    if head:
        assert getattr(np, name).nin == entry.arity + entry.parameters
    assert IDENTIFIER.fullmatch(entry.code["c"])


# --- Nothing of one machine ----------------------------------------------------------------------

MACHINE_PATH = re.compile(r"(?<![\w.])/(work|farm|root|home)/\w")
UNTRACKED = {".git", ".venv", "venv", "build", "dist", "derived", "__pycache__"}


def committed_files() -> list[Path]:
    """What git tracks or would add; in an unpacked archive, all that a build does not make."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        paths = [ROOT / name for name in listed.split("\0") if name]
    else:
        paths = [p for p in ROOT.rglob("*") if not UNTRACKED & set(p.relative_to(ROOT).parts)]
    return [p for p in paths if p.is_file()]


def test_no_file_names_a_path_of_one_machine() -> None:
    found = []
    files = committed_files()
    for path in files:
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # not a text
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert Path(__file__).resolve() in files
    assert not found, "\n".join(found)
