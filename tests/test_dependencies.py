"""What is required is used somewhere, and what is used is required: pyproject.toml against the imports of the code."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

import cli

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
OWN = ("medmark", "medmark-staff")
"""Distributions of this tree, which extras name."""
PACKAGES = ("assignments", "graders", "reports", "cli.py")
OURS = {"assignments", "graders", "reports", "cli", "reference_solutions", "tests"}
AS = {"opencv-python-headless": "cv2", "surface-distance": "surface_distance"}
"""How distributions are imported that no machine of ours need have, and that are called otherwise."""
TOOLS = {"mypy": "/mypy ", "ruff": "/ruff ", "pytest-xdist": " --dist "}
"""Run by the Makefile, with these words."""
OF_THE_KIT = {"matplotlib": "train.py of a handout draws with it"}
NBGRADER = "graders/runs/nbgrader_writer.py"
"""The program that imports nbgrader, in a process of its own."""


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def distribution(requirement):
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0]


def modules_of(name):
    """What a distribution is imported as, by what is installed here; else by its own name."""
    return {module for module, names in installed().items() if normal(name) in names} or {AS.get(name, name)}


@cache
def installed():
    """The distributions that bring each top-level module, of what is installed here."""
    return {module: {normal(name) for name in names} for module, names in packages_distributions().items()}


def run_nodes(nodes):
    """These nodes and all in them but those below `if TYPE_CHECKING:`, which no program runs."""
    left = list(nodes)
    while left:
        node = left.pop()
        yield node
        for_types = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        left += node.orelse if for_types else ast.iter_child_nodes(node)


def used_in(text):
    """Top-level modules that a source imports, looks for with `find_spec`, or names as the engine of pandas."""
    yield from used_by([ast.parse(text)])


def used_by(nodes):
    for node in run_nodes(nodes):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "find_spec":
            yield from (word.value.split(".")[0] for word in node.args if isinstance(word, ast.Constant) and word.value)
        elif isinstance(node, ast.keyword) and node.arg == "engine" and isinstance(node.value, ast.Constant):
            yield node.value.value


def used(*folders):
    return set().union(*map(used_below, folders))


@cache
def used_below(folder):
    path = ROOT / folder
    files = [path] if path.is_file() else sorted(path.rglob("*.py"))
    return set().union(*map(used_in_file, files))


@cache
def used_in_file(file):
    return set(used_in(file.read_text(encoding="utf-8")))


def without_use(requirements, *folders):
    names = used(*folders)
    return [name for name in map(distribution, requirements) if not modules_of(name) & names]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import pandas", {"pandas"}),
        ("def f():\n    import pandas.io as p", {"pandas"}),
        ("from scipy.stats import norm", {"scipy"}),
        ("from . import a", set()),
        ("if TYPE_CHECKING:\n    import pandas\nelse:\n    import numpy", {"numpy"}),
        ("importlib.util.find_spec('sklearn')", {"sklearn"}),
        ("pandas.ExcelFile(data, engine='openpyxl')", {"openpyxl"}),
        ("words = 'import pandas'", set()),
    ],
)  # fmt: skip
def test_the_walk_sees_what_is_used(text, names):
    assert set(used_in(text)) == names


def test_what_is_required_is_used_by_the_packages():
    assert without_use(PROJECT["dependencies"], *PACKAGES) == []


def test_the_extra_for_staff_is_used_by_the_packages_and_named_where_it_is_missing():
    assert without_use(EXTRAS["tools"], *PACKAGES) == []
    brought = [modules_of(distribution(name)) & set(cli.STAFF_MODULES) for name in EXTRAS["tools"]]
    assert sorted(min(names) for names in brought) == sorted(cli.STAFF_MODULES)


def test_what_an_extra_brings_is_used_by_references_tests_or_tools():
    stubs = re.compile(r"types-(.+)|(.+)-stubs")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    required = {normal(distribution(name)) for name in [*PROJECT["dependencies"], *EXTRAS["tools"]]}
    for extra, requirements in EXTRAS.items():
        others = [name for name in requirements if distribution(name) not in OWN]
        idle = without_use(others, *PACKAGES, "reference_solutions", "tests", "benchmarks", "staff")
        of_types = {name for name in idle if (of := stubs.fullmatch(name)) and normal(of[1] or of[2]) in required}
        tools = {name for name in idle if name in TOOLS and TOOLS[name] in makefile}
        assert set(idle) - of_types - tools - set(OF_THE_KIT) == set(), extra


def test_what_is_used_is_required_or_comes_with_what_is_required():
    """A package that came along by chance goes when nobody looks."""
    required = {normal(distribution(name)) for name in [*PROJECT["dependencies"], *EXTRAS["tools"]]}
    along = {normal(distribution(more)) for name in required for more in requires(name) or () if "extra ==" not in more}
    outside = used(*PACKAGES) - OURS - set(sys.stdlib_module_names) - {"torch", "tensorflow"}  # behind the wall alone
    formats = {normal(distribution(name)) for name in EXTRAS["formats"]}
    paper = {normal(distribution(name)) for name in EXTRAS["pdf"]}
    paper |= {normal(distribution(more)) for name in paper - {"medmark"} for more in requires(name) or ()}
    others = {normal(distribution(name)) for extra in ("data", "notebooks", "cluster") for name in EXTRAS[extra]}
    brought = required | along | formats | paper | others
    assert [name for name in sorted(outside) if not installed().get(name, set()) & brought] == []


def test_what_reads_image_formats_is_imported_by_the_readers_alone_and_when_they_read():
    """medmark works without the extra `formats`, until a folder has such files; staff have Pillow, which draws too."""
    names = set().union(*(modules_of(distribution(name)) for name in EXTRAS["formats"]))
    assert names >= {"nibabel", "SimpleITK", "pydicom", "h5py", "PIL"}
    homes = set()
    for file in [ROOT / "cli.py", *(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))]:
        if names & used_in_file(file):
            body = ast.parse(file.read_text(encoding="utf-8")).body
            at_once = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
            assert not names & set(used_by(at_once)), file
            homes.add(file.parent.relative_to(ROOT).as_posix())
    assert homes == {"assignments/data/folder", "assignments/data/sources", "assignments/drawing"}
    assert used("assignments/drawing") & names == {"PIL"}


def test_what_writes_pdf_is_imported_by_one_file_and_when_it_writes():
    """Without the extra `pdf`, reports are written all the same."""
    names = {"weasyprint", "cssselect2", "tinycss2"}
    users = {file for folder in ("assignments", "graders", "reports") for file in (ROOT / folder).rglob("*.py")
             if names & used_in_file(file)}  # fmt: skip
    assert users == {ROOT / "reports/pdf.py"}
    body = ast.parse((ROOT / "reports/pdf.py").read_text(encoding="utf-8")).body
    at_once = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not names & set(used_by(at_once))


def test_nbgrader_is_imported_by_one_program_that_imports_nothing_of_medmark():
    """It brings 100 packages, and takes seconds to import: only the writing of points into its gradebook needs it."""
    tree = {file for folder in PACKAGES for file in (ROOT / folder).rglob("*.py")}
    texts = {file: file.read_text(encoding="utf-8") for file in tree}
    users = {file for file, text in texts.items() if "nbgrader" in text and "nbgrader" in set(imported_in(text))}
    assert users == {ROOT / NBGRADER}
    assert not OURS & set(used_in((ROOT / NBGRADER).read_text(encoding="utf-8")))


def imported_in(text):
    """Top-level modules that a source imports; it may look for others with `find_spec`."""
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return used_in("\n".join(map(ast.unparse, imports)))


def test_the_package_that_writes_bank_holidays_is_never_imported_by_the_program():
    assert "holidays" in used("tests")
    assert "holidays" not in used(*PACKAGES)
