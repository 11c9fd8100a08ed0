"""Are the links of a built site good?  Files and anchors of its own; nothing is asked of a network.

    python -m docs.tools.links build/docs

Also refused are a script, a style, a font or an image from elsewhere: a page must be whole without a network.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src"), ("object", "data")}
FOREIGN = re.compile(r"""(?:@import\s*(?:url\()?|url\()\s*["']?(?:https?:)?//[^)"'\s]+""")


class Page(HTMLParser):
    """The anchors of a page, what it links to and what it loads."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.anchors |= {given[k] for k in ("id", "name") if k in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.loaded += [given[attribute] for own, attribute in LOADED if own == tag and attribute in given]


@cache
def page(path: Path) -> Page:
    return Page(path.read_text("utf-8"))


def broken(site: Path) -> Iterator[str]:
    """What is wrong, a line each."""
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site)
        for link in page(path).loaded:
            if urlsplit(link).netloc:
                yield f"{name}: loads {link} from elsewhere"
        for link in [*page(path).links, *page(path).loaded]:
            yield from (f"{name}: {link}: {why}" for why in amiss(link, path, site))
    for path in sorted(site.rglob("*.css")):
        found = FOREIGN.findall(path.read_text("utf-8"))
        yield from (f"{path.relative_to(site)}: loads {what} from elsewhere" for what in found)


def amiss(link: str, path: Path, site: Path) -> Iterator[str]:
    """Why a link of a page leads nowhere."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(site.resolve()) and parts.path:
        yield "leaves the site"
    elif not target.is_file():
        yield "no such file"
    elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in page(target).anchors:
        yield "no such anchor"


def main() -> None:
    site = Path(sys.argv[1])
    pages = list(site.rglob("*.html"))
    found = list(broken(site))
    if found or not pages:
        raise SystemExit("\n".join(found or ["no pages"]))
    sys.stdout.write(f"{len(pages)} pages, {sum(len(page(p).links) for p in pages)} links: all lead somewhere\n")


if __name__ == "__main__":
    main()
