"""A course from Python: the program of docs/python.md is run as it stands there, and what it rests on is held."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from graders.runs import marking
from tests.graders.intake.repositories import make
from tests.small_course import ROOT, SOUND, TURNED, environment, write_assignment

PAGE = (ROOT / "docs/python.md").read_text(encoding="utf-8")
PROGRAM, PRINTED = (block for _, block in re.findall(r"```(python)?\n(.*?)```", PAGE, re.S))
REPORT = '[[criterion]]\nid = "report"\nkind = "person"\npoints = 20\n'


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The page's program, run as a user would, with nobody at a keyboard and what it imports listed on stderr."""
    folder = tmp_path_factory.mktemp("python")
    # 40 points for hidden tests, 40 for accuracy, 20 that a person gives.
    toml = write_assignment(folder / "course/halves") / "assignment.toml"
    toml.write_text(toml.read_text().replace("points = 60", "points = 40") + REPORT)
    for group, solution in (("sound", SOUND), ("turned", TURNED)):
        make(folder / "course/repositories" / group, {"halves/solution.py": solution})
    (folder / "term.py").write_text(PROGRAM, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-X", "importtime", "term.py", "course"], cwd=folder, env=environment(),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def imports(ran):
    return {line.split("|")[2].strip() for line in ran.stderr.splitlines() if line.startswith("import time:")}


def test_the_program_of_the_page_takes_a_course_from_init_to_a_correction(ran):
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert ran.stdout == PRINTED


def test_it_needs_neither_the_command_line_nor_typer_and_says_nothing_of_its_own(ran):
    assert "graders.runs.marking" in imports(ran)
    assert {"cli", "typer"} & imports(ran) == set()
    assert [line for line in ran.stderr.splitlines() if not line.startswith("import time:")] == []


def names_of_the_page():
    """(module, name) of each row of the page's table."""
    module = ""
    for here, name in re.findall(r"^\| (`[\w.]+`)? ?\| `(\w+)` \|", PAGE, re.M):
        module = here.strip("`") or module
        yield module, name


def test_every_name_of_the_page_is_where_it_says():
    named = list(names_of_the_page())
    assert ("graders.runs.marking", "marked") in named
    assert [(module, name) for module, name in named if not hasattr(importlib.import_module(module), name)] == []


def test_every_use_case_is_on_the_page_and_says_what_it_is_for():
    public = {
        name: thing
        for name, thing in vars(marking).items()
        if not name.startswith("_") and getattr(thing, "__module__", "") == marking.__name__
    }
    assert set(public) - {name for _, name in names_of_the_page()} == set()
    assert [name for name, thing in public.items() if not inspect.getdoc(thing)] == []


TALKS = {"reports/console.py", "reports/progress.py", "reports/interrupts.py", "reports/terminal.py"}
"""What the command line prints with; nothing below `cli` imports it."""
ALONE = {
    "assignments/data/folder/decoding.py",
    "graders/intake/paper_reader.py",
    "graders/runs/nbgrader_writer.py",
    "graders/runs/engines/node.py",
    "graders/wall/sandboxes/host_runtime.py",
    "graders/wall/sandboxes/runtimes/survey.py",
    "graders/wall/sandboxes/runtimes/take_out.py",
    "reports/exports/gradescope_autograder.py",
    "reports/live_check.py",
    "reports/unwritten.py",
}
"""Programs that run in a process or a container of their own, and answer on stdout or in files; a notebook is one."""
TERMINAL = {"sys.stdin", "sys.stdout", "sys.stderr", "sys.argv", "sys.exit", "os._exit", "input", "print"}


def talking(text):
    """What of a source prints, asks, ends the program or looks at its terminal: (line, name)."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name | ast.Attribute) and (name := ast.unparse(node)) in TERMINAL:
            yield node.lineno, name
        if isinstance(node, ast.Raise) and "SystemExit" in ast.unparse(node):
            yield node.lineno, "SystemExit"
        if isinstance(node, ast.Import | ast.ImportFrom) and "typer" in ast.unparse(node):
            yield node.lineno, "typer"


def library():
    """The files that a program imports with the use cases: no content, nothing that runs behind the wall."""
    for package in ("assignments", "graders", "reports"):
        for file in sorted((ROOT / package).rglob("*.py")):
            name = file.relative_to(ROOT).as_posix()
            if not re.search(r"/catalogue/|/wall/inside/|/demo/groups/", name) and name not in TALKS | ALONE:
                yield name, file


def test_nothing_below_the_command_line_prints_asks_or_ends_the_program():
    found = {(name, said) for name, file in library() for _, said in talking(file.read_text(encoding="utf-8"))}
    # Both end a marker process, which is medmark's own, and never the program that started it.
    assert found == {("graders/asking/pipe_journal.py", "os._exit"), ("graders/runs/engines/processes.py", "os._exit")}


@pytest.mark.parametrize(
    "source",
    [
        "print(1)",
        "import sys\nsys.stderr.write('')",
        "def f(say=print): ...",
        "raise SystemExit(2)",
        "from typer import x",
    ],
)
def test_the_walk_sees_each_way_to_talk(source):
    assert list(talking(source))


def test_what_the_command_line_prints_with_is_imported_by_nothing_below_it():
    talk = "|".join(Path(name).stem for name in TALKS - {"reports/terminal.py"})
    pattern = rf"reports\.({talk})\b|from reports import .*\b({talk})\b"
    assert [name for name, file in library() if re.search(pattern, file.read_text(encoding="utf-8"))] == []
    assert re.search(pattern, (ROOT / "cli.py").read_text(encoding="utf-8"))


def bodies(path):
    """(lines of its body below the docstring, name) of every function of a file, the longest first."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield (body[-1].end_lineno - body[0].lineno + 1 if body else 0), node.name


def test_no_command_is_longer_than_30_lines():
    longest = sorted(bodies(ROOT / "cli.py"), reverse=True)
    print("longest commands of cli.py:", ", ".join(f"{name} {lines}" for lines, name in longest[:5]))
    assert [(lines, name) for lines, name in longest if lines > 30] == []
    assert len(longest) > 20
