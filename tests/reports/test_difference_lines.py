"""What would move, as a terminal shows it: a sentence, a line a person, and nothing that acts."""

import json
import unicodedata
from dataclasses import asdict, replace
from decimal import Decimal

import pytest

from graders.marks.differences import Differences, Move
from graders.record.snapshots import RecordedMark
from reports.difference_lines import MOST_MOVES, difference_lines, record_lines, signed, summary_of_moves
from tests.graders.events import event as an_event
from tests.reports.hostile import HOSTILE


def told(percent, status="marked", *, pass_mark=40, level=6, group="g1"):
    return RecordedMark(group, "c0ffee", status, None if percent is None else Decimal(percent), pass_mark, level)


def move(before, after, member="s1", **more):
    one, other = (told(*of, **more) if isinstance(of, tuple) else told(of, **more) for of in (before, after))
    return Move(member, one, other)


def of(*moves):
    return Differences(moves, (), "2027-01-21")


def lines(*moves):
    return list(difference_lines(of(*moves)))[1:]


WITHHELD, NONE, IN_PART = (None, "withheld"), (None, "not_submitted"), ("49.0", "incomplete")


@pytest.mark.parametrize(
    ("moves", "said"),
    [
        ([], "no marks move"),
        ([move("50.0", "51.0")], "1 mark moves, none crosses a band, largest +1.0"),
        ([move("59.6", "62.7")], "1 mark moves, 1 crosses a band, largest +3.1"),
        ([move("59.6", "62.7"), move("40.0", "39.9")], "2 marks move, 2 cross a band, largest +3.1"),
        ([move("50.0", "51.0"), move("58.0", "52.5")], "2 marks move, none crosses a band, largest -5.5"),
        ([move("50.0", "52.0"), move("58.0", "56.0")], "2 marks move, none crosses a band, largest +2.0"),
        ([move(WITHHELD, "70.0")], "1 mark moves, none crosses a band"),
    ],
)
def test_the_summary_counts_moves_and_crossings_and_says_the_largest(moves, said):
    assert summary_of_moves(of(*moves)) == said
    assert next(difference_lines(of(*moves))) == said


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (move("59.6", "62.7"), "g1/s1 59.6 -> 62.7 +3.1 2:2 -> 2:1"),
        (move("62.7", "61.0"), "g1/s1 62.7 -> 61.0 -1.7"),
        (move(WITHHELD, "70.0"), "g1/s1 withheld -> 70.0"),
        (move(NONE, "0.0"), "g1/s1 none -> 0.0"),
        (move("70.0", WITHHELD), "g1/s1 70.0 -> withheld"),
        (move(IN_PART, "70.0"), "g1/s1 49.0 so far -> 70.0 +21.0"),  # a part has no band
        (move((None, "incomplete"), "70.0"), "g1/s1 in part -> 70.0"),
        (move("49.9", "50.0", pass_mark=50), "g1/s1 49.9 -> 50.0 +0.1 Fail -> Pass"),
        (move("49.9", "50.0"), "g1/s1 49.9 -> 50.0 +0.1 Third -> 2:2"),
        (move("59.9", "60.0", level=7, pass_mark=50), "g1/s1 59.9 -> 60.0 +0.1 Pass -> Merit"),
    ],
)
def test_a_line_says_who_from_what_to_what_and_which_band_is_crossed(one, line):
    (shown,) = lines(one)
    assert " ".join(shown.split()) == line


def test_a_band_is_crossed_where_a_pass_mark_alone_has_changed():
    now = Move("s1", told("45.0"), told("45.0", pass_mark=50))
    assert " ".join(lines(now)[0].split()).endswith("+0.0 Third -> Fail pass mark 40 -> 50")


def test_the_largest_change_comes_first_and_a_mark_that_appears_or_vanishes_before_it():
    shown = lines(
        move("50.0", "51.0", "small"), move("70.0", "40.0", "large"), move("70.0", WITHHELD, "gone"),
        move("50.0", "50.0", "still"), move("50.0", "53.1", "middle"),
    )  # fmt: skip
    assert [line.split()[0] for line in shown] == ["g1/gone", "g1/large", "g1/middle", "g1/small", "g1/still"]


def test_of_more_than_forty_the_largest_are_listed_and_the_others_counted():
    moves = [move("50.0", f"{50 + i / 10:.1f}", f"s{i}") for i in range(1, MOST_MOVES + 4)]
    shown = lines(*moves)
    assert len(shown) == MOST_MOVES + 1
    assert shown[0].split()[0] == f"g1/s{MOST_MOVES + 3}"
    assert shown[-1] == "  and 3 more"
    assert len(lines(*moves[:MOST_MOVES])) == MOST_MOVES


def test_a_change_has_its_sign():
    assert [signed(Decimal(change)) for change in ("3.1", "-3.1", "0")] == ["+3.1", "-3.1", "+0.0"]


def event(number, kind="override", value="50", about="prostate_unet/g1/s1", reason="because", who="prof"):
    at = "2027-01-20T09:05:00.000+00:00"
    return an_event(about, kind, value, at=at, who=who, reason=reason, number=number)


def test_a_decision_is_listed_with_its_number_and_who_made_it_about_whom_and_why():
    assert list(record_lines([event(7)])) == ["#7 2027-01-20 09:05 override 50 for g1/s1, by prof: because"]
    assert " for all, by prof" in next(record_lines([event(7, "moderation", "add 2", "prostate_unet")]))


def test_a_retracted_decision_says_so_until_its_retraction_is_retracted():
    events = [event(1), event(2, "retract", "1"), event(3, "retract", "2")]
    assert [line.endswith("(retracted)") for line in record_lines(events[:2])] == [True, False]
    assert not any(line.endswith("(retracted)") for line in record_lines(events))


@pytest.mark.parametrize("text", [*HOSTILE, "W" * 3000])
def test_hostile_names_values_and_reasons_are_one_plain_line_each(text):
    shown = [
        *difference_lines(of(move("59.6", "62.7", text, group=text))),
        *record_lines([event(1, value=text, about=f"prostate_unet/{text}", reason=text, who=text)]),
    ]
    assert len(shown) == 3
    for line in shown:
        assert not [c for c in line if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
        assert not set(line) & set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")
    assert len(shown[1]) < 100  # however long a name is, its mark stands on the line
    assert "62.7" in shown[1]


def test_what_waits_for_a_person_or_for_grading_is_not_called_withheld():
    waits, ungraded = (replace(told(None, "withheld"), open=open) for open in ("a person", "grading"))
    (line,) = lines(Move("s1", waits, ungraded))
    assert " ".join(line.split()) == "g1/s1 waits -> not graded"


def test_the_record_lists_marks_applied_returns_and_corrections_with_what_they_moved():
    def snapshot(number, kind, **percents):
        told_ = {member: asdict(told(percent)) for member, percent in percents.items()}
        return event(number, kind, json.dumps(told_, default=str), "prostate_unet")

    events = [
        snapshot(1, "marks", s1="50.0", s2="60.0"), event(2), snapshot(3, "marks", s1="55.0", s2="60.0"),
        snapshot(4, "returned", s1="55.0"), snapshot(5, "correction", s1="56.0", s2="61.0"), event(6, "retract", "4"),
    ]  # fmt: skip
    assert [line.split(" ", 3)[3] for line in record_lines(events)] == [
        "marks: 2 marks new, by prof: because",
        "override 50 for g1/s1, by prof: because",
        "marks: 1 mark moved, by prof: because",
        "returned to 1 person, by prof: because  (retracted)",
        "correction: 2 marks moved, by prof: because",
        "retract 4 for g1/s1, by prof: because",
    ]
