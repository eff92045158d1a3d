"""What Classroom 50 shows after the file was committed is what its lines say, and every other entry stays."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignments.errors import UserError
from graders.marks.mark import Status
from reports.exports.classroom50 import fill
from reports.exports.export import ExportRules, RowOutcome
from tests.reports.exports.classroom50_tools import (
    by_the_collection,
    by_the_web_app,
    check,
    cleared,
    collected,
    entry,
    gradebook,
    record,
    shown,
)
from tests.reports.exports.cohort_made import GROUPS, PEOPLE, SEEN, cohort, group, member, own
from tests.reports.hand_made import mark

NONE = ExportRules()
ROSTER = (
    group("pair", member("ada", github_username="AdaByron"), member("bo", github_username="bo-ng")),
    group("waits", member("cy", github_username="cy")),
    group("none", member("di", github_username="di")),
    group("zero", member("ed", github_username="ed")),
)
ALONE = gradebook(*(entry(login, record(login, 12)) for login in ("adabyron", "bo-ng", "cy", "di", "ed")))
SHEET = by_the_collection(ALONE)


def lines(filled):
    return [(line.outcome, line.who, line.mark) for line in filled.lines]


def filled(document, people=None, roster=ROSTER, rules=NONE, **changes):
    """The file that is made of a gradebook."""
    data = document if isinstance(document, bytes) else by_the_collection(document)
    return fill(data, cohort(people=PEOPLE if people is None else people, **changes), roster, rules)


def entries(data):
    """The entries of the assignment."""
    return check(data)["assignments"]["prostate-unet"]["entries"]


def first_record(result):
    """The newest record of the first entry."""
    return entries(result.data)[0]["submissions"][0]


# What is shown


def test_each_person_gets_their_own_mark_and_who_has_none_keeps_the_entry() -> None:
    result = filled(ALONE)
    assert lines(result) == [
        (RowOutcome.WRITTEN, "ada", "684"),
        (RowOutcome.WRITTEN, "bo", "534"),
        (RowOutcome.NO_MARK, "cy", ""),
        (RowOutcome.NO_MARK, "di", ""),
        (RowOutcome.WRITTEN, "ed", "0"),
    ]
    assert {owner: row[:2] for owner, row in shown(result.data).items()} == {
        "adabyron": (684, 1000),
        "bo-ng": (534, 1000),
        "cy": (12, 20),
        "di": (12, 20),
        "ed": (0, 1000),
    }
    assert result.lines[0].why == "in place of 12 of 20"
    assert result.lines[2].why == "Marked in part: the entry stays as it is, 12 of 20"


def test_everything_but_the_entries_with_new_scores_stays() -> None:
    before, after = json.loads(SHEET), check(filled(ALONE).data)
    assert after["assignments"]["hello"] == before["assignments"]["hello"]
    for old, new in zip(*(each["assignments"]["prostate-unet"]["entries"] for each in (before, after)), strict=True):
        if old["owner"] in ("cy", "di"):
            assert new == old
        else:
            assert new["submissions"][1:] == old["submissions"]
            assert {key: new[key] for key in old if key != "submissions"} == {"owner": old["owner"]}
            assert new["override"] is True


def test_a_score_outlasts_the_next_collection_and_can_be_cleared() -> None:
    data = filled(ALONE).data
    later = entry("adabyron", record("adabyron", 20, at="2026-12-01T10:00:00Z"))
    assert shown(collected(data, later))["adabyron"][:2] == (684, 1000)
    assert shown(collected(SHEET, later))["adabyron"][:2] == (20, 20)
    assert shown(cleared(data, "AdaByron"))["adabyron"][:2] == (12, 20)


@pytest.mark.parametrize("write", [by_the_collection, by_the_web_app])
def test_a_file_keeps_the_form_of_the_tool_that_wrote_it(write) -> None:
    data = filled(write(ALONE)).data
    assert data == write(json.loads(data))
    assert b"\\u2713" in by_the_collection(ALONE)
    assert "✓".encode() in by_the_web_app(ALONE)


@pytest.mark.parametrize("write", [by_the_collection, by_the_web_app, lambda each: json.dumps(each).encode()])
def test_without_any_mark_the_file_comes_back_byte_for_byte(write) -> None:
    result = filled(write(ALONE), people={})
    assert result.data == write(ALONE)
    assert {line.outcome for line in result.lines} == {RowOutcome.NO_MARK}


def test_a_second_export_of_the_same_marks_changes_nothing() -> None:
    first = filled(ALONE)
    second = filled(first.data)
    assert second.data == first.data
    assert [line.outcome for line in second.lines if line.mark] == [RowOutcome.UNCHANGED] * 3


def test_a_score_that_a_teacher_entered_is_replaced_and_not_piled_up() -> None:
    data = filled(filled(ALONE).data, people=PEOPLE | {"ada": own("ada", "pair", "70.1")}).data
    assert shown(data)["adabyron"][:2] == (701, 1000)
    assert len(entries(data)[0]["submissions"]) == 2


def test_a_mark_that_is_withdrawn_leaves_the_score_and_the_line_says_which() -> None:
    gone = filled(filled(ALONE).data, people=PEOPLE | {"ada": own("ada", "pair", None, Status.WITHHELD)})
    assert (gone.lines[0].outcome, gone.lines[0].why) == (
        RowOutcome.NO_MARK, "Withheld: the entry stays as it is, 684 of 1000",
    )  # fmt: skip


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.MARKED])
def test_no_status_becomes_a_number(status) -> None:
    people = PEOPLE | {"ada": own("ada", "pair", None, status)}
    assert shown(filled(ALONE, people).data)["adabyron"][:2] == (12, 20)


# Times


def test_a_score_is_dated_by_the_hand_in() -> None:
    written = first_record(filled(ALONE))
    assert written["datetime"] == "2026-11-20T16:58:03Z"
    assert written["submission"] == "submit/manual-2026-11-20T16-58-03Z"


@pytest.mark.parametrize("at", ["2026-11-20T16:58:03Z", "2099-01-01T00:00:00Z"])
def test_a_submission_whose_clock_was_ahead_does_not_hide_the_score(at) -> None:
    sheet = gradebook(entry("adabyron", record("adabyron", 12), record("adabyron", 20, at=at)))
    assert shown(filled(sheet).data)["adabyron"][:2] == (684, 1000)


def test_without_a_hand_in_a_score_is_dated_by_the_collection() -> None:
    data = filled(gradebook(), groups={}, rules=ExportRules("dl-2027/prostate-unet")).data
    assert (
        check(data)["assignments"]["prostate-unet"]["entries"][0]["submissions"][0]["datetime"]
        == "2026-11-21T08:00:00Z"
    )


def test_without_any_time_the_score_is_to_enter_by_hand() -> None:
    result = filled(gradebook(collected_at=""), groups={})
    assert lines(result)[0] == (RowOutcome.BY_HAND, "ada", "684")
    assert result.data == by_the_collection(gradebook(collected_at=""))


def test_parts_of_a_second_are_dropped_so_that_the_score_is_still_the_newest() -> None:
    seen = {"pair": mark("pair", provenance={"seen_at": SEEN.replace(":03+", ":03.900000+")})}
    sheet = gradebook(entry("adabyron", record("adabyron", 20, at="2026-11-20T16:58:03Z")))
    data = filled(sheet, groups=GROUPS | seen).data
    times = [one["datetime"] for one in entries(data)[0]["submissions"]]
    assert times[0] > times[1]


# Whole numbers


def test_marks_without_decimals_are_written_out_of_the_points() -> None:
    people = {"ada": own("ada", "pair", "68"), "bo": own("bo", "pair", "53.0")}
    result = filled(ALONE, people)
    assert lines(result)[:2] == [(RowOutcome.WRITTEN, "ada", "68"), (RowOutcome.WRITTEN, "bo", "53")]
    assert shown(result.data)["adabyron"][:2] == (68, 100)


def test_the_larger_maximum_is_said() -> None:
    assert filled(ALONE).notes[0] == (
        "Scores of Classroom 50 are whole numbers: marks are written out of 1000, not 100, so that none is rounded. "
        "--maximum 100 rounds them instead."
    )


def test_rounding_is_asked_for_and_each_line_says_from_what() -> None:
    people = PEOPLE | {"cy": own("cy", "waits", "39.5")}
    result = filled(ALONE, people, rules=ExportRules(maximum=Decimal(100)))
    assert [(line.who, line.mark, line.why.split(";")[0]) for line in result.lines[:3]] == [
        ("ada", "68", "rounded from 68.4"),
        ("bo", "53", "rounded from 53.4"),
        ("cy", "40", "rounded from 39.5"),
    ]
    assert result.lines[4].why == "in place of 12 of 20"


def test_a_score_is_rounded_once() -> None:
    """49.9 % of 5 is 2.495, which would be 3 by way of 2.50."""
    people = {"ada": own("ada", "pair", "49.9")}
    assert filled(ALONE, people, rules=ExportRules(maximum=Decimal(5))).lines[0].mark == "2"


def test_another_maximum_has_to_be_whole() -> None:
    with pytest.raises(UserError, match=r"--maximum 12\.5: scores of Classroom 50 are whole numbers"):
        filled(ALONE, rules=ExportRules(maximum=Decimal("12.5")))


@given(st.decimals(0, 100, places=1))
def test_the_share_of_the_maximum_is_the_mark_exactly(percent) -> None:
    result = filled(ALONE, {"ada": own("ada", "pair", percent)})
    score, maximum, _ = shown(result.data)["adabyron"]
    assert Decimal(score) * 100 / maximum == percent


# Who is who


def test_a_user_name_is_found_whatever_its_capitals_and_a_new_person_gets_an_entry() -> None:
    result = filled(gradebook(entry("ADABYRON", record("ADABYRON", 1))))
    assert [(line.who, line.why) for line in result.lines if line.outcome is RowOutcome.WRITTEN] == [
        ("ada", "in place of 1 of 20"),
        ("bo", "as a new entry of bo-ng"),
        ("ed", "as a new entry of ed"),
    ]
    assert shown(result.data)["bo-ng"] == (534, 1000, ("bo-ng",))


def test_a_student_who_is_called_like_somebody_elses_id_gets_nobodys_mark() -> None:
    roster = (group("pair", member("ada", github_username="AdaByron"), member("bo", github_username="mallory")),)
    result = filled(gradebook(entry("ada", record("ada", 1)), entry("adabyron", record("adabyron", 2))), roster=roster)
    assert lines(result)[:2] == [(RowOutcome.UNKNOWN, "ada", ""), (RowOutcome.WRITTEN, "ada", "684")]
    assert shown(result.data)["ada"][:2] == (1, 20)


def test_a_user_name_of_two_people_is_neither_and_both_are_listed() -> None:
    roster = (
        group("pair", member("ada", github_username="shared"), member("bo", github_username="Shared")),
        group("zero", member("ed", github_username="ed")),
    )
    result = filled(gradebook(entry("shared", record("shared", 1)), entry("ed", record("ed", 1))), roster=roster)
    assert lines(result) == [
        (RowOutcome.UNKNOWN, "shared", ""),
        (RowOutcome.WRITTEN, "ed", "0"),
        (RowOutcome.MISSING, "ada", "684"),
        (RowOutcome.MISSING, "bo", "534"),
    ]


def test_two_entries_of_one_person_both_stay() -> None:
    both = {"adabyron": "ada", "ada2": "ada"}
    sheet = gradebook(*(entry(login, record(login, 5)) for login in both))
    result = filled(sheet, roster=ROSTER[:1], rules=ExportRules(members={"ada2": "ada"}))
    assert lines(result) == [
        (RowOutcome.UNKNOWN, "adabyron", ""),
        (RowOutcome.UNKNOWN, "ada2", ""),
        (RowOutcome.WRITTEN, "bo", "534"),
    ]
    assert result.lines[0].why == "several entries are about ada, and all stay as they are"


def test_without_a_column_people_are_named_in_a_table() -> None:
    roster = (group("pair", member("ada"), member("bo")),)
    with pytest.raises(UserError, match=r"the roster has no column github_username\. Import"):
        filled(ALONE, roster=roster)
    result = filled(ALONE, roster=roster, rules=ExportRules(members={"AdaByron": "ada"}))
    assert lines(result)[0] == (RowOutcome.WRITTEN, "ada", "684")
    assert lines(result)[-1] == (RowOutcome.MISSING, "bo", "534")


def test_a_column_username_counts_where_there_is_no_better_and_that_is_said() -> None:
    roster = (group("pair", member("ada", **{"User name": "x"}), member("bo", username="bo-ng")),)
    result = filled(ALONE, roster=roster)
    assert lines(result)[1] == (RowOutcome.WRITTEN, "bo", "534")
    assert "People are found by the roster's column username: it has to hold GitHub's user names." in result.notes


def test_the_gradebook_of_strangers_is_refused() -> None:
    with pytest.raises(UserError, match=r"none of its 1 entries is about anybody in the roster\. eve: nobody"):
        filled(gradebook(entry("eve", record("eve", 1))))


# Groups


def groups_of(*members, owner="adabyron", mode="group", **more):
    one = entry(owner, record(owner, 9, mode=mode), member_usernames=list(members), **more)
    return gradebook(one, mode=mode)


SAME = PEOPLE | {"bo": own("bo", "pair", "68.4")}


@pytest.mark.parametrize(("mode", "owner"), [("group", "adabyron"), ("team", "group-1")])
def test_members_with_one_mark_share_the_score(mode, owner) -> None:
    result = filled(groups_of("adabyron", "bo-ng", owner=owner, mode=mode), SAME)
    assert lines(result)[0] == (RowOutcome.WRITTEN, owner, "684")
    assert shown(result.data)[owner] == (684, 1000, ("adabyron", "bo-ng"))


def test_members_with_different_marks_get_none_and_each_is_named() -> None:
    result = filled(groups_of("adabyron", "bo-ng"))
    assert lines(result)[0] == (RowOutcome.BY_HAND, "adabyron", "")
    assert "(ada 684, bo 534)" in result.lines[0].why
    assert shown(result.data)["adabyron"][:2] == (9, 20)


def test_a_member_without_a_mark_leaves_the_group_without_a_score() -> None:
    people = SAME | {"bo": own("bo", "pair", None, Status.DEFERRED)}
    result = filled(groups_of("adabyron", "bo-ng"), people)
    assert lines(result)[0] == (RowOutcome.BY_HAND, "adabyron", "")
    assert "(ada 684, bo has none (Deferred))" in result.lines[0].why


def test_a_stranger_in_a_group_gets_no_mark_of_it() -> None:
    result = filled(groups_of("adabyron", "bo-ng", "eve"), SAME)
    assert lines(result)[0] == (RowOutcome.UNKNOWN, "adabyron", "")
    assert result.lines[0].why == "nobody in the roster has the user name eve alone"
    assert shown(result.data)["adabyron"][:2] == (9, 20)


def test_a_person_in_no_group_is_missing_and_gets_no_entry() -> None:
    result = filled(groups_of("adabyron", "bo-ng"), SAME)
    assert lines(result)[1] == (RowOutcome.MISSING, "ed", "0")
    assert "ed" not in shown(result.data)


# The file


def test_the_assignment_is_named_where_its_name_differs() -> None:
    sheet = gradebook(entry("adabyron", record("adabyron", 1)), slug="unet")
    with pytest.raises(UserError, match=r"there is no assignment prostate-unet; it has hello, unet\. Name it"):
        filled(sheet)
    assert lines(filled(sheet, rules=ExportRules("unet")))[0] == (RowOutcome.WRITTEN, "ada", "684")
    assert lines(filled(sheet, rules=ExportRules("dl-2027/unet")))[0] == (RowOutcome.WRITTEN, "ada", "684")
    with pytest.raises(UserError, match=r"its records are of the classroom dl-2027\. Take"):
        filled(sheet, rules=ExportRules("dl-2028/unet"))


def test_a_classroom_without_a_submission_has_to_be_named() -> None:
    empty = {"schema": "classroom50/scores/v1", "assignments": {}}
    with pytest.raises(UserError, match="there is no assignment prostate-unet; it has none: collect scores first"):
        filled(empty)
    empty["assignments"]["prostate-unet"] = {
        "type": "individual",
        "entries": [],
        "collected_at": "2026-11-21T08:00:00Z",
    }
    with pytest.raises(
        UserError, match="which classroom this is: name it as well, with --column CLASSROOM/prostate-unet"
    ):
        filled(empty)
    data = filled(empty, rules=ExportRules("dl-2027/prostate-unet")).data
    assert check(data)["assignments"]["prostate-unet"]["entries"][0]["submissions"][0]["classroom"] == "dl-2027"


def test_a_file_that_was_edited_by_hand_keeps_every_value_and_its_form_is_said() -> None:
    result = filled(json.dumps(ALONE).encode())
    assert shown(result.data) == shown(filled(ALONE).data)
    assert "The file was edited by hand: its white space is Classroom 50's now. Every value stays." in result.notes
    assert not [note for note in filled(ALONE).notes if "by hand" in note]


WRONG = '{"schema": "classroom50/scores/v1", "assignments": {"prostate-unet": %s}}'


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "is not JSON"),
        (b"username,first_name\n", "is not JSON"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b'{"a": 1, "a": 2}', 'is not JSON ("a" stands twice)'),
        (b'{"a": NaN}', "is not JSON (NaN is not a number)"),
        (b"[]", 'its "schema" is not "classroom50/scores/v1"'),
        (b'{"schema": "classroom50/result/v1"}', 'its "schema" is not "classroom50/scores/v1"'),
        (b'{"schema": "classroom50/scores/v1", "assignments": []}', 'it has no "assignments"'),
        ((WRONG % "[]").encode(), 'the part of "prostate-unet" is not as Classroom 50 writes it'),
        ((WRONG % '{"type": "solo", "entries": []}').encode(), 'the part of "prostate-unet" is not as'),
        ((WRONG % '{"type": "individual", "entries": [1]}').encode(), 'the part of "prostate-unet" is not as'),
    ],
)
def test_a_file_of_another_kind_is_refused(data, text) -> None:
    with pytest.raises(UserError) as error:
        filled(data)
    assert str(error.value).startswith(f"scores.json of Classroom 50: {text}")


@pytest.mark.parametrize(
    "broken",
    [
        {"owner": ""},
        {"owner": 3},
        {"submissions": [{}]},
        {"submissions": [record("adabyron", 1) | {"datetime": "yesterday"}]},
        {"submissions": [record("adabyron", 1) | {"datetime": "2026-11-20T16:58:03"}]},
        {"submissions": [record("adabyron", 1) | {"score": "12"}]},
        {"member_usernames": "ada"},
    ],
)
def test_an_entry_of_another_form_is_refused_with_its_number(broken) -> None:
    sheet = gradebook(entry("ed", record("ed", 1)), entry("adabyron", record("adabyron", 1)) | broken)
    with pytest.raises(UserError, match='entry 2 of "prostate-unet" is not as Classroom 50 writes it'):
        filled(sheet)


def test_an_entry_without_any_submission_gets_its_first() -> None:
    result = filled(gradebook(entry("adabyron"), entry("ed", record("ed", 1))))
    assert (result.lines[0].outcome, result.lines[0].why) == (RowOutcome.WRITTEN, "")
    assert shown(result.data)["adabyron"][:2] == (684, 1000)


def test_equal_marks_give_equal_bytes() -> None:
    assert filled(ALONE).data == filled(ALONE).data


def test_a_mark_of_another_scale_is_written_in_points() -> None:
    people = {"ada": replace(own("ada", "pair", "50"), points=Decimal("37.5"), out_of=Decimal(75))}
    result = filled(ALONE, people, rules=ExportRules(maximum=Decimal(75)))
    assert result.lines[0].why.startswith("rounded from 37.5")
