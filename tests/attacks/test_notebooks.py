"""Class J: notebooks that attack whoever opens, runs or shows them.

The control is the real nbgrader, on the same files, wherever it falls; else what runs or reads a notebook as it stands.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.attacks.course import attacked
from tests.attacks.hostile_notebooks import (
    CANARY,
    DEEP,
    NOTEBOOKS,
    handed_in,
    huge,
    nbgrader_course,
    notebook,
)
from tests.attacks.walls import behind_the_wall
from tests.nbgrader_oracle import auto_scores, nbgrader


@dataclass(frozen=True)
class Try:
    """One notebook of `hostile_notebooks`."""

    name: str
    tries: str
    control: str = "points"
    """How nbgrader falls: `points`, `loot`, `gradebook`, `shell`, `page`, or `stops`.

    Where it does not: `runs` for what runs the notebook as it stands, `reads` for what reads it.
    """


TRIES = [
    Try("equal", "spoofs asserts with answers that equal everything"),
    Try("patches", "patches the names that tests use: abs, np.array"),
    Try("passes", "has IPython turn every later cell into pass"),
    Try("looks", "reads the disk for hidden tests", "loot"),
    Try("gradebook", "opens the gradebook, and writes to it", "gradebook"),
    Try("shell", "runs a shell by magics", "shell"),
    Try("shows", "shows HTML and JavaScript, in outputs and text", "page"),
    Try("twice", "brings every test twice", "stops"),
    Try("halves", "holds halves of characters", "stops"),
    Try("edits", "edits the locked test cells", "runs"),
    Try("deletes", "deletes the test cells", "runs"),
    Try("scores", "has scores in outputs and metadata, and points of its own", "reads"),
    Try("widgets", "has widgets and metadata full of HTML and scores", "reads"),
]


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """nbgrader's course with those notebooks that it falls to, autograded, with feedback."""
    students = {attempt.name: NOTEBOOKS[attempt.name] for attempt in TRIES if attempt.control not in ("runs", "reads")}
    course = nbgrader_course(tmp_path_factory.mktemp("nbgrader") / "course", students)
    nbgrader(course, "generate_assignment", "target", "--create")
    nbgrader(course, "autograde", "target", "--create", fails=True)  # by those that stop it
    nbgrader(course, "generate_feedback", "target", "--student", "shows")
    return course


@pytest.fixture(scope="module")
def course(images, tmp_path_factory):
    """All of them handed in as solution.ipynb to one course, which is marked in containers, and an honest one."""
    images("numpy")
    books = {name.replace("_", "-"): data for name, data in NOTEBOOKS.items()}
    books |= {"honest": notebook(handed_in()), "deep": DEEP, "huge": huge()}
    groups = {name: {"target/solution.ipynb": data} for name, data in books.items()}
    return attacked(tmp_path_factory.mktemp("notebooks") / "course", groups)


def falls(attempt, graded):
    """Whether the attack works on nbgrader, and how."""
    home = graded / "autograded" / attempt.name / "target/solution.ipynb"
    points = [value for (name, *_), value in auto_scores(graded, "target").items() if name == attempt.name]
    match attempt.control:
        case "points":
            return points == [1, 1], f"nbgrader gives {points}"
        case "loot":
            return any("LOOT" in line and CANARY in line for line in printed(home)), "its result shows a hidden test"
        case "gradebook":
            with closing(sqlite3.connect(graded / "gradebook.db")) as book:
                written = book.execute("select count(*) from sqlite_master where name = 'loot'").fetchone()[0]
            shown = any("LOOT" in line and CANARY in line for line in printed(home))
            return shown and bool(written), "nbgrader's result shows a hidden test, and its gradebook has a new table"
        case "shell":
            there = (graded / "touched").is_file()
            return there and any(CANARY in line for line in printed(home)), "nbgrader ran it"
        case "page":
            page = next((graded / "feedback/shows").rglob("*.html")).read_text(encoding="utf-8")
            return "<script>window.canary = 1</script>" in page, "nbgrader's feedback has the script"
        case "stops":
            return points == [None, None], "nbgrader grades nothing of it, and exports 0"
    document = json.loads(NOTEBOOKS[attempt.name])
    if attempt.control == "runs":
        assert failed_cells(json.loads(notebook(handed_in()))), "an honest wrong one fails where it is run as it stands"
        return failed_cells(document) == 0, "run as it stands, none of its cells fails"
    whole = document["metadata"].get("nbgrader", {})
    claims = [own.get("score") for own in (whole, *gradings(document))]
    return 100 in claims, "read as it stands, it says that it has 100 points"


def gradings(document):
    """nbgrader's metadata of each cell that has any."""
    return [each["metadata"]["nbgrader"] for each in document["cells"] if "nbgrader" in each["metadata"]]


def failed_cells(document):
    """How many code cells end in an exception where all are run in their order."""
    names, failed = {}, 0
    for each in document["cells"]:
        try:
            exec(each["source"], names)
        except AssertionError:
            failed += 1
    return failed


def printed(path):
    """What the cells of a notebook printed."""
    for each in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in each.get("outputs", ()):
            yield from "".join(output.get("text", "")).splitlines()


@behind_the_wall
@pytest.mark.parametrize(
    "attempt",
    [pytest.param(each, marks=pytest.mark.attack("J01", each.tries), id=each.name) for each in TRIES],
)
def test_a_notebook_that_is_handed_in_earns_what_an_honest_one_earns(attack, course, graded, attempt):
    attack.fired(*falls(attempt, graded))
    honest, points = course.points("honest"), course.points(attempt.name)
    attack.came_to(f"{points:g} points, {honest:g} honestly")
    assert course.marks[attempt.name]["status"] == "marked"
    assert points == honest == 0
    evidence = " ".join(finding["evidence"] or "" for finding in course.marks[attempt.name]["findings"])
    assert CANARY not in evidence
    assert "canary-in-the-tests" not in evidence


@behind_the_wall
@pytest.mark.attack("J02", "HTML and scripts of notebooks in what people read")
def test_nothing_of_a_notebook_is_rendered(attack, course, graded):
    attack.fired(*falls(next(each for each in TRIES if each.name == "shows"), graded))
    shown = course.in_the_open()
    attack.came_to(f"{len(shown):,} bytes of pages searched")
    assert b"window.canary" not in shown


@behind_the_wall
@pytest.mark.parametrize(
    ("group", "problem"), [("deep", "nested too deeply for a notebook"), ("huge", "file over 20 MB: solution.ipynb")]
)
@pytest.mark.attack("J03", "a notebook that is too deep or too large to read")
def test_a_notebook_that_nobody_could_read_is_its_groups_failure_with_the_cure(attack, course, group, problem):
    if group == "deep":
        with pytest.raises(RecursionError):
            json.loads(DEEP)
        attack.fired(True, "json.loads ends in a RecursionError")
    else:
        attack.fired(len(json.loads(huge())["cells"][0]["source"]) > 10**8, "json.loads takes all of its 100 MB")
    page = (course.folder / f"reports/target/feedback/{group}.html").read_text(encoding="utf-8")
    attack.came_to(f"{course.points(group):g} points: {problem}")
    assert course.points(group) == 0
    assert course.marks[group]["status"] == "marked"
    assert problem in " ".join(page.split())
