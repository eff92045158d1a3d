"""Digests of files, code and plain data: equal digests mean equal content.

The digest of code is that of its syntax tree, without comments, layout and docstrings: they do not change what it does.
It is the same under every Python that can parse the file, so that a stored digest holds on another machine.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from assignments.cached import cached


def digest_of(**parts: Any) -> str:
    """SHA-256 over canonical JSON of named parts."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        FileNotFoundError: there is no such file. A caller whose file may be absent checks first.
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()


def code_digest(path: Path) -> str:
    """Digest of what a Python file does; see `source_digest`.

    Raises:
        FileNotFoundError: there is no such file. A caller whose file may be absent checks first.
    """
    return source_digest(path.read_bytes())


@lru_cache(maxsize=1024)
def source_digest(source: bytes | str) -> str:
    """Digest of Python source without comments, layout and docstrings.

    Source that this Python cannot parse (it is broken, or written for a newer one) is digested byte by byte.
    """
    digest: str = cached(code_maker(), source.encode() if isinstance(source, str) else source, _digest)
    return digest


@cache
def code_maker() -> str:
    """Names the code of this file, which makes the digests in the cache."""
    return f"digest by {sys.version_info[:2]} {file_digest(Path(__file__))}"


def _digest(source: bytes) -> str:
    try:
        return tree_digest(ast.parse(source))
    except (SyntaxError, ValueError):
        return hashlib.sha256(source).hexdigest()


def tree_digest(*nodes: ast.AST) -> str:
    """Digest of syntax trees, one after the other."""
    return hashlib.sha256("\n".join(piece for node in nodes for piece in _pieces(node)).encode()).hexdigest()


_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
"""Fields that follow from where a node stands, or that only a type checker reads."""


def _pieces(root: ast.AST) -> Iterator[str]:
    """The content of a tree, piece by piece: kinds of nodes, names of fields, values.

    A field that is absent or empty is left out: some versions of Python have fields that others lack. This does not
    recurse, because a sum of a thousand terms is a tree of a thousand levels.
    """
    waiting: list[Any] = [root]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, ast.Constant):
            # Escaped, because which characters can be printed depends on Python's table of Unicode.
            yield f"{type(item.value).__name__} {item.value!a}"
        else:
            yield type(item).__name__
            waiting.append(")")
            for name in reversed(item._fields):
                value = getattr(item, name, None)
                if value is None or value == [] or name in _SKIPPED:
                    continue
                waiting += reversed(_field(item, name, value))


def _field(node: ast.AST, name: str, value: Any) -> list[Any]:
    """One field of a node as pieces and nodes."""
    if isinstance(value, ast.AST):
        empty = isinstance(value, ast.JoinedStr) and not _text(value)  # f"{x:}" is f"{x}"
        return [] if name == "format_spec" and empty else [f"{name}=", value]
    if not isinstance(value, list):
        return [f"{name}={value!a}"]
    items: list[Any] = value
    if isinstance(node, ast.JoinedStr):
        items = _text(node)
    elif name in _BODIES:
        items = [item for item in value if not _does_nothing(item)]
    written = (item if isinstance(item, ast.AST) else ascii(item) for item in items)
    return [f"{name}=[", *written, "]"]


_BODIES = ("body", "orelse", "finalbody")


def _does_nothing(statement: Any) -> bool:
    """Whether a statement is a docstring (of a field too), another constant such as `...`, or `pass`."""
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass)


def _text(string: ast.JoinedStr) -> list[ast.AST]:
    """The parts of an f-string without the empty ones, which only Python 3.12 has."""
    return [part for part in string.values if not (isinstance(part, ast.Constant) and part.value == "")]
