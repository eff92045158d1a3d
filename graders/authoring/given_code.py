"""Tries the code that students are given on models of another class than the reference's.

Whoever writes `build_model` gives a model another class. Given code that reads what only the reference sets on its
model, such as a `save` that reads `model.config`, would fail for every student.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from assignments.assignment import Assignment, Framework
from assignments.derived.interface import declared_nodes
from graders.authoring.mutants import copy_reference
from graders.authoring.plain_models import MARK
from graders.record.documents import TestResult
from graders.record.rehearsal import Gap

FRAMEWORKS = ("pytorch", "tensorflow")
"""Those in which all models share a class whose names are the framework's own."""
_REFERENCE = "medmark_reference"
_PLAIN = "medmark_plain_models"
_READ = re.compile(re.escape(MARK) + r"(\w+)")


def is_tried(assignment: Assignment, framework: Framework) -> bool:
    """Whether there is given code that a model of another class can be passed to."""
    return bool(assignment.given) and framework in FRAMEWORKS


def given_gaps(assignment: Assignment, framework: str, results: Mapping[str, TestResult]) -> Iterator[Gap]:
    """A gap for each hidden test that passes with the reference, and fails once its given code meets other models.

    Args:
        assignment: The assignment whose code is given.
        framework: Where it was tried.
        results: Of the tests that the reference passes, on `write_plain`'s solution.
    """
    for test, result in results.items():
        if result.verdict == "passed":
            continue
        names = sorted(set(_READ.findall(f"{result.cause_detail}\n{result.evidence}")))
        if names:
            what = f"reads {', '.join(f'model.{name}' for name in names)} in {framework}, which only the reference sets"
            cure = "pass it as an argument, or set it in given code; students have a model of their own"
        else:
            what = f"fails {test} in {framework} with a model of another class: {result.cause_detail or result.verdict}"
            cure = "use only what every model of the framework has, or take the code out of `given`"
        yield Gap("given", ", ".join(assignment.given), what, cure, "every assignment")


def write_plain(folder: Path, assignment: Assignment, framework: Framework, reference: Path) -> Path:
    """A solution folder whose given functions meet models of another class."""
    copy_reference(folder, reference, f"{_REFERENCE}.py")
    shutil.copyfile(Path(__file__).with_name("plain_models.py"), folder / f"{_PLAIN}.py")
    written = sorted(declared_nodes(assignment).keys() - set(assignment.given))
    (folder / "solution.py").write_text(
        f'"""The reference, whose given code meets models of another class. Written by medmark rehearse."""\n\n'
        f"import {_REFERENCE}\n"
        f"from {_PLAIN} import with_plain_models\n\n"
        f'FRAMEWORK = "{framework}"\n\n'
        f"globals().update(with_plain_models({_REFERENCE}, ready={assignment.given!r}, written={tuple(written)!r}))\n",
        encoding="utf-8",
    )
    return folder
