"""Text in: `.cell` files to Programs.  Nothing here evaluates text; see `grammar.lark`."""

from derive.language.catalogue import names, text
from derive.language.codes import explain
from derive.language.reader import Cell, read

__all__ = ["Cell", "explain", "names", "read", "text"]
