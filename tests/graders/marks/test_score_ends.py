"""The ranges of marks, worked by hand from the anchors of `tests.reports.hand_made`."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from graders.marks.mark import HeldCap
from graders.marks.score_ends import PercentRange, share_at
from graders.record.ledger import Event
from tests.reports.cohort_made import course_of, event, group_of, made, mark_of, scored, submission_of
from tests.reports.hand_made import assignment

GROUP = group_of(1, 2)
PERSON = GROUP.members[0].id


def cohort(mark, *events: Event, of=None, **settings):
    return made([(GROUP, submission_of(GROUP), mark)], events, course=course_of([GROUP], **settings), of=of)


def test_a_mark_has_the_range_of_its_scores_interval():
    """35 of the tests, 14 of the report, and 35 x 0.6 = 21 for 0.71, which is the merit anchor."""
    made_cohort = cohort(mark_of(GROUP, score=0.71, half=0.02, report="14"))
    assert [person.percent for person in made_cohort.results.people] == [Decimal("70.0")] * 2
    # 0.69 earns 0.4 + 0.2 x 0.07 / 0.09 = 0.5556 of 35 points, and 0.73 earns 0.6 + 0.1 x 0.02 / 0.08 = 0.625 of them.
    expected = PercentRange(Decimal("68.4"), Decimal("70.9"))
    assert made_cohort.ends.groups == {GROUP.name: expected}
    assert made_cohort.ends.people == {member.id: expected for member in GROUP.members}


def test_where_lower_is_better_the_upper_end_is_the_worse_one():
    anchors = {"trivial": 0.9, "pass": 0.7, "merit": 0.5, "distinction": 0.4, "reference": 0.3, "ceiling": 0.1}
    criteria = [criterion.model_dump(by_alias=True) for criterion in assignment().criteria]
    criteria[1] |= {"metric": "hd95", "anchors": anchors, "caps": []}
    falling = assignment(criterion=criteria)
    ends = cohort(mark_of(GROUP, score=0.5, half=0.1, report="14"), of=falling).ends.groups[GROUP.name]
    # 0.6 earns half-way from pass to merit, 0.5; 0.4 earns 0.7: 35 x 0.5 = 17.5 and 35 x 0.7 = 24.5.
    assert ends == PercentRange(Decimal("66.5"), Decimal("73.5"))


def test_a_cap_holds_at_both_ends():
    finding = scored(0.85)
    capped = replace(finding, scored=replace(finding.scored, caps=(HeldCap("two cases failed", Fraction(3, 5)),)))
    assert share_at(assignment().criteria[1], 6, capped, 0.90) == Fraction(3, 5)
    ends = cohort(mark_of(GROUP, accuracy=capped, report="14")).ends.groups[GROUP.name]
    assert ends == PercentRange(Decimal("70.0"), Decimal("70.0"))


@pytest.mark.parametrize(
    ("decided", "expected"),
    [
        (event("override", "55", GROUP.name, 1, member=PERSON), (55, 55)),
        (event("cap", "69", GROUP.name, 1, member=PERSON), (68.4, 69)),
        (event("peer_factor", "0.5", GROUP.name, 1, member=PERSON), (34.2, 35.4)),
    ],
)
def test_a_persons_own_steps_come_after_the_score(decided, expected):
    ends = cohort(mark_of(GROUP, score=0.71, half=0.02, report="14"), decided).ends
    low, high = (Decimal(str(end)) for end in expected)
    assert ends.people[PERSON] == PercentRange(low, high)
    assert ends.people[GROUP.members[1].id] == PercentRange(Decimal("68.4"), Decimal("70.9"))


def test_without_a_whole_mark_there_is_no_range():
    ends = cohort(mark_of(GROUP, report=None)).ends
    assert (ends.groups, ends.people) == ({}, {})
    held = cohort(mark_of(GROUP), event("held", "", GROUP.name, 1, member=PERSON)).ends
    assert held.people.keys() == {GROUP.members[1].id}


def test_a_score_without_an_interval_leaves_the_mark_where_it_is():
    finding = scored(0.71)
    sure = replace(finding, scored=replace(finding.scored, interval=None))
    ends = cohort(mark_of(GROUP, accuracy=sure, report="14")).ends.groups
    assert ends == {GROUP.name: PercentRange(Decimal("70.0"), Decimal("70.0"))}
