"""Renders what a marker typed: paragraphs, line ends, bold, italics, code and lists. Everything else is text.

Links, pictures, HTML, headings and tables show as they were typed: no text becomes markup that is not in the list.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from markupsafe import Markup, escape

from reports.terminal import UNSAFE

RULES: Final = ("emphasis", "backticks", "list", "newline", "escape")
_AROUND: Final = {
    "paragraph": Markup("<p>%s</p>"),
    "strong": Markup("<strong>%s</strong>"),
    "em": Markup("<em>%s</em>"),
    "bullet_list": Markup("<ul>%s</ul>"),
    "ordered_list": Markup("<ol>%s</ol>"),
    "list_item": Markup("<li>%s</li>"),
    "code_inline": Markup("<code>%s</code>"),
}
"""By the name of a part: what stands around its escaped content."""


def markdown(text: str) -> Markup:
    """The text as markup, with a visible mark for each invisible character."""
    shown = UNSAFE.sub("\ufffd", text.replace("\r\n", "\n"))
    return _rendered(SyntaxTreeNode(_parser().parse(shown)))


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("zero", {"html": False, "linkify": False, "typographer": False}).enable(list(RULES))


def _rendered(node: SyntaxTreeNode) -> Markup:
    """A part of the text: its own content escaped, or that of its parts."""
    if node.type in ("softbreak", "hardbreak"):
        return Markup("<br>")  # whoever presses Enter in a cell wants a new line
    tight = node.type == "paragraph" and node.hidden
    leaf = not node.children and not node.is_root
    inside = escape(node.content) if leaf else Markup("").join(map(_rendered, node.children))
    around = None if tight else _AROUND.get(node.type)
    return inside if around is None else around % inside
