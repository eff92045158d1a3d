"""What can be told of a solution before it runs: grade, check and `--handin` all ask here, and say the same.

Each sentence names what is there and the cure. None of them costs a point: what the code does inside is still tried.
"""

from __future__ import annotations

import ast
import os
import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from assignments.assignment import Accuracy, Assignment, Framework
from assignments.errors import nearest
from graders.intake.checkout import plain
from graders.intake.imports import import_problems, imports_of
from graders.intake.source import PARSED_BYTES, SOLUTION, Source, read_source

MAX_SOURCES = 40
"""So many files of a solution are read for their imports."""
MAX_NAMES = 10_000
"""So many names of a folder are looked at."""
SHOWN = 5
_OPENS = {
    "open", "io.open", "Path", "pathlib.Path", "json.load", "pickle.load", "joblib.load", "np.load", "numpy.load",
    "np.loadtxt", "numpy.loadtxt", "np.genfromtxt", "numpy.genfromtxt", "np.fromfile", "numpy.fromfile", "torch.load",
    "torch.jit.load", "pd.read_csv", "pandas.read_csv", "tf.keras.models.load_model", "keras.models.load_model",
    "load_model", "Image.open", "imread", "nib.load", "nibabel.load", "h5py.File", "yaml.safe_load",
}  # fmt: skip
"""Calls whose first argument is a path."""
_WEIGHTS = (".pt", ".pth", ".ckpt", ".safetensors", ".npy", ".npz", ".h5", ".keras", ".pkl", ".joblib", ".bin", ".json")
"""How files of weights end, wherever they lie."""
_HANDED_OUT = re.compile(r"interface\.py|doubles\.py|conftest\.py|test_\w+\.py|solution_(pytorch|tensorflow|numpy)\.py")
"""Python files that nobody takes for their solution."""


@dataclass(frozen=True)
class StaticChecks:
    """What was found in a solution's folder."""

    framework: Framework | None
    """The one that solution.py names, if the assignment offers it."""
    problems: tuple[str, ...]
    """Each with its cure; a student reads them."""


def static_checks(
    folder: Path, assignment: Assignment, modules: Callable[[str], Collection[str] | None]
) -> StaticChecks:
    """Read the sources of a solution, which lie in a folder; `modules` says what a framework's runtime holds."""
    source = read_source(folder / SOLUTION)
    framework, problems = _framework(source, assignment)
    paths = frozenset(files_below(folder))
    trees = _reached(folder, source, paths)
    own = {assignment.id, folder.name} - {path.removesuffix(".py") for path in paths}
    problems += import_problems(trees, paths, modules(framework) if framework else None, own)
    problems += _relative_paths(trees, paths)
    if loads_weights(assignment) and not any(path.startswith("weights/") or path.endswith(_WEIGHTS) for path in paths):
        problems.append("weights/ holds no file, and load() is given that folder: git add -f weights/, commit and push")
    return StaticChecks(framework, tuple(problems))


def loads_weights(assignment: Assignment) -> bool:
    """Whether the marker loads what was trained elsewhere."""
    return assignment.run.mode == "weights" and any(isinstance(one, Accuracy) for one in assignment.criteria)


def missing_solution(paths: Iterable[str], assignment_id: str, root: str = "the root of the repository") -> str:
    """The sentence for a hand-in without solution.py: where it belongs, and what lies there instead."""
    where = f"there is no solution.py: put it at {assignment_id}/solution.py, or in {root}"
    theirs = (path for path in paths if not _HANDED_OUT.fullmatch(path.rpartition("/")[2]))
    there = sorted(theirs, key=lambda path: (path.count("/"), path))
    wanted = f"{assignment_id}/{SOLUTION}"
    spelt = [path for path in there if path.casefold() in (wanted.casefold(), SOLUTION)]
    if spelt:
        return f"{where}. There is {_shown(spelt)}: capital letters count; rename it (git mv, then commit and push)"
    deeper = [path for path in there if path.casefold().endswith("/" + SOLUTION)]
    if deeper:
        return f"{where}. There is {_shown(deeper)}: if that is your work for {assignment_id}, move it"
    books = [path for path in there if path.endswith(".ipynb")]
    if books:
        cure = f"a notebook is not run: jupyter nbconvert --to script --output solution {os.path.basename(books[0])}"
        return f"{where}. There is {_shown(books)}: {cure}"
    alike = [path for path in there if re.search("solution", path.rpartition("/")[2], re.IGNORECASE)]
    alike = alike or [path for path in there if path.endswith(".py")]
    return f"{where}. There is {_shown(alike)}: if that is your solution, rename it" if alike else where


def files_below(folder: Path) -> Iterator[str]:
    """The files of a folder by their path from there, with / between folders; links and Git's own are left out."""
    seen = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in (".git", "__pycache__", ".venv", "node_modules"))
        for name in sorted(names):
            seen += 1
            if seen > MAX_NAMES:
                return
            if not os.path.islink(os.path.join(place, name)):
                yield Path(place, name).relative_to(folder).as_posix()


def _framework(source: Source, assignment: Assignment) -> tuple[Framework | None, list[str]]:
    """The framework that a solution names, if it is offered, and what is wrong with the file."""
    named, offered = source.framework, assignment.frameworks
    wrong = [source.problem] if source.problem else []
    for framework in offered:
        if named == framework:
            return framework, wrong
    if named is not None:
        return None, [*wrong, f'solution.py says FRAMEWORK = "{named}", which this assignment does not offer; '
                              f"{nearest(named, offered)}"]  # fmt: skip
    line = f'solution.py has no single line FRAMEWORK = "{offered[0]}"; offered: {", ".join(offered)}'
    return None, [*wrong, *([] if wrong and not source.text else [line])]


def _reached(folder: Path, source: Source, paths: Collection[str]) -> dict[str, ast.Module]:
    """The trees of solution.py and of what it imports of its own files, by path: together no more than one may be."""
    trees: dict[str, ast.Module] = {}
    left = PARSED_BYTES - len(source.text)
    todo = {SOLUTION: source}
    while todo and len(trees) < MAX_SOURCES:
        path, read = todo.popitem()
        if read.tree is None:
            continue
        trees[path] = read.tree
        for one in imports_of(path, read.tree):
            base = posixpath.dirname(path) if one.level else ""
            for _ in range(one.level - 1):
                base = posixpath.dirname(base)
            module = posixpath.join(base, *filter(None, one.module.split(".")))
            for found in (f"{module}.py", f"{module}/__init__.py", *(f"{module}/{name}.py" for name in one.names)):
                if found not in paths or found in trees or found in todo:
                    continue
                size = (folder / found).stat().st_size
                if size <= left:
                    left -= size
                    todo[found] = read_source(folder / found)
    return trees


def _relative_paths(trees: Mapping[str, ast.Module], paths: Collection[str]) -> Iterator[str]:
    """A file of the solution that is opened by a path from the current folder, which is another one inside."""
    for file, tree in trees.items():
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        if any(_dotted(call.func) == "os.chdir" for call in calls):
            continue
        for call in calls:
            first = call.args[0] if call.args else None
            if not (isinstance(first, ast.Constant) and isinstance(first.value, str) and _dotted(call.func) in _OPENS):
                continue
            path = posixpath.normpath(first.value)
            if path in paths or any(one.startswith(path + "/") for one in paths):
                cure = f"write Path(__file__).parent / {first.value!r} (from pathlib import Path)"
                what = f"{_dotted(call.func)}({first.value!r}) looks in the current folder, which is another one inside"
                yield f"{file}:{call.lineno}: {what}: {cure}"


def _dotted(node: ast.expr) -> str:
    names: list[str] = []
    while isinstance(node, ast.Attribute) and len(names) < 5:
        names.append(node.attr)
        node = node.value
    return ".".join([node.id if isinstance(node, ast.Name) else "?", *reversed(names)])


def _shown(paths: Collection[str]) -> str:
    named = ", ".join(plain(path) for path in list(paths)[:SHOWN])
    return f"{named} and {len(paths) - SHOWN} more" if len(paths) > SHOWN else named
