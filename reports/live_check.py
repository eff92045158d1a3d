"""`check` in a notebook: public tests on the functions that the notebook has now, and what came of each.

The notebook brings its interface and its public tests with it. Everything runs in the student's own process: there is
no wall, and no mark.
"""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any, get_args

from assignments.assignment import Framework, Limits
from assignments.data.streams import PUBLISHED
from assignments.declared_tests import DeclaredTest, declared_tests
from assignments.errors import UserError, nearest
from assignments.files import replace_file
from assignments.interface import read_interface
from assignments.notebook import CARRIED
from graders.asking.check import CodeTests, run_tests
from graders.marks.public_results import PublicTestResult
from graders.wall.live import LiveSession
from reports.public_test_lines import public_test_lines


def check_live(names: Mapping[str, Any], ids: Sequence[str]) -> float:
    """Run the public tests that a notebook carries, and print a line for each.

    Args:
        names: The notebook's names.
        ids: Ids or names of tests; without any, all of them.

    Returns:
        How many passed, as the points that nbgrader reads.
    """
    passed = 0
    try:
        for result in _results(names, ids):
            passed += result.passed
            print("\n".join(public_test_lines(result)))
            printed = result.result.printed.rstrip()
            if printed and result.passed:  # else it is part of the reason
                print(textwrap.indent(f"Your code printed:\n{printed}", "     "))
    except UserError as error:
        print(error)
    return float(passed)


def _results(names: Mapping[str, Any], ids: Sequence[str]) -> Iterator[PublicTestResult]:
    carried = names.get(CARRIED)
    framework = next((name for name in get_args(Framework) if name == names.get("FRAMEWORK")), None)
    if not isinstance(carried, Mapping):
        raise UserError(f"There is no {CARRIED} in this notebook: run the cell that defines it, near the beginning.")
    if framework is None:
        raise UserError("FRAMEWORK is missing: run the cell of imports, which has it.")
    with tempfile.TemporaryDirectory(prefix="medmark-") as folder:
        home = Path(folder).resolve()
        code_tests, tests = _laid_out(home, carried)
        session = LiveSession(framework, names, code_tests.limits)
        session.begin()
        for test in _chosen(tests, ids):
            scratch = home / "scratch" / test.id.replace("::", "-")
            scratch.mkdir(parents=True)
            with chdir(scratch):  # what a solution saves in a test stays there
                result = run_tests(session, code_tests, [test.id])[test.id]
            yield PublicTestResult(test, result)


def _laid_out(home: Path, carried: Mapping[str, Any]) -> tuple[CodeTests, Sequence[DeclaredTest]]:
    """The interface and the tests as files, which pytest and the reader of interfaces want."""
    folder = home / "public_tests"
    replace_file(home / "interface.py", carried["interface"])
    for name, text in carried["tests"].items():
        replace_file(folder / name, text)
    tests, problems = declared_tests(folder, hidden=False)
    if problems:
        raise UserError("\n".join(map(str, problems)))
    interface, doubles = read_interface(home / "interface.py"), carried.get("doubles", "")
    return CodeTests(carried["assignment"], folder, interface, Limits(), PUBLISHED, doubles), tests


def _chosen(tests: Sequence[DeclaredTest], ids: Sequence[str]) -> Iterator[DeclaredTest]:
    by_name = {name: test for test in tests for name in (test.id, test.id.partition("::")[2])}
    for name in ids:
        if name not in by_name:
            raise UserError(f"{name}: {nearest(name, [test.id for test in tests])}")
    yield from [by_name[name] for name in ids] if ids else tests
