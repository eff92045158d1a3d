"""Finds the line of each key of a TOML text. The text must have parsed already: nothing is checked here."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

Loc = tuple[str | int, ...]

_TOKEN = re.compile(
    r'(?P<text>"""(?:\\.|[^\\])*?"""(?!")|\'\'\'.*?\'\'\'(?!\')|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\')'
    r"|(?P<skip>#[^\n]*|[ \t\r]+)|(?P<newline>\n)|(?P<mark>[\[\]{},=.])|(?P<bare>[^\s\[\]{},=.#\"']+)",
    re.DOTALL,
)


def lines_of(text: str) -> dict[Loc, int]:
    """The line number of every key, table and item: `{("criterion", 1, "points"): 34, ...}`."""
    return _Reader(text).read()


class _Reader:
    """Walks over the tokens and records the line of each key."""

    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.at = 0
        self.lines: dict[Loc, int] = {}
        self.items: dict[Loc, int] = {}
        """How many `[[...]]` each array of tables has so far."""

    def read(self) -> dict[Loc, int]:
        table: Loc = ()
        while self.at < len(self.tokens):
            kind, word, line = self.tokens[self.at]
            if kind == "newline":
                self.at += 1
            elif word == "[":
                table = self._header(line)
            else:
                self._pair(table)
        return self.lines

    def _header(self, line: int) -> Loc:
        many = self.tokens[self.at + 1][1] == "["
        self.at += 2 if many else 1
        *above, last = self._key()
        self.at += 2 if many else 1
        loc: Loc = ()
        for part in above:
            loc = self._newest((*loc, part))
            self.lines.setdefault(loc, line)
        loc = (*loc, last)
        self.lines.setdefault(loc, line)
        if many:
            self.items[loc] = self.items.get(loc, 0) + 1
            loc = self._newest(loc)
            self.lines[loc] = line
        return loc

    def _newest(self, loc: Loc) -> Loc:
        return (*loc, self.items[loc] - 1) if loc in self.items else loc

    def _key(self) -> list[str]:
        parts = [self._word()]
        while self.tokens[self.at][1] == ".":
            self.at += 1
            parts.append(self._word())
        return parts

    def _word(self) -> str:
        kind, word, _ = self.tokens[self.at]
        self.at += 1
        # tomllib reads a quoted key exactly as it reads quoted text, escapes and all.
        return str(tomllib.loads(f"key = {word}")["key"]) if kind == "text" else word

    def _pair(self, table: Loc) -> None:
        line = self.tokens[self.at][2]
        loc = table
        for part in self._key():
            loc = (*loc, part)
            self.lines.setdefault(loc, line)
        self.at += 1  # the equals sign
        self._value(loc)

    def _value(self, loc: Loc) -> None:
        word = self.tokens[self.at][1]
        if word == "[":
            self._array(loc)
        elif word == "{":
            self._inline(loc)
        else:
            while self.at < len(self.tokens) and not (
                self.tokens[self.at][0] == "newline" or self.tokens[self.at][1] in ",]}"
            ):
                self.at += 1

    def _array(self, loc: Loc) -> None:
        self.at += 1
        item = 0
        while self.tokens[self.at][1] != "]":
            kind, word, line = self.tokens[self.at]
            if kind == "newline" or word == ",":
                self.at += 1
                continue
            self.lines[(*loc, item)] = line
            self._value((*loc, item))
            item += 1
        self.at += 1

    def _inline(self, loc: Loc) -> None:
        self.at += 1
        while self.tokens[self.at][1] != "}":
            if self.tokens[self.at][0] == "newline" or self.tokens[self.at][1] == ",":
                self.at += 1
            else:
                self._pair(loc)
        self.at += 1


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    line = 1
    for token in _TOKEN.finditer(text):
        word = token[0]
        if token.lastgroup != "skip":
            yield str(token.lastgroup), word, line
        line += word.count("\n")
