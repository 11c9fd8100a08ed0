"""The registry of codes: complete, and its examples do what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import derive.language
from derive.errors import CellError, Diagnostic, InputError
from derive.language import explain, read
from derive.language.codes import codes, written_out

SOURCES = sorted(Path(derive.language.__file__).parent.glob("*.py"))
CODE = re.compile(r'"([EW][0-9]{4})"')


def findings(example: str) -> tuple[Diagnostic, ...]:
    try:
        return read(written_out(example)).warnings
    except CellError as error:
        return error.diagnostics


def test_every_code_that_is_raised_is_explained_and_no_other() -> None:
    raised = {code for path in SOURCES for code in CODE.findall(path.read_text("utf-8"))}
    assert raised == set(codes())


@pytest.mark.parametrize("code", codes())
def test_the_examples_of_a_code(code: str) -> None:
    entry = codes()[code]
    found = findings(entry.wrong)
    assert {d.code for d in found} == {code}
    assert findings(entry.right) == ()
    assert all(d.warning == code.startswith("W") for d in found)
    assert all(d.line >= 1 and d.column >= 1 and d.message and str(d) for d in found)


@pytest.mark.parametrize("code", codes())
def test_a_code_is_explained(code: str) -> None:
    text = explain(code.lower())
    assert text.startswith(("error", "warning"))
    assert all(part in text for part in (code, codes()[code].title, "Wrong:", "Right:"))


def test_an_unknown_code_is_an_input_error() -> None:
    with pytest.raises(InputError, match="did you mean"):
        explain("E0300")
    with pytest.raises(InputError, match="E0101"):
        explain("")


def test_abbreviations_are_written_out() -> None:
    assert written_out("a «3 times: xy» «byte FF» «U+202E» «a1 ... a3»") == b"a xyxyxy \xff \xe2\x80\xae a1, a2, a3"
