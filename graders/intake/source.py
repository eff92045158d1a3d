"""Reads a solution's source as Python does, with its byte order mark, coding line and line ends. It never runs it.

grade, check and `--handin` read it here, so they find the same framework and the same imports. The file may be hostile:
only a limited size is parsed, one file at a time, and only encodings that decode in one pass are accepted.
"""

from __future__ import annotations

import ast
import codecs
import io
import re
import threading
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from assignments.errors import shell_word
from assignments.notebook import NOTEBOOK, NOTEBOOK_BYTES, NotANotebook, NotebookSolution, read_notebook, solution_of

SOLUTION = "solution.py"
SOLUTIONS = (SOLUTION, NOTEBOOK)
"""The names of a solution's file; where both lie in a folder, the first one counts."""
SOURCE_BYTES = 1_000_000
"""How much of a source file is read."""
PARSED_BYTES = 250_000
"""Larger sources are searched by lines: a tree takes up to a kilobyte of memory for each byte."""
_CODECS = re.compile(
    r"utf-8(-sig)?|ascii|iso8859-\d{1,2}|cp\d{3,5}|koi8-[rtu]|mac-\w+|gb2312|gbk|gb18030|big5|big5hkscs|"
    r"shift_jis|euc_jp|euc_kr|johab|hz|tis-620|kz1048"
)
"""Canonical names of encodings of text; decoding others, such as punycode, takes time quadratic in the length."""
_WIDE = ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"), (codecs.BOM_UTF16_LE, "UTF-16"),
         (codecs.BOM_UTF16_BE, "UTF-16"))  # fmt: skip
_LINE = re.compile(
    r"^FRAMEWORK[ \t]*+(?::[ \t]*+[\w.]++(?:\[[\w., ]++\])?+[ \t]*+)?+=[ \t]*+(\()?+[ \t]*+"
    r"(['\"])([^'\"\n]+)\2[ \t]*+(?(1)\))[ \t]*+(?:[#;].*)?$",
    re.M,
)
"""Possessive (`*+`): with backtracking over blanks, the time would be quadratic in a line's length."""
_FRAMEWORK_NAME = re.compile(r"[^'\"\\]{1,40}")
ONE_PARSES = threading.Lock()
"""Groups are read in threads of one process. These share the filters of warnings, and in CPython 3.11 the depth of the
tree that is built: two that parse at once may end with a SystemError."""


@dataclass(frozen=True)
class Source:
    """One source file as text, and as a tree where it parses."""

    text: str
    tree: ast.Module | None
    """Without what runs only as a script; None if it does not parse, or is too large to parse here."""
    problem: str | None = None
    """Why Python cannot read the file, with the cure."""
    notebook: NotebookSolution | None = None
    """Where the text was part out of a notebook: the cells of its lines, and what was left out."""

    @property
    def framework(self) -> str | None:
        """The framework that `FRAMEWORK = "pytorch"` names at the top level; None without one, or with two that differ.

        It may be any word: the caller checks whether the assignment offers it.
        """
        lines = _LINE.findall(self.text) if self.tree is None else ()
        named = {name for _, _, name in lines} if self.tree is None else set(_assigned(self.tree))
        name = named.pop() if len(named) == 1 else ""
        return name if _FRAMEWORK_NAME.fullmatch(name) and name.isprintable() else None


def solution_file(folder: Path) -> Path:
    """The file of the solution in a folder, which may not exist."""
    files = [folder / name for name in SOLUTIONS]
    return next((file for file in files if file.is_file()), files[0])


def read_source(path: Path) -> Source:
    """The source in a file; of a notebook the part that is the solution."""
    with path.open("rb") as file:
        if path.suffix == ".ipynb":
            return _of_a_notebook(file.read(NOTEBOOK_BYTES + 1), path.name)
        return source_of(file.read(SOURCE_BYTES), path.name)


def _of_a_notebook(data: bytes, name: str) -> Source:
    try:
        with ONE_PARSES:
            part = solution_of(read_notebook(data, name), name)
    except NotANotebook as error:
        return Source("", None, str(error))
    return replace(source_of(part.text.encode(), name), notebook=part)


def source_of(data: bytes, name: str = SOLUTION) -> Source:
    """The source that bytes hold, by the rules of `tokenize.open` and PEP 263."""
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    wide = _wide(data)
    if wide:
        cure = "save it as UTF-8 (in Notepad: Save as, Encoding UTF-8)"
        return Source("", None, f"{name} is stored as {wide}, which Python does not read: {cure}")
    if b"\0" in data:
        return Source(_plainly(data), None, f"{name} cannot be read as Python: it holds a null byte; remove it")
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        canonical = codecs.lookup(encoding).name
        if not _CODECS.fullmatch(canonical):
            raise SyntaxError(f"the encoding {canonical}")
        text = data.decode(encoding)
    except (SyntaxError, LookupError, ValueError):
        cure = "save it as UTF-8, or name its encoding in the first line (# -*- coding: latin-1 -*-)"
        return Source(_plainly(data), None, f"{name} is stored neither as UTF-8 nor as its coding line says: {cure}")
    if len(data) > PARSED_BYTES:
        return Source(text, None)
    try:
        with ONE_PARSES, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data, name)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
        what = f"{name} cannot be read as Python{line}: {type(error).__name__}"
        return Source(text, None, f"{what}; python -m py_compile {shell_word(name)} shows why")
    tree.body = [statement for statement in tree.body if not _is_script(statement)]
    return Source(text, tree)


def _is_script(statement: ast.stmt) -> bool:
    """Whether it is `if __name__ == "__main__":`, which no import runs."""
    test = statement.test if isinstance(statement, ast.If) and not statement.orelse else None
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == "__name__"
        and isinstance(test.ops[0], ast.Eq)
    )


def _assigned(tree: ast.Module) -> Iterator[str]:
    """The texts that statements of the module itself give to FRAMEWORK."""
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        if not any(isinstance(target, ast.Name) and target.id == "FRAMEWORK" for target in targets):
            continue
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def _wide(data: bytes) -> str | None:
    """UTF-16 or UTF-32, by its byte order mark, or because every second byte of plain text is then zero."""
    for mark, name in _WIDE:
        if data.startswith(mark):
            return name
    start = data[:1000]
    halves = (start[0::2], start[1::2])
    return "UTF-16" if len(start) > 3 and any(half.count(0) > 0.8 * len(half) for half in halves) else None


def _plainly(data: bytes) -> str:
    """Text in which at least the ASCII characters are right."""
    return data.removeprefix(codecs.BOM_UTF8).decode("latin-1")
