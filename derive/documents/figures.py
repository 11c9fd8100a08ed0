"""Figures of the unrolled network as graphs, and where their parts go on a page.

Distances of a graph are in units of 1 cm in TikZ and of UNIT pixels in SVG; its y grows upwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import hypot
from typing import TypeAlias

from derive.documents.mathml import math_element

UNIT = 52  # pixels
RADIUS = 0.36
PARAMETER = 0.4  # the width of one in a label that names several
SEVERAL = re.compile(r", |\\dots ")
Point: TypeAlias = "tuple[float, float]"


@dataclass(frozen=True)
class Node:
    """A value, something given, a parameter, or dots for what is left out."""

    tex: str
    x: float
    y: float
    kind: str = "value"


@dataclass(frozen=True)
class Edge:
    """An arrow between two nodes, by number; `way` is a way back, `bend` moves its middle to the side."""

    start: int
    end: int
    tex: str = ""
    way: bool = False
    bend: float = 0.0


@dataclass(frozen=True)
class Graph:
    """Nodes and arrows; `title` says in words what is drawn."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    title: str

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """Left, bottom, right and top, with a margin; bent arrows and their labels stay inside."""
        points = [(n.x, n.y) for n in self.nodes]
        for e in self.edges:
            x, y = self.beside(e)
            points.append((x + self.side(e) * PARAMETER * (len(SEVERAL.split(e.tex)) - 1), y))
        xs, ys = zip(*points, strict=True)
        return min(xs) - 0.6, min(ys) - 0.6, max(xs) + 0.6, max(ys) + 0.6

    def beside(self, e: Edge) -> Point:
        """Where the label of an arrow goes: its middle, or the end that is next to the arrow."""
        return _beside(*self._ends(e), e.bend)

    def side(self, e: Edge) -> int:
        """1 if the label lies on the right of its arrow, -1 on the left, 0 above or below it."""
        start, _, end = self._ends(e)
        x, y = _away(start, end, e.bend)
        return 0 if abs(x) < 2 * abs(y) else 1 if x > 0 else -1

    def _ends(self, e: Edge) -> tuple[Point, Point, Point]:
        return ends(self.nodes[e.start], self.nodes[e.end], e.bend)


@dataclass(frozen=True)
class Shape:
    """A node in pixels: its kind, centre, half its width, and its mathematics."""

    kind: str
    x: str
    y: str
    r: str
    math: str


@dataclass(frozen=True)
class Arrow:
    """An arrow in pixels: a path, and the label beside it ("" for none), on its right (1), its left (-1) or above."""

    kind: str
    path: str
    x: str
    y: str
    math: str
    side: int


@dataclass(frozen=True)
class Drawing:
    """A graph in pixels from the top left corner, ready for a template."""

    width: str
    height: str
    title: str
    shapes: tuple[Shape, ...]
    arrows: tuple[Arrow, ...]


def drawing(graph: Graph) -> Drawing:
    """Where everything goes on a page whose y grows downwards."""
    left, bottom, right, top = graph.corners
    return Drawing(
        f"{(right - left) * UNIT:.0f}",
        f"{(top - bottom) * UNIT:.0f}",
        graph.title,
        tuple(_shape(graph, n) for n in graph.nodes),
        tuple(_arrow(graph, e) for e in graph.edges),
    )


def _pixels(graph: Graph, x: float, y: float) -> tuple[str, str]:
    left, _, _, top = graph.corners
    return f"{(x - left) * UNIT:.1f}", f"{(top - y) * UNIT:.1f}"


def _shape(graph: Graph, n: Node) -> Shape:
    return Shape(n.kind, *_pixels(graph, n.x, n.y), f"{RADIUS * UNIT:.1f}", math_element(n.tex))


def _arrow(graph: Graph, e: Edge) -> Arrow:
    a, c = graph.nodes[e.start], graph.nodes[e.end]
    start, middle, end = (",".join(_pixels(graph, *p)) for p in ends(a, c, e.bend))
    at = _pixels(graph, *graph.beside(e))
    label = math_element(e.tex) if e.tex else ""
    return Arrow("way" if e.way else "flow", f"M{start} Q{middle} {end}", *at, label, graph.side(e))


def _beside(start: Point, middle: Point, end: Point, bend: float) -> Point:
    """Where a label is free of bent arrows, which pass at the left of what they go around."""
    up, along = start[0] == end[0], start[1] == end[1]
    left = 0.35 if along else 0.45
    s = 0.5 if bend or up else left if start[0] < end[0] else 1 - left  # near the left node
    x, y = ((1 - s) ** 2 * p + 2 * s * (1 - s) * q + s**2 * r for p, q, r in zip(start, middle, end, strict=True))
    dx, dy = _away(start, end, bend)
    return x + dx, y + dy


def _away(start: Point, end: Point, bend: float) -> Point:
    """From an arrow to its label."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    away = (0.2 if not dy or bend else -0.38 if dx else -0.2) / (hypot(dx, dy) or 1.0)
    return -away * dy, away * dx


def ends(a: Node, c: Node, bend: float) -> tuple[Point, Point, Point]:
    """Where an arrow leaves its first node, its middle, and where it meets the second."""
    dx, dy = c.x - a.x, c.y - a.y
    middle = ((a.x + c.x) / 2 - 0.45 * bend * dy, (a.y + c.y) / 2 + 0.45 * bend * dx)

    def rim(n: Node) -> Point:
        vx, vy = middle[0] - n.x, middle[1] - n.y
        length = hypot(vx, vy) or 1.0
        gap = RADIUS + 0.05
        return n.x + gap * vx / length, n.y + gap * vy / length

    return rim(a), middle, rim(c)
