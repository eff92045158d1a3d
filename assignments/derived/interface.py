"""The interface of an assignment: what its `interface.py` declares, and what follows from its task and its data.

An author declares the functions that are the assignment's own. `fit`, the task's entry point, `save` and `load` are
derived where an accuracy criterion calls them, with the types of their arrays. What the file declares wins, name by
name; a file that declares everything is read as it is, and so is that of a handout, which holds the derived text. A
course that sets other cases changes nothing here: these have to fit (`assignments.data.misfits`).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TypeGuard

from assignments.assignment import Accuracy, Assignment, Person
from assignments.data.source import Axes, Finite
from assignments.data.sources import are_arrays_declared, source_of
from assignments.derived.declarations import IMPORTS, TYPES, Declarations, declarations
from assignments.derived.imports import imported_names, with_imports
from assignments.errors import Problem, UserError
from assignments.folders import HANDOUT, AssignmentError
from assignments.interface import Interface, read_interface
from assignments.task_forms import TASK_FORMS

INTERFACE = "interface.py"
Declared = ast.FunctionDef | ast.ClassDef


def interface_text(assignment: Assignment) -> str:
    """The whole `interface.py`, as a student reads it.

    Raises:
        UserError: the file is missing and nothing can be derived, or the source cannot be read.
    """
    own = own_text(assignment)
    lacking = _lacking(assignment, own)
    if lacking is None:
        return own
    return _assembled(own or _beginning(assignment), lacking)


def solution_interface(assignment: Assignment) -> Interface:
    """The declarations of `interface_text`. A line of a problem is that of the author's file.

    Raises:
        AssignmentError: every problem in the file, line by line.
        UserError: the file is missing and nothing can be derived, or the source cannot be read.
    """
    path, own = assignment.folder / INTERFACE, own_text(assignment)
    lacking = _lacking(assignment, own)
    if lacking is None:
        return read_interface(path) if path.is_file() else Interface()
    imports = with_imports("", _imported(lacking)).header
    types, functions = ("\n\n\n".join(texts.values()) for texts in (lacking.types, lacking.functions))
    return read_interface(path, before=f"{imports}\n\n{types}\n", after=f"{functions}\n")


def whole_text(own: str, task: str, arrays: Mapping[str, Axes], classes: int) -> str:
    """The text of an `interface.py` for a new assignment, whose cases may differ in size: `own`, and what it lacks."""
    return _assembled(own, declarations(TASK_FORMS[task], arrays, classes=classes, listed=True))


def own_text(assignment: Assignment) -> str:
    """The author's own `interface.py`; empty without one, where all of it can be derived or nothing is called.

    Raises:
        UserError: it is missing and nothing can be derived.
    """
    path = assignment.folder / INTERFACE
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        called = any(not isinstance(criterion, Person) for criterion in assignment.criteria)
        if called and not derives(assignment):
            raise UserError(f"{path} is missing; put it back, and run the same command again") from None
        return ""
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 text: see byte {error.start}"
        raise AssignmentError([Problem(str(path), "", None, what, "save it as UTF-8")]) from None


def declared_nodes(assignment: Assignment) -> dict[str, Declared]:
    """The functions and classes that `interface_text` declares, in its order, as syntax: nothing is imported.

    Types of arrays are those of no data: whoever calls this wants names, arguments and docstrings.
    """
    own = ast.parse(own_text(assignment))
    nodes = {node.name: node for node in own.body if is_declared(node)}
    form = TASK_FORMS.get(assignment.task)
    if form is not None and derives(assignment):
        for name, text in declarations(
            form, {}, classes=len(assignment.as_written.data.classes), listed=False
        ).functions.items():
            node = ast.parse(text).body[0]
            assert isinstance(node, ast.FunctionDef)
            nodes.setdefault(name, node)
    return nodes


def is_declared(node: ast.stmt) -> TypeGuard[Declared]:
    """Whether a statement of an interface declares something that a solution defines: no type, nothing private."""
    if isinstance(node, ast.ClassDef):
        bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        return not node.name.startswith("_") and "TypedDict" not in bases
    return isinstance(node, ast.FunctionDef) and not node.name.startswith("_")


def derives(assignment: Assignment) -> bool:
    """Whether declarations can be derived: an accuracy criterion calls them, and the arrays are known unopened."""
    if (assignment.folder / HANDOUT).is_file() or assignment.task not in TASK_FORMS:
        return False
    if not any(isinstance(criterion, Accuracy) for criterion in assignment.criteria):
        return False
    return are_arrays_declared(assignment.as_written.data.source)


def lacks(text: str, entry: str) -> tuple[str, ...]:
    """The functions that an accuracy criterion calls and the text of an interface does not declare."""
    try:
        declared = _declared(ast.parse(text))
    except (SyntaxError, ValueError):
        return ()  # reading it says so
    return tuple(name for name in ("fit", entry, "save", "load") if name not in declared)


def _lacking(assignment: Assignment, own: str) -> Declarations | None:
    """The declarations that the author's file lacks; None where it lacks none, or nothing can be derived."""
    try:
        tree = ast.parse(own)
    except (SyntaxError, ValueError):
        return None  # reading it says so
    form, declared = TASK_FORMS.get(assignment.task), _declared(tree)
    uses_types = _names(tree) & TYPES - declared - set(imported_names(tree))
    if form is None or not (lacks(own, form.entry) or uses_types) or not derives(assignment):
        return None
    source = source_of(assignment.as_written)
    assert source.declared is not None
    classes = len(assignment.as_written.data.classes)
    whole = declarations(form, source.declared, classes=classes, listed=isinstance(source, Finite))
    functions = {name: text for name, text in whole.functions.items() if name not in declared}
    used = set().union(*(_names(ast.parse(text)) for text in functions.values())) | _names(tree)
    types = {name: text for name, text in whole.types.items() if name in used - declared}
    return Declarations(types, functions) if functions or types else None


def _beginning(assignment: Assignment) -> str:
    return (
        f'"""What a solution of `{assignment.id}` defines: names, arguments and answers. The brief says what each is '
        f'for.\n\nAll functions take and return NumPy arrays.\n"""\n'
    )


def _assembled(own: str, lacking: Declarations) -> str:
    """The text of a file and what it lacks: types after the imports, functions at the end."""
    split = with_imports(own, _imported(lacking))
    pieces = [split.header, *lacking.types.values(), split.rest, *lacking.functions.values()]
    return "\n\n\n".join(piece.strip("\n") for piece in pieces if piece.strip()) + "\n"


def _imported(lacking: Declarations) -> dict[str, str]:
    """The module of each name that declarations use and do not define."""
    texts = [*lacking.types.values(), *lacking.functions.values()]
    used = set().union(*(_names(ast.parse(text)) for text in texts))
    return {name: module for name, module in IMPORTS.items() if name in used}


def _names(tree: ast.AST) -> set[str]:
    """The names that a piece of source reads."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _declared(tree: ast.Module) -> set[str]:
    """Names of the functions and classes that a file defines or, of types, assigns."""
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names
