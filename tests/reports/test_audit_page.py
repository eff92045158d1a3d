"""The audit log: every event, who made it and when, about whom; and nothing that is between a person and the staff."""

from dataclasses import replace

import pytest

from graders.marks.visibility import A_NOTE
from graders.record import exports
from graders.record.exports import EXPORTED, RecordedExport
from graders.record.snapshots import APPLIED, CORRECTION, RETURNED, RecordedMark, value_of
from reports.audit_page import audit_of, audit_page
from tests.graders.events import event
from tests.reports.hand_made import assignment
from tests.reports.hostile import HOSTILE
from tests.reports.pages import Page

PRIVATE = "canary-private"


def told(percent, member="s1", group="g1", status="marked"):
    return {member: RecordedMark(group, "c0ffee", status, percent, 40, 6)}


def snapshot(kind, marks, number, **more):
    return event("prostate_unet", kind, value_of(marks), number=number, **more)


RECORD = (
    snapshot(APPLIED, told(None, status="incomplete"), 1, reason=""),
    event("prostate_unet/g1/s1", "extension", "5wd", number=2, reason=PRIVATE, reference="DAP 2027-113"),
    event("prostate_unet", "moderation", "add 2", number=3, reason="a hard paper", reference=PRIVATE),
    event("prostate_unet/g1", "line_mark", "second report/method=7", number=4, reason=PRIVATE, who="ben"),
    event("prostate_unet/g1/s1", "dispute", PRIVATE, number=5, reason=PRIVATE),
    event("prostate_unet/g1/s1", "override", "61", number=6, reason=PRIVATE),
    snapshot(RETURNED, told("62.0"), 7, reason=""),
    event("prostate_unet/g1/s1", "retract", "6", number=8, reason=PRIVATE),
    snapshot(CORRECTION, told("65.5"), 9, reason=PRIVATE),
    event("prostate_unet/g1/s1", "blessing", "of the bishop", number=10, reason=PRIVATE),
)


def log(*events, **more):
    return audit_of(assignment(), events or RECORD, **more)


def lines(*events, **more):
    return {line.number: line for line in log(*events, **more).lines}


def page(*events, **more):
    return audit_page([log(*events)], **more)


def test_every_event_has_a_line_in_the_order_of_the_record():
    assert [line.number for line in log().lines] == list(range(1, 11))
    assert {line.who for line in log().lines} == {"prof", "ben"}
    assert lines()[2].at == "2027-01-20 09:00:00"


def test_no_reason_that_is_private_and_no_note_stands_on_the_page():
    html = page()
    assert PRIVATE not in html
    assert "a hard paper" in html  # which everyone reads
    assert "DAP 2027-113" in html
    assert A_NOTE in html


def test_an_event_says_what_about_whom_and_which_value():
    all_lines = lines()
    assert [(line.kind, line.about, line.value) for line in (all_lines[2], all_lines[3], all_lines[4])] == [
        ("extension", "g1/s1", "5wd"),
        ("moderation", "all", "add 2"),
        ("line mark", "g1", "second report/method=7"),
    ]
    assert all_lines[5].value == "its text is in the record"
    assert all_lines[8].value == "#6"


def test_what_was_retracted_is_marked_with_the_event_that_did_it():
    assert lines()[6].retracted_by == (8,)
    assert [number for number, line in lines().items() if line.retracted_by] == [6]
    rows = page().split("<tr")
    assert ["retracted by 8" in row for row in rows if "override" in row] == [True]


def test_a_retraction_that_was_retracted_ends_nothing():
    again = (*RECORD, event("prostate_unet/g1/s1", "retract", "8", number=11))
    assert lines(*again)[6].retracted_by == ()
    assert lines(*again)[8].retracted_by == (11,)


def test_applied_returned_and_corrected_marks_are_events_too_with_the_marks_that_moved():
    all_lines = lines()
    assert [(n, all_lines[n].kind, all_lines[n].value, all_lines[n].about) for n in (1, 7, 9)] == [
        (1, "marks applied", "1 mark new", "1 person"),
        (7, "marks returned", "1 mark moved", "1 person"),
        (9, "returned marks corrected", "1 mark moved", "1 person"),
    ]
    assert all_lines[9].moves == ("g1/s1: 62.0 to 65.5 (+3.5)",)


def test_an_export_says_where_to_and_how_many_marks_and_not_whose():
    export = RecordedExport("canvas", "Portfolio", "s1.csv", "5f0c", {"s1": "62.0", "s2": "55.0"})
    line = lines(event("prostate_unet", EXPORTED, exports.value_of(export), number=1), shown=str.upper)[1]
    assert (line.kind, line.about, line.value) == (
        "marks exported",
        "2 people",
        "S1.CSV (CANVAS, PORTFOLIO): 2 MARKS",  # it went through `shown`, which takes names out
    )


def test_an_event_that_cannot_be_read_is_listed_and_says_so():
    assert lines()[10].value == "cannot be read: of the bishop"


def test_people_and_texts_are_shown_as_the_reader_may_know_them():
    shown = lines(
        about=lambda group, member: f"<{group}|{member}>", shown=lambda text: text.replace("bishop", "[name]")
    )
    assert shown[2].about == "<g1|s1>"
    assert shown[9].moves == ("<g1|s1>: 62.0 to 65.5 (+3.5)",)
    assert shown[10].value == "cannot be read: of the [name]"


def test_of_many_marks_that_moved_the_first_are_listed_and_the_rest_counted():
    before = {f"s{n}": RecordedMark("g1", "c", "marked", "50.0", 40, 6) for n in range(60)}
    after = {member: replace(mark, percent="51.0") for member, mark in before.items()}
    moves = lines(snapshot(APPLIED, before, 1), snapshot(APPLIED, after, 2))[2].moves
    assert len(moves) == 41
    assert moves[-1] == "and 20 more"


def test_a_record_without_an_event_says_so():
    assert "Nothing was decided" in Page(audit_page([audit_of(assignment(), ())])).text


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_is_in_the_record_is_text_on_the_page(text):
    hostile = replace(RECORD[1], who=text, value=text, reference=text, group=text, member=text)
    of_all = replace(RECORD[2], reason=text)
    html = audit_page([log(hostile, of_all)], course=text, note=text)
    html.encode("utf-8")
    assert Page(html).acting() == []
    assert "script" not in Page(html).tags
