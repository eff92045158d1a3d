"""A double of Gradescope, from its documents and the harness of its autograders: what it does with a ZIP and results.

Documents: gradescope-autograders.readthedocs.io, pages Autograder Specifications, Leaderboards, Submission Metadata
and Troubleshooting. The harness is the program in the images of autograders that calls `run_autograder`. That
points of tests have to add up is no rule of the documents: an author of autograders saw it
(matthigger/gradescope_auto_py, issue 2).
"""

import io
import json
import math
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

VISIBILITIES = ("hidden", "after_due_date", "after_published", "visible")
FORMATS = ("text", "simple_format", "html", "md", "ansi")
TOP = {
    "score", "execution_time", "output", "output_format", "test_output_format", "test_name_format", "visibility",
    "stdout_visibility", "extra_data", "tests", "leaderboard",
}  # fmt: skip
OF_TEST = {
    "score", "max_score", "status", "name", "name_format", "number", "output", "output_format", "tags", "visibility",
    "extra_data",
}  # fmt: skip


class NotFormattedCorrectlyError(Exception):
    """Gradescope says that the results were not formatted correctly."""


@dataclass(frozen=True)
class Shown:
    """What Gradescope makes of a submission's run."""

    score: float | None
    """None where no results came: the documents do not say what is shown then."""
    results: dict | None
    stdout: str


class Gradescope:
    """An assignment with an autograder."""

    def __init__(self, archive: bytes, folder: Path, points: float = 100) -> None:
        self.root, self.points = folder / "autograder", points
        source = self.root / "source"
        with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
            names = zipped.namelist()
            assert {"setup.sh", "run_autograder"} <= set(names), "the files have to be in the root of the ZIP"
            assert zipped.getinfo("run_autograder").external_attr >> 16 & 0o100, "run_autograder has to be executable"
            zipped.extractall(source)
        (self.root / "run_autograder").write_bytes((source / "run_autograder").read_bytes())

    def submit(self, *emails: str) -> Shown:
        """Run the autograder on a submission of these people, as the harness does."""
        results = self.root / "results"
        if results.exists():
            for file in results.iterdir():
                file.unlink()
            results.rmdir()
        results.mkdir()
        metadata = {
            "id": 1,
            "users": [{"email": email, "id": at, "name": "Student"} for at, email in enumerate(emails)],
            "created_at": "2026-11-20T16:58:03.000000-00:00",
            "assignment": {"title": "Prostate", "total_points": str(self.points)},
            "previous_submissions": [],
        }
        (self.root / "submission_metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
        ran = subprocess.run(
            [sys.executable, "-I", self.root / "run_autograder", self.root], capture_output=True, text=True, check=False
        )
        path = results / "results.json"
        if not path.exists():
            return Shown(None, None, ran.stdout + ran.stderr)
        return Shown(*read(path.read_bytes(), self.points), ran.stdout + ran.stderr)


def read(data: bytes, points: float = 100) -> tuple[float, dict]:
    """The score that results give a submission; a file that is no JSON is a 0.

    Raises:
        NotFormattedCorrectlyError: they are not as the documents say.
    """
    try:
        results = json.loads(data)
    except ValueError:
        return 0.0, {"score": 0, "output": "The autograder failed to execute correctly."}
    _check(results, points)
    total = results.get("score")
    return (sum(test["score"] for test in results["tests"]) if total is None else total), results


def _check(results, points):
    def need(condition, what):
        if not condition:
            raise NotFormattedCorrectlyError(what)

    need(isinstance(results, dict) and set(results) <= TOP, "a key that the documents do not have")
    tests = results.get("tests")
    need("score" in results or (tests and all("score" in test for test in tests)), "no score")
    need("score" not in results or _is_number(results["score"]), "the score is no number")
    need("score" in results or tests is not None, "no tests and no score")
    need(results.get("visibility", "visible") in VISIBILITIES, "visibility")
    need(results.get("stdout_visibility", "hidden") in VISIBILITIES, "stdout_visibility")
    for key in ("output_format", "test_output_format", "test_name_format"):
        need(results.get(key, "text") in FORMATS, key)
    need(isinstance(results.get("output", ""), str), "output")
    for test in tests or ():
        need(isinstance(test, dict) and set(test) <= OF_TEST, "a key of a test that the documents do not have")
        need(all(_is_number(test[key]) for key in ("score", "max_score") if key in test), "a score is no number")
        need(test.get("status", "passed") in ("passed", "failed"), "status")
        need(test.get("visibility", "visible") in VISIBILITIES, "visibility of a test")
        need(all(isinstance(test.get(key, ""), str) for key in ("name", "number", "output")), "a text of a test")
    for entry in results.get("leaderboard", ()):
        need({"name", "value"} <= set(entry) <= {"name", "value", "order"}, "leaderboard")
        need(entry.get("order", "desc") in ("asc", "desc"), "order")
    worth = sum(test.get("max_score", 0) for test in tests or ())
    need(math.isclose(worth, points, abs_tol=1e-6), f"the tests are worth {worth}, and the assignment {points}")


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def seen_by_a_student(results, *, due_passed=False, published=False):
    """The tests, and the score, that a student sees; no score while any test is hidden."""
    open_now = (
        {"visible"} | ({"after_due_date"} if due_passed else set()) | ({"after_published"} if published else set())
    )
    default = results.get("visibility", "visible")
    tests = [test for test in results["tests"] if test.get("visibility", default) in open_now]
    return tests, results["score"] if len(tests) == len(results["tests"]) else None
