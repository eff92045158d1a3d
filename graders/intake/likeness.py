"""How much of a solution is code that everybody can read: a published reference, or the starter.

Code is compared by tokens: layout, comments, docstrings and the names of variables do not count, but keywords,
attributes and what is called do. It is a hint for staff, who ask the group about its code; no mark depends on it.
"""

from __future__ import annotations

import ast
import io
import keyword
import tokenize
from collections.abc import Iterator
from pathlib import Path

from assignments.assignment import Assignment
from assignments.derived.notebook import NotebookTerms, notebook_of
from assignments.derived.starter import starter_texts
from assignments.folders import reference_path
from assignments.load import references
from assignments.notebook import solution_of
from graders.intake.source import ONE_PARSES, SOLUTION, SOLUTIONS, Source, read_source, source_of

SHINGLE = 12
"""Tokens that are compared together: about a line and a half."""
LEAST = 80
"""Shingles of a solution's own from which a share says something."""
COPIED = 0.6
"""Share of a solution's own code from which it is flagged. References of two topics share 0.1 to 0.2, those of one
topic in two frameworks, which are alike line by line, 0.5 to 0.58; one with a dozen names changed shares 0.84."""


def copied_from(solution: Path, assignment: Assignment) -> str:
    """A line for staff if most of a solution is that of a published reference; empty if it is not."""
    own = _shingles(code_tokens(solution)) - _of_starters(assignment)
    if len(own) < LEAST:
        return ""
    shared = {path.name: own & _shingles(code_tokens(path)) for path in references(assignment).values()}
    name = max(shared, key=lambda name: len(shared[name]), default="")  # references share what is NumPy in each
    share = len(shared.get(name, ())) / len(own)
    return f"{share:.0%} of the code of {solution.name} is that of the published {name}" if share >= COPIED else ""


def is_starter(solution: Path, assignment: Assignment) -> bool:
    """Whether the code of a solution is that of a starter, whatever its comments and layout."""
    tokens = code_tokens(solution)
    own = _notebooks(assignment) if solution.suffix == ".ipynb" else _starters(assignment)
    return bool(tokens) and tokens in own


def left_for_a_notebook(folder: Path, assignment: Assignment) -> bool:
    """Whether a notebook counts although there is a solution.py, since this is the unchanged starter."""
    both = all((folder / name).is_file() for name in SOLUTIONS)
    return both and is_starter(folder / SOLUTION, assignment)


def starters_of(assignment: Assignment) -> dict[str, str]:
    """The starters' texts, by file name; to cut them from the references, these are parsed."""
    with ONE_PARSES:
        return starter_texts(assignment)


def code_tokens(path: Path) -> tuple[str, ...]:
    """The tokens of a source; none where it cannot be read as Python."""
    return _tokens_of(read_source(path))


def _tokens_of(source: Source) -> tuple[str, ...]:
    tree = source.tree
    try:
        return () if tree is None else tuple(_tokens(ast.unparse(_without_docstrings(tree))))
    except (RecursionError, tokenize.TokenError, ValueError):  # nested too deeply to be a person's code
        return ()


def _tokens(text: str) -> Iterator[str]:
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
            continue
        name = token.type == tokenize.NAME and not keyword.iskeyword(token.string)
        called = token.line[token.end[1] : token.end[1] + 1] == "("
        yield "n" if name and before != "." and not called else token.string
        before = token.string


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _starters(assignment: Assignment) -> list[tuple[str, ...]]:
    """The tokens of each starter."""
    texts = starters_of(assignment)
    return [_tokens_of(source_of(text.encode(), name)) for name, text in texts.items() if name.startswith("solution")]


def _notebooks(assignment: Assignment) -> list[tuple[str, ...]]:
    """The tokens of what is the solution in each notebook of the handout, before anybody worked on it."""
    frameworks = [name for name in assignment.frameworks if reference_path(assignment.folder, name).is_file()]
    with ONE_PARSES:
        texts = [solution_of(notebook_of(assignment, name, NotebookTerms(""))).text for name in frameworks]
    return [_tokens_of(source_of(text.encode(), SOLUTION)) for text in texts]


def _of_starters(assignment: Assignment) -> set[tuple[str, ...]]:
    return set().union(*map(_shingles, _starters(assignment)))


def _shingles(tokens: tuple[str, ...]) -> set[tuple[str, ...]]:
    return {tokens[at : at + SHINGLE] for at in range(len(tokens) - SHINGLE + 1)}
