"""A file of LaTeX → displays and directives; macros expanded within limits."""

from __future__ import annotations

from derive.claims.text.macros import LONGEST, Macros
from derive.claims.text.source import Directive, Display, Include, read_source

TEXT = r"""
\newcommand{\W}{\mathbf{W}} \newcommand{\pd}[2]{\frac{\partial #1}{\partial #2}} \DeclareMathOperator{\dg}{diag}
% derive: model elman.cell
%derive: let \delta_t = dL/dh[t]
100\% sure $$a = b$$ text % \[ not = this \]
\begin{align}
 \pd{L}{\W} &= \sum_t a_t \label{one} \\   % comment = x
   &\quad + b_t \nonumber \\
 c &= \dg(d) \\[2pt] &= e \tag{7}\label{two}
\end{align}
\verb|\[ x = y \]| \begin{verbatim}\[ y = z \]\end{verbatim}
\[ x = \begin{bmatrix} a \\ b \end{bmatrix} \]
\begin{multline*} f = g \\ + h \end{multline*}
\begin{gather} p = q \\ r = s \end{gather}
\begin{itemize} \item $t = u$ \end{itemize}
\begin{equation} never = closed
"""


def test_displays_and_directives_in_order() -> None:
    found = list(read_source(TEXT, "paper.tex"))
    assert [(x.text, x.line) for x in found if isinstance(x, Directive)] == [
        ("model elman.cell", 3),
        (r"let \delta_t = dL/dh[t]", 4),
    ]
    displays = [(x.id, " ".join(x.tex.split())) for x in found if isinstance(x, Display)]
    assert displays == [
        ("paper.tex:5", "a = b"),
        ("one", r"{\frac{\partial L}{\partial {\mathbf{W}}}} = \sum_t a_t \quad + b_t"),
        ("two", r"c = {\operatorname{diag}}(d) = e"),
        ("paper.tex:12", r"x = \begin{bmatrix} a \\ b \end{bmatrix}"),
        ("paper.tex:13", "f = g + h"),
        ("paper.tex:14", "p = q"),
        ("paper.tex:14", "r = s"),
    ]
    assert [x.line for x in found if isinstance(x, Display)] == [5, 7, 9, 12, 13, 14, 14]


def test_macros_that_do_not_end_are_left_for_the_reader_to_name() -> None:
    endless = Macros.of(r"\newcommand{\a}{\a\a}")
    assert len(endless.expand(r"\a = 1")) <= LONGEST + 10
    assert Macros.of(r"\newcommand\b[1]{#1}").expand(r"\b") == r"\b"
    assert Macros.of(r"\def\W{W_{hh}}").expand(r"\W h + \Wx") == r"{W_{hh}} h + \Wx"
    assert Macros.of(r"\newcommand{\v}[1]{\mathbf{#1}}").expand(r"\v h_t") == r"{\mathbf{h}}_t"
    assert Macros.of("").expand(r"\c") == r"\c"


ROWS = r"""
\newcommand{\s}{h} \def\of#1#2{#1(#2)}
\begin{document}
\begin{equation}\label{cell}\begin{aligned} h &= f(a) \\ a &= b \end{aligned}\end{equation}
\[\left\{\begin{aligned} h &= f(a) \\ a &= b\end{aligned}\right.\]
\[\s = 1\] \renewcommand{\s}{a} \[\s = 2\]
\begin{align}
&\text{For the weights:}\\
a &= b \\
{}&+ c \\
a &= b + \\
& c\\
a &= \left( b \right. \\ & \left. + c\right)\\
a &= \Bigl( b \\* & c\Bigr)\\
\hphantom{=}\ & h = \of{f}{a}
\end{align}
\iffalse \[h = 0\] \fi
\input sec/more
\end{document}
\[h = 0\]
"""


def test_rows_belong_together_as_they_are_meant() -> None:
    found = list(read_source(ROWS, "p.tex"))
    assert [x.path for x in found if isinstance(x, Include)] == ["sec/more"]
    assert ["".join(x.tex.split()) for x in found if isinstance(x, Display)] == [
        "h=f(a)", "a=b", "h=f(a)", "a=b", "{h}=1", "{a}=2", "a=b{}+c", "a=b+c", r"a=\left(b+c\right)",
        r"a=\Bigl(bc\Bigr)", r"\h={f(a)}",
    ]  # fmt: skip


HIDDEN = r"""
\iffalse\newcommand{\WW}{U}\fi
\begin{comment}
\newcommand{\WW}{U}
\end{comment}
\begin{equation}
a = b % \end{equation} \]
  + c
\end {equation}
\begin{align}
o_t &= V h_t % + c \\ x {
       + c \\
p_t &= V
       & \qquad h_t^\top
\end{align}
\begin{IEEEeqnarray}{rCl}
q & = & \WW
\end{IEEEeqnarray}
\verb|50%| \[ r = s \]
"""


def test_what_is_not_printed_is_not_read() -> None:
    """Comments, \\iffalse and verbatim text hide ends of displays, macros, rows and braces."""
    found = [" ".join(x.tex.split()) for x in read_source(HIDDEN, "f.tex") if isinstance(x, Display)]
    assert found == [r"a = b + c", r"o_t = V h_t + c", r"p_t = V \qquad h_t^\top", r"q = \WW", "r = s"]
