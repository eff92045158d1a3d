"""Syntax that a student's Python has and the marker's lacks.

Python itself parses by an older grammar (`ast.parse(feature_version=...)`), but for f-strings: since 3.12 (PEP 701)
they may hold their own quotes, backslashes, comments and line breaks, which the tokens show.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
import warnings
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from graders.intake.source import ONE_PARSES, read_source

Token = tuple[str, str, int]
"""Name of the token's type, text, line."""
PEP_701 = (3, 12)


def newer_syntax(folder: Path, paths: Collection[str], grammar: tuple[int, int]) -> list[str]:
    """The sources that this Python reads and one of version `grammar` does not, each with the line and the cure."""
    if grammar >= sys.version_info[:2]:
        return []
    version = ".".join(map(str, grammar))
    problems = []
    for path in sorted(paths):
        text = read_source(folder / path).text
        line = _line_too_new(text, grammar)
        if line is not None:
            problems.append(
                f"{path}:{line}: the marker has Python {version}, which does not read this line. Write it as {version} "
                "allows"
            )
    return problems


def _line_too_new(text: str, grammar: tuple[int, int]) -> int | None:
    try:
        with ONE_PARSES, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text, feature_version=grammar)
    except SyntaxError as error:
        return error.lineno or 1
    except (ValueError, RecursionError, MemoryError):
        return None  # this Python does not read it either, which `source` reports
    return newer_f_string(_tokens(text)) if grammar < PEP_701 <= sys.version_info[:2] else None


def _tokens(text: str) -> Iterator[Token]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            yield tokenize.tok_name[token.type], token.string, token.start[0]
    except (tokenize.TokenError, SyntaxError):
        return


def newer_f_string(tokens: Iterable[Token]) -> int | None:
    """The line of the first f-string that only Python 3.12 and newer read; None without one."""
    quotes: list[str] = []
    """Of the f-strings around a token, from the outside."""
    for kind, text, line in tokens:
        literal = kind in ("FSTRING_MIDDLE", "FSTRING_END")
        if quotes and not (literal and len(quotes) == 1):
            ends_it = any(quote in text for quote in quotes[: -1 if literal else None])
            if ends_it or "\\" in text or kind == "COMMENT" or (kind == "NL" and len(quotes[0]) == 1):
                return line
        if kind == "FSTRING_START":
            quotes.append(text.lstrip("fFrRbBuU"))
        elif kind == "FSTRING_END":
            quotes.pop()
    return None
