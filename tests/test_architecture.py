"""Imports run one way: assignments <- graders <- reports <- cli; what runs behind the wall knows nothing of us."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = ["assignments", "graders", "reports", "cli"]
BEHIND_THE_WALL = ["graders/inside", "reference_solutions"]
ARITHMETIC = {"numpy", "scipy", "sklearn", "skimage"}
"""What a metric may import besides the standard library."""


def files(*folders):
    """The toolkit's own Python files; an assignment's folder is content, and its tests import `graders.check`."""
    for folder in folders:
        path = ROOT / folder
        for file in [path.with_suffix(".py")] if path.with_suffix(".py").is_file() else sorted(path.rglob("*.py")):
            if "catalogue" not in file.parts:
                yield file


def imported(file):
    """(line, dotted name) of every absolute import of a file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def offences(folders, forbidden):
    return [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in files(*folders)
        for line, name in imported(file)
        if forbidden(name)
    ]


def within(name, packages):
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("package", ORDER)
def test_no_package_imports_one_that_comes_after_it(package):
    later = ORDER[ORDER.index(package) + 1 :]
    assert offences([package], lambda name: within(name, later)) == []


@pytest.mark.parametrize("folder", BEHIND_THE_WALL)
def test_what_runs_behind_the_wall_imports_nothing_of_the_toolkit(folder):
    assert offences([folder], lambda name: within(name, [*ORDER, "reference_solutions"])) == []


def test_nothing_imports_what_runs_behind_the_wall():
    walled = [folder.replace("/", ".") for folder in BEHIND_THE_WALL]
    assert offences(ORDER, lambda name: within(name, walled)) == []


def test_a_metric_is_arithmetic_only():
    allowed = {*sys.stdlib_module_names, *ARITHMETIC}
    outside = offences(
        ["graders/metrics"], lambda name: name.split(".")[0] not in allowed and not within(name, ["graders.metrics"])
    )
    assert outside == []


def test_the_keeper_imports_the_standard_library_only():
    keeper = ["graders/inside/keeper", "graders/inside/processes", "graders/inside/frames"]
    assert offences(keeper, lambda name: name.split(".")[0] not in sys.stdlib_module_names) == []
