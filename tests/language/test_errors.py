"""Errors are specification: for each wrong line the codes and places, and what the message says.

A table's lines stand behind the preamble; their numbers count from 1 there.
"""

from __future__ import annotations

import re

import pytest

from derive.errors import CellError
from derive.language import read
from derive.language.words import ELSEWHERE, FUNCTION_NAMES
from tests.language.cells_text import FIRST, PREAMBLE, errors, found

# text → (code, line, column) of every error, in order
LINES: dict[str, list[tuple[str, int, int]]] = {
    # characters and brackets
    "z = x[t]^2": [("E0201", 1, 9)],
    "z = h[t−1]": [("E0201", 1, 8)],
    "z = x·x": [("E0201", 1, 6)],
    "z = x $ x": [("E0201", 1, 7)],
    "z = 'x'": [("E0201", 1, 5)],
    'cell "a': [("E0201", 1, 6)],
    "z = h{t}": [("E0201", 1, 6)],
    "z = x\u00a0+ x": [("E0201", 1, 6)],
    "z = __import__('os').system('rm -rf /')": [("E0201", 1, 16)],
    "z = (x": [("E0203", 1, 5)],
    "z = x)": [("E0203", 1, 6)],
    "z = tanh(x[t)": [("E0203", 1, 13)],
    # how a line goes on
    "z =": [("E0202", 1, 4)],
    "z = x +": [("E0202", 1, 8)],
    "z = x + * x": [("E0202", 1, 9)],
    "z[t]": [("E0202", 1, 5)],
    "z == x": [("E0202", 1, 3)],
    "z = x = x": [("E0202", 1, 7)],
    "z = tanh(x)[t]": [("E0202", 1, 12)],
    "z = h[t][0]": [("E0202", 1, 9)],
    "z = h[0, 1]": [("E0202", 1, 8)],
    "z = h[t:]": [("E0202", 1, 8)],
    "[t] = x": [("E0202", 1, 1)],
    "dims": [("E0202", 1, 5)],
    "dims Q = 3": [("E0202", 1, 8)],
    "dims Q,": [("E0202", 1, 8)],
    "param q : H I": [("E0202", 1, 13)],
    "param q : H x": [("E0202", 1, 14)],
    "param q : H x I x O": [("E0202", 1, 17)],
    "param q :": [("E0202", 1, 10)],
    "input q : H onehott": [("E0202", 1, 13)],
    "input q where q = 3": [("E0202", 1, 17)],
    "param q : H as q": [("E0202", 1, 16)],
    "z = U x[t]": [("E0205", 1, 7)],
    "z = 2 x[t]": [("E0205", 1, 7)],
    "z = 2x": [("E0205", 1, 6)],
    "z = x (x + 1)": [("E0407", 1, 5)],
    "z = (x) (x)": [("E0205", 1, 9)],
    "z = x if s > 0 else h[t-1]": [("E0202", 1, 7)],
    # statements
    "parm q": [("E0204", 1, 1)],
    "q : H": [("E0204", 1, 1)],
    "tanh": [("E0204", 1, 1)],
    "import os": [("E0204", 1, 1)],
    "cell again": [("E0206", 1, 1)],
    # TeX names, times, powers, numbers
    'param q as "\\input{q}"\nz = q': [("E0207", 1, 12)],
    'z = x as "a_"': [("E0207", 1, 10)],
    "z = h[i]": [("E0208", 1, 6)],
    "z = h[t*2]": [("E0208", 1, 6)],
    "z = h[t-I]": [("E0208", 1, 6)],
    "z = h[t-0.5]": [("E0208", 1, 6)],
    "z = x ** 0.5": [("E0209", 1, 10)],
    "z = x ** I": [("E0209", 1, 10)],
    "z = x ** 65": [("E0209", 1, 10)],
    "z = 9 ** 9 ** 9 ** 9": [("E0209", 1, 10)],
    "z = 1e400": [("E0108", 1, 5)],
    "z = 1e-400": [("E0108", 1, 5)],
    "z = 1e99999999999999": [("E0108", 1, 5)],
    "z = " + "1" * 41: [("E0108", 1, 5)],
    "z = ((10 ** 64) ** 64) * x": [("E0108", 1, 5)],
    "z = (((H + I) ** 10) ** 10) ** 10 * x": [("E0108", 1, 6)],
    "z = H ** 60 * H ** 60 * x": [("E0108", 1, 5)],
    # shapes
    "z = x + h[t]": [("E0301", 1, 9)],
    "z = U * x[t]": [("E0301", 1, 5)],
    "z = 1 + U * x[t] * h[t]": [("E0301", 1, 9)],
    "z = U / x[t]": [("E0301", 1, 5)],
    "z = maximum(x, h[t])": [("E0301", 1, 16)],
    "z = dot(x, h[t])": [("E0301", 1, 5)],
    "z = cross_entropy(y, x)": [("E0301", 1, 5)],
    "z = U @ h[t]": [("E0302", 1, 5)],
    "z = x @ x": [("E0302", 1, 5)],
    "z = 2 @ x": [("E0302", 1, 5)],
    "z = x @ 2": [("E0302", 1, 5)],
    "z = s @ x": [("E0302", 1, 5)],
    "z = x @ U": [("E0302", 1, 5)],
    "z = concat(Q, x) + outer(x, R)": [("E0401", 1, 12), ("E0401", 1, 29)],
    "z = diag(W)": [("E0303", 1, 10)],
    "z = outer(x, W)": [("E0303", 1, 14)],
    "z = concat(x, W)": [("E0303", 1, 15)],
    "z = leaky_relu(x, s)": [("E0303", 1, 19)],
    "z = leaky_relu(x, H)": [("E0303", 1, 19)],
    "state g : H\ng[t] = U @ x[t] * 0 + x": [("E0301", 2, 23)],
    "state g : H\ng[t] = x": [("E0304", 2, 8)],
    "state g : H\ng[t] = 0": [("E0304", 2, 8)],
    "z = x.T": [("E0305", 1, 5)],
    "z = x.T + x.T": [("E0305", 1, 5), ("E0305", 1, 11)],
    "z = tanh(x.T)": [("E0305", 1, 10)],
    "z = x * c.T @ c": [("E0305", 1, 9)],
    "z = slice(x, 0, H)": [("E0306", 1, 14)],
    "z = slice(x, 0, 0)": [("E0306", 1, 14)],
    "z = slice(x, 1, I)": [("E0306", 1, 14)],
    "z = slice(x, 0, I + 1)": [("E0306", 1, 14)],
    "z = slice(x, s, I)": [("E0308", 1, 14)],
    "loss[t] = x": [("E0307", 1, 11)],
    "loss = sum(x[t])": [("E0307", 1, 8)],
    "param q : H - 1\nz = q": [("E0308", 1, 11)],
    "param q : 0\nz = q": [("E0308", 1, 11)],
    "param q : -H\nz = q": [("E0308", 1, 11)],
    "param q : 2.5\nz = q": [("E0308", 1, 11)],
    "param q : 9999999999\nz = q": [("E0308", 1, 11)],
    "param q : U\nz = q": [("E0308", 1, 11)],
    "param q : H / 2\nz = q": [("E0308", 1, 11)],
    "param q : tanh(H)\nz = q": [("E0308", 1, 11)],
    "param q : H[t]\nz = q": [("E0308", 1, 11)],
    "param q : " + " * ".join(["(H + I)"] * 9): [("E0308", 1, 11)],
    "z = ones(0)": [("E0308", 1, 10)],
    # names
    "z = Q @ x": [("E0401", 1, 5)],
    "z = Q @ x + Q + R": [("E0401", 1, 5), ("E0401", 1, 17)],
    "param q : Q x R\nz = q": [("E0401", 1, 11), ("E0401", 1, 15)],
    "param x": [("E0402", 1, 7)],
    "dims H": [("E0402", 1, 6)],
    "z = x\nz = x": [("E0402", 2, 1)],
    "h[t] = h[t-1]": [("E0402", 1, 1)],
    "loss[t] = s\nloss = 1": [("E0402", 2, 1)],
    "output h, h": [("E0402", 1, 11)],
    'state g as "g"\ng[t] = g[t-1] as "G"': [("E0402", 2, 18)],
    "param tanh": [("E0403", 1, 7)],
    "param L": [("E0403", 1, 7)],
    "param λ\nz = λ": [("E0403", 1, 7)],
    "dims x": [("E0403", 1, 6)],
    "int = x": [("E0403", 1, 1)],
    "T = x": [("E0403", 1, 1)],
    "param state": [("E0403", 1, 7)],
    "output = x": [("E0403", 1, 1)],
    "z = where + 1": [("E0403", 1, 5)],
    "param _q": [("E0404", 1, 7)],
    "param q__r\nz = q__r": [("E0404", 1, 7)],
    "param é": [("E0404", 1, 7)],
    "param " + "q" * 33: [("E0404", 1, 7)],
    "z = tahn(x)": [("E0405", 1, 5)],
    "z = eval(1)": [("E0405", 1, 5)],
    "z = reciprocal(x)": [("E0405", 1, 5)],
    "z = tanh()": [("E0406", 1, 5)],
    "z = tanh(x, x)": [("E0406", 1, 5)],
    "z = concat(x)": [("E0406", 1, 5)],
    "z = slice(x, 0)": [("E0406", 1, 5)],
    "z = tanh": [("E0407", 1, 5)],
    "z = t": [("E0407", 1, 5)],
    "z = B": [("E0407", 1, 5)],
    "z = L + loss[t]": [("E0407", 1, 5), ("E0407", 1, 9)],
    "z = T[t]": [("E0407", 1, 5)],
    "z = h(t-1)": [("E0407", 1, 5)],
    "x[t] = 1": [("E0408", 1, 1)],
    "tau = 1": [("E0408", 1, 1)],
    "H = 3": [("E0408", 1, 1)],
    "y = x": [("E0408", 1, 1)],
    "state g, f\nf[t] = f[t-1]": [("E0409", 1, 7)],
    "output x": [("E0410", 1, 8)],
    "output U, tanh": [("E0410", 1, 8), ("E0410", 1, 11)],
    "output q": [("E0401", 1, 8)],
    # time
    "z = x[t-1]": [("E0501", 1, 5)],
    "z = y[t-2] + 1": [("E0501", 1, 5)],
    "z = z[t-1] + x": [("E0501", 1, 5)],
    "r = x\nz = r[t-1] + r[t-2]": [("E0501", 2, 5)],
    "z = x[t+1]": [("E0502", 1, 5)],
    "z = h[t+1]": [("E0502", 1, 5)],
    "r = x\nz = r[t+1]": [("E0502", 2, 5)],
    "state g\ng[t] = g[t+1] + s\nz = g[t-1]": [("E0502", 3, 5)],
    "state g\ng[t] = g[t-1] + g[t+1]": [("E0503", 2, 17)],
    "state g\nr = g[t+1]\ng[t] = r + g[t-1]": [("E0503", 2, 5)],
    "state p\np[t] = s\nz = p[t-1] + p[t+1]": [("E0503", 3, 14)],
    "state g\ng[t] = g[t+1]\nz = sum(h[t-1]) + g[t+1]": [("E0503", 3, 19)],
    "state f, g, p\nf[t] = f[t-1] + p[t-1]\ng[t] = g[t+1] + f[t]\np[t] = g[t]": [("E0503", 3, 8)],
    "a = b\nb = a": [("E0504", 1, 5)],
    "a = a + x": [("E0504", 1, 5)],
    "state g\ng[t] = g[t]": [("E0504", 2, 8)],
    "a = b + x\nb = d\nd = x + a\ne = e": [("E0504", 1, 5), ("E0504", 4, 5)],
    "z = W @ h": [("E0505", 1, 9)],
    "state g\ng = g[t-1]": [("E0505", 2, 1)],
    "z = U[t] @ x": [("E0505", 1, 5)],
    "z = c[t]": [("E0505", 1, 5)],
    "z = tau[t]": [("E0505", 1, 5)],
    "z = H[t] * x": [("E0505", 1, 5)],
    "z = h[t-9]": [("E0506", 1, 5)],
    "z = h[T-1]": [("E0507", 1, 5)],
    "z = x[0]": [("E0507", 1, 5)],
    "z = h[-1]": [("E0507", 1, 5)],
    "loss = s[T]": [("E0507", 1, 8)],
    "loss = s[T-9] + s[8] + s[-1]": [("E0507", 1, 8), ("E0507", 1, 17), ("E0507", 1, 24)],
    "z[t-1] = x": [("E0508", 1, 2)],
    "z[T-1] = x": [("E0508", 1, 2)],
    "state g\ng[t+1] = tanh(g[t])": [("E0508", 2, 2)],
    "loss = s[t]": [("E0509", 1, 8)],
    "loss = sum(s[t]) + 2 * s": [("E0509", 1, 20)],
    "loss = tanh(s)": [("E0509", 1, 8)],
    "loss = Q * sum(s) * R": [("E0401", 1, 8), ("E0401", 1, 21)],
    "loss = (sum(s) + sum(x)) * sum(h[t])": [("E0301", 1, 8)],
    "r = Q\nloss = r[T-1] + r[0]": [("E0401", 1, 5)],
    # clauses
    "param q once\nz = q": [("E0601", 1, 9)],
    "state g once\ng[t] = g[t-1]": [("E0601", 1, 9)],
    "input q : H x I onehot\nz = q": [("E0601", 1, 17)],
    "input q onehot\nz = q": [("E0601", 1, 9)],
    "input q = 3\nz = q": [("E0601", 1, 9)],
    "input q : H once once\nz = q": [("E0601", 1, 18)],
    'param q, r as "q"\nz = q + r': [("E0601", 1, 12)],
    "input q where mean(q) == 1\nz = q": [("E0602", 1, 15)],
    "input q where sum(q) >= 1\nz = q": [("E0602", 1, 15)],
    "input q where 0 <= q\nz = q": [("E0602", 1, 15)],
    "input q where q == H\nz = q": [("E0602", 1, 15)],
    "input q where x == 1\nz = q": [("E0602", 1, 15)],
    "input q where q[-1] == 1\nz = q": [("E0602", 1, 15)],
    "input q where q == 1 and q + 1 == 2\nz = q": [("E0602", 1, 26)],
    "state g where g == 1\ng[t] = g[t-1]": [("E0602", 1, 15)],
    "state g where g[-2] == 1\ng[t] = g[t-1]": [("E0602", 1, 15)],
    "state g where g[T] == 1\ng[t] = g[t-1]": [("E0602", 1, 15)],
    "state g where g[-1] >= 1\ng[t] = g[t-1]": [("E0602", 1, 15)],
    "state g = 0 where g[-1] == 1\ng[t] = g[t-1]": [("E0602", 1, 19)],
    "const q = 2 * 3\nz = q": [("E0603", 1, 11)],
    "const q : H = 1\nz = q": [("E0603", 1, 15)],
    "state g = 1\ng[t] = g[t-1]": [("E0603", 1, 11)],
    "z = x / 0": [("E0604", 1, 9)],
    "z = x / (H - H)": [("E0604", 1, 9)],
    "z = 0 ** -1": [("E0604", 1, 5)],
    "const q = 0\nz = x / q": [("E0604", 2, 9)],
    # several at once, in the order of the file; a faulty line hides what it would have declared
    "z = Q\nparm r\nq = tahn(x) + x[t-1]": [("E0401", 1, 5), ("E0204", 2, 1), ("E0405", 3, 5), ("E0501", 3, 15)],
    "param q : H x\nz = q @ x\nparam r\nz2 = r * Q": [("E0202", 1, 14), ("E0401", 4, 10)],
    "dims G G\nparam q : G\nstate g : G\ng[t] = q + g[t-1]": [("E0202", 1, 8)],
    "state g : Q\ng[t] = W @ g[t-1] + h[t] * g[t]": [("E0401", 1, 11), ("E0504", 2, 28)],
    "z = Q @ x\nr = z + h[t]\nloss[t] = r": [("E0401", 1, 5)],
    "state g : H\ng[t] = tanh(W @ g[t-1]\nz = g[t-1] + g[t+1]": [("E0203", 2, 12)],
    "param W2 : (H\nz = W2(x) + 1": [("E0203", 1, 12)],
    "g[t] = tanh(x[t]\nz = g[t-1] + h[t]": [("E0203", 1, 12)],
}


@pytest.mark.parametrize("text", LINES)
def test_a_wrong_line(text: str) -> None:
    assert found(*text.split("\n")) == LINES[text]


FILES: dict[str | bytes, list[tuple[str, int, int]]] = {
    b"": [("E0101", 1, 1)],
    b"\n": [("E0101", 1, 1)],
    b"\r\n \t \n# comment\n": [("E0101", 1, 1)],
    b"\xef\xbb\xbf": [("E0101", 1, 1)],
    b"cell a\nz = 1 # \xff": [("E0102", 2, 9)],
    "cell a\nparam é = \ud83d".encode("utf-8", "surrogatepass"): [("E0102", 2, 11)],
    "cell a # \u202e\nz = 1": [("E0103", 1, 10)],
    "cell a\nz = 1\u200b": [("E0103", 2, 6)],
    b"cell a\n\nz = 1\x00": [("E0103", 3, 6)],
    b"cell a\rz = 1": [("E0103", 1, 7)],
    'cell a "x\u2028y"\nz = 1': [("E0103", 1, 10)],
    "cell a\nz = 1 \ufeff": [("E0103", 2, 7)],
    b"cell a": [("E0409", 1, 1)],
    b"# a\n\ndims H\nz = 1": [("E0206", 3, 1)],
    b"dims H\ncell a\nz = 1": [("E0206", 2, 1)],
    b"cel a\nz = 1": [("E0204", 1, 1)],
    b"cell\nz = 1": [("E0202", 1, 5)],
    b'cell "a"\nz = 1': [("E0202", 1, 6)],
    b"cell a b\nz = 1": [("E0202", 1, 8)],
    b"cell while\nz = 1": [("E0403", 1, 6)],
    b"cell a__b\nz = 1": [("E0404", 1, 6)],
    b"cell a 'title'\nz = 1": [("E0201", 1, 8)],
}


@pytest.mark.parametrize("text", FILES)
def test_a_wrong_file(text: str | bytes) -> None:
    assert errors(text) == FILES[text]
    if isinstance(text, str):
        assert errors(text.encode()) == FILES[text]


def test_a_surrogate_in_a_string_is_an_error_too() -> None:
    assert errors("cell a\nz = 1 # \udcff") == [("E0103", 2, 9)]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_other_libraries_name_can_be_written(name: str) -> None:
    """The replacement is read as it stands, and the name is no function of ours."""
    assert name not in FUNCTION_NAMES
    text = re.sub(r"(?<![a-zA-Z])([ab])(?![a-zA-Z])", r"\1[t]", ELSEWHERE[name])
    text = "W.T @ a[t]" if text == "W.T" else text
    read(
        f"cell net\ndims H\ninput a : H\ninput b : H\nparam W : H x H\nz[t] = b[t] + W @ b[t] + sum({text})\n",
        "mine.cell",
    )


# message and help: what was found, and what to write instead
SAYS = {
    "z = U * x[t]": ["a matrix of H x I and a vector of I", "the matrix product is '@'"],
    "z = U @ h[t]": [
        "a matrix of H x I and a vector of H",
        "multiplies a vector of I; transposed, as in W.T @ h, it gives a vector of I",
    ],
    "z = W @ x": ["a matrix of H x H and a vector of I", "a matrix of H x H multiplies a vector of H"],
    "z = h[t] @ x": ["outer(a, b)"],
    "z = h[t] @ h[t-1]": ["W.T @ h, or multiply with '*'"],
    "z = x + h[t]": ["a vector of I and a vector of H"],
    "state g : H\ng[t] = x": ["'g' is a vector of H, its equation gives a vector of I"],
    "z = tahn(x)": ["did you mean 'tanh'", "the functions are abs, "],
    "z = hardtanh(x)": ["hardtanh(a) is written minimum(maximum(a, -1), 1)"],
    "z = np.tanh(x)": ["functions stand without a module: tanh(...)"],
    "z = torch.nn.functional.relu(x)": ["functions stand without a module: relu(...)"],
    "param Q : H, I": ["separated by 'x', as in H x I"],
    "z = taus": ["did you mean 'tau'"],
    "z = Tau": ["did you mean 'tau'"],
    "input q : h": ["'h' is not a size"],
    "input q : HH": ["did you mean 'H'"],
    "paramm q": ["did you mean 'param'"],
    "z = x[t-1]": ["write 'state p : I' and 'p[t] = x[t]', then read p[t-1]"],
    "z = z[t-1] + h[t]": ["declare it as a state: state z : H"],
    "z = x^2": ["a ** 2", "W.T"],
    "z = h[t−1]": ["the minus sign is '-'"],
    "z = h(t-1)": ["h[t]"],
    "param λ": ["keyword of Python", "lam"],
    "a = b\nb = d\nd = a": ["a needs b needs d needs a"],
    "z = x.T": ["outer(a, b)"],
    "z = W h[t]": ["an operator is missing before 'h'"],
    "z = slice(x, 0, H)": ["0 <= lo < hi <= I"],
    "z = leaky_relu(x)": ["leaky_relu(a, slope)"],
    "input q where mean(q) == 1": ["sum(y) == 1", "h[-1] == 0"],
    "z = W @ h": ["h[t-1]"],
    "loss = s[t]": ["sum(e[t])", "e[T-1]"],
    "z = h[t+1]": ["a look into the future"],
}


@pytest.mark.parametrize("text", SAYS)
def test_what_an_error_says(text: str) -> None:
    with pytest.raises(CellError) as caught:
        read(PREAMBLE + text, "mine.cell")
    said = str(caught.value)
    assert all(part in said for part in SAYS[text]), said
    assert "mine.cell:" in said


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("z = s + U * x[t]", "U * x[t]"),
        ("z = x + (h[t] * 2)", "(h[t] * 2)"),
        ("z = tanh(W @ h)", "h"),
        ("z = slice(x, 0, H + I)", "0, H + I"),
        ("z = tahn(x)", "tahn"),
        ("z = tanh(x, x)", "tanh(x, x)"),
        ("z = Γ_f + x", "Γ_f"),
        ("z = x[t-1]", "x[t-1]"),
        ("target q where mean(q) == 1", "mean(q) == 1"),
        ('param q as "\\q"', '"\\q"'),
    ],
)
def test_an_error_marks_the_whole_operand(text: str, marked: str) -> None:
    with pytest.raises(CellError) as caught:
        read(PREAMBLE + text)
    first = caught.value.diagnostics[0]
    assert first.source == text
    assert text[first.column - 1 : first.column - 1 + first.width] == marked


def test_an_error_shows_line_caret_help_and_code() -> None:
    with pytest.raises(CellError) as caught:
        read("cell a\ndims H\nparam W : H x H\ninput x : H\ny[t] = W * x[t]\n", "bad.cell")
    assert str(caught.value) == (
        "error[E0301]: '*' needs equal shapes, got a matrix of H x H and a vector of H\n"
        " --> bad.cell:5:8\n"
        "  |\n"
        "5 | y[t] = W * x[t]\n"
        "  |        ^^^^^^^^\n"
        "  = help: the matrix product is '@', the elementwise product is '*'\n"
        "  = more: derive explain E0301"
    )


WARNINGS = {
    "z = s * W @ h[t] + c": [("W0102", 1, 5)],
    "z = 2 * W @ h[t]": [("W0102", 1, 5)],
    "z = W @ h[t] / 2": [],
    "z = s * (W @ h[t])": [],
    "param q, r\nz = q": [("W0101", 1, 10)],
    "const q = 1\ndims Q": [("W0101", 1, 7), ("W0101", 2, 6)],
    "output h\nz = x": [("W0101", 2, 1)],
    "output h\nz = x\nloss[t] = sum(z)": [],
    "state g\ng[t] = s": [("W0103", 1, 7)],
}
# uses what the preamble declares; in an equation that needs no output
USED = "loss[t] = sum(c) + sum(y[t]) + sum(k) + sum(V) + sum(x) + s * tau"


@pytest.mark.parametrize("text", WARNINGS)
def test_a_warning(text: str) -> None:
    cell = read(f"{PREAMBLE}{text}" + (" + " + USED.split(" = ")[1] if "loss" in text else f"\n{USED}"))
    assert [(w.code, w.line - FIRST + 1, w.column) for w in cell.warnings] == WARNINGS[text]
    assert all(w.warning for w in cell.warnings)


def test_warnings_are_no_errors_and_errors_come_alone() -> None:
    with pytest.raises(CellError) as caught:
        read("cell a\nparam unused\nz = Q")
    assert [d.code for d in caught.value.diagnostics] == ["E0401"]
    assert not any(d.warning for d in caught.value.diagnostics)


def test_one_look_into_the_future_is_one_error_at_its_place() -> None:
    """Two states' equations need it; the read that is alone is the slip, and the cure is its mirror."""
    text = (
        "cell slip\ndims H\nstate h, c : H\nparam W : H x H\n"
        "f[t] = sigmoid(W @ h[t+1])\nc[t] = f[t] * c[t-1] + W @ h[t-1]\nh[t] = tanh(c[t])\nloss[t] = norm2(h[t])\n"
    )
    with pytest.raises(CellError) as caught:
        read(text)
    (error,) = caught.value.diagnostics
    assert (error.code, error.line, error.column) == ("E0503", 5, 20)
    assert error.help.startswith("write h[t-1], or")


TURNED = "a matrix of I x H multiplies a vector of H; transposed, as in W.T @ h, it gives a vector of H"
MINE = "cell c\ndims I, H\ninput x : I\nstate h : H\nparam U : {}\nparam W : H x H\n{} = tanh(W @ h[t-1] + U @ {})\n"


@pytest.mark.parametrize(
    ("words", "help"),
    [
        (("H x I", "h[t]", "x_t"), "a time index stands in brackets: x[t]"),
        (("H x I", "h_t", "x[t]"), "a time index stands in brackets: h[t] = ..., not h_t = ..."),
        (("I x H", "h[t]", "x[t]"), f"{TURNED}, or declare U : H x I"),
        (("H x I", "h[t]", "x[t]) + CE(h[t-1], x[t]"), "write cross_entropy(y, p), the target first"),
    ],
)
def test_what_is_written_as_in_a_book_is_told_how_it_is_written_here(words: tuple[str, str, str], help: str) -> None:
    with pytest.raises(CellError) as found:
        read(MINE.format(*words))
    assert help in [d.help for d in found.value.diagnostics]


@pytest.mark.parametrize(
    ("line", "help"),
    [
        ("target y : H where sum(y) = 1", "an assumption is written with =="),
        ("state a : H where a[-2] == 0\na[t] = tanh(a[t-1])", "it runs forward in time: the nearest one is a[-1]"),
        ("state a : H where a[T+1] == 0\na[t] = tanh(a[t+1])", "it runs backward in time: the nearest one is a[T]"),
        ("state a : H where a[-1] == 0\na[t] = tanh(a[t+1])", "it runs backward in time: the nearest one is a[T]"),
    ],
)
def test_an_assumption_that_is_none_is_told_what_it_may_be(line: str, help: str) -> None:
    with pytest.raises(CellError) as found:
        read(f"cell c\ndims H\n{line}\n")
    assert help in [d.help for d in found.value.diagnostics]


@pytest.mark.parametrize("index", ["T+8", "T+9", "T+0.5", "-9", "-0.5", "2", "T-1"])
def test_an_assumption_about_no_boundary_value_is_refused(index: str) -> None:
    with pytest.raises(CellError) as found:
        read(f"cell c\ndims H\nstate a : H where a[{index}] == 0\na[t] = tanh(a[t+1])\n")
    assert [d.line for d in found.value.diagnostics] == [3]


def test_a_size_has_so_many_names_and_no_more() -> None:
    names = [f"N{i}" for i in range(17)]
    for count, fits in ((16, True), (17, False)):
        text = f"cell c\ndims {', '.join(names)}\ninput x : {' + '.join(names[:count])}\nz = sum(x[0])\n"
        codes = []
        try:
            read(text)
        except CellError as error:
            codes = [d.code for d in error.diagnostics]
        assert ("E0308" in codes) != fits


def test_a_long_cycle_is_told_by_its_ends() -> None:
    lines = [f"v{n}[t] = v{(n + 1) % 12}[t] + x[t]" for n in range(12)]
    with pytest.raises(CellError) as error:
        read("\n".join(["cell c", "input x", *lines, ""]))
    (found,) = [d.message for d in error.value.diagnostics if d.code == "E0504"]
    told = found.removeprefix("a cycle within one step: ").split(" needs ")
    start = int(told[0][1:])
    around = [f"v{(start + n) % 12}" for n in range(13)]
    assert told == [*around[:4], "...", *around[-4:]]


def test_a_character_that_no_tex_name_has_is_shown_alone() -> None:
    with pytest.raises(CellError) as error:
        read('cell c\ninput x as "a&b"\nz[t] = x[t]\n')
    (found,) = (d.message for d in error.value.diagnostics)
    assert ": '&' is not among letters, digits, _ ^ { } ' and" in found
