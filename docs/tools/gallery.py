"""The gallery: a page for each cell of the catalogue, with what its committed documents say of themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from sympy import Add, Mul, expand

from derive.documents.latex import latex
from derive.language import names
from derive.language.catalogue import text
from derive.model import Model, load
from docs.tools.text import escaped

COMMITTED = Path(__file__).resolve().parents[2] / "generated"
WHAT = {
    ".html": "the derivation, as a page",
    ".tex": "the derivation, as LaTeX",
    ".py": "the NumPy kernel",
    ".h": "the interface of the C kernel",
    ".c": "the C kernel",
    ".json": "a proof, as a certificate for `derive check-proof`",
}
HEAD = """\
The cells that come with the package (`derive list`), each with the documents that `derive run --all -o generated`
wrote for it. The last column is what the document of the cell says of its own equalities; a test makes all of
these files anew and compares them.
"""
_SUMMARY = re.compile(r'<p class="summary">(.*?) <span class="mark">')
_TAG = re.compile(r"<[^>]+>")


def pages() -> dict[str, str]:
    models = {name: load(name) for name in names()}
    return {"gallery/index.md": index(models)} | {f"gallery/{n}.md": "\n".join(page(m)) for n, m in models.items()}


def documents(committed: Path) -> Iterator[tuple[Path, str]]:
    """What `derive run --all` wrote, and where it lies in the site."""
    for name in names():
        for path in sorted((committed / name).iterdir()):
            if path.suffix in WHAT:
                yield path, f"documents/{name}/{path.name}"


def index(models: dict[str, Model]) -> str:
    rows = [f"| [{name}]({name}.md) | {escaped(m.program.title)} | {said(name)} |" for name, m in models.items()]
    return "\n".join(
        [
            "# Gallery\n",
            HEAD,
            "| cell | title | its document |\n|---|---|---|",
            *rows,
            "",
            "```{toctree}\n:hidden:\n",
            *models,
            "```\n",
        ]
    )


def page(model: Model) -> Iterator[str]:
    name, program = model.name, model.program
    yield f"# {name}: {escaped(program.title)}\n"
    yield f'<a href="../documents/{name}/{name}.html"><strong>The derivation</strong></a>: {said(name)}\n'
    yield "## The cell\n"
    yield f"```cell\n{text(name)}```\n"
    yield "## Its equations\n"
    for left, right in ((program.ref(n), e) for n, e in program.equations.items()):
        yield f"$$\n{latex(left, program)} = {latex(right, program)}\n$$\n"
    yield from sizes(model)
    yield from checks(name)
    yield "## Files\n"
    yield "| file | what it is | bytes |\n|---|---|---:|"
    for path, target in documents(COMMITTED):
        if path.parent.name == name:
            shown = f'<a href="../{target}"><code>{path.name}</code></a>'
            yield f"| {shown} | {WHAT[path.suffix]} | {path.stat().st_size:,} |"
    yield f"\n`derive run {name}` makes them again.\n"


def sizes(model: Model) -> Iterator[str]:
    program = model.program
    shapes = {v.name: " × ".join(str(n) for n in v.shape if n != 1) or "a number" for v in program.parameters}
    numbers = expand(Add(*(Mul(*v.shape) for v in program.parameters)))
    yield "## Sizes\n"
    given = ", ".join(f"`{s.name}`" for s in program.sizes)
    yield f"Sizes: {given or 'none'}. Parameters: {', '.join(f'`{n}` ({shape})' for n, shape in shapes.items())}.\n"
    yield f"Together they hold `{numbers}` numbers.\n"


def checks(name: str) -> Iterator[str]:
    yield "## Checks\n"
    yield f"The document: {said(name)}\n"
    found = [p for p, _ in documents(COMMITTED) if p.parent.name == name and p.suffix == ".json"]
    claims = [json.loads(p.read_text("utf-8"))["claim"] for p in found]
    if claims:
        proved = ", ".join(f"`{c['left']}`" for c in claims)
        assumed = sorted({a for c in claims for a in c["assumptions"]})
        relied = f", assuming {', '.join(f'`{a}`' for a in assumed)}" if assumed else ""
        yield f"With a certificate, {claims[0]['for']}{relied}: the double sum of {proved}.\n"
    else:
        yield f"Certificates are not kept here, since they are large: `derive run {name} --certificates` writes them.\n"


def said(name: str) -> str:
    """What the document says of its equalities, in its own words."""
    found = _SUMMARY.search((COMMITTED / name / f"{name}.html").read_text("utf-8"))
    assert found is not None, f"the document of {name} has no summary"
    return unescape(_TAG.sub("", found[1]))
