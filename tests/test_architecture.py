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


# What students send is data: nothing on the host may run it, or open it in a format that can.

DANGEROUS = [
    "pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "h5py", "xml", "lxml", "zipimport",
    "torch", "tensorflow", "keras", "code", "yaml",
]  # fmt: skip
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "breakpoint"}


def on_the_host():
    """Files that run on the host; the demo's groups are solutions like any other."""
    inside = (ROOT / "graders/inside", ROOT / "graders/demo/groups")
    return [file for file in files(*ORDER) if not any(file.is_relative_to(folder) for folder in inside)]


def test_the_host_imports_nothing_that_runs_what_it_reads():
    found = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in on_the_host()
        for line, name in imported(file)
        if within(name, DANGEROUS)
    ]
    assert found == []


def calls(file):
    """(call, name of what is called) for every call by a plain or dotted name."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node, ast.unparse(node.func)


def test_the_host_evaluates_nothing():
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno} calls {name}"
        for file in on_the_host()
        for node, name in calls(file)
        if name in FORBIDDEN_CALLS or name.endswith((".unpack_archive", ".extractall", ".read_pickle", ".eval"))
    ]
    assert found == []


def test_archives_are_written_and_never_opened():
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in on_the_host()
        for node, name in calls(file)
        if name in ("tarfile.open", "tarfile.TarFile", "zipfile.ZipFile") and "mode='w'" not in ast.unparse(node)
    ]
    assert found == []


def test_numpy_files_are_read_without_objects():
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in on_the_host()
        for node, name in calls(file)
        if name in ("np.load", "numpy.load") and "allow_pickle=False" not in ast.unparse(node)
    ]
    assert found == []


def test_only_an_authors_files_are_run_by_path():
    trusted = {
        "assignments/interface.py", "assignments/data/__init__.py", "graders/metrics/__init__.py",
        "graders/inside/start.py", "graders/inside/worker.py",
    }  # fmt: skip
    found = {
        str(file.relative_to(ROOT))
        for file in files(*ORDER)
        for _, name in calls(file)
        if name.endswith(("spec_from_file_location", "run_path", "run_module"))
    }
    assert found <= trusted


def test_no_file_is_named_for_everything():
    vague = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc", "abstract"}
    tree = [*files(*ORDER, "reference_solutions"), *sorted((ROOT / "tests").rglob("*.py"))]
    assert [str(file.relative_to(ROOT)) for file in tree if file.stem in vague or file.parent.name in vague] == []


def test_a_reference_is_never_named_like_its_framework():
    stems = {file.stem for file in files("reference_solutions")}
    assert not stems & {"pytorch", "torch", "tensorflow", "numpy", "keras"}
