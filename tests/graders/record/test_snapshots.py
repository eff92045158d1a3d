"""Snapshots of marks are read back as they were recorded, those of older medmarks too."""

from __future__ import annotations

from decimal import Decimal

import pytest

from assignments.errors import UserError
from graders.record.snapshots import RecordedMark, snapshots, value_of
from tests.graders.events import event


def test_marks_are_read_back_as_they_were_recorded():
    marks = {
        "s1": RecordedMark("g1", "c0ffee", "marked", Decimal("70.5"), 40, 6, "141/2", "", "abc"),
        "s2": RecordedMark("g1", None, "not_submitted", None, 50, 7),
    }
    (snapshot,) = snapshots([event("mlp", "returned", value_of(marks)), event("mlp", "override", "5")])
    assert {member: tuple(vars(mark).values()) for member, mark in snapshot.marks.items()} == {
        member: tuple(vars(mark).values()) for member, mark in marks.items()
    }


def test_a_snapshot_of_the_first_medmark_lacks_what_came_later():
    text = '"group": "g1", "commit": "c0ffee", "status": "marked", "percent": "70.0", "pass_mark": 40, "level": 6'
    (snapshot,) = snapshots([event("mlp", "marks", f'{{"s1": {{{text}}}}}')])
    assert snapshot.marks["s1"] == RecordedMark("g1", "c0ffee", "marked", Decimal(70), 40, 6)
    assert (snapshot.marks["s1"].before_penalties, snapshot.marks["s1"].of_group) == ("", "")


@pytest.mark.parametrize("value", ["", "[]", '{"s1": 5}', '{"s1": {"group": "g1"}}', '{"s1": {"percent": "x"}}'])
def test_a_snapshot_that_cannot_be_read_is_named_with_the_cure(value):
    with pytest.raises(UserError, match=r"event 9 of the ledger \(returned, 2027-01-20\) holds marks that cannot be"):
        snapshots([event("mlp", "returned", value, number=9)])


@pytest.mark.parametrize("change", [
    '"percent": "NaN"', '"percent": NaN', '"percent": "Infinity"', '"percent": true', '"percent": []', '"commit": 4',
    '"group": null', '"pass_mark": "40"', '"level": "6"', '"status": 5', '"before_penalties": "1/0"',
    '"before_penalties": "x"', '"of_group": 7', '"surprise": 1',
])  # fmt: skip
def test_no_value_of_a_snapshot_is_taken_for_what_it_is_not(change):
    whole = '"group": "g1", "commit": "c0ffee", "status": "marked", "percent": "70.0", "pass_mark": 40, "level": 6'
    with pytest.raises(UserError, match=change.split('"')[1]):
        snapshots([event("mlp", "returned", f'{{"s1": {{{whole}, {change}}}}}')])
