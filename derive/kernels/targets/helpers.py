"""The helper functions of generated code: a macro each in a target's templates, printed where something calls it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from derive.render import template_text

_MACRO = re.compile(r"{% macro (\w+)\(\) %}(.*?){% endmacro %}", re.DOTALL)


@cache
def by_macro(template: str, prefix: str) -> dict[str, tuple[str, ...]]:
    """Each helper of a template, in its order, with those whose names it mentions after the prefix."""
    bodies = dict(_MACRO.findall(template_text(template)))
    mentions = {name: re.findall(rf"(?<!\w){re.escape(prefix)}(\w+)", body) for name, body in bodies.items()}
    return {name: tuple(x for x in dict.fromkeys(found) if x != name) for name, found in mentions.items()}


def needed(text: str, prefix: str, helpers: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The helpers that a text calls, those they need included, in the order of all."""
    used = {name for name in helpers if f"{prefix}{name}(" in text}
    todo = list(used)
    while todo:
        for name in helpers[todo.pop()]:
            if name in helpers and name not in used:
                used.add(name)
                todo.append(name)
    return tuple(name for name in helpers if name in used)
