"""One person's mark told from the data to the sheet; every number in it can be worked out by hand."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from graders.course.course import load_course
from graders.intake.changed_lines import Changed
from graders.intake.history import Author, History
from graders.intake.submission import Submission
from graders.marks.mark import Status
from graders.marks.results import results_of
from graders.record.ledger import Observation
from graders.record.snapshots import RETURNED
from reports.explain import WIDTH, explained
from tests.graders.marks.hand_made import check_result, score_result
from tests.graders.marks.test_differences import applied
from tests.graders.marks.test_mark import X, Y, assignment, mark
from tests.graders.marks.test_personal import COURSE, ROSTER, event
from tests.reports.hostile import HOSTILE

CAP = ({"when": "dice < 0.7", "at": 0.4},)
COMMIT = "4f0c2b7d9e" + 30 * "a"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    (folder / "course.toml").write_text(COURSE.format(extra=""))
    (folder / "roster.csv").write_text(ROSTER)
    return load_course(folder)


def results(course, *events, caps=(), repeats=(0.6, 0.665, 0.7), **more):
    asked = assignment(caps=caps)
    tests = {X: check_result(), Y: check_result("failed", "raised", kind="ValueError")}
    scores = {"accuracy": score_result(0.665, repeats=repeats, interval=(0.6, 0.8))}
    of_group = mark(tests, scores, of=asked, commit=COMMIT, **more)
    handed_in = [
        Submission(
            group, course.group(group).members, "https://a.org/b/c", COMMIT, None, "pytorch", None,
            reason="the last commit seen by the due time",
            due=datetime(2027, 1, 15, 12, tzinfo=UTC), seen_at="2027-01-15T11:50:00+00:00",
        )
        for group in ("g1", "solo")
    ]  # fmt: skip
    return results_of(course, asked, events, handed_in, [of_group, replace(of_group, group="solo")])


def page(course, of, member="s1", group="g1", **more):
    person = next(m for m in course.group(group).members if m.id == member)
    return list(explained(of, person, timezone="Europe/London", **more))


def flat(lines):
    return " ".join(" ".join(lines).split())


def test_a_score_becomes_points_between_its_anchors(course):
    text = flat(page(course, results(course)))
    assert "dice 0.665, median of the repeats 0.6, 0.665, 0.7" in text
    assert "95 % interval 0.6 to 0.8; it moves no point" in text
    # Half way from 0.62 to 0.71, so half way from 40 to 60.
    assert "between pass and merit: 40 + (60 - 40) x (0.665 - 0.62) / (0.71 - 0.62) = 50 %" in text
    assert "50 % of 35 points = 17.5" in text
    assert "sum: 10 + 17.5 + 21 = 48.5" in text
    assert "in per cent: 100 x 48.5 / 100 = 48.5 %" in text


def test_a_cap_that_holds_stands_after_the_anchors(course):
    text = flat(page(course, results(course, caps=CAP)))
    assert "= 50 % cap, because the dice is below 0.7: at most 40 % 40 % of 35 points = 14" in text
    assert "sum: 10 + 14 + 21 = 45" in text


def test_each_hidden_test_stands_with_its_points_and_what_went_wrong(course):
    text = flat(page(course, results(course)))
    assert "tests: 10 of 35 passed 10 of 10 test_a.py::test_x: `x` is 1." in text
    assert "failed 0 of 25 test_a.py::test_y: `y` is 2. the call raised an exception (ValueError)" in text


def test_the_steps_to_the_sheet_have_their_numbers_in_the_record_and_the_rounding_is_said(course):
    given = event("agreed_mark", "report=21", number=4)
    factor = replace(event("peer_factor", "0.93", "g1/s1", number=6), reference="canary-reference")
    text = flat(page(course, results(course, given, factor)))
    assert "report: 21 of 30 event 4, agreed_mark by prof on 2027-01-20: because" in text
    # 48.5 x 0.93 = 45.105
    assert "the group's mark: 48.5 % peer_factor: 48.5 % to 45.11 %" in text
    assert "event 6, peer_factor by prof" in text
    assert "rounded once, half up: 45.1 % Third class; the pass mark is 40 %" in text
    assert "on the sheet: 45.1 of 100 points, 45.1 %, marked" in text
    assert "canary" not in text


def test_a_return_is_listed_with_its_corrections(course):
    assert page(course, results(course))[-1].strip() == "not yet"
    returned = applied(results(course), RETURNED, number=7)
    corrected = applied(results(course, returned, event("override", "55", "g1/s1")), None, number=9)
    text = flat(page(course, results(course, returned, corrected, event("override", "55", "g1/s1"))))
    assert "version 1: #7, 2027-01-21, by prof: because version 2: #9, 2027-01-21, by prof: because" in text


def test_the_commit_is_shown_with_why_it_counts_and_when_it_was_seen(course):
    looks = [
        Observation("g1", "a", "r", "main", commit, f"2027-01-15T{time}:00+00:00", how)
        for commit, time, how in (("b" * 40, "11:40", "tip"), (COMMIT, "11:50", "tip"), (COMMIT, "11:55", "tip"),
                                  (None, "12:00", "unreachable"))
    ]  # fmt: skip
    text = flat(page(course, results(course), looks=looks))
    assert f"{COMMIT} (counts: the last commit seen by the due time)" in text
    assert "due 2027-01-15 12:00:00 GMT first seen 2027-01-15 11:50:00 GMT" in text
    assert "seen bbbbbbbbbb: 2027-01-15 11:40:00 GMT, 1 look" in text
    assert "seen 4f0c2b7d9e: 2027-01-15 11:50:00 GMT to 2027-01-15 11:55:00 GMT, 2 looks" in text
    assert "seen unreachable: 2027-01-15 12:00:00 GMT, 1 look" in text


def test_what_is_not_marked_is_no_number(course):
    text = flat(page(course, results(course, persons={})))
    assert "report: not known yet of 30 a person marks this; not marked yet" in text
    # The tests gave 10, accuracy 17.5: nothing stands for the report, and no 0 either.
    assert "sum of the known points: 10 + 17.5 + ? = 27.5" in text
    assert "not a whole mark: incomplete" in text
    assert "no mark: incomplete" in text
    assert "rounded" not in text


def test_of_what_is_not_known_at_all_there_is_no_sum(course):
    of = results(course)
    unknown = tuple(replace(f, points=None, exact=None, scored=None) for f in of.marks[0].findings)
    nothing = replace(of.marks[0], status=Status.WITHHELD, points=None, findings=unknown)
    text = flat(page(course, replace(of, marks=(nothing, of.marks[1]))))
    assert "tests: not known yet of 35" in text
    assert "sum" not in text


def test_a_decision_that_there_is_no_mark_leaves_none_on_the_page(course):
    text = flat(page(course, results(course, event("deferred", "", "g1/s1"))))
    assert "no mark: deferred" in text
    assert "rounded" not in text


@pytest.mark.parametrize("text", HOSTILE)
def test_lines_are_plain_and_of_80_columns_whatever_a_person_wrote(course, text):
    of = results(course, replace(event("override", "55", "g1/s1"), reason=text, who=text))
    for line in page(course, of):
        assert len(line) <= WIDTH
        assert line.isprintable()


def test_commits_stand_by_member_with_those_of_nobody_beside_them(course):
    first, last = datetime(2027, 1, 3, 10, tzinfo=UTC), datetime(2027, 1, 15, 11, tzinfo=UTC)
    members = course.group("g1").members
    authors = (
        Author(members[0].name, members[0].email, 5, first, first, Changed(120, 30, 1, 1_200_000), counted=5),
        Author(members[0].name, "home@b.c", 2, last, last, Changed(1, 0), counted=1),
        Author("X", "x@home.example", 1, last, last),
    )
    text = flat(page(course, results(course), history=History(authors, unread=2, older=True, merges=1, crowded=1)))
    assert "8 commits by 3 authors, first 2027-01-03 10:00:00 GMT, last 2027-01-15 11:00:00 GMT" in text
    assert (
        f"{members[0].id}: 7 commits, matched by address or name, lines +121 -30, 1 binary or large file (1.2 MB) "
        "in the 6 that were counted, first 2027-01-03 10:00:00 GMT, last 2027-01-15 11:00:00 GMT "
        f"{members[1].id}: 0 commits, matched by address or name not in the roster:"
    ) in text
    assert "X <x@home.example>, 1 commit, lines not counted, first 2027-01-15 11:00:00 GMT" in text
    assert "1 merge: lines count for the merged commits, not again for the merge" in text
    assert "lines not counted, more than 500 files changed: 1 commit" in text
    assert "lines not counted, limits of time and memory reached: 1 commit" in text
    assert "2 commits could not be read there are older commits, which were not read" in text
    assert "this is evidence, and no mark depends on it" in text


def test_a_history_that_could_not_be_read_is_not_known_and_not_empty(course):
    assert "Who committed, as the commits say not known" in flat(page(course, results(course)))


def test_of_many_strangers_the_first_are_listed(course):
    strangers = tuple(Author(f"n{at}", f"{at}@b.c", 1, None, None) for at in range(30))
    lines = page(course, results(course), history=History(strangers))
    assert sum("not in the roster:" in line for line in lines) == 10
    assert any("and 20 such authors more" in line for line in lines)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_commits_say_is_shown_as_plain_text(course, text):
    lines = page(course, results(course), history=History((Author(text, text, 1, None, None),)))
    assert not set("".join(lines)) & set("\x1b\x9b\x07\r\n\u202e\u2066")
