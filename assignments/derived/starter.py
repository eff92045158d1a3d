"""The files that a group starts from: the reference, without what a student writes (`assignments.derived.cutting`).

Functions and classes of the interface keep their signature, take their docstring from the interface and raise
NotImplementedError. Names in `given` stay as they are, and everything else goes. A folder's own starter/ wins.

There is one file for all frameworks where nothing of a framework is left in it: `solution.py`, whose line FRAMEWORK a
group edits. Else each other framework has a file of its own, which a group renames.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from assignments.assignment import Assignment, Framework
from assignments.derived.cutting import CutReference, cut, defined_names, quoted
from assignments.derived.interface import declared_nodes
from assignments.errors import nearest
from assignments.folders import HANDOUT, reference_path

SOLUTION = "solution.py"
WIDTH = 116
"""Characters of a line of the module's docstring."""
OF_A_FRAMEWORK = re.compile(r"\b(torch|tensorflow|keras)\b")
SENTENCES = 2
"""How many sentences of the brief it repeats."""


def starter_texts(assignment: Assignment) -> dict[str, str]:
    """The starter's Python files, by name; none where there is neither a starter/ nor a reference.

    Raises:
        AssignmentError: `interface.py` cannot be read.
        SyntaxError: a reference is not Python; `starter_problems` says so.
    """
    own = assignment.folder / "starter"
    if own.is_dir():
        return {path.name: path.read_text(encoding="utf-8") for path in sorted(own.glob("*.py"))}
    cuts = {} if (assignment.folder / HANDOUT).is_file() else _cuts(assignment)
    if not cuts:
        return {}
    first, *others = cuts
    bodies = {name: each.text("").replace(each.framework, "") for name, each in cuts.items()}
    apart = [name for name in others if bodies[name] != bodies[first]]
    for_all = not apart and not any(OF_A_FRAMEWORK.search(line) for line in cuts[first].imports)
    together = [name for name in assignment.frameworks if name not in apart and (name in cuts or for_all)]
    texts = {SOLUTION: _text(assignment, cuts[first], first, together, apart)}
    return texts | {f"solution_{name}.py": _text(assignment, cuts[name], name, [name], []) for name in apart}


def starter_problems(assignment: Assignment) -> Iterator[tuple[str, str, str]]:
    """File, what is wrong, and the cure: `given` names what a reference lacks, or given code needs what goes."""
    if (assignment.folder / HANDOUT).is_file():
        return
    for framework, path in _references(assignment).items():
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError) as error:
            yield str(path), f"is not valid Python: {error}", "correct the syntax"
            continue
        defined = set().union(*(defined_names(node) for node in tree.body)) if tree.body else set()
        missing = [name for name in assignment.given if name not in defined]
        for name in missing:
            what = f'`given` names "{name}", which the {framework} reference does not define at its top level'
            yield str(path), what, nearest(name, defined)
        if missing or (assignment.folder / "starter").is_dir():
            continue
        cutting = cut(path.read_text(encoding="utf-8"), _exercises(assignment), assignment.given)
        for name, needed in cutting.undefined.items():
            names = ", ".join(needed)
            kind = "given code" if name in assignment.given else "the signature"
            what = f"{kind} of {name} needs {names}, which students do not get"
            yield str(path), what, f"add {names} to given, or write {name} without"


def _exercises(assignment: Assignment) -> dict[str, ast.FunctionDef | ast.ClassDef]:
    """What students write, by name."""
    return {name: node for name, node in declared_nodes(assignment).items() if name not in assignment.given}


def _references(assignment: Assignment) -> dict[Framework, Path]:
    paths = {name: reference_path(assignment.folder, name) for name in assignment.frameworks}
    return {name: path for name, path in paths.items() if path.is_file()}


def _cuts(assignment: Assignment) -> dict[Framework, CutReference]:
    exercises = _exercises(assignment)
    return {
        name: cut(path.read_text(encoding="utf-8"), exercises, assignment.given)
        for name, path in _references(assignment).items()
    }


def _text(
    assignment: Assignment,
    left: CutReference,
    framework: Framework,
    together: list[Framework],
    apart: list[Framework],
) -> str:
    others = [f'"{name}"' for name in together if name != framework]
    line = left.framework or f'FRAMEWORK = "{framework}"'
    if "#" not in line:
        choice = f"or {', '.join(others)}; " if others else ""
        line += f"  # {choice}the marker reads this line as text, so keep it a plain string"
    docstring = quoted(_docstring(assignment, apart))
    return replace(left, framework=line).text(docstring)


def _docstring(assignment: Assignment, apart: list[Framework]) -> str:
    """The title and the first sentences of the brief, and how to work."""
    title, sentences = _beginning(assignment)
    work = (
        "Work from top to bottom: after each function, "
        f"`medmark check {assignment.id}` should pass one more test. interface.py gives the exact types."
    )
    if names := ", ".join(f"`{name}`" for name in assignment.given):
        work += f" What you are given stays as it is: {names}."
    if apart:
        files = ", ".join(f"solution_{name}.py" for name in apart)
        work += f" To work in another framework, rename its file to solution.py instead: {files}."
    blocks = [f"{title.rstrip('.')}.", *([sentences] if sentences else []), work]
    return "\n\n".join(textwrap.fill(block, WIDTH, break_long_words=False) for block in blocks)


def _beginning(assignment: Assignment) -> tuple[str, str]:
    """The first heading of the brief, and the first sentences of its first paragraph."""
    try:
        text = (assignment.folder / "brief.md").read_text(encoding="utf-8")
    except FileNotFoundError:
        return assignment.title, ""
    title = re.search(r"^# +(.+)$", text, re.MULTILINE)
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text)]
    prose = next((block for block in blocks if block[:1].isalnum() and "{{" not in block and "{%" not in block), "")
    sentences = re.findall(r".+?[.?!](?=\s|$)", prose.replace("**", ""))
    return title[1].strip() if title else assignment.title, " ".join(map(str.strip, sentences[:SENTENCES]))
