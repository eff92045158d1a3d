"""What the record holds of exports: they move no mark, and later ones count."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assignments.errors import UserError
from graders.record.exports import EXPORTED, RecordedExport, export_of, last_exported, value_of
from graders.record.in_force import in_force
from graders.record.ledger import Event

FIRST = RecordedExport("canvas", "MLP (1)", "marks.csv", "ab" * 32, {"ada": "63.3", "grace": "70.0"})


def event(export: RecordedExport, number: int = 1) -> Event:
    return Event("2027-01-20T10:00:00+00:00", "root", "mlp", EXPORTED, value_of(export), "", number=number)


def test_an_export_is_read_as_it_was_recorded() -> None:
    assert export_of(event(FIRST)) == FIRST


def test_an_export_is_no_decision_about_a_mark() -> None:
    assert in_force([event(FIRST)]) == []


def test_the_last_export_to_a_column_counts_for_each_person() -> None:
    second = replace(FIRST, marks={"ada": "65.0"})
    events = [event(FIRST), event(second, 2)]
    assert last_exported(events, "canvas", "MLP (1)") == {"ada": "65.0", "grace": "70.0"}


def test_another_format_or_column_counts_by_itself() -> None:
    events = [event(FIRST), event(replace(FIRST, column="Viva (2)", marks={"ada": "1.0"}), 2)]
    assert last_exported(events, "canvas", "Viva (2)") == {"ada": "1.0"}
    assert last_exported(events, "moodle-assign", "MLP (1)") == {}


@pytest.mark.parametrize(
    "value", ["", "{}", '{"format": "canvas", "column": "", "file": "", "sha256": "", "marks": {"ada": 63}}']
)
def test_an_export_that_cannot_be_read_names_its_event(value: str) -> None:
    with pytest.raises(UserError, match="event 7 of the ledger"):
        export_of(replace(event(FIRST, 7), value=value))
