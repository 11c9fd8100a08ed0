"""The checker of links finds what is broken, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.tools import links


def site(folder: Path, **pages: str) -> list[str]:
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    links.page.cache_clear()
    return list(links.broken(folder))


def test_good_links_are_good(tmp_path: Path) -> None:
    assert not site(
        tmp_path,
        a='<a href="b.html#here">b</a> <a href="https://example.org/x">far</a> <a href="#top" id="top">top</a>',
        b='<p id="here"></p> <a href="a.html">a</a> <img src="data:image/png;base64,AA==">',
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('<a href="c.html">c</a>', "c.html: no such file"),
        ('<a href="#nowhere">x</a>', "#nowhere: no such anchor"),
        ('<a href="../x.html">x</a>', "leaves the site"),
        ('<img src="missing.png">', "no such file"),
        ('<script src="https://example.org/x.js"></script>', "loads https://example.org/x.js from elsewhere"),
        ('<link href="//example.org/x.css">', "loads //example.org/x.css from elsewhere"),
    ],
)
def test_bad_ones_are_found(text: str, why: str, tmp_path: Path) -> None:
    found = site(tmp_path, a=text)
    assert found
    assert why in found[0]


def test_a_font_from_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "own.css").write_text("p { background: url(x.png) } @font-face { src: url('https://example.org/f') }")
    assert len(site(tmp_path, a="")) == 1
