"""Words of one notation in another."""

from __future__ import annotations

import re

_CODE = re.compile(r"(`[^`]*`)")
_SIGNS = re.compile(r"([\\*_<>|\[\]$#~])")


def escaped(text: str) -> str:
    """Plain text as Markdown; what stands between backticks stays code, but for the bars of tables."""
    parts = _CODE.split(text)
    return "".join(p.replace("|", r"\|") if p.startswith("`") else _SIGNS.sub(r"\\\1", p) for p in parts)
