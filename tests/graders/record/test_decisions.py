"""Every event is read into a type of its own, or said to be unreadable."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from graders.record.decisions import (
    CODES,
    DECISION_KINDS,
    AgreedMark,
    AgreedWhole,
    CapDecision,
    Code,
    Delay,
    Dispute,
    Extension,
    LateCommit,
    Moderation,
    Override,
    PeerFactor,
    Retract,
    UnreadableDecision,
    VoidCase,
    VoidTest,
    agreed_value,
    decision_of,
    late_commit_value,
)
from graders.record.in_force import Decisions, in_force, retracted
from graders.record.scales import Add, Map, Multiply
from tests.graders.events import event

SHA = "a" * 40


@pytest.mark.parametrize(
    ("kind", "value", "type", "holds"),
    [
        ("extension", "90", Extension, {"until": Delay(90, "minute")}),
        ("extension", "7d", Extension, {"until": Delay(7, "calendar_day")}),
        ("extension", "+5 wd", Extension, {"until": Delay(5, "working_day")}),
        ("extension", "2027-01-22T12:00", Extension, {"until": datetime(2027, 1, 22, 12)}),
        ("late_commit", SHA, LateCommit, {"commit": SHA, "on_time": False}),
        ("late_commit", f"{SHA.upper()} on time", LateCommit, {"commit": SHA, "on_time": True}),
        ("agreed_mark", "report=15.5", AgreedMark, {"criterion": "report", "points": Decimal("15.5")}),
        ("agreed_mark", "62", AgreedWhole, {"percent": Decimal(62)}),
        ("override", "50.5", Override, {"percent": Decimal("50.5")}),
        ("peer_factor", "1.13", PeerFactor, {"factor": Decimal("1.13")}),
        ("moderation", "add -2", Moderation, {"scale": Add(Fraction(-2))}),
        ("moderation", "multiply 1.05", Moderation, {"scale": Multiply(Fraction(21, 20))}),
        ("moderation", "map 0:0 100:90", Moderation,
         {"scale": Map(((Fraction(0), Fraction(0)), (Fraction(100), Fraction(90))))}),
        ("cap", "40", CapDecision, {"percent": Decimal(40)}),
        ("cap", "pass_mark", CapDecision, {"percent": None}),
        ("void_test", "test_x.py::test_loss", VoidTest, {"test": "test_x.py::test_loss"}),
        ("void_case", "bodu-kire", VoidCase, {"case": "bodu-kire"}),
        ("dispute", "the third test", Dispute, {"text": "the third test"}),
        *((code, "", Code, {"word": code}) for code in CODES),
        ("retract", "12", Retract, {"of": 12}),
    ],
)  # fmt: skip
def test_an_event_is_read_into_the_type_of_what_it_decides(kind, value, type, holds):
    recorded = event("mlp/g1/s1", kind, value, number=3)
    assert decision_of(recorded) == type(event=recorded, **holds)


def test_every_kind_of_decision_has_a_type():
    decisions = [decision_of(event("mlp", kind, "")) for kind in DECISION_KINDS]
    assert not any("is not a decision" in getattr(decision, "problem", "") for decision in decisions)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("extension", "soon"), ("extension", "2027-01-16"), ("extension", "2027-13-01T12:00"), ("extension", "-5"),
        ("late_commit", "abc1234"), ("late_commit", ""), ("agreed_mark", "report=many"), ("agreed_mark", "good"),
        ("override", "NaN"), ("override", "-1"), ("override", "1e1"), ("peer_factor", "Infinity"), ("peer_factor", ""),
        ("moderation", "map 0:0 50:60"), ("moderation", "double"), ("cap", "half"), ("retract", "the first"),
        ("bonus", "5"),
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_read_says_so_and_is_never_guessed(kind, value):
    decision = decision_of(event("mlp/g1", kind, value))
    assert isinstance(decision, UnreadableDecision)
    assert (value if kind in DECISION_KINDS else kind) in decision.problem


@pytest.mark.parametrize("value", ["9999-12-31T23:59-12:00", "0001-01-01T00:00+14:00", "1999-12-31T23:59"])
def test_a_time_of_no_course_is_not_read_as_a_due_time(value):
    """In UTC the first two do not exist."""
    decision = decision_of(event("mlp/g1", "extension", value))
    assert isinstance(decision, UnreadableDecision)
    assert decision.problem.endswith("is not one of 2000 to 2099")


def test_what_is_recorded_of_points_and_of_a_commit_is_read_back():
    points = decision_of(event("mlp/g1", "agreed_mark", agreed_value("report", Decimal("15.50"))))
    assert (points.criterion, points.points) == ("report", Decimal("15.5"))
    for on_time in (True, False):
        accepted = decision_of(event("mlp/g1", "late_commit", late_commit_value(SHA, on_time=on_time)))
        assert (accepted.commit, accepted.on_time) == (SHA, on_time)


def test_snapshots_of_marks_are_not_decisions_and_another_medmarks_kind_is_unreadable():
    events = [event("mlp", kind, "{}") for kind in ("marks", "returned", "correction", "bonus")]
    assert [decision.event.kind for decision in in_force(events)] == ["bonus"]


def test_a_retraction_that_cannot_be_read_ends_nothing_and_stays_a_decision():
    events = [event("mlp/g1", "override", "50", number=1), event("mlp/g1", "retract", "#1", number=2)]
    assert retracted(events) == set()
    assert [type(decision) for decision in in_force(events)] == [Override, UnreadableDecision]


def test_decisions_are_found_by_their_type_and_by_whom_they_are_about():
    decisions = Decisions.of("mlp", [
        event("mlp", "cap", "90", number=1), event("mlp/g1", "cap", "pass_mark", number=2),
        event("mlp/g1/s1", "override", "55", number=3), event("other/g1/s1", "override", "99", number=4),
    ])  # fmt: skip
    assert [decision.number for decision in decisions.about(CapDecision)] == [1]
    assert decisions.last(Override, "g1", "s1").percent == 55
    assert decisions.last(Override, "g1", "s2") is None
    most, by = decisions.cap("g1", "s1", pass_mark=40)
    assert (most, by.number) == (40, 2)
