"""The demonstration: the whole job on real solutions, and what it must say of each of its six groups."""

from __future__ import annotations

import ast
import csv
import html
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from pypdf import PdfReader

from assignments.load import find, load
from graders.authoring.misconceptions import misconceptions
from graders.record.patterns import may_fail
from graders.record.proof_status import recorded_patterns
from tests.small_course import ROOT, medmark

GROUPS = ("sound-pytorch", "sound-tensorflow", "numpy-logistic", "misconception", "crashes", "cheats")
SOUND = ("sound-pytorch", "sound-tensorflow")
ASSIGNMENT = load(find("mlp_classifier", ROOT))


@pytest.fixture(scope="module", params=["local", pytest.param("docker", marks=pytest.mark.docker)])
def demo(request, tmp_path_factory):
    """What the demonstration printed and left behind."""
    sandbox = request.param
    if sandbox == "docker":
        request.getfixturevalue("images")("pytorch", "tensorflow", "numpy")
    folder = tmp_path_factory.mktemp(f"demo-{sandbox}") / "course"
    output = medmark("demo", folder, "--sandbox", sandbox)
    assert output.code == 0, output.err
    marks = json.loads(medmark("show", ASSIGNMENT.id, "-c", folder, "--json").out)["marks"]
    home = folder / "reports" / ASSIGNMENT.id
    by_group = {mark["group"]: mark for mark in marks}
    return SimpleNamespace(output=output, folder=folder, home=home, marks=by_group, sandbox=sandbox)


def verdicts_of(demo, group):
    """Verdict and reason of each hidden test, by its id."""
    return {
        finding["id"].partition("/")[2]: (finding["verdict"], finding["reason"])
        for finding in demo.marks[group]["findings"]
        if finding["kind"] == "hidden_test"
    }


def passed(demo, group):
    return {id for id, (verdict, _) in verdicts_of(demo, group).items() if verdict == "passed"}


def accuracy(demo, group):
    (finding,) = (finding for finding in demo.marks[group]["findings"] if finding["kind"] == "accuracy")
    return finding


def test_every_group_is_marked_but_for_the_part_of_a_person(demo):
    assert tuple(demo.marks) == GROUPS
    assert {mark["status"] for mark in demo.marks.values()} == {"incomplete"}
    assert {mark["provenance"]["isolated"] for mark in demo.marks.values()} == {demo.sandbox == "docker"}


@pytest.mark.parametrize("group", SOUND)
def test_a_sound_solution_passes_every_hidden_test_and_reaches_the_distinction_anchor(demo, group):
    assert passed(demo, group) == set(verdicts_of(demo, group))
    found = accuracy(demo, group)
    assert found["score"] >= ASSIGNMENT.criterion("accuracy").anchors.distinction
    assert found["points"] >= 0.7 * found["out_of"]


def test_logistic_regression_fails_only_what_needs_a_network(demo):
    lost = {id: reason for id, (verdict, reason) in verdicts_of(demo, "numpy-logistic").items() if verdict != "passed"}
    assert lost
    assert set(lost.values()) == {"the model is not a PyTorch or TensorFlow model, so it cannot be inspected"}
    assert accuracy(demo, "numpy-logistic")["score"] > 0.9


def test_the_misconception_fails_the_tests_that_are_there_to_catch_it_and_none_that_are_not(demo):
    mistake = next(item for item in misconceptions(ASSIGNMENT) if item.id == "no_scaling")
    lost = set(verdicts_of(demo, "misconception")) - passed(demo, "misconception")
    assert set(mistake.fails) <= lost <= {*mistake.fails, *may_fail(recorded_patterns(ASSIGNMENT))["no_scaling"]}


def test_a_crash_in_training_leaves_no_answer_and_the_tests_of_the_parts_that_work(demo):
    assert accuracy(demo, "crashes")["score"] == 0
    assert accuracy(demo, "crashes")["points"] == 0
    assert "test_statistics.py::test_each_column_has_its_own_statistics" in passed(demo, "crashes")


def test_cheating_earns_nothing_at_all(demo):
    assert passed(demo, "cheats") == set()
    assert accuracy(demo, "cheats")["points"] == 0
    assert demo.marks["cheats"]["points"] == 0


def test_it_ends_with_a_table_what_happened_and_pages_that_exist(demo):
    assert "points" in demo.output.out
    for group in GROUPS:
        assert f"\n{group}: " in demo.output.out
    pages = [line.strip() for line in demo.output.out.partition("The pages:")[2].splitlines() if line.startswith("  /")]
    assert pages == [
        str(demo.home / name)
        for name in ("index.html", "leaderboard.html", "marksheet.csv", *(f"feedback/{group}.html" for group in GROUPS))
    ]
    assert [page for page in pages if not Path(page).is_file()] == []


def test_its_last_line_is_a_command_that_runs_nothing(demo):
    words = demo.output.out.splitlines()[-1].split()
    assert words[0] == "medmark"
    output = medmark(*words[1:], "--json")
    assert output.code == 0
    assert "started" not in output.err
    assert {mark["group"]: mark["points"] for mark in json.loads(output.out)["marks"]} == {
        group: mark["points"] for group, mark in demo.marks.items()
    }


def test_no_page_that_a_student_reads_shows_what_is_hidden(demo):
    hidden = {
        line.strip()
        for path in (ASSIGNMENT.folder / "hidden_tests").glob("*.py")
        for line in body_lines(path)
        if len(line.strip()) > 25
    }
    assert len(hidden) > 30
    secret = (demo.folder / "hidden/secret").read_bytes()
    for group in GROUPS:
        page = html.unescape((demo.home / "feedback" / f"{group}.html").read_text(encoding="utf-8"))
        assert [line for line in hidden if line in page] == []
        assert secret.hex() not in page
        others = [other for other in GROUPS if other != group]
        assert [other for other in others if other in page] == []


def body_lines(path):
    """The lines of a module that are code inside its functions: docstrings are what students are told."""
    source = path.read_text(encoding="utf-8").splitlines()
    for function in ast.walk(ast.parse("\n".join(source))):
        if isinstance(function, ast.FunctionDef):
            code = function.body[1:] if ast.get_docstring(function) else function.body
            for statement in code:
                yield from source[statement.lineno - 1 : statement.end_lineno]


def test_the_group_without_a_report_reads_that_it_is_missing_and_the_others_hold_one(demo):
    for group in GROUPS:
        page = html.unescape((demo.home / "feedback" / f"{group}.html").read_text(encoding="utf-8"))
        assert ("report.pdf is not in the commit: put it at mlp_classifier/report.pdf" in page) == (group == "crashes")
        assert "report: " not in page or group == "crashes", group
    report = PdfReader(demo.folder / "repositories/sound-pytorch/mlp_classifier/report.pdf", strict=True)
    assert len(report.pages) == ASSIGNMENT.criterion("report").max_pages == 1
    assert report.metadata.title == "Report of sound-pytorch"


def test_the_mark_sheet_gives_no_zero_for_what_a_person_has_not_marked(demo):
    with (demo.home / "marksheet.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["group"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(GROUPS)
    assert {row["status"] for row in rows.values()} == {"incomplete"}


@pytest.mark.parametrize("group", ["cheats", "crashes"])
def test_the_groups_of_the_demonstration_are_packaged(group):
    assert (ROOT / "graders/demo/groups" / f"{group}.py").is_file()
