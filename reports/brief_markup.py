"""Renders a brief: the Markdown of an assignment's author as the markup of a page that loads nothing and runs nothing.

Markup in the text is text. Of pictures only that of the data is drawn, from inside the page; of links those to the web
and within the brief lead anywhere, since no other file of the author's is beside the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from markupsafe import Markup, escape

from reports.terminal import UNSAFE

WEB: Final = re.compile(r"https?://|mailto:", re.IGNORECASE)
_AROUND: Final = {
    "blockquote": Markup("<blockquote>%s</blockquote>\n"),
    "bullet_list": Markup("<ul>%s</ul>\n"),
    "code_block": Markup('<pre tabindex="0"><code>%s</code></pre>\n'),
    "code_inline": Markup("<code>%s</code>"),
    "em": Markup("<em>%s</em>"),
    "fence": Markup('<pre tabindex="0"><code>%s</code></pre>\n'),
    "hr": Markup("<hr>\n%s"),
    "list_item": Markup("<li>%s</li>\n"),
    "paragraph": Markup("<p>%s</p>\n"),
    "strong": Markup("<strong>%s</strong>"),
    "tr": Markup("<tr>%s</tr>\n"),
}
"""By the name of a part: what stands around its content. A reader on a phone moves code and drawings sideways."""
_PICTURE: Final = Markup('<p class="picture"><img src="%s" alt="%s"></p>\n')
_CAPTION: Final = Markup('<p class="caption">%s</p>\n')


@dataclass(frozen=True)
class BriefMarkup:
    """A brief as a page shows it."""

    title: str
    """Its first heading, as text; empty if it does not begin with one."""
    sections: tuple[tuple[str, str], ...]
    """The anchor and the words of each heading of the second level."""
    body: Markup
    """All but the title."""


def brief_markup(text: str, pictures: Mapping[str, str] | None = None) -> BriefMarkup:
    """A brief as markup.

    Args:
        text: Markdown with tables.
        pictures: By the name of a file: what the page draws in its place, a data URI.
    """
    shown = UNSAFE.sub("\ufffd", text.removeprefix("\ufeff").replace("\r\n", "\n"))
    blocks = SyntaxTreeNode(_parser().parse(shown)).children
    title = ""
    if blocks and blocks[0].type == "heading" and blocks[0].tag == "h1":
        title, blocks = _words(blocks[0]), blocks[1:]
    page = _Page(_anchors(blocks), pictures or {})
    body = Markup("").join(page.blocks(blocks))
    headings = [block for block in blocks if block.type == "heading" and block.tag in ("h1", "h2")]
    return BriefMarkup(title, tuple((page.anchors[block], _words(block)) for block in headings), body)


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False}).enable("table")


class _Page:
    """Renders the parts of one brief."""

    def __init__(self, anchors: Mapping[SyntaxTreeNode, str], pictures: Mapping[str, str]) -> None:
        self.anchors, self.pictures = anchors, pictures
        self._tables = 0

    def blocks(self, blocks: Iterable[SyntaxTreeNode]) -> Iterator[Markup]:
        """Each block; a paragraph behind a picture that is emphasised as a whole is its caption."""
        behind_picture = False
        for block in blocks:
            parts = _inline(block) if block.type == "paragraph" else []
            source = self._source(parts[0]) if len(parts) == 1 and parts[0].type == "image" else None
            if source is not None:
                yield _PICTURE % (source, _words(parts[0]))
            elif behind_picture and parts and parts[0].type == "em":
                yield _CAPTION % self._inside(block)
            else:
                yield self._part(block)
            behind_picture = source is not None

    def _part(self, node: SyntaxTreeNode) -> Markup:
        match node.type:
            case "text":
                return escape(node.content)
            case "softbreak":
                return Markup("\n")
            case "hardbreak":
                return Markup("<br>\n")
            case "heading":
                return self._heading(node)
            case "table":
                return self._table(node)
            case "ordered_list":
                return Markup('<ol start="%s">%s</ol>\n') % (node.attrs.get("start", 1), self._inside(node))
            case "link":
                return self._link(node)
            case "image":
                source = self._source(node)
                drawn = Markup('<img src="%s" alt="%s">') % (source, _words(node))
                return escape(f"[{_words(node)}]") if source is None else drawn
            case "paragraph" if node.hidden:  # of a list whose items stand close
                return self._inside(node)
        around = _AROUND.get(node.type)
        return self._inside(node) if around is None else around % self._inside(node)

    def _inside(self, node: SyntaxTreeNode) -> Markup:
        """Its own content escaped, or that of its parts."""
        return Markup("").join(map(self._part, node.children)) if node.children else escape(_content(node))

    def _heading(self, node: SyntaxTreeNode) -> Markup:
        """A heading with its anchor; the page has the first level."""
        level, anchor = max(2, int(node.tag[1:])), self.anchors.get(node)
        named = Markup(' id="%s"') % anchor if anchor else Markup("")  # within a list or a quotation it has none
        return Markup("<h%s%s>%s</h%s>\n") % (level, named, self._inside(node), level)

    def _link(self, node: SyntaxTreeNode) -> Markup:
        """A link, or only its words where it would lead nowhere."""
        href = str(node.attrs.get("href", ""))
        if WEB.match(href):
            return Markup('<a href="%s" rel="noopener noreferrer">%s</a>') % (href, self._inside(node))
        if href.startswith("#") and href[1:] in self.anchors.values():
            return Markup('<a href="%s">%s</a>') % (href, self._inside(node))
        return self._inside(node)

    def _source(self, image: SyntaxTreeNode) -> str | None:
        """What is drawn for a picture; None if the page does not have it."""
        return self.pictures.get(str(image.attrs.get("src")))

    def _table(self, table: SyntaxTreeNode) -> Markup:
        """A table that moves sideways. Its cells know their heading: on a phone they stand below each other."""
        self._tables += 1
        head, *bodies = table.children
        names = [_words(cell) for cell in head.children[0].children]
        columns = Markup("").join(
            Markup('<th scope="col">%s</th>') % self._inside(cell) if name else Markup("<td></td>")
            for name, cell in zip(names, head.children[0].children, strict=True)
        )
        rows = Markup("").join(
            _AROUND["tr"]
            % Markup("").join(
                Markup('<td data-heading="%s"><span>%s</span></td>') % (name, self._inside(cell))
                for name, cell in zip(names, row.children, strict=True)
            )
            for body in bodies
            for row in body.children
        )
        return Markup(
            '<div class="scroll" tabindex="0" role="region" aria-label="Table %s">\n<table>\n'
            "<thead><tr>%s</tr></thead>\n<tbody>\n%s</tbody>\n</table>\n</div>\n"
        ) % (self._tables, columns, rows)


def _anchors(blocks: Iterable[SyntaxTreeNode]) -> dict[SyntaxTreeNode, str]:
    """An anchor for each heading by its words, as repositories' viewers have them."""
    anchors: dict[SyntaxTreeNode, str] = {}
    for block in blocks:
        if block.type == "heading":
            words = re.sub(r"[^\w\- ]", "", _words(block).lower()).strip().replace(" ", "-") or "section"
            numbered = (f"{words}-{n}" if n else words for n in range(len(anchors) + 1))
            anchors[block] = next(name for name in numbered if name not in anchors.values())
    return anchors


def _inline(block: SyntaxTreeNode) -> list[SyntaxTreeNode]:
    """The parts of a paragraph's line."""
    return list(block.children[0].children) if block.children else []


def _words(node: SyntaxTreeNode) -> str:
    """The words of a part, without markup."""
    if node.type in ("softbreak", "hardbreak"):
        return " "
    return "".join(map(_words, node.children)).strip() if node.children else _content(node)


def _content(node: SyntaxTreeNode) -> str:
    """What a part without parts holds; the root of an empty line holds nothing."""
    return "" if node.is_root or node.is_nested else node.content
