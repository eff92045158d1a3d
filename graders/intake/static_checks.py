"""Checks a solution's files before it runs. grade, check and `--handin` share these checks, so they say the same.

Each problem names what is there and the cure. None costs a point: the marker runs the code all the same.
"""

from __future__ import annotations

import ast
import os
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from assignments.assignment import Accuracy, Assignment, Framework
from assignments.errors import nearest
from assignments.notebook import NOTEBOOK, NotebookSolution
from graders.intake.grammar import newer_syntax
from graders.intake.imports import RuntimeLookup, SourceImport, import_problems, imports_of
from graders.intake.listing import first_of, printable
from graders.intake.source import PARSED_BYTES, SOLUTION, SOLUTIONS, Source, read_source, solution_file

MAX_SOURCES = 40
"""How many files of a solution are read for their imports."""
MAX_NAMES = 10_000
"""How many names of a folder are read."""
_OPENS = {
    "open", "io.open", "Path", "pathlib.Path", "json.load", "pickle.load", "joblib.load", "np.load", "numpy.load",
    "np.loadtxt", "numpy.loadtxt", "np.genfromtxt", "numpy.genfromtxt", "np.fromfile", "numpy.fromfile", "torch.load",
    "torch.jit.load", "pd.read_csv", "pandas.read_csv", "tf.keras.models.load_model", "keras.models.load_model",
    "load_model", "Image.open", "imread", "nib.load", "nibabel.load", "h5py.File", "yaml.safe_load",
}  # fmt: skip
"""Calls whose first argument is a path."""
_WEIGHTS = (".pt", ".pth", ".ckpt", ".safetensors", ".npy", ".npz", ".h5", ".keras", ".pkl", ".joblib", ".bin", ".json")
"""Suffixes of files of weights, in any folder."""
_HANDED_OUT = re.compile(r"interface\.py|doubles\.py|conftest\.py|test_\w+\.py|solution_(pytorch|tensorflow|numpy)\.py")
"""Python files of the handout: a message about a missing solution does not suggest them."""


@dataclass(frozen=True)
class StaticChecks:
    """The framework of a solution, and the problems of its files."""

    framework: Framework | None
    """The framework that solution.py names, if the assignment offers it."""
    problems: tuple[str, ...]
    """Each with its cure; a student reads them."""
    notes: tuple[str, ...] = ()
    """What a student may want to know, and need not cure."""


def static_checks(folder: Path, assignment: Assignment, runtime: RuntimeLookup) -> StaticChecks:
    """Check the solution in a folder."""
    file = solution_file(folder)
    source = read_source(file)
    framework, problems = _framework(source, assignment, file.name)
    paths = frozenset(files_below(folder))
    trees = _imported_sources(folder, source, file.name, paths)
    own = {assignment.id, folder.name} - {path.removesuffix(".py") for path in paths}
    offered = runtime(framework) if framework else None
    problems += import_problems(trees, paths, None if offered is None else offered.modules, own)
    if offered is not None:
        problems += newer_syntax(folder, trees, offered.grammar)
    problems += _relative_paths(trees, paths)
    if loads_weights(assignment) and not any(map(is_weights, paths)):
        problems.append("weights/ holds no file, but load() gets that folder: git add -f weights/, commit and push")
    notes: tuple[str, ...] = ()
    if source.notebook is not None:
        problems = [in_its_cell(problem, file.name, source.notebook) for problem in problems]
        problems += [f"{file.name}, {problem}" for problem in source.notebook.problems]
        notes = tuple(f"{file.name}, {note}" for note in source.notebook.notes)
    if file.name == SOLUTION and NOTEBOOK in paths:
        problems.append(f"{NOTEBOOK} is not read, since {SOLUTION} lies beside it: delete the one that does not count")
    return StaticChecks(framework, tuple(problems), notes)


def in_its_cell(text: str, name: str, notebook: NotebookSolution) -> str:
    """A text in which lines of what was taken out of a notebook are named by cell and line."""

    def cell(match: re.Match[str]) -> str:
        origins, line = notebook.origins, int(match[1])
        origin = origins[line - 1] if 0 < line <= len(origins) else None
        return f"{name}, {origin}" if origin else name

    return re.sub(rf"{re.escape(name)}:(\d{{1,7}})", cell, text)


def is_weights(path: str) -> bool:
    """Whether a file beside solution.py may be one of weights; those below `data/` are a handout's cases."""
    return path.startswith("weights/") or (path.endswith(_WEIGHTS) and not path.startswith("data/"))


def loads_weights(assignment: Assignment) -> bool:
    """Whether the marker loads trained weights instead of training."""
    return assignment.run.mode == "weights" and any(
        isinstance(criterion, Accuracy) for criterion in assignment.criteria
    )


def missing_solution(paths: Iterable[str], assignment_id: str, root: str = "the root of the repository") -> str:
    """The problem of a submission without solution.py: where it belongs, and what is there instead."""
    where = f"there is no solution.py: put it at {assignment_id}/solution.py, or in {root}"
    own = (path for path in paths if not _HANDED_OUT.fullmatch(path.rpartition("/")[2]))
    there = sorted(own, key=lambda path: (path.count("/"), path))
    expected = {f"{prefix}{name}".casefold() for prefix in ("", f"{assignment_id}/") for name in SOLUTIONS}
    spelt = [path for path in there if path.casefold() in expected]
    if spelt:
        return f"{where}. There is {_shown(spelt)}: capital letters count; rename it (git mv, then commit and push)"
    deeper = [path for path in there if path.casefold().rpartition("/")[2] in SOLUTIONS]
    if deeper:
        return f"{where}. There is {_shown(deeper)}: if that is your work for {assignment_id}, move it"
    books = [path for path in there if path.endswith(".ipynb")]
    if books:
        which = "name the one that counts" if len(books) > 1 else "rename it"
        return f"{where}. There is {_shown(books)}: {which} {NOTEBOOK} (git mv, then commit and push)"
    alike = [path for path in there if re.search("solution", path.rpartition("/")[2], re.IGNORECASE)]
    alike = alike or [path for path in there if path.endswith(".py")]
    return f"{where}. There is {_shown(alike)}: if that is your solution, rename it" if alike else where


def files_below(folder: Path) -> Iterator[str]:
    """The files of a folder, as paths from there with /; links and Git's own files are left out."""
    seen = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in (".git", "__pycache__", ".venv", "node_modules"))
        for name in sorted(names):
            seen += 1
            if seen > MAX_NAMES:
                return
            if not os.path.islink(os.path.join(parent, name)):
                yield Path(parent, name).relative_to(folder).as_posix()


def _framework(source: Source, assignment: Assignment, file: str) -> tuple[Framework | None, list[str]]:
    """The framework that a solution names, if the assignment offers it, and the problems of the file."""
    named, offered = source.framework, assignment.frameworks
    problems = [source.problem] if source.problem else []
    for framework in offered:
        if named == framework:
            return framework, problems
    if named is not None:
        what = f'{file} says FRAMEWORK = "{named}", which this assignment does not offer'
        return None, [*problems, f"{what}; {nearest(named, offered)}"]
    if not (problems and not source.text):
        what = f'{file} needs exactly one line such as FRAMEWORK = "{offered[0]}"'
        problems.append(f"{what}; this assignment offers {', '.join(offered)}")
    return None, problems


def _imported_sources(folder: Path, source: Source, name: str, paths: Collection[str]) -> dict[str, ast.Module]:
    """The syntax trees of the solution and of its own files that it imports, by path. One size limit holds for all."""
    trees: dict[str, ast.Module] = {}
    left = PARSED_BYTES - len(source.text)
    todo = {name: source}
    while todo and len(trees) < MAX_SOURCES:
        path, read = todo.popitem()
        if read.tree is None:
            continue
        trees[path] = read.tree
        for file in chain.from_iterable(map(_files_of, imports_of(path, read.tree))):
            if file not in paths or file in trees or file in todo:
                continue
            size = (folder / file).stat().st_size
            if size <= left:
                left -= size
                todo[file] = read_source(folder / file)
    return trees


def _files_of(imported: SourceImport) -> Iterator[str]:
    """The files of a solution that an import may mean."""
    base = posixpath.dirname(imported.file) if imported.level else ""
    for _ in range(imported.level - 1):
        base = posixpath.dirname(base)
    module = posixpath.join(base, *filter(None, imported.module.split(".")))
    yield from (f"{module}.py", f"{module}/__init__.py", *(f"{module}/{name}.py" for name in imported.names))


def _relative_paths(trees: Mapping[str, ast.Module], paths: Collection[str]) -> Iterator[str]:
    """Calls that open a file of the solution by a path from the current folder, which is different in the sandbox."""
    for file, tree in trees.items():
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        if any(_dotted(call.func) == "os.chdir" for call in calls):
            continue
        for call in calls:
            first = call.args[0] if call.args else None
            if not (isinstance(first, ast.Constant) and isinstance(first.value, str) and _dotted(call.func) in _OPENS):
                continue
            path = posixpath.normpath(first.value)
            if path in paths or any(file.startswith(path + "/") for file in paths):
                cure = f"write Path(__file__).parent / {first.value!r} (from pathlib import Path)"
                opened = f"{_dotted(call.func)}({first.value!r})"
                yield f"{file}:{call.lineno}: {opened} looks in the current folder, and the marker uses another: {cure}"


def _dotted(node: ast.expr) -> str:
    names: list[str] = []
    while isinstance(node, ast.Attribute) and len(names) < 5:
        names.append(node.attr)
        node = node.value
    return ".".join([node.id if isinstance(node, ast.Name) else "?", *reversed(names)])


def _shown(paths: Collection[str]) -> str:
    return first_of([printable(path) for path in paths], 5)
