"""The command line as a person types it: exit codes, words, no traceback, and a small course from end to end."""

from __future__ import annotations

import csv
import errno
import functools
import importlib.metadata
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest

import cli
from assignments.folders import catalogue
from tests.graders.intake.repositories import Link, git, push
from tests.small_course import (
    CRASHES,
    GROUPS,
    ROOT,
    SOUND,
    TURNED,
    command,
    environment,
    medmark,
    write_assignment,
    write_course,
)

TRUSTED = "--trust-submissions"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course that was collected, marked and reported; tests that read it share it."""
    folder = write_course(tmp_path_factory.mktemp("courses") / "marked", GROUPS)
    assert medmark("collect", "halves", "-c", folder).code == 0
    marked = medmark("grade", "halves", "-c", folder, TRUSTED)
    assert marked.code == 0, marked.err
    return folder


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return write_course(tmp_path_factory.mktemp("courses") / "template", {"sound": SOUND})


@pytest.fixture
def fresh(template, tmp_path):
    """A course with one sound group that was not collected yet."""
    return shutil.copytree(template, tmp_path / "course")


def flat(output):
    """Text of stderr as one line, however the terminal wraps it."""
    return " ".join(output.err.split())


def stages(folder):
    with sqlite3.connect(folder / ".medmark/ledger.sqlite") as ledger:
        return ledger.execute("SELECT count(*), count(DISTINCT key) FROM stage").fetchone()


def marks_of(output):
    assert output.code == 0, output.err
    return {mark["group"]: mark for mark in json.loads(output.out)["marks"]}


# A course from end to end


def test_the_sound_group_gets_full_marks_and_the_others_what_they_earned(course):
    marks = marks_of(medmark("show", "halves", "-c", course, "--json"))
    assert {group: mark["points"] for group, mark in marks.items()} == {
        "sound": 100, "turned": 10, "crashes": 0, "slow": 100,
    }  # fmt: skip
    assert {mark["status"] for mark in marks.values()} == {"marked"}


def test_marking_again_with_nothing_changed_runs_nothing_and_says_the_same(course):
    before = stages(course)
    again = medmark("grade", "halves", "-c", course, TRUSTED)
    assert again.code == 0
    assert "started" not in again.err
    assert again.out == medmark("show", "halves", "-c", course).out
    assert stages(course) == before


def test_the_json_is_the_whole_output_and_has_the_shape_of_the_design(course):
    document = json.loads(medmark("show", "halves", "-c", course, "--json").out)
    assert set(document) == {"assignment", "marks"}
    assert document["assignment"] == "halves"
    for mark in document["marks"]:
        assert {"group", "commit", "status", "points", "out_of", "findings", "provenance"} <= set(mark)
        for finding in mark["findings"]:
            assert {"id", "kind", "criterion", "verdict", "points", "out_of"} <= set(finding)
            assert {"interval", "reason", "feedback", "evidence"} <= set(finding)


def test_students_json_has_no_evidence_anywhere(course):
    output = medmark("show", "halves", "-c", course, "--json", "--as", "student")
    assert "evidence" not in output.out
    assert "ZeroDivisionError: division by zero" not in output.out
    assert "ZeroDivisionError" in output.out  # the name of the exception and the line are shown
    assert "ZeroDivisionError: division by zero" in medmark("show", "halves", "-c", course, "--json").out


def test_reports_are_written_and_named(course, tmp_path):
    output = medmark("report", "halves", "-c", course, "--out", tmp_path)
    assert output.code == 0
    home = tmp_path / "halves"
    assert str(home) in output.out
    for group in GROUPS:
        assert (home / "feedback" / f"{group}.html").is_file()
        assert "canary-hidden-source" not in (home / "feedback" / f"{group}.html").read_text(encoding="utf-8")
    with (home / "marksheet.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(GROUPS)
    board = (home / "leaderboard.html").read_text(encoding="utf-8")
    assert "turned" not in board
    assert medmark("report", "halves", "-c", course, "--out", tmp_path, "--names").code == 0
    assert "turned" in (home / "leaderboard.html").read_text(encoding="utf-8")


def test_copies_of_the_pages_are_written_where_they_are_wanted_and_named_where_they_are_outdated(course, tmp_path):
    words = ("report", "halves", "-c", course, "--out", tmp_path)
    output = medmark(*words, "--markdown", "--pdf")
    assert output.code == 0, output.err
    assert "*/*.pdf           every page on A4\n  */*.md            the pages to hand out" in output.out
    home = tmp_path / "halves/feedback"
    assert {path.suffix for path in home.glob("crashes.*")} == {".html", ".md", ".pdf"}
    message = (home / "crashes.md").read_text(encoding="utf-8")
    assert "could not be imported" in message
    assert "canary-hidden-source" not in message
    again = medmark(*words, "--ratified")
    assert "Older than its page: " in flat(again)
    assert "the same command with --markdown --pdf" in flat(again)


def test_the_table_fits_80_columns(course):
    output = medmark("show", "halves", "-c", course).out
    # What stands below the table is wrapped where a terminal reads it, not in a file.
    lines = [line for line in output.splitlines() if line.startswith(" ")]
    assert max(map(len, lines)) <= 80
    assert any("100 / 100" in line and "marked" in line for line in lines)


def test_one_group_can_be_marked_alone(tmp_path):
    folder = write_course(tmp_path / "course", {"sound": SOUND, "turned": TURNED})
    assert medmark("collect", "halves", "-c", folder).code == 0
    output = medmark("grade", "halves", "-c", folder, TRUSTED, "--only", "turned", "--json")
    assert list(marks_of(output)) == ["turned"]
    shown = medmark("show", "halves", "-c", folder)
    assert "sound: not graded yet: medmark grade halves" in shown.out


def test_ctrl_c_ends_in_130_and_the_same_command_goes_on(tmp_path):
    folder = write_course(tmp_path / "course", {"turned": TURNED, "slow": GROUPS["slow"]})
    assert medmark("collect", "halves", "-c", folder).code == 0
    words = ("grade", "halves", "-c", folder, TRUSTED, "--jobs", "1")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # A shell starts what it puts in the background with Ctrl-C ignored, and children inherit that.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    grading = subprocess.Popen(command(*words), env=environment(), text=True, preexec_fn=heed, **pipes)
    text = ""
    while "slow started" not in text:
        line = grading.stderr.readline()
        assert line, text
        text += line
    grading.send_signal(signal.SIGINT)
    _, rest = grading.communicate(timeout=60)
    assert grading.returncode == 130
    assert "Traceback" not in text + rest
    done = medmark(*words, "--json")
    assert "turned started" not in done.err
    assert {group: mark["points"] for group, mark in marks_of(done).items()} == {"turned": 10, "slow": 100}
    number, different = stages(folder)
    assert number == different


def test_a_repository_that_cannot_be_reached_stops_no_other(tmp_path):
    folder = write_course(tmp_path / "course", {"sound": SOUND, "gone": SOUND, "turned": TURNED}, gone=("gone",))
    output = medmark("collect", "halves", "-c", folder)
    assert output.code == 1
    *lines, summary = output.out.splitlines()
    assert [re.sub(r"[0-9a-f]{10}", "commit", line).split(maxsplit=1) for line in lines] == [
        ["sound", "commit     counts so far"], ["gone", "not read       nothing yet"],
        ["turned", "commit     counts so far"],
    ]  # fmt: skip
    assert summary.startswith("2 of 3 seen; 1 could not be read: gone (there is no repository at this address")
    quiet = medmark("collect", "halves", "-c", folder, "--quiet")
    assert (quiet.code, quiet.out.splitlines(), quiet.err) == (1, [summary], "")
    whole = medmark("collect", "halves", "-c", folder, "--receipts").out
    assert whole.count("  repository  ") == 3
    assert whole.count("there is no repository at this address") == 2  # on its receipt, and in the summary
    alone = medmark("collect", "halves", "-c", folder, "--only", "sound")
    assert (alone.code, alone.out.splitlines()[0]) == (0, "sound, halves")
    quiet = medmark("collect", "halves", "-c", folder, "--only", "sound", "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    marked = medmark("grade", "halves", "-c", folder, TRUSTED, "--json")
    assert {group: mark["status"] for group, mark in marks_of(marked).items()} == {
        "sound": "marked", "gone": "not_submitted", "turned": "marked",
    }  # fmt: skip
    assert "gone: provisional" in medmark("show", "halves", "-c", folder).out


@pytest.mark.parametrize("words", [["grade", "halves", TRUSTED], ["report", "halves"], ["return", "halves", "--yes"]])
def test_before_any_collection_the_command_that_collects_is_named(fresh, words, typed):
    output = typed(*words, "-c", fresh)
    assert (output.code, output.out) == (2, "")
    message = f"halves: nothing was collected yet. Look for commits first: medmark collect halves -c {fresh}"
    assert message in flat(output)
    assert not (fresh / "reports").exists()


def test_a_group_without_a_commit_is_no_reason_to_collect_first(tmp_path):
    folder = write_course(tmp_path / "course", {"gone": SOUND}, gone=("gone",))
    assert medmark("collect", "halves", "-c", folder).code == 1
    output = medmark("grade", "halves", "-c", folder, TRUSTED)
    assert output.code == 0
    assert "not submitted" in output.out


def test_an_assignment_that_cannot_be_read_stops_a_collection_before_any_look(fresh, typed):
    (fresh / "halves/brief.md").unlink()
    output = typed("collect", "halves", "-c", fresh)
    assert output.code == 2
    assert "brief.md" in output.err
    with sqlite3.connect(fresh / ".medmark/ledger.sqlite") as ledger:
        assert ledger.execute("SELECT count(*) FROM observation").fetchone() == (0,)


def test_the_version_is_printed(typed):
    output = typed("--version")
    assert (output.code, output.err) == (0, "")
    assert output.out == f"medmark {importlib.metadata.version('medmark')}\n"


def test_what_was_left_out_of_a_hand_in_is_a_flag_for_staff(tmp_path):
    folder = write_course(tmp_path / "course", {"sound": SOUND})
    push(folder / "repositories/sound", {
        "halves/solution.py": SOUND, "halves/notes": Link("/etc/hosts"), "halves/weights/w.pt": bytes(101_000_000),
    })  # fmt: skip
    assert medmark("collect", "halves", "-c", folder).code == 0
    mark = marks_of(medmark("grade", "halves", "-c", folder, TRUSTED, "--json"))["sound"]
    assert mark["status"] == "marked"
    link, weights = mark["provenance"]["flags"]
    assert link == "link: notes; links are not followed; commit the file itself"
    assert weights.startswith("weights/ holds 101 MB, and 100 MB are allowed: the marker takes none")
    student = marks_of(medmark("show", "halves", "-c", folder, "--json", "--as", "student"))["sound"]
    assert "flags" not in student["provenance"]


@pytest.mark.docker
def test_a_course_kept_under_a_narrow_umask_is_marked_in_containers(images, tmp_path):
    images("numpy")
    parts = {"halves/pkg/one.py": SOUND, "halves/pkg/__init__.py": "", "halves/weights/w.txt": "1"}
    imports = 'FRAMEWORK = "numpy"\nfrom pkg.one import *\nopen("/solution/weights/w.txt")\n'
    before = os.umask(0o077)
    try:
        folder = write_course(tmp_path / "course", {"sound": SOUND}, sandbox="docker")
        push(folder / "repositories/sound", {"halves/solution.py": imports, **parts})
        assert medmark("collect", "halves", "-c", folder).code == 0
        marks = marks_of(medmark("grade", "halves", "-c", folder, "--json"))
    finally:
        os.umask(before)
    assert (marks["sound"]["status"], marks["sound"]["points"]) == ("marked", 100)


# A person's mistakes: exit code 2, what, where, and the cure


def test_a_folder_without_a_course(tmp_path, typed):
    for words in (["collect", "halves"], ["grade", "halves"], ["show", "halves"], ["report", "halves"]):
        output = typed(*words, "-c", tmp_path / "nowhere")
        assert output.code == 2
        assert "there is no such folder; make a course: medmark init" in output.err
    output = typed("show", "halves", "-c", tmp_path)
    assert output.code == 2
    assert f"{tmp_path / 'course.toml'}: is missing; make a course: medmark init" in output.err


def test_a_misspelt_key_a_wrong_type_and_a_bad_roster_are_reported_at_once_with_their_lines(fresh, typed):
    toml = (fresh / "course.toml").read_text(encoding="utf-8")
    toml = toml.replace("allow_file", "alow_file").replace('year = "2027"', "year = [2027]")
    (fresh / "course.toml").write_text(toml, encoding="utf-8")
    with (fresh / "roster.csv").open("a", encoding="utf-8") as file:
        file.write("two,m0,Somebody,not-an-address,\n")
    output = typed("grade", "halves", "-c", fresh)
    assert output.code == 2
    assert 'course.toml:6 access.alow_file: unknown key; did you mean "allow_file"?' in output.err
    assert "course.toml:2 year: should be" in output.err
    assert "roster.csv:3 member:" in output.err
    assert "roster.csv:3 email:" in output.err


def test_a_key_of_the_assignment_and_points_that_do_not_add_up(fresh, typed):
    path = fresh / "halves/assignment.toml"
    toml = path.read_text(encoding="utf-8").replace("points = 40", "points = 41").replace("per_call", "percall")
    path.write_text(toml, encoding="utf-8")
    output = typed("grade", "halves", "-c", fresh, TRUSTED)
    assert output.code == 2
    assert "assignment.toml:9 data.percall: unknown key" in output.err
    message = "assignment.toml:19 criterion.0.points: is 41, but the points of its 2 hidden tests add up to 40"
    assert message in output.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["grade", "halfs", TRUSTED], 'there is no assignment "halfs"; did you mean "halves"?'),
        (["collect", "halfs"], 'there is no assignment "halfs"; did you mean "halves"?'),
        (["grade", "halves", TRUSTED, "--only", "sund"], 'there is no group "sund"; did you mean "sound"?'),
        (["collect", "halves", "--only", "sund"], 'there is no group "sund"; did you mean "sound"?'),
        (["grade", "halves", "--sandbox", "dokcer"], '--sandbox "dokcer": did you mean "docker"?'),
        (["show", "halves", "--as", "everybody"], '--as "everybody": use one of: staff, student'),
        (["grade", "halves", "--jobs", "0"], "--jobs"),
        (["grade"], "name the ASSIGNMENT that is marked: medmark status lists them"),
        (["collect"], "Missing argument 'ASSIGNMENT'"),
        (["grade", "halves", "--job", "2"], "No such option: --job"),
        (["grad", "halves"], "No such command 'grad'"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_word_that_is_not_known(fresh, words, message, typed):
    output = typed(*words, cwd=fresh)
    assert output.code == 2
    assert message in output.err
    assert output.out == ""


def test_other_peoples_code_is_refused_without_a_wall(fresh, typed):
    output = typed("grade", "halves", "-c", fresh)
    assert output.code == 2
    assert "--trust-submissions" in output.err


def test_a_course_is_never_written_over(fresh, typed):
    before = {path: path.read_bytes() for path in fresh.rglob("*") if path.is_file()}
    output = typed("init", fresh)
    assert output.code == 2
    assert "exists already" in output.err
    assert {path: path.read_bytes() for path in fresh.rglob("*") if path.is_file()} == before


def test_a_demonstration_wants_an_empty_folder(fresh, typed):
    output = typed("demo", fresh, "--sandbox", "local")
    assert output.code == 2
    assert "is not empty" in output.err


def test_a_secret_that_others_can_read(fresh, typed):
    (fresh / "hidden/secret").chmod(0o644)
    assert typed("collect", "halves", "-c", fresh).code == 0
    output = typed("grade", "halves", "-c", fresh, TRUSTED)
    assert output.code == 2
    assert "chmod 600" in output.err


def test_an_image_of_no_framework(typed):
    output = typed("image", "build", "pytorsh")
    assert output.code == 2
    assert output.err == 'FRAMEWORK "pytorsh": did you mean "pytorch"?\n'


def test_the_doctor_names_what_a_course_lacks(tmp_path, fresh, typed):
    output = typed("doctor", "-c", tmp_path / "nowhere")
    assert output.code == 1
    assert "there is no such folder; make a course: medmark init" in output.out
    assert typed("doctor", "-c", fresh).code == 0


def test_the_doctor_says_what_whoever_uses_a_late_policy_must_know(fresh):
    toml = (fresh / "course.toml").read_text(encoding="utf-8")
    (fresh / "course.toml").write_text('late_policy = "york"\n' + toml, encoding="utf-8")
    output = " ".join(medmark("doctor", "-c", fresh).out.split())
    assert "late policy york: University of York" in output
    assert "Check with your assessment manager" in output


def test_no_docker_engine_is_missing_only_where_the_course_needs_one(fresh, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    assert medmark("doctor", "-c", fresh).code == 0
    toml = (fresh / "course.toml").read_text(encoding="utf-8")
    (fresh / "course.toml").write_text(toml.replace('"local"', '"docker"'), encoding="utf-8")
    output = medmark("doctor", "-c", fresh)
    assert output.code == 1
    assert 'missing  the course says sandbox = "docker", but no Docker engine answers' in output.out
    assert medmark("collect", "halves", "-c", fresh).code == 0
    output = medmark("grade", "halves", "-c", fresh)
    assert output.code == 3
    assert "unix:///nowhere does not answer" in output.err


# The student's side


def test_a_sound_solution_passes_the_public_tests(tmp_path):
    write_assignment(tmp_path / "halves")
    (tmp_path / "halves/solution.py").write_text(SOUND, encoding="utf-8")
    output = medmark("check", "--folder", tmp_path / "halves")
    assert output.code == 0
    assert output.out.splitlines() == [
        ":) The halves of 1, 1, 2, 2 differ by 2.",
        ":) `fit` trains briefly, and `predict` answers for 4 validation cases.",
        "   accuracy 1.000 on 4 validation subjects. Anchors:",
        "   trivial 0.5, pass 0.6, merit 0.7, distinction 0.8, reference 0.9, ceiling 1",
        "   `fit` had little time or few cases here: marking gives it all of both.",
        "1 of 1 public tests passed. 2 hidden tests worth 40 marks are not run here.",
    ]


def test_a_broken_solution_is_shown_why(tmp_path):
    write_assignment(tmp_path / "halves")
    shown = {
        TURNED: (":( The halves of 1, 1, 2, 2 differ by 2.", "the answer is not the expected one"),
        CRASHES: (":( The solution can be imported.", "solution.py:3"),
    }
    for solution, (line, message) in shown.items():
        (tmp_path / "halves/solution.py").write_text(solution, encoding="utf-8")
        output = medmark("check", "halves", cwd=tmp_path)
        assert output.code == 1
        assert output.out.startswith(f"Next step: mend this first.\n{line}\n     ")
        assert message in output.out


def test_a_missing_solution_and_a_missing_framework_say_what_to_write(tmp_path):
    write_assignment(tmp_path / "halves")
    output = medmark("check", "halves", cwd=tmp_path)
    assert output.code == 2
    assert "there is no solution.py: put it at halves/solution.py, or in this folder" in output.err
    (tmp_path / "halves/solution.py").write_text(SOUND.replace("FRAMEWORK", "FRAMEWROK"), encoding="utf-8")
    output = medmark("check", "halves", cwd=tmp_path)
    assert output.code == 2
    assert 'solution.py needs exactly one line such as FRAMEWORK = "numpy"' in output.err


def test_an_assignment_is_found_by_its_own_folder_or_by_one_that_is_nearly_named_so(tmp_path):
    write_assignment(tmp_path / "halves")
    (tmp_path / "halves/solution.py").write_text(SOUND, encoding="utf-8")
    assert "public tests passed" in medmark("check", cwd=tmp_path).out
    (tmp_path / "other/Mlp_Classifier").mkdir(parents=True)
    (tmp_path / "other/Mlp_Classifier/solution.py").write_text(SOUND, encoding="utf-8")
    output = medmark("check", cwd=tmp_path / "other")
    assert output.code == 2
    assert "There is Mlp_Classifier/solution.py: capital letters count" in " ".join(output.err.split())


def test_a_package_that_the_marker_lacks_fails_the_check_whatever_this_machine_has(tmp_path):
    write_assignment(tmp_path / "halves")
    (tmp_path / "halves/solution.py").write_text(SOUND + "\nimport pytest\n", encoding="utf-8")
    output = medmark("check", "halves", cwd=tmp_path)
    assert output.code == 1
    assert ":( neither a file of yours nor in the marker's runtime: pytest (solution.py:" in output.out


def test_an_assignment_that_is_not_known_or_not_named(tmp_path):
    output = medmark("check", "mlp_clasifier", cwd=tmp_path)
    assert output.code == 2
    assert 'did you mean "mlp_classifier"?' in output.err
    output = medmark("check", cwd=tmp_path)
    assert output.code == 2
    assert f"Name it: medmark check ID, with an ID of {', '.join(catalogue())}" in output.err


def test_the_numpy_reference_of_the_catalogue_fails_only_the_public_test_of_the_network(tmp_path):
    solution = (ROOT / "reference_solutions/mlp_classifier/solution_numpy.py").read_text(encoding="utf-8")
    (tmp_path / "mlp_classifier").mkdir()
    (tmp_path / "mlp_classifier/solution.py").write_text(solution, encoding="utf-8")
    output = medmark("check", cwd=tmp_path)
    assert output.code == 1
    failed = [line for line in output.out.splitlines() if line.startswith(":(")]
    (sentence,) = failed
    assert sentence.startswith(":( A new network takes rows (n, 30) and returns logits (n,)")


@pytest.fixture
def desk(template, tmp_path):
    """A student's clone of a repository whose sound solution is pushed, and the folder of the assignment."""
    clone = tmp_path / "clone"
    git("clone", "--quiet", str(template / "repositories/sound"), str(clone))
    return clone, template / "halves"


def test_a_pushed_solution_is_ready_and_its_public_tests_pass_on_a_clean_copy(desk):
    clone, assignment = desk
    output = medmark("check", assignment, "--handin", cwd=clone)
    assert output.code == 0, output.out
    assert f"commit      {git('-C', str(clone), 'rev-parse', 'HEAD')} is what the marker sees" in output.out
    assert "1 of 1 public tests passed." in output.out


def test_the_hand_in_check_sees_what_was_pushed_and_not_what_lies_here(desk):
    clone, assignment = desk
    (clone / "halves/solution.py").write_text(CRASHES, encoding="utf-8")
    output = medmark("check", assignment, "--handin", cwd=clone)
    assert output.code == 1
    assert ":( not committed: halves/solution.py" in output.out
    assert "1 of 1 public tests passed." in output.out
    assert medmark("check", assignment, cwd=clone).code == 1


def test_a_folder_in_no_repository_cannot_be_handed_in(tmp_path):
    write_assignment(tmp_path / "halves")
    output = medmark("check", "halves", "--handin", cwd=tmp_path)
    assert output.code == 1
    assert "is not in a Git repository" in output.out


def test_validation_cases_and_a_corrected_label_of_an_own_file_count_in_a_course(fresh):
    """`rows` turns hidden labels by a file that assignment.toml does not name: 3 of 30, and then none."""
    labels, rows = fresh / "labels.txt", fresh / "halves/rows.py"
    turned = f"np.loadtxt({str(labels)!r}, dtype=np.uint8) if n == 30 else 0"
    rows.write_text(rows.read_text().replace('"y": y}', f'"y": y ^ ({turned})}}'))
    labels.write_text("1\n" * 3 + "0\n" * 27)
    with (fresh / "course.toml").open("a") as toml:
        toml.write("[assignments.halves.data]\nval = 5\n")
    assert medmark("collect", "halves", "-c", fresh).code == 0
    marked = medmark("grade", "halves", "-c", fresh, TRUSTED)
    assert (marked.code, "0.900" in marked.out) == (0, True), marked.err
    before, _ = stages(fresh)
    labels.write_text("0\n" * 30)
    again = medmark("grade", "halves", "-c", fresh, TRUSTED, "--yes")
    assert (again.code, "1.000" in again.out) == (0, True), again.err
    assert stages(fresh)[0] == before + 1  # the score alone


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
@pytest.mark.parametrize("words", [["--version"], ["init", "--help"], ["check", "nonsense"]])
def test_output_that_cannot_be_written_is_a_line_and_no_traceback(tmp_path, words):
    with open("/dev/full", "w") as full:
        output = subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), *words], stdout=full, stderr=subprocess.PIPE, text=True,
            cwd=tmp_path, check=False,
        )  # fmt: skip
    assert "Traceback" not in output.stderr
    assert "Exception ignored" not in output.stderr
    if words[0] != "check":  # which has an error of its own to tell
        assert (output.returncode, output.stderr.startswith("the output cannot be written: No space left")) == (3, True)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENOTDIR])
def test_a_file_that_the_disk_refuses_is_a_line_that_names_it(capsys, number):
    with pytest.raises(SystemExit) as ended:
        cli._explain(OSError(number, os.strerror(number), "/course/marks.csv"))
    assert ended.value.code == 2
    assert f"/course/marks.csv: {os.strerror(number)}. Check this path" in " ".join(capsys.readouterr().err.split())


def test_a_file_that_is_missed_is_a_defect_and_keeps_its_traceback():
    with pytest.raises(FileNotFoundError):
        cli._explain(FileNotFoundError(errno.ENOENT, "No such file or directory", "/course/marks.csv"))


def test_a_reader_that_goes_away_ends_the_program_without_a_traceback(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    output = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "--version"], stdout=writer, stderr=subprocess.PIPE, text=True,
        cwd=tmp_path, check=False,
    )  # fmt: skip
    os.close(writer)
    assert output.returncode not in (0, 120)
    assert output.stderr.count("\n") <= 1


def test_what_the_command_line_draws_is_drawn_with_one_thread_as_markers_draw_it():
    """Sums of several threads differ in the last bit, and a marker refuses other cases than were planned."""
    code = "import cli, numpy, threadpoolctl; print({pool['num_threads'] for pool in threadpoolctl.threadpool_info()})"
    several = {**environment(), "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    printed = subprocess.run([sys.executable, "-c", code], env=several, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "{1}"
