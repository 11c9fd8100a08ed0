"""How Sphinx builds the documentation: `sphinx-build -W --keep-going -b html docs build/docs`."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import derive  # noqa: E402 - found beside this folder

project = "derive"
author = "the derive authors"
copyright = "the derive authors"
version = release = derive.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "docs.tools.extension",
]
exclude_patterns = ["tools", "errata", "_build"]
source_suffix = {".md": "markdown"}
nitpicky = True
nitpick_ignore_regex = [("py:class", ".*")]  # types of attributes are named, not all are described
default_role = "code"  # docstrings write `name`
pygments_style = "friendly"
pygments_dark_style = "native"

# MyST: $ … $ for formulas, ::: for directives, anchors for headings down to the third level.
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_inline"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

# autodoc: signatures as they are written, members in the order of the file.
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"derive {release}"
html_static_path = ["static"]
html_css_files = ["derive.css"]
html_math_renderer = "mathml"  # docs/tools/extension.py: the documents' own, no script
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": {"color-brand-primary": "#1f4e9e", "color-brand-content": "#1f4e9e"},
    "dark_css_variables": {"color-brand-primary": "#86b2ff", "color-brand-content": "#86b2ff"},
}
