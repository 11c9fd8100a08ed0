"""Published equations that are wrong: judged by the tool, and the page that says so.

    python -m docs.tools.errata

judges every entry of docs/errata/errata.toml and writes docs/errata/verdicts.json; a minute or two, so that builds read
this file.  tests/docs/test_errata.py says when it is stale.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from derive.claims.report import as_json, chosen
from derive.claims.verdict.verdicts import ANEW, FALSE, Outcome
from derive.model.claims import Paper
from docs.tools.text import escaped

FOLDER = Path(__file__).resolve().parents[1] / "errata"
VERDICTS = FOLDER / "verdicts.json"
KEPT = ("latex", "model", "status", "reason", "readings", "counterexample", "repair")
DIGITS = 14
NO_BREAK = "\N{NON-BREAKING HYPHEN}"
Data = dict[str, Any]
COUNTED = """\
{all} equations of books, courses and notes on recurrent networks that `derive lint` finds false. It found the
nearest true equation of {mended}, of which {proved} are proved for every T and every size and the others checked
exactly. What is printed, the verdict, the numbers and the repair come from the tool (`python -m
docs.tools.errata`); the sentence on what went wrong is ours.
"""
WORDS = """\
Every reading that a notation allows was tried: rows or columns, the layout of Jacobians, total or immediate
derivatives. An equation that is true in one of them is *conditional* and is not listed. **refuted** means that in
every reading real numbers were found at which the sides differ; **ill-formed** that operands do not conform, or
an index is free, in every reading. A slip in a formula says nothing about the text around it: most of these
sources get the method right. See [how claims are read](../claims.md).
"""


PATIENCE = 12.0  # seconds for a repair: enough that no slower machine finds another one


def sources() -> list[Data]:
    found: list[Data] = tomllib.loads((FOLDER / "errata.toml").read_text("utf-8"))["source"]
    return found


def judged(source: Data, only: frozenset[str] = frozenset(), repair: bool = True) -> dict[str, Data]:
    """What the tool says of a source's entries, without the proofs."""
    found = {}
    for result in Paper(FOLDER / f"{source['paper']}.tex").judge(only, repair=repair, seconds=PATIENCE):
        data = as_json(result)
        found[result.id] = {k: data[k] for k in KEPT} | {"line": result.line}
        mended = result.judgement.repair
        if mended is not None:
            found[result.id]["repair"] = {**mended.as_json(), "edits": list(mended.changes)}
    return found


def digest() -> str:
    """Of all that the verdicts are about."""
    files = sorted(p for p in FOLDER.iterdir() if p.suffix in (".tex", ".cell"))
    return hashlib.sha256(b"\0".join(p.name.encode() + b"\0" + p.read_bytes() for p in files)).hexdigest()


def kept() -> Data:
    found: Data = json.loads(VERDICTS.read_text("utf-8"))
    return found


def main() -> None:
    verdicts: dict[str, Data] = {}
    for source in sources():
        verdicts |= judged(source)
    wrong = [i for i, v in verdicts.items() if Outcome(v["status"]) not in FALSE]
    if wrong:
        raise SystemExit(f"not found to be false, so no errata: {', '.join(wrong)}")
    data = {"digest": digest(), "verdicts": verdicts}
    VERDICTS.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")


def pages() -> dict[str, str]:
    return {"errata.md": "\n".join(page())}


def page() -> Iterator[str]:
    verdicts: dict[str, Data] = kept()["verdicts"]
    proved = sum(1 for v in verdicts.values() if v["repair"] and v["repair"]["status"] == "proved")
    mended = sum(1 for v in verdicts.values() if v["repair"])
    yield "# Errata: published equations that are wrong\n"
    yield COUNTED.format(all=len(verdicts), mended=mended, proved=proved)
    yield WORDS
    yield "| equation | verdict | nearest true equation |\n|---|---|---|"
    for source in sources():
        for entry in source["entry"]:
            v = verdicts[entry["id"]]
            repair = v["repair"]["status"] if v["repair"] else "not found"
            shown = f"{escaped(source['short'])}: {escaped(entry['equation'])}"
            yield f"| [{shown}](#{entry['id']}) | {v['status'].replace('-', NO_BREAK)} | {repair} |"
    yield ""
    for source in sources():
        yield from section(source, verdicts)


def section(source: Data, verdicts: dict[str, Data]) -> Iterator[str]:
    yield f"## {escaped(source['title'])}\n"
    yield f"Author: {escaped(source['author'])}. Year: {escaped(source['year'])}. Where: {escaped(source['where'])}.\n"
    yield f"Today: {escaped(source['now'])}.\n"
    yield f"Judged for: {escaped(source['model'])}.\n"
    if "note" in source:
        yield f"{escaped(source['note'])}\n"
    for entry in source["entry"]:
        yield from erratum(source["paper"], entry, verdicts[entry["id"]])
    yield "How its names are read, and the models:\n"
    yield f"```{{literalinclude}} ../errata/{source['paper']}.tex\n:language: latex\n```\n"
    for model in sorted({verdicts[e["id"]]["model"] for e in source["entry"]}):
        yield f"```{{literalinclude}} ../errata/{model}\n:language: cell\n```\n"


def erratum(paper: str, entry: Data, v: Data) -> Iterator[str]:
    yield f"({entry['id']})="
    yield f"### {entry['id']}: {escaped(entry['equation'])}\n"
    yield f"{'Put together from the lines below' if entry.get('composed') else 'Printed'}:\n\n$$\n{v['latex']}\n$$\n"
    yield f"**{v['status']}**: {escaped(v['reason'])}.\n"
    if v["counterexample"]:
        yield numbers(v["counterexample"], len(v["readings"]))
    yield f"{escaped(entry['fault'])}\n"
    yield from repair(v["repair"])
    yield f"```sh\nderive lint docs/errata/{paper}.tex --only {entry['id']}\n```\n"


def numbers(example: Data, readings: int) -> str:
    """The counterexample, as a sentence."""
    at = [f"T = {example['T']}", *([f"t = {example['t']} (from 0)"] if example["t"] is not None else [])]
    at += [f"{name} = {n}" for name, n in example["sizes"].items()]
    row, col = example["entry"]
    places = f"At {', '.join(at)}, seed {example['seed']}, the entry ({row}, {col})"
    if not example["sizes"]:
        places = f"At {', '.join(at)}, seed {example['seed']}, all sizes 1, the value"
    also = f" Likewise in all {readings} readings that make sense." if readings > 1 else ""
    return f"{places} is {short(example['lhs'])} on the left and {short(example['rhs'])} on the right.{also}\n"


def short(number: str) -> str:
    mantissa, sign, exponent = number.partition("e")
    return mantissa[:DIGITS].replace("-", "−") + sign + exponent


def repair(found: Data | None) -> Iterator[str]:
    if found is None:
        yield "Nearest true equation: none was found among the edits that the tool tries.\n"
        return
    anew = found["edits"][0].startswith(ANEW)
    what = "True equation for its left side" if anew else "Nearest true equation"
    yield f"{what} ({found['status']}):\n\n$$\n{found['latex']}\n$$\n"
    edits = "; ".join(map(mathematics, found["edits"]))
    where = f", where {escaped(chosen(found['reading']))}" if found["reading"] else ""
    yield f"Edits: {edits}{where}.\n"


def mathematics(words: str) -> str:
    """Words in which formulas stand between dollars, as Markdown."""
    parts = words.split("$")
    return "".join(f"${part}$" if n % 2 else escaped(part) for n, part in enumerate(parts))


if __name__ == "__main__":
    main()
