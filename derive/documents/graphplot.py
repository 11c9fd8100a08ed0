"""A graph of the unrolled network as a picture, by matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from derive.documents.figures import RADIUS, Edge, Graph, Node, ends
from derive.picture import drawing

INCH = 0.62  # of a unit
FILL = {"given": "#e8e8e8", "value": "#ffffff", "parameter": "#ffffff"}


def draw(path: Path, graph: Graph) -> None:
    """Write the figure.

    Raises:
        InputError: the file can not be written.
    """
    left, bottom, right, top = graph.corners
    with drawing(path, (right - left) * INCH, (top - bottom) * INCH + 0.3) as figure:
        axis = figure.subplots()
        axis.set_xlim(left, right)
        axis.set_ylim(bottom, top)
        axis.set_aspect("equal")
        axis.axis("off")
        for edge in graph.edges:
            _arrow(axis, graph, edge)
        for node in graph.nodes:
            _node(axis, node)
        axis.set_title(graph.title, fontsize=9)


def formula(tex: str) -> str:
    """For matplotlib, which knows a part of TeX; what it does not know is shown as it is written."""
    from matplotlib.mathtext import MathTextParser

    text = f"${tex}$"
    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return tex.replace("$", r"\$")
    return text


def _node(axis: Any, node: Node) -> None:
    from matplotlib.patches import Circle, Rectangle

    if node.kind == "parameter":
        side = 1.7 * RADIUS
        place = (node.x - side / 2, node.y - side / 2)
        axis.add_patch(Rectangle(place, side, side, facecolor=FILL[node.kind], edgecolor="black", linewidth=1.2))
    elif node.kind != "dots":
        axis.add_patch(Circle((node.x, node.y), RADIUS, facecolor=FILL[node.kind], edgecolor="black", linewidth=1.0))
    axis.text(node.x, node.y, formula(node.tex), ha="center", va="center", fontsize=9)


def _arrow(axis: Any, graph: Graph, edge: Edge) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Outline

    start, middle, end = ends(graph.nodes[edge.start], graph.nodes[edge.end], edge.bend)
    outline = Outline([start, middle, end], [Outline.MOVETO, Outline.CURVE3, Outline.CURVE3])
    style = {"linestyle": (0, (4, 2)), "linewidth": 1.4} if edge.way else {"linewidth": 0.9}
    axis.add_patch(FancyArrowPatch(path=outline, arrowstyle="-|>", mutation_scale=8, color="black", **style))
    if edge.tex:
        (x, y), side = graph.beside(edge), graph.side(edge)
        placed = {1: "left", 0: "center", -1: "right"}[side]  # that end of the label is next to the arrow
        axis.text(x - 0.1 * side, y, formula(edge.tex), ha=placed, va="center", fontsize=8)
