"""What Gradescope shows of a submission is the group's mark and its feedback page; without a mark it shows no score."""

import ast
import io
import json
import zipfile
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from assignments.errors import UserError
from assignments.rubric import RubricLine
from graders.marks.mark import Finding, MarkedLine, Status, Verdict
from reports.exports.export import ExportRules, RowOutcome
from reports.exports.gradescope import fill
from reports.exports.gradescope_results import results_of
from reports.feedback import HandIn, feedback_page
from tests.reports.exports.cohort_made import GROUPS, PEOPLE, ROSTER, cohort, group, member, own
from tests.reports.exports.gradescope_reader import Gradescope, NotFormattedCorrectlyError, read, seen_by_a_student
from tests.reports.hand_made import CHECKS, accuracy, assignment, check, hand_in, mark, person
from tests.reports.hostile import HOSTILE
from tests.reports.pages import Page

NONE = ExportRules()
HUNDRED = Decimal(100)


def contents(data):
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def results(whole=None, given=None, handed_in=None, maximum=HUNDRED):
    """The results of a mark, as Gradescope reads them."""
    document = results_of(whole or mark(), given or assignment(), handed_in or hand_in(), maximum)
    return read(json.dumps(document, allow_nan=False).encode(), float(maximum))[1]


# Who gets which results


@pytest.fixture(scope="module")
def gradescope(tmp_path_factory):
    return Gradescope(fill(b"", cohort(), ROSTER, NONE).data, tmp_path_factory.mktemp("gradescope"))


@pytest.mark.parametrize("people", [["ada"], ["bo"], ["ada", "bo"], ["ADA", "bo"]])
def test_who_submits_gets_their_groups_mark(gradescope, people):
    shown = gradescope.submit(*(f"{id}@example.org" for id in people))
    assert shown.score == 68.4
    assert shown.results["extra_data"]["group"] == "pair"
    assert shown.results["extra_data"]["commit"] == mark().commit


def test_a_true_nought_is_a_nought(gradescope):
    assert gradescope.submit("ed@example.org").score == 0.0


@pytest.mark.parametrize(
    ("people", "text"),
    [
        (["cy@example.org"], "there is no mark for cy@example.org"),
        (["di@example.org"], "there is no mark for di@example.org"),
        (["eve@example.org"], "there is no mark for eve@example.org"),
        (["ada@example.org", "eve@example.org"], "there is no mark for eve@example.org"),
        (["ada@example.org", "ed@example.org"], "several groups (pair, zero)"),
        ([], "or nobody"),
    ],
)
def test_who_has_no_mark_gets_no_results_and_staff_read_why(gradescope, people, text):
    shown = gradescope.submit(*people)
    assert (shown.score, shown.results) == (None, None)
    assert text in shown.stdout


def test_results_of_an_earlier_run_do_not_stay(gradescope):
    assert gradescope.submit("ada@example.org").score == 68.4
    assert gradescope.submit("cy@example.org").score is None


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.MARKED])
def test_no_status_becomes_a_number(status, tmp_path):
    points = Decimal(40) if status is Status.INCOMPLETE else None
    whole = replace(mark("pair"), status=status, points=points)
    filled = fill(b"", cohort(groups=GROUPS | {"pair": whole}), ROSTER, NONE)
    assert [name for name in contents(filled.data) if "pair" in name] == []
    assert Gradescope(filled.data, tmp_path).submit("ada@example.org").score is None
    assert (filled.lines[0].outcome, filled.lines[0].who, filled.lines[0].mark) == (RowOutcome.NO_MARK, "pair", "")


def test_results_without_a_whole_mark_are_refused():
    with pytest.raises(ValueError, match="waits has no whole mark: incomplete"):
        results_of(GROUPS["waits"], assignment(), hand_in(), HUNDRED)


def test_a_file_that_is_broken_would_be_a_nought_and_one_without_a_score_is_refused():
    assert read(b'{"score": 6')[0] == 0.0
    with pytest.raises(NotFormattedCorrectlyError, match="no score"):
        read(b'{"output": "Withheld"}')


def test_a_submission_with_somebody_who_has_no_mark_of_their_own_gets_no_results(tmp_path):
    people = PEOPLE | {"bo": own("bo", "pair", None, Status.DEFERRED)}
    filled = fill(b"", cohort(people=people), ROSTER, NONE)
    assignment_there = Gradescope(filled.data, tmp_path)
    assert assignment_there.submit("ada@example.org").score == 68.4
    assert assignment_there.submit("ada@example.org", "bo@example.org").score is None
    line = next(line for line in filled.lines if line.who == "bo")
    assert line.outcome is RowOutcome.NO_MARK
    assert line.why.startswith("Deferred: a submission with this person in it gets no results")


@pytest.mark.parametrize(
    ("address", "text"), [("", "has no e-mail address"), ("Ada@example.org ", "shares the address")]
)
def test_an_address_that_names_nobody_for_certain_joins_nobody(address, text, tmp_path):
    other = member("ed").model_copy(update={"email": address})
    filled = fill(b"", cohort(), [ROSTER[0], group("zero", other)], NONE)
    line = next(line for line in filled.lines if line.who == "ed")
    assert (line.outcome, text in line.why) == (RowOutcome.SKIPPED, True)
    score = Gradescope(filled.data, tmp_path).submit("ada@example.org").score
    assert score == (68.4 if not address else None)


# Lines and notes


def test_each_group_has_a_line_and_whose_own_mark_is_another_is_to_type_by_hand():
    filled = fill(b"", cohort(), ROSTER, NONE)
    assert [(line.outcome, line.who, line.mark) for line in filled.lines] == [
        (RowOutcome.WRITTEN, "pair", "68.4"),
        (RowOutcome.BY_HAND, "bo", "53.4"),
        (RowOutcome.NO_MARK, "waits", ""),
        (RowOutcome.NO_MARK, "none", ""),
        (RowOutcome.WRITTEN, "zero", "0.0"),
    ]
    assert filled.lines[2].why.startswith("Marked in part: there is no results.json for it.")
    assert filled.lines[3].why.startswith("Not submitted: there is no results.json for it.")
    assert (
        "Gradescope gives everybody in a submission the group's mark, before lateness, peer factors and other "
        "decisions about one person. 1 person has another mark, to type by hand: bo."
    ) in filled.notes


def test_a_group_that_was_not_graded_has_a_line():
    filled = fill(b"", cohort(groups={}, people={}), ROSTER[:1], NONE)
    assert [(line.outcome, line.who) for line in filled.lines] == [(RowOutcome.NO_MARK, "pair")]
    assert filled.lines[0].why.startswith("there is none yet: ")


def test_each_group_has_one_file_and_the_rest_is_the_autograder():
    assert list(contents(fill(b"", cohort(), ROSTER, NONE).data)) == [
        "setup.sh", "run_autograder", "people.json", "results/pair/results.json", "results/zero/results.json",
    ]  # fmt: skip


def test_the_autograder_runs_with_the_pythons_of_gradescopes_older_images():
    program = contents(fill(b"", cohort(), ROSTER, NONE).data)["run_autograder"].decode()
    ast.parse(program, feature_version=(3, 6))
    assert "__future__" not in program  # annotations came with 3.7


def test_equal_marks_give_equal_bytes():
    assert fill(b"", cohort(), ROSTER, NONE).data == fill(b"", cohort(), ROSTER, NONE).data


@pytest.mark.parametrize("rules", [ExportRules("score"), ExportRules(members={"1": "ada"})])
def test_what_the_format_has_no_use_for_is_refused(rules):
    with pytest.raises(UserError, match="has no use for it"):
        fill(b"", cohort(), ROSTER, rules)


# What results say


def test_tests_are_numbered_by_criterion_and_named_as_on_the_page():
    assert [(test["number"], test["name"], test["score"], test["max_score"]) for test in results()["tests"]] == [
        ("1.1", "`dice_loss` is 0 when prediction and truth agree.", 5.0, 5.0),
        ("1.2", "`dice_loss` of two empty masks is 0, not NaN.", 0.0, 5.0),
        ("1.3", "Every skip connection of the U-Net carries its input to the decoder.", 10.0, 10.0),
        ("1.4", CHECKS[3].title, 0.0, 5.0),
        ("1.5", "A model that was saved and loaded predicts as before.", 10.0, 10.0),
        ("2", "Accuracy: dice", 22.4, 35.0),
        ("3", "Report", 21.0, 30.0),
    ]


def test_a_check_passed_or_failed_and_a_part_that_earned_points_did_not_fail():
    status = [test["status"] for test in results()["tests"]]
    assert status == ["passed", "failed", "passed", "failed", "passed", "passed", "passed"]
    half = check("half", "Half of it.", 2, 35, verdict=Verdict.PARTIAL)
    nothing = mark(checks=(half,), accuracy=accuracy(points="0"), person=person("0"))
    assert [test["status"] for test in results(nothing)["tests"]] == ["failed", "failed", "failed"]


def test_each_sentence_is_on_the_feedback_page():
    page = Page(feedback_page(mark(), assignment(), hand_in())).text
    document = results()
    said = [text for test in document["tests"] for text in (test["name"], *test["output"].split("\n"))]
    for text in said:
        words = text.replace("`", "").removeprefix("Accuracy: ").removesuffix(".").casefold()
        assert words in page.casefold(), words
    *about, step = document["output"].split("\n")
    assert about == [
        "68.4 of 100 points, 68.4 %: Upper second class.",
        "This is the mark of the group's work. What concerns one person alone, such as lateness, is not in it.",
        "Provisional, subject to the board of examiners.",
        f"Commit {mark().commit}, first seen 2026-11-20 16:58 UTC.",
    ]
    for text in step.removeprefix("Next step: ").replace("`", "").split(". "):
        assert text in page, text


def test_a_ratified_mark_is_not_provisional_and_a_notice_is_listed():
    notice = Finding(
        "n", "notice", "", Verdict.UNKNOWN, None, Decimal(0), "The weights were not read.", hint="Push them."
    )
    whole = mark(notices=[notice], status=Status.MARKED, points=Decimal("68.4"))
    output = results(whole, handed_in=hand_in(ratified=True))["output"]
    assert "Provisional" not in output
    assert output.endswith("\nThe weights were not read. Push them.")


def test_nothing_that_only_staff_read_is_in_the_file():
    secret = "SECRET-71"
    checks = tuple(
        replace(each, evidence=f"{secret} raised", cause_detail=secret, hint=secret, waits_for=secret)
        for each in CHECKS
    )
    whole = mark("pair", checks=checks, provenance={**mark().provenance, "flags": [secret], "stages": secret})
    files = contents(
        fill(b"", cohort(groups={"pair": whole}, hand_ins={"pair": hand_in(flags=(secret,))}), ROSTER, NONE).data
    )
    assert not [name for name, data in files.items() if secret.encode() in data]
    text = files["results/pair/results.json"]
    assert b"measured" not in text
    assert b"Traceback" not in text


def test_what_only_staff_read_is_there_to_be_withheld():
    assert "Traceback" in CHECKS[1].evidence


def test_students_see_nothing_before_grades_are_published():
    document = results()
    assert seen_by_a_student(document) == ([], None)
    assert seen_by_a_student(document, due_passed=True) == ([], None)
    tests, score = seen_by_a_student(document, published=True)
    assert (len(tests), score) == (7, 68.4)


def test_public_tests_are_shown_without_points_and_say_what_to_do():
    public = replace(
        check("test_shape", "The answer has the shape of the image.", 0, 0, verdict=Verdict.FAILED, reason="cpu_limit"),
        kind="public_test", hint="Run medmark check.", evidence="their own print",
    )  # fmt: skip
    last = results(mark(notices=[public], points=Decimal("68.4"), status=Status.MARKED))["tests"][-1]
    assert (last["number"], last["name"], last["status"]) == (
        "4.1", "Public test: The answer has the shape of the image.", "failed",
    )  # fmt: skip
    assert last["output"].endswith("Run medmark check.")
    assert {"score", "max_score"} & set(last) == set()


def test_a_rubric_is_told_line_by_line():
    line = RubricLine.model_validate({"id": "method", "title": "The method", "points": 30})
    report = replace(person("21"), rubric=(MarkedLine(line, Decimal(21), "Clear,\nand short."),))
    output = results(mark(person=report))["tests"][-1]["output"]
    assert output == "Marked by a person.\nThe method: 21 of 30.\nClear,\nand short."


def test_the_score_is_on_the_leaderboard_and_falling_metrics_are_sorted_so():
    assert results()["leaderboard"] == [{"name": "dice", "value": 0.742}]
    criteria = [each.model_dump() for each in assignment().criteria]
    anchors = {"trivial": 60, "pass": 30, "merit": 20, "distinction": 10, "reference": 8, "ceiling": 2}
    criteria[1] |= {"metric": "hd95", "anchors": anchors, "caps": []}
    far = assignment(criterion=criteria)
    whole = mark(accuracy=accuracy(12.3456, (11.0, 14.0), unit="mm"))
    assert results(whole, far)["leaderboard"] == [
        {"name": "Hausdorff distance, 95th percentile [mm]", "value": 12.346, "order": "asc"}
    ]


def test_without_a_score_there_is_no_entry_of_the_leaderboard():
    whole = mark(accuracy=accuracy(None, None, "0", reason="cpu_limit"))
    assert results(whole)["leaderboard"] == []


def test_a_corrected_page_says_its_version_and_problems_are_listed():
    handed_in = hand_in(version=2, correction="Corrected on 2026-12-01: a label", problems=("a file is too large",))
    output = results(handed_in=handed_in)["output"].split("\n")
    assert "Version 2. Corrected on 2026-12-01: a label" in output
    assert output[-1] == "A file is too large."


def test_digests_and_the_commit_are_extra_data():
    extra = results()["extra_data"]
    assert extra["commit"] == mark().commit
    assert extra["provenance"]["assignment_digest"] == "sha256:8a52c0e4d1b77f2f0e6b"
    assert "flags" not in extra["provenance"]


# Numbers


def test_the_score_is_the_mark_that_was_rounded_once_whatever_the_tests_add_up_to():
    thirds = tuple(
        replace(check(f"t{n}", f"Check {n}.", "11.666666666667", 0), out_of=Decimal(35) / 3, exact=Fraction(35, 3))
        for n in range(3)
    )
    whole = mark(checks=thirds, points=Decimal("78.4"))
    document = results(whole)
    assert document["score"] == 78.4
    assert sum(test["score"] for test in document["tests"][:3]) == pytest.approx(35.1)
    assert [test["max_score"] for test in document["tests"][:3]] == [pytest.approx(35 / 3)] * 3


def test_another_maximum_is_scaled_throughout_and_said(tmp_path):
    filled = fill(b"", cohort(), ROSTER, ExportRules(maximum=Decimal(20)))
    shown = Gradescope(filled.data, tmp_path, points=20).submit("ada@example.org")
    assert shown.score == 13.68
    assert [test["score"] for test in shown.results["tests"]] == [1.0, 0.0, 2.0, 0.0, 2.0, 4.48, 4.2]
    assert filled.lines[1].mark == "10.68"
    assert filled.notes[0].startswith("On Gradescope, set the assignment's autograder points to 20:")
    assert filled.notes[1] == "The assignment is worth 100 points: scores are scaled, to two decimals."


# Texts of students and staff


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_rendered_or_hides_what_follows(text):
    report = replace(person("21"), note=text)
    checks = (replace(CHECKS[1], title=f"A {text}", points=Decimal(35), out_of=Decimal(35)),)
    handed_in = HandIn(name=text, problems=(text,), board_name=text)
    document = results(mark(checks=checks, person=report), handed_in=handed_in)
    assert {document[key] for key in ("output_format", "test_output_format", "test_name_format")} == {"text"}
    texts = [document["output"], *(test[key] for test in document["tests"] for key in ("name", "output"))]
    for each in "".join(texts):
        assert each == "\n" or each.isprintable(), repr(each)
