"""The file is the one that nbgrader writes, but for quotes, and for people without a mark, who have no row."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import pytest

from assignments.errors import UserError
from graders.marks.mark import Status
from graders.marks.personal import Adjustment
from reports.exports.export import ExportRules, RowOutcome
from reports.exports.nbgrader_csv import HEADINGS, fill
from tests.reports.exports.cohort_made import GROUPS, PEOPLE, ROSTER, cohort, group, member, own
from tests.reports.hand_made import mark

NONE = ExportRules()
DUE = datetime(2026, 11, 20, 17, tzinfo=UTC)


def rows(filled):
    return list(csv.DictReader(io.StringIO(filled.data.decode(), newline="")))


# nbgrader's own exporter


def exported_by_nbgrader(gradebook, folder):
    """What nbgrader's CsvExportPlugin writes of a gradebook, as its source in version 0.9 says."""
    keys = "assignment duedate timestamp student_id last_name first_name email raw_score late_submission_penalty"
    keys = [*keys.split(), "score", "max_score"]
    text = ",".join(keys) + "\n"
    for assignment in gradebook.assignments:
        for student in gradebook.students:
            submission = gradebook.find_submission(assignment.name, student.id)
            penalty = submission.late_submission_penalty
            cells = [assignment.name, assignment.duedate, submission.timestamp, student.id, student.last_name]
            cells += [student.first_name, student.email, submission.score, penalty]
            cells += [max(0.0, submission.score - penalty), assignment.max_score]
            text += ",".join("" if cell is None else str(cell) for cell in cells) + "\n"
    return text


def exported_by_the_plugin(gradebook, folder):
    """The same by nbgrader itself, where it is installed."""
    plugins = pytest.importorskip("nbgrader.plugins", reason="nbgrader is not installed")
    plugins.CsvExportPlugin(to=str(folder / "grades.csv")).export(gradebook)
    return (folder / "grades.csv").read_text(encoding="utf-8")


GRADEBOOK = SimpleNamespace(
    assignments=[SimpleNamespace(name="prostate_unet", duedate=datetime(2026, 11, 20, 17), max_score=100.0)],
    students=[SimpleNamespace(id="ada", last_name="Byron", first_name="Ada", email="ada@example.org")],
    find_submission=lambda assignment, student: SimpleNamespace(
        timestamp=datetime(2026, 11, 20, 16, 58, 3),
        score=78.4,
        late_submission_penalty=10.0,
    ),
)
"""One student, ten points late. nbgrader's times are in UTC and do not say so."""


def late(before, after):
    return Adjustment("late", "Ten points for a day.", Fraction(before), Fraction(after), "policy")


@pytest.mark.parametrize("exporter", [exported_by_nbgrader, exported_by_the_plugin])
def test_the_headings_their_order_and_each_cell_are_those_that_nbgrader_writes(exporter, tmp_path):
    pair = group("pair", member("ada", first_name="Ada", last_name="Byron"))
    people = {"ada": own("ada", "pair", "68.4", trace=(late("78.4", "68.4"),))}
    filled = fill(b"", cohort(people=people, due={"ada": DUE}), [pair], NONE)
    assert filled.data.decode() == exporter(GRADEBOOK, tmp_path)


# Who has a row


def test_who_has_no_mark_has_no_row_and_a_line_that_says_why():
    filled = fill(b"", cohort(), ROSTER, NONE)
    assert [(row["student_id"], row["score"]) for row in rows(filled)] == [
        ("ada", "68.4"),
        ("bo", "53.4"),
        ("ed", "0.0"),
    ]
    no_row = "there is no row, where nbgrader would write 0.0"
    assert [(line.outcome, line.who, line.mark, line.why) for line in filled.lines] == [
        (RowOutcome.WRITTEN, "ada", "68.4", ""),
        (RowOutcome.WRITTEN, "bo", "53.4", ""),
        (RowOutcome.NO_MARK, "cy", "", f"Marked in part: {no_row}"),
        (RowOutcome.NO_MARK, "di", "", f"Not submitted: {no_row}"),
        (RowOutcome.WRITTEN, "ed", "0.0", ""),
    ]
    assert "2 people have no mark and no row. Who reads the file must not take a missing row for a 0." in filled.notes


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.MARKED])
def test_no_status_becomes_a_number(status):
    filled = fill(b"", cohort(people=PEOPLE | {"ada": own("ada", "pair", None, status)}), ROSTER, NONE)
    assert [row["student_id"] for row in rows(filled)] == ["bo", "ed"]


def test_a_file_without_any_mark_is_its_headings():
    assert fill(b"", cohort(people={}), ROSTER, NONE).data.decode() == ",".join(HEADINGS) + "\n"


# Cells


def test_names_with_commas_quotes_and_formulas_stay_in_their_cell_and_are_no_formula():
    people = PEOPLE | {"cy": own("cy", "waits", "50"), "di": own("di", "none", "40")}
    names = [row["last_name"] for row in rows(fill(b"", cohort(people=people), ROSTER, NONE))]
    assert names == ["Ada Byron", 'Bo, "B" Ng', "'=cmd()", "مريم حسن", "Edgnp"]


def test_a_name_is_parted_by_the_roster_alone():
    pair = group("pair", member("ada", **{"First name": "Ada", "Last Name": "Byron"}), member("bo"))
    filled = fill(b"", cohort(), [pair], NONE)
    assert [(row["last_name"], row["first_name"]) for row in rows(filled)] == [("Byron", "Ada"), ('Bo, "B" Ng', "")]
    assert any(note.startswith("The roster does not part 1 name into") for note in filled.notes)


def test_times_are_in_utc_and_empty_where_there_is_none():
    filled = fill(b"", cohort(due={"ada": datetime.fromisoformat("2026-11-20T18:00:00+01:00")}), ROSTER, NONE)
    assert [(row["duedate"], row["timestamp"]) for row in rows(filled)] == [
        ("2026-11-20 17:00:00", "2026-11-20 16:58:03"),
        ("", "2026-11-20 16:58:03"),
        ("", ""),
    ]


def test_another_maximum_is_scaled_and_said():
    filled = fill(b"", cohort(), ROSTER, ExportRules(maximum=Decimal(75)))
    assert [(row["raw_score"], row["score"], row["max_score"]) for row in rows(filled)] == [
        ("51.3", "51.3", "75.0"),
        ("40.05", "40.05", "75.0"),
        ("0.0", "0.0", "75.0"),
    ]
    assert filled.notes[0] == "Marks are written out of 75 and scaled, to two decimals: the assignment has 100."


# Lateness


def cells(*trace, points="53.4", **changes):
    """Raw score, penalty and score of a person with this trace; and why, where something is unknown."""
    filled = fill(b"", cohort(people={"ada": own("ada", "pair", points, trace=trace)}, **changes), ROSTER, NONE)
    row = rows(filled)[0]
    return row["raw_score"], row["late_submission_penalty"], row["score"], filled.lines[0].why


def step(kind, before, after):
    return Adjustment(kind, "", Fraction(before), Fraction(after), "event 4")


def test_without_lateness_the_penalty_is_nought_and_the_raw_score_is_the_score():
    assert cells(step("peer_factor", "68.4", "53.4")) == ("53.4", "0.0", "53.4", "")


def test_what_lateness_took_is_the_penalty():
    assert cells(step("peer_factor", "68.4", "63.44"), late("63.44", "53.44")) == ("63.4", "10.0", "53.4", "")


def test_lateness_that_takes_nothing_is_a_penalty_of_nought():
    """61.25 is 61.3: a raw score that was rounded apart could be less than the score."""
    assert cells(late("61.25", "61.25"), points="61.3") == ("61.3", "0.0", "61.3", "")


def test_a_score_and_its_penalty_add_up_after_they_were_rounded():
    raw, penalty, score, _ = cells(late("61.25", "51.25"), points="51.3")
    assert (raw, penalty, score) == ("61.3", "10.0", "51.3")
    assert max(0.0, float(raw) - float(penalty)) == pytest.approx(float(score))


@pytest.mark.parametrize("kind", ["cap", "override", "never_lower"])
def test_what_a_later_step_hides_is_empty_and_the_line_says_so(kind):
    raw, penalty, score, why = cells(late("63.4", "53.4"), step(kind, "53.4", "40"), points="40.0")
    assert (raw, penalty, score) == ("", "", "40.0")
    assert why.endswith(f"cannot be known after {kind.replace('_', ' ')}: these cells are empty")


def test_a_later_step_that_moves_nothing_hides_nothing():
    assert cells(late("63.4", "53.4"), step("cap", "53.4", "53.4"))[:3] == ("63.4", "10.0", "53.4")


def test_a_late_mark_of_a_group_that_was_not_marked_says_nothing_of_the_penalty():
    raw, penalty, score, why = cells(late("63.4", "53.4"), groups={})
    assert (raw, penalty, score) == ("", "", "53.4")
    assert why


def test_a_course_that_rounds_to_whole_marks_has_whole_raw_scores():
    whole = {"pair": mark("pair", round_to="1")}
    assert cells(late("63.4", "53.4"), points="53", groups=GROUPS | whole)[:3] == ("63.0", "10.0", "53.0")


# The whole file


def test_equal_marks_give_equal_bytes():
    assert fill(b"", cohort(), ROSTER, NONE).data == fill(b"", cohort(), ROSTER, NONE).data


@pytest.mark.parametrize("rules", [ExportRules("score"), ExportRules(members={"1": "ada"})])
def test_what_the_format_has_no_use_for_is_refused(rules):
    with pytest.raises(UserError, match="has no use for it"):
        fill(b"", cohort(), ROSTER, rules)
