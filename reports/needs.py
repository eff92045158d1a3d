"""Who needs a person, why, and the command to type: the to-do list of a course's staff for one assignment.

A pure function of the results and of what the record holds beside them. Groups with one reason stand together. Commands
are to be typed in the course's folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reports.need import KINDS, Need
from reports.need_finders import FINDERS, Staff
from reports.terminal import one_line

if TYPE_CHECKING:  # they open Git and the course, which a list of lines does not need
    from graders.course.course import Course
    from graders.marks.differences import Differences
    from graders.marks.results import Results
    from graders.marks.score_ends import ScoreEnds
    from graders.runs.cohort_record import CohortRecord


def needs(
    results: Results,
    course: Course,
    record: CohortRecord,
    ends: ScoreEnds,
    differences: Differences | None = None,
) -> tuple[Need, ...]:
    """Everything that waits for a person, the most urgent first.

    Args:
        differences: How the marks differ from those that stand; None where these are the marks that stand.
    """
    staff = Staff(results, course, record, ends)
    single = [need for find in FINDERS for need in find(staff)]
    if differences is not None and differences.moves:
        groups = tuple(dict.fromkeys(move.after.group for move in differences.moves))
        reason = "see which, and apply them or undo what moved them"
        single.append(Need("moved", reason, groups, (f"medmark grade {staff.id}",)))
    return joined(single)


def joined(single: Iterable[Need]) -> tuple[Need, ...]:
    """Needs with one reason as one, in the order of their kinds."""
    whole: dict[tuple[str, str], Need] = {}
    for need in single:
        key = (need.kind, one_line(need.reason).strip())
        before = whole.get(key, Need(*key))
        groups, commands = (*before.groups, *need.groups), (*before.commands, *need.commands)
        notes = {**before.notes, **need.notes}
        whole[key] = Need(*key, tuple(dict.fromkeys(groups)), tuple(dict.fromkeys(commands)), notes)
    order = list(KINDS)
    return tuple(sorted(whole.values(), key=lambda need: order.index(need.kind)))
