"""A page as Markdown, for a pull request or an e-mail: it tells what the page tells, in the page's order.

GitHub and GitLab look for names, numbers and addresses in the text after Markdown was rendered, where a backslash does
not help: such a word becomes code, which they leave alone. Figures are left out; the page says in words what they show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from itertools import groupby
from typing import Final

BLOCKS: Final = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "caption", "details", "div", "dl", "figcaption",
    "figure", "footer", "header", "hr", "main", "p", "section", "summary", "table", "tbody", "tfoot", "thead",
})  # fmt: skip
VOID: Final = frozenset({"br", "hr", "img", "input", "wbr"})
HEADINGS: Final = {f"h{level}": "#" * level for level in range(1, 7)}
LEFT_OUT: Final = frozenset({"head", "style", "script", "svg"})
STRONG: Final = frozenset({"b", "strong", "summary", "th"})
NUMBERS: Final = frozenset({"points", "figure", "state"})
"""Classes of what the page sets apart by its place or its size."""
ACTIVE: Final = re.compile(
    r"[@#!$~%&^*\[][\w\"']"  # a person, an issue, a merge request, a label and the like; a link; a formula
    r"|://|\bwww\."
    r"|[{\[][+-]"  # GitLab marks a change by it
    r"|\b[A-Z][A-Z0-9_]+-\d"  # an issue of another tracker
    r"|\b[0-9a-f]{7,40}\b"  # a commit
)
"""What GitHub or GitLab would make a link of, or more, outside of code."""


def as_markdown(html: str) -> str:
    """A page of medmark's as Markdown in which no text of anyone is a link, an image, a mention, HTML or a heading."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.end_block()
    return "\n\n".join(reader.blocks) + "\n"


@dataclass(frozen=True)
class _Run:
    """Text of one kind."""

    text: str
    code: bool = False
    strong: bool = False


class _Reader(HTMLParser):
    """Reads our own pages: their elements are closed, and their text is escaped."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[str] = []
        self._runs: list[_Run] = []
        self._open: list[tuple[str, bool]] = []
        """The elements around this text, and whether each is set strong."""
        self._left_out = 0
        self._markers: list[str] = []
        """One for each list item around this text: spaces once its first line is written."""
        self._numbers: list[int | None] = []
        """One for each list: of its next item; None for a list without numbers."""
        self._heading = ""
        self._rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if self._left_out or tag in LEFT_OUT:
            self._left_out += tag in LEFT_OUT
            return
        if tag in VOID:
            if tag in BLOCKS:
                self.end_block()
            return
        classes = {*(dict(attrs).get("class") or "").split()}
        self._open.append((tag, tag in STRONG or bool(classes & NUMBERS)))
        if classes & NUMBERS or (self._heading and "soft" in classes):
            self._runs.append(_Run(" – " if self._heading else " "))
        if tag in BLOCKS or tag in HEADINGS:
            self.end_block()
            self._heading = HEADINGS.get(tag, "")
        elif tag in ("ul", "ol"):
            self.end_block()
            self._numbers.append(1 if tag == "ol" else None)
        elif tag in ("li", "dt"):
            self.end_block()
            self._markers.append(self._marker() if tag == "li" else "- ")
        elif tag == "tr":
            self._rows.append([])
        elif tag == "pre":
            self.end_block()
        elif tag in ("td", "th"):
            self._runs = []

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """An element of a figure: nothing of it is text."""

    def handle_endtag(self, tag: str) -> None:
        if self._left_out:
            self._left_out -= tag in LEFT_OUT
            return
        while self._open and self._open.pop()[0] != tag:
            pass
        if tag in BLOCKS or tag in HEADINGS:
            self.end_block()
            self._heading = ""
        if tag in ("ul", "ol"):
            self.end_block()
            self._numbers.pop()
        elif tag in ("li", "dd"):
            self.end_block()
            self._markers.pop()
        elif tag == "dt":
            self._runs.append(_Run(": "))
        elif tag in ("td", "th"):
            self._rows[-1].append(_inline(self._read_so_far()))
        elif tag == "table":
            rows, self._rows = self._rows, []
            self._block("\n".join(_table(rows)))
        elif tag == "pre":
            self._block(_fenced("".join(run.text for run in self._read_so_far())))

    def handle_data(self, data: str) -> None:
        if not self._left_out:
            code = any(tag in ("code", "pre") for tag, _ in self._open)
            self._runs.append(_Run(data, code, any(strong for _, strong in self._open)))

    def end_block(self) -> None:
        """Write what was read as a paragraph, a heading or the begin of an item."""
        runs = self._read_so_far()
        if self._heading and self._markers:  # a heading in a list is set strong instead
            runs = [replace(run, strong=True) for run in runs]
        if text := _inline(runs):
            is_heading = self._heading and not self._markers
            self._block(f"{self._heading} {text}" if is_heading else _begin(text))

    def _read_so_far(self) -> list[_Run]:
        runs, self._runs = self._runs, []
        return runs

    def _marker(self) -> str:
        number = self._numbers[-1]
        if number is None:
            return "- "
        self._numbers[-1] = number + 1
        return f"{number}. "

    def _block(self, text: str) -> None:
        first = "".join(self._markers)
        self._markers = [" " * len(marker) for marker in self._markers]
        lines = text.split("\n")
        rest = [f"{''.join(self._markers)}{line}".rstrip() for line in lines[1:]]
        block = "\n".join([f"{first}{lines[0]}", *rest])
        # Items of one list stand line below line, as people write them.
        if first.strip() and self.blocks and self._is_item(self.blocks[-1]):
            self.blocks[-1] += f"\n{block}"
        else:
            self.blocks.append(block)

    def _is_item(self, block: str) -> bool:
        return re.match(r" *(?:-|\d+\.) ", block.rsplit("\n", 1)[-1]) is not None


def _inline(runs: Sequence[_Run]) -> str:
    """Runs as one line."""
    letters = [_Run(" " if char.isspace() else char, run.code, run.strong) for run in runs for char in run.text]
    one_space = [each for i, each in enumerate(letters) if each.text != " " or (i and letters[i - 1].text != " ")]
    while one_space and one_space[-1].text == " ":
        one_space.pop()
    line = one_space[1:] if one_space and one_space[0].text == " " else one_space
    return "".join(_strong(list(part)) if strong else _words(list(part)) for strong, part in groupby(line, _is_strong))


def _is_strong(letter: _Run) -> bool:
    return letter.strong


def _strong(letters: list[_Run]) -> str:
    text = _words(letters)
    inner = text.strip()
    return text.replace(inner, f"**{inner}**") if inner else text


def _words(letters: Sequence[_Run]) -> str:
    """Text word by word: what is code, and a word that would be active outside of code, is written as code."""
    parts: list[tuple[bool, str]] = []
    for (code, is_space), group in groupby(letters, lambda each: (each.code, each.text == " " and not each.code)):
        part = "".join(letter.text for letter in group)
        for word in [part] if code or is_space else re.split(r"( +)", part):
            parts.append((code or "`" in word or ACTIVE.search(word) is not None, word))
    # Two pieces of code side by side are one: their backticks would close each other's.
    joined = [(code, "".join(word for _, word in group)) for code, group in groupby(parts, lambda part: part[0])]
    return "".join(_code(text) if code else _escaped(text) for code, text in joined)


def _code(text: str) -> str:
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _escaped(text: str) -> str:
    # An underscore within a name, as in balanced_accuracy, is one as it is.
    return re.sub(r"[\\*\[\]<#~&$]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text)


def _begin(text: str) -> str:
    """A paragraph that begins neither a list, a quotation, a line nor, on GitLab, a command."""
    return re.sub(r"^(\d{1,9})(?=[.)](?: |$))|^(?=[-+=>:/|])", r"\1\\", text)


def _fenced(text: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    content = text.strip("\n")
    return f"{fence}\n{content}\n{fence}"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """One item a row, as a mail can hold it: `- dice: score 0.74; interval 0.71 to 0.77`."""
    head, *others = rows
    for first, *cells in others:
        named = [f"{name} {cell}" for name, cell in zip(head[1:], cells, strict=False) if cell]
        yield f"- {first}: {'; '.join(named)}"
