"""The page in headless Chromium, from a plain file server: `pytest -n 0 -m browser`, where playwright is installed.

Every test ends with a clean console, and no request has left the machine.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from derive.language import text
from derive.page.build import CLAIMS, write_site
from derive.page.vendor import Archive, fetched
from tests.tools import needs

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # of playwright's
READY = 15.0  # seconds from the first byte until Python answers
PATIENCE = 180_000.0  # milliseconds: other work may run beside
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
AXE = Archive(
    "axe-core",
    "4.14.1",
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
    ("MPL-2.0", "LICENSE"),
)
TEXTBOOK = dict(CLAIMS)["dL/dW as a textbook prints it"]


class Quiet(SimpleHTTPRequestHandler):
    """A file server that says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        pass

    def copyfile(self, source: Any, outputfile: Any) -> None:
        with contextlib.suppress(ConnectionError):  # of a page that is closed while it loads
            super().copyfile(source, outputfile)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs("npm", "node")
    folder = tmp_path_factory.mktemp("site")
    write_site(folder)
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        needs(BROWSERS[0])
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # Chromium has none for root
    with importlib.import_module("playwright.sync_api").sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=found, args=sandbox)
        yield made
        made.close()


class Visit:
    """One visit of the page, and what went wrong in it."""

    def __init__(self, browser: Any, address: str, **options: Any):
        self.context, self.address = browser.new_context(**options), address
        self.trouble: list[str] = []
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda m: self.heard(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.heard(str(e)))
        self.page.on("dialog", self.asked)
        self.context.on("request", lambda r: None if r.url.startswith((address, "blob:")) else self.heard(r.url))

    def heard(self, words: str) -> None:
        self.trouble.append(words)

    def asked(self, dialog: Any) -> None:
        self.heard(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, **fragment: str) -> Visit:
        self.page.goto(f"{self.address}#{urlencode(fragment)}" if fragment else self.address)
        return self.wait()

    def wait(self) -> Visit:
        """Until nothing is going on."""
        self.page.wait_for_selector("html[data-state=ready]")
        return self

    def derive(self, cell: str) -> Visit:
        self.page.fill("#cell", cell)
        self.page.press("#cell", "Control+Enter")
        return self.wait()

    def judge(self, claim: str) -> Visit:
        self.page.fill("#claim", claim)
        self.page.press("#claim", "Control+Enter")
        return self.wait()

    def text(self, selector: str) -> str:
        return str(self.page.text_content(selector))


@pytest.fixture(scope="module")
def long_visit(browser: Any, address: str) -> Iterator[Visit]:
    visit = Visit(browser, address, permissions=["clipboard-read", "clipboard-write"]).open()
    yield visit
    visit.context.close()


@pytest.fixture
def visit(long_visit: Visit) -> Iterator[Visit]:
    yield long_visit
    long_visit.wait()
    trouble, long_visit.trouble = long_visit.trouble, []
    assert not trouble


def test_the_page_is_ready_and_derives_by_itself(visit: Visit) -> None:
    assert float(visit.page.get_attribute("html", "data-ready-ms")) / 1000 < READY
    assert re.search(r"(\d+) of \1 equalities checked", visit.text("#derivation .summary"))
    assert visit.page.locator("#derivation math").count() > 100
    assert visit.page.locator("#derivation svg").count() > 3
    assert "def value_and_grad(" in visit.text("#numpy")
    assert "elman_value_and_grad(" in visit.text("#c")
    assert r"\begin{document}" in visit.text("#latex")


def test_a_gate_is_edited(visit: Visit) -> None:
    visit.page.select_option("#pick", "gru")
    visit.wait()
    before = visit.text("#numpy")
    assert "_sigmoid(" in before
    visit.derive(re.sub(r"^(z\[t\] *= )sigmoid", r"\1tanh", text("gru"), flags=re.MULTILINE))
    assert visit.page.input_value("#pick") == ""
    assert visit.text("#numpy") != before
    assert "tanh" in visit.text("#section-1 ~ .equations")


def test_the_textbooks_formula_is_refuted_and_repaired(visit: Visit) -> None:
    visit.derive(text("elman")).judge(TEXTBOOK)
    assert visit.text(".verdict h3") == "✗ ill-formed"
    assert visit.text(".verdict h4") == "The nearest true equation, proved"
    assert "the index b → k" in visit.page.locator(".edits li").all_text_contents()
    assert visit.page.locator(".verdict math").count() == 2
    repaired = visit.text(".verdict details pre")
    visit.page.get_by_role("button", name="Make it the claim").click()
    assert visit.page.input_value("#claim") == repaired
    visit.judge(repaired)
    assert visit.text(".verdict h3") in ("✓ proved", "? conditional")
    visit.judge(dict(CLAIMS)["dL/dV"])
    assert visit.text(".verdict h3") == "✓ proved"
    assert visit.text("#status") == "The claim is proved."


def test_an_error_stands_under_the_caret(visit: Visit) -> None:
    visit.derive(text("elman").replace("tanh(", "𝐭anhh("))  # one character of two UTF-16 units
    visit.derive(text("elman").replace("tanh(", "tanhh("))
    assert visit.text("#status") == "1 error in the cell."
    shown = visit.text(".finding pre").splitlines()
    assert shown[0] == "error[E0405]: unknown function 'tanhh'"
    source, caret = shown[3:5]
    assert source[caret.index("^") : caret.rindex("^") + 1] == "tanhh"
    assert visit.page.get_attribute("#cell", "aria-invalid") == "true"
    assert visit.page.is_visible("#stale")
    visit.page.get_by_role("button", name=re.compile("Go to line")).click()
    selected = "() => { const e = document.activeElement; return e.value.slice(e.selectionStart, e.selectionEnd); }"
    assert visit.page.evaluate(selected) == "tanhh"
    visit.judge(r"a = b")
    assert "tanhh" in visit.text("#verdicts .finding pre")
    visit.derive(text("elman"))
    assert visit.page.get_attribute("#cell", "aria-invalid") == "false"
    assert not visit.page.is_visible("#stale")


def test_what_is_unreadable_is_marked_under_the_caret(visit: Visit) -> None:
    visit.judge(r"\frac{a")
    assert visit.text(".verdict pre").splitlines()[:2] == [r"\frac{a", "       ^"]


def test_a_link_brings_cell_and_claim(visit: Visit, browser: Any, address: str) -> None:
    cell = text("elman").replace("cell elman", "cell mine")
    visit.derive(cell).judge(dict(CLAIMS)["dL/dV"])
    visit.page.get_by_role("button", name="Copy a link").click()
    link = visit.page.evaluate("navigator.clipboard.readText()")
    assert link == visit.page.url
    other = Visit(browser, address)
    other.page.goto(link)
    other.wait()
    assert other.page.input_value("#cell") == cell
    assert other.text(".verdict h3") == "✓ proved"
    assert "mine_value_and_grad(" in other.text("#c")
    other.context.close()
    assert not other.trouble


HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script><svg onload=alert(3)>"


@pytest.mark.parametrize(
    ("cell", "claim"),
    [
        (HOSTILE, HOSTILE),
        (text("elman").replace("Vanilla recurrent network", HOSTILE), rf"\text{{{HOSTILE}}} = h_t"),
        (text("elman").replace("cross_entropy", HOSTILE), "javascript:alert(4)"),
    ],
)
def test_a_strangers_link_runs_no_script(visit: Visit, cell: str, claim: str) -> None:
    visit.open(cell=cell, claim=claim)
    assert visit.page.input_value("#cell") == cell
    for element in ("img", "main script", "[onerror]", "[onload]"):
        assert visit.page.locator(element).count() == 0
    policy = visit.page.get_attribute("meta[http-equiv=Content-Security-Policy]", "content")
    assert policy.startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';")
    visit.open()


def test_the_keyboard_is_enough(visit: Visit) -> None:
    keyboard = visit.page.keyboard
    here = "document.activeElement.id"
    visit.page.evaluate("document.activeElement.blur()")
    visit.page.evaluate("scrollTo(0, 0)")
    visit.page.locator(".skip").focus()
    reached = []
    for _ in range(8):
        keyboard.press("Tab")
        reached.append(visit.page.evaluate(here))
    assert reached[:7] == ["pick", "cell", "derive", "share", "example", "claim", "judge"]
    visit.page.focus("#tab-derivation")
    for key, tab in (("ArrowRight", "numpy"), ("End", "latex"), ("ArrowRight", "derivation"), ("ArrowLeft", "latex")):
        keyboard.press(key)
        assert visit.page.evaluate(here) == f"tab-{tab}"
        assert visit.page.locator("[role=tabpanel]:visible").get_attribute("id") == tab
    keyboard.press("Home")
    link = visit.page.locator("#derivation nav a").nth(2)
    link.focus()
    keyboard.press("Enter")
    assert visit.page.evaluate(here) == "section-3"
    assert "name=elman" in visit.page.url  # what is shared stays


def test_work_can_be_stopped(visit: Visit) -> None:
    visit.page.select_option("#pick", "stacked")
    visit.page.wait_for_selector("html[data-state=busy]")
    visit.page.wait_for_function("() => document.getElementById('progress').textContent.includes('equations checked')")
    visit.page.click("#stop")
    assert visit.text("#status").startswith("Stopped. ")
    visit.wait()
    assert not visit.page.is_visible("#stop")
    visit.derive(text("elman"))
    assert visit.text("#results-title") == "Vanilla recurrent network"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 1400), ("light", 360), ("dark", 360)])
def test_the_page_is_accessible_and_fits(browser: Any, address: str, scheme: str, width: int) -> None:
    axe = fetched(AXE)["axe.min.js"].decode()
    look: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    visit = Visit(browser, address, bypass_csp=True, **look).open(name="elman", claim=TEXTBOOK)
    visit.page.add_script_tag(content=axe)
    for prepare in ("#tab-derivation", "#tab-c", "error"):
        if prepare == "error":
            visit.derive(text("elman").replace("tanh(", "tanhh("))
        else:
            visit.page.click(prepare)
        found = visit.page.evaluate("axe.run()")
        assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in found["violations"]] == []
        assert len(found["passes"]) > 20
        assert visit.page.evaluate("document.documentElement.scrollWidth") == width
    visit.context.close()
    assert not visit.trouble


def test_without_a_server_the_page_says_what_to_do(browser: Any, site: Path) -> None:
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.wait_for_selector("html[data-state=failed]")
    assert "python -m http.server" in page.text_content("#status")
    page.close()
