"""What students and staff may read of a finding."""

from dataclasses import fields
from decimal import Decimal
from fractions import Fraction

import pytest

from assignments.rubric import RubricLine
from graders.marks.mark import Cost, Finding, HeldCap, MarkedLine, Scored, Verdict
from graders.marks.visibility import A_NOTE, visible, visible_event, visible_provenance
from graders.record.documents import CaseScore, Cause, FalsePositives
from tests.graders.events import event
from tests.graders.marks import hand_made

SECRET = "canary-5417"
SCORED = Scored(
    "dice", "", 0.75, (0.7, 0.8), "median", 1, 15, (), FalsePositives(0, 0), None, Fraction(1, 2),
    (HeldCap("the dice is below 0.5 in at least one case", Fraction(7, 10)),),
)  # fmt: skip


def finding(kind: str) -> Finding:
    return Finding(
        id="tests/test_losses.py::test_x",
        kind=kind,
        criterion="tests",
        verdict=Verdict.FAILED,
        points=Decimal(0),
        out_of=Decimal(5),
        title="what was checked",
        cause=Cause("wrong_shape"),
        note="what was written for it",
        void=True,
        scored=SCORED,
        hint="a hint",
        rubric=(MarkedLine(RubricLine(id="method", title="Method", points=8), Decimal(7), "a comment"),),
        waits_for=SECRET,
        cause_detail=SECRET,
        evidence=SECRET,
        measured=hand_made.measured(0.75, cases=(CaseScore(SECRET, SECRET, 0, 0.5, 0.5, "scored"),)),
        also={SECRET: hand_made.measured()},
        cost=Cost(1.0, 2.0, (SECRET,)),
    )


@pytest.mark.parametrize("kind", ["hidden_test", "accuracy", "person", "notice", "a kind of tomorrow"])
def test_a_student_never_reads_evidence(kind):
    assert SECRET not in repr(visible(finding(kind), "student"))


@pytest.mark.parametrize("kind", ["hidden_test", "accuracy", "person", "notice", "a kind of tomorrow"])
def test_points_verdict_and_criterion_are_always_shown(kind):
    seen = visible(finding(kind), "student")
    assert (seen.id, seen.kind, seen.criterion) == ("tests/test_losses.py::test_x", kind, "tests")
    assert (seen.verdict, seen.points, seen.out_of) == (Verdict.FAILED, Decimal(0), Decimal(5))


def test_a_public_test_tells_everything_but_the_numbers_for_staff():
    seen = visible(finding("public_test"), "student")
    assert (seen.title, seen.hint, seen.evidence) == ("what was checked", "a hint", SECRET)
    assert (seen.measured, seen.also, seen.cost) == (None, {}, None)


def test_a_hidden_test_tells_its_reason_and_neither_score_nor_hint():
    seen = visible(finding("hidden_test"), "student")
    assert (seen.title, seen.reason, seen.void) == ("what was checked", "wrong_shape", True)
    assert (seen.hint, seen.score, seen.interval) == ("", None, None)


def test_accuracy_tells_score_interval_and_caps_but_no_case():
    seen = visible(finding("accuracy"), "student")
    assert (seen.score, seen.interval, seen.scored.caps) == (0.75, (0.7, 0.8), SCORED.caps)
    assert (seen.measured, seen.also) == (None, {})


def test_a_part_that_people_mark_tells_its_comment_and_its_lines_and_not_what_it_waits_for():
    seen = visible(finding("person"), "student")
    assert (seen.note, seen.rubric[0].comment, seen.waits_for) == ("what was written for it", "a comment", "")


def test_an_unknown_kind_is_withheld_whole():
    seen = visible(finding("a kind of tomorrow"), "student")
    whole = finding("a kind of tomorrow")
    assert seen == Finding(whole.id, whole.kind, whole.criterion, whole.verdict, whole.points, whole.out_of)


def test_staff_read_all():
    whole = finding("hidden_test")
    assert visible(whole, "staff") == whole


def test_every_field_of_a_score_that_students_read_has_been_decided_on():
    """`Scored` is told whole: a field that says something of a single case does not belong there."""
    assert {field.name for field in fields(Scored)} == {
        *("metric", "unit", "score", "interval", "combine", "repeats", "answers"),
        *("failed", "false_positives", "explained", "share", "caps"),
        *("name", "too_few_repeats", "also", "distribution", "public"),
    }


def test_every_field_of_a_finding_has_been_decided_on():
    """A field added to Finding must be decided on in `visible` before this list grows."""
    assert {field.name for field in fields(Finding)} == {
        *("id", "kind", "criterion", "verdict", "points", "out_of"),
        *("title", "cause", "note", "void", "scored", "hint", "cause_detail", "evidence", "measured", "also", "cost"),
        "rubric",  # of a part that people mark: lines, levels and comments
        "waits_for",  # names what two markers gave: for staff
        "line",  # of a hidden test: for staff
        "mend",  # the title of another test, which the student reads there too
        "exact",  # the points themselves, which are always told
    }


def test_flags_and_unlisted_keys_of_a_provenance_are_for_staff():
    provenance = {"image": "sha256:1", "flags": [SECRET], "tomorrow": SECRET}
    assert visible_provenance(provenance, "student") == {"image": "sha256:1"}
    assert visible_provenance(provenance, "staff") == provenance


@pytest.mark.parametrize(
    ("about", "kind", "value"),
    [
        ("mlp/g1/s1", "extension", "5wd"),
        ("mlp/g1", "agreed_mark", "report=21"),
        ("mlp/g1/s1", "retract", "4"),
        ("mlp", "retract", "4"),  # of a return, say: it may be about one person
        ("mlp", "correction", "{}"),
        ("mlp", "returned", "{}"),
        ("mlp/g1", "of another medmark", "x"),
        ("mlp", "of another medmark", "x"),
    ],
)
def test_a_board_does_not_read_a_reason_that_is_between_a_person_and_the_staff(about, kind, value):
    made = event(about, kind, value, number=7, reason=SECRET)
    shown = visible_event(made)
    assert SECRET not in str(shown)
    assert (shown.kind, shown.value, shown.who, shown.at, shown.number) == (kind, value, made.who, made.at, 7)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("moderation", "add 2"), ("extension", "2wd"), ("cap", "80"), ("void_test", "x"), ("void_case", "1")],
)
def test_a_board_reads_a_reason_that_everyone_reads(kind, value):
    assert visible_event(event("mlp", kind, value, reason="a hard paper")).reason == "a hard paper"


def test_the_text_of_a_dispute_is_not_for_a_board():
    assert visible_event(event("mlp/g1/s1", "dispute", SECRET)).value == ""


@pytest.mark.parametrize("reference", ["DAP 2027-113", "EC/2027/113", "#1234", "SORA.0012", "20270113", " EC-113 "])
def test_a_board_reads_the_number_of_a_case(reference):
    assert visible_event(event("mlp/g1/s1", "extension", "5wd", reference=reference)).reference == reference.strip()


@pytest.mark.parametrize(
    "reference",
    [
        "flu in January",
        "F32.1",
        "see e-mail of 3 May",
        "panel 2027-113, migraine",
        "dr smith 113",
        "DAP 2027-113 flu",
        "EC 12",
    ],
)
def test_a_board_reads_no_note_for_staff_and_learns_that_there_is_one(reference):
    assert visible_event(event("mlp/g1/s1", "extension", "5wd", reference=reference)).reference == A_NOTE


def test_what_a_board_may_read_stays_so_when_it_is_asked_twice():
    once = visible_event(event("mlp/g1/s1", "dispute", "x", reference="a note", number=3))
    assert visible_event(once) == once
