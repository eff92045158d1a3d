"""What an exam board asks of a mark: scenarios with their sums worked by hand, from the group's mark to the person's.

Work is due on Friday, 15 January 2027 at noon in London; ten minutes of grace. The group's mark is 70 of 100 unless a
scenario says otherwise: 35 for the tests, 14 for accuracy, 21 for the report, which a person marks. `s1` has a pass
mark of 40 and `s2` one of 50; both are in group `g1`.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import pytest

from graders.marks.mark import Mark, Status
from reports.bands import band_of
from tests.graders.marks.hand_made import check_result, score_result
from tests.graders.marks.test_mark import X, Y, mark
from tests.graders.marks.test_personal import course_with, event, of, seen, told


@dataclass(frozen=True)
class Scenario:
    """One question of a board, and the answer by hand."""

    asks: str
    gives: str
    """The mark in per cent as the sheet shows it, with its band; or the word that stands in its place."""
    marked: str = ""
    """The mark in per cent that the markers agreed on; empty for the 70 of the group."""
    decided: tuple[tuple[str, str, str], ...] = ()
    """Kind, value and about whom, in order."""
    seen: str = ""
    """When a commit that staff accepted late was first seen, UTC, which is London's time in January."""
    member: str = "s1"
    course: str = ""
    policy: str = "ucl-2024"
    returned: str = ""
    """What the person was told before."""
    group: Mark = field(default_factory=mark)


ONE = "g1/s1"
LATE = [
    Scenario("within the ten minutes of grace nothing is lost", "72.0 First", "72", seen="2027-01-15T12:10:00"),
    Scenario("a second later it is late: 72 - 10", "62.0 2:1", "72", seen="2027-01-15T12:10:01"),
    Scenario("a weekend has no working day: 72 - 10", "62.0 2:1", "72", seen="2027-01-18T12:00:00"),
    Scenario("two working days to the second: 72 - 10", "62.0 2:1", "72", seen="2027-01-19T12:00:00"),
    Scenario("the third has begun: the pass mark", "40.0 Third", "72", seen="2027-01-19T12:00:01"),
    Scenario("the pass mark of a master's student is 50", "50.0 Pass", "72", seen="2027-01-20T12:00", member="s2"),
    Scenario("the sixth has begun: 0, which is a mark", "0.0 Fail", "72", seen="2027-01-22T12:00:01"),
    Scenario("45 - 10 is 35, and not below the pass mark: 40", "40.0 Third", "45", seen="2027-01-18T09:00"),
    Scenario("38 failed before it was late, and stays 38", "38.0 Fail", "38", seen="2027-01-18T09:00"),
    Scenario("an edge: 40 - 10 is held at 40", "40.0 Third", "40", seen="2027-01-18T09:00"),
    Scenario(
        "a closure on Monday moves every count by a day: Tuesday noon is one working day",
        "62.0 2:1", "72", seen="2027-01-19T12:00:00", course="closures = [2027-01-18]",
    ),
    Scenario(
        "with that closure the third working day begins on Wednesday after noon",
        "40.0 Third", "72", seen="2027-01-20T12:00:01", course="closures = [2027-01-18]",
    ),
    Scenario("York, 50 minutes: 72 - 5", "67.0 2:1", "72", seen="2027-01-15T12:50", policy="york"),
    Scenario("York, Sunday counts, two days begun: 72 - 20", "52.0 2:2", "72", seen="2027-01-17T11:00", policy="york"),
    Scenario("York, 15 - 20 is nothing, not less", "0.0 Fail", "15", seen="2027-01-17T11:00", policy="york"),
    Scenario("York, after five days: 0", "0.0 Fail", "72", seen="2027-01-20T12:00:01", policy="york"),
    Scenario("Sheffield, Sunday: 72 x 0.95", "68.4 2:1", "72", seen="2027-01-17T11:00", policy="sheffield"),
    Scenario(
        "Sheffield in whole marks: 68.4 is 68", "68 2:1", "72", seen="2027-01-17T11:00", policy="sheffield",
        course='round = "1"',
    ),
    Scenario("Sheffield, three days: 72 x 0.85", "61.2 2:1", "72", seen="2027-01-20T12:00", policy="sheffield"),
    Scenario("Southampton, two days: 72 x 0.8", "57.6 2:2", "72", seen="2027-01-19T12:00", policy="southampton"),
    Scenario("Southampton, five days: 65 x 0.5", "32.5 Fail", "65", seen="2027-01-22T12:00", policy="southampton"),
    Scenario("without a policy lateness costs nothing", "72.0 First", "72", seen="2027-01-20T12:00", policy="none"),
]  # fmt: skip
EXTENDED = [
    Scenario(
        "seven days: due on the 22nd, seen on the 21st, nothing is lost", "72.0 First", "72",
        (("extension", "7d", ONE),), "2027-01-21T12:00",
    ),
    Scenario(
        "two working days: due on Tuesday, seen a day after: 72 - 10", "62.0 2:1", "72",
        (("extension", "2wd", ONE),), "2027-01-20T12:00",
    ),
    Scenario(
        "an extension of one member is not the other's: Thursday is the fourth working day", "50.0 Pass", "72",
        (("extension", "7d", ONE),), "2027-01-21T12:00", member="s2",
    ),
    Scenario(
        "the last extension of a person holds: a day only, so Wednesday is two working days late", "62.0 2:1", "72",
        (("extension", "7d", ONE), ("extension", "1wd", ONE)), "2027-01-20T12:00",
    ),
    Scenario(
        "an extension never shortens: a time before the deadline changes nothing", "62.0 2:1", "72",
        (("extension", "2027-01-14T12:00", ONE),), "2027-01-18T12:00",
    ),
    Scenario(
        "the grace goes with an extension: an hour and ten minutes after noon", "72.0 First", "72",
        (("extension", "60", ONE),), "2027-01-15T13:10:00", policy="york",
    ),
    Scenario(
        "due at 13:30 by an extension, seen at 13:45: York's first hour, 72 - 5", "67.0 2:1", "72",
        (("extension", "90", ONE),), "2027-01-15T13:45:00", policy="york",
    ),
    Scenario(
        "an extension of all by a week and an own one of a day: the longer holds", "72.0 First", "72",
        (("extension", "7d", ""), ("extension", "1d", ONE)), "2027-01-20T12:00",
    ),
]  # fmt: skip
DECIDED = [
    Scenario("35 + 14 + 12.5 for the report", "61.5 2:1", decided=(("agreed_mark", "report=12.5", "g1"),),
             group=mark(persons={"report": Decimal("12.5")})),
    Scenario("the report of one person, by their own viva: 35 + 14 + 30", "79.0 First",
             decided=(("agreed_mark", "report=30", ONE),)),
    Scenario("the report is not marked yet: 49 of 100 is not the mark", "incomplete", group=mark(persons={})),
    Scenario("a trivial model: 35 + 0 + 21", "56.0 2:2", group=mark(scores={"accuracy": score_result(0.52)})),
    Scenario("accuracy at merit, 0.71: 35 + 35 x 0.6 + 21", "77.0 First",
             group=mark(scores={"accuracy": score_result(0.71)})),
    Scenario("half way from pass to merit, 0.665: 35 + 35 x 0.5 + 21", "73.5 First",
             group=mark(scores={"accuracy": score_result(0.665)})),
    Scenario("the test worth 25 fails: 10 + 14 + 21", "45.0 Third",
             group=mark({X: check_result(), Y: check_result("failed")})),
    Scenario("it is void, and everybody has its 25 points: 70", "70.0 First",
             group=mark({X: check_result(), Y: check_result("failed")},
                        void_tests={Y: "event 1"})),
    Scenario("nothing handed in: neither a mark nor a 0", "not_submitted", group=mark(commit=None)),
    Scenario("the board gives 0 for nothing handed in: a decision", "0.0 Fail",
             decided=(("override", "0", "g1"),), group=mark(commit=None)),
    Scenario("moderation, 2 points for all: 72", "72.0 First", decided=(("moderation", "add 2", ""),)),
    Scenario("moderation by 1.05: 73.5", "73.5 First", decided=(("moderation", "multiply 1.05", ""),)),
    Scenario("two moderations are not added up; the last holds: 71", "71.0 First",
             decided=(("moderation", "add 5", ""), ("moderation", "add 1", ""))),
    Scenario("a map from 40 to 45 and on to 100: 45 + 55 x 30 / 60", "72.5 First",
             decided=(("moderation", "map 0:0 40:45 100:100", ""),)),
    Scenario("moderated, then late: 38 + 3 = 41, held at the pass mark", "40.0 Third", "38",
             (("moderation", "add 3", ""),), "2027-01-18T12:00"),
    Scenario("moderation never passes 100", "100.0 First", "99", (("moderation", "add 5", ""),)),
    Scenario("peers: 70 x 1.1", "77.0 First", decided=(("peer_factor", "1.1", ONE),)),
    Scenario("peers' factor is one person's alone", "70.0 Dist.", decided=(("peer_factor", "1.1", ONE),), member="s2"),
    Scenario("peers: 95 x 1.2 is 114, which is 100", "100.0 First", "95", (("peer_factor", "1.2", ONE),)),
    Scenario("peers decide half: 35 + 35 x 0.4", "49.0 Third", decided=(("peer_factor", "0.4", ONE),),
             course="peer = { weight = 0.5 }"),
    Scenario("peers first, then lateness: 70 x 0.9 - 10", "53.0 2:2", "", (("peer_factor", "0.9", ONE),),
             "2027-01-18T12:00"),
    Scenario("a resit is capped at the pass mark", "40.0 Third", "72", (("cap", "pass_mark", ONE),)),
    Scenario("a resit, a day late: 72 - 10 and then the cap", "40.0 Third", "72", (("cap", "40", ONE),),
             "2027-01-18T12:00"),
    Scenario("a cap is not a mark: 35 stays 35", "35.0 Fail", "35", (("cap", "40", ONE),)),
    Scenario("all are capped at 65", "65.0 Merit", "72", (("cap", "65", ""),), member="s2"),
    Scenario("the board sets 55, above cap and lateness", "55.0 2:2", "72",
             (("cap", "40", ONE), ("override", "55", ONE)), "2027-01-18T12:00"),
    Scenario("of a decision on the group and a later one on the person the later holds", "58.0 2:2",
             decided=(("override", "50", "g1"), ("override", "58", ONE))),
    Scenario("and of one on the person and a later one on the group, too", "50.0 2:2",
             decided=(("override", "58", ONE), ("override", "50", "g1"))),
    Scenario("an override retracted: 70", "70.0 First", decided=(("override", "50", ONE), ("retract", "1", ONE))),
    Scenario("a decision follows the person who was in another group", "55.0 2:2",
             decided=(("override", "55", "g9/s1"),)),
]  # fmt: skip
CODES = [
    Scenario("deferred: no number", "deferred", decided=(("deferred", "", ONE),)),
    Scenario("absent, with nothing handed in: the code and not a 0", "absent", decided=(("absent", "", ONE),),
             group=mark(commit=None)),
    Scenario("excused, although the group has a mark", "excused", decided=(("excused", "", ONE),)),
    Scenario("absent, while a part is not marked yet", "absent", decided=(("absent", "", ONE),),
             group=mark(persons={})),
    Scenario("of two codes one is retracted: the other holds", "excused",
             decided=(("excused", "", "g1"), ("held", "", ONE), ("retract", "2", ONE))),
    Scenario("a cap makes no mark of nothing handed in", "not_submitted", decided=(("cap", "40", ONE),),
             group=mark(commit=None)),
    Scenario("the board decides where a fault of ours stands in the way", "50.0 2:2",
             decided=(("override", "50", ONE),), group=mark(scores={})),
    Scenario("held under investigation, above an override", "held", "72",
             (("override", "55", ONE), ("held", "", ONE))),
    Scenario("the other member keeps the mark", "70.0 Dist.", decided=(("held", "", ONE),), member="s2"),
    Scenario("cleared: the retraction brings the mark back", "72.0 First", "72",
             (("held", "", ONE), ("retract", "2", ONE))),
]  # fmt: skip
RETURNED = [
    Scenario("both ways: marked again, 72.3 becomes 70", "70.0 First", returned="72.3"),
    Scenario("never lower: 72.3 stays", "72.3 First", returned="72.3", course='on_correction = "never_lower"'),
    Scenario("never lower: 68 rises to 70", "70.0 First", returned="68", course='on_correction = "never_lower"'),
    Scenario("lateness that is found after the return is not a correction of ours: 72 - 10", "62.0 2:1", "72",
             seen="2027-01-18T12:00", returned="72", course='on_correction = "never_lower"'),
    Scenario("nor is a cap", "40.0 Third", "72", (("cap", "40", ONE),), returned="72",
             course='on_correction = "never_lower"'),
    Scenario("a code takes a returned mark away", "held", "72", (("held", "", ONE),), returned="72",
             course='on_correction = "never_lower"'),
]  # fmt: skip
ROUNDED = [
    Scenario("39.95 is 40.0 and passes", "40.0 Third", "39.95"),
    Scenario("39.94 is 39.9 and fails", "39.9 Fail", "39.94"),
    Scenario("69.95 is 70.0, a First", "70.0 First", "69.95"),
    Scenario("69.94 is 69.9, a 2:1", "69.9 2:1", "69.94"),
    Scenario("in whole marks 39.5 is 40", "40 Third", "39.5", course='round = "1"'),
    Scenario("and 39.49 is 39, not 39.5 and then 40", "39 Fail", "39.49", course='round = "1"'),
    Scenario("half up, not to even: 68.5 is 69", "69 2:1", "68.5", course='round = "1"'),
    Scenario("rounded once: 66.6 x 1.05 x 0.9 - 10 = 52.937", "52.9 2:2", "66.6",
             (("moderation", "multiply 1.05", ""), ("peer_factor", "0.9", ONE)), "2027-01-18T12:00"),
    Scenario("a third of a point: 35 + 35 x 37/135 + 21, 0.637 being 17/90 of the way from pass to merit", "71.3 First",
             group=mark(scores={"accuracy": score_result(0.637)})),
]  # fmt: skip
SCENARIOS = [*LATE, *EXTENDED, *DECIDED, *CODES, *RETURNED, *ROUNDED]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.asks for scenario in SCENARIOS])
def test_a_board_finds_what_it_works_out_by_hand(tmp_path, scenario):
    course = course_with(tmp_path, scenario.course, f'late_policy = "{scenario.policy}"\n')
    agreed = [("agreed_mark", scenario.marked, "g1")] if scenario.marked else []
    events = [event(*decided, number) for number, decided in enumerate([*agreed, *scenario.decided], 1)]
    returned = told(scenario.returned) if scenario.returned else None
    person = of(
        course, *events, member=scenario.member, of_group=scenario.group, returned=returned,
        late_since=seen(scenario.seen) if scenario.seen else None,
    )  # fmt: skip
    if person.status is not Status.MARKED:
        assert (str(person.status), person.percent, person.points, person.passed) == (scenario.gives, None, None, None)
        return
    assert person.percent is not None
    band = band_of(person.percent, person.level, person.pass_mark).short
    assert f"{person.percent} {band}" == scenario.gives
    assert person.passed == (band != "Fail")
    last = person.trace[-1].after if person.trace else Fraction(person.percent)
    assert last is not None
    assert abs(last - Fraction(person.percent)) <= Fraction(1, 2)  # what the trace ends with is what the sheet shows
