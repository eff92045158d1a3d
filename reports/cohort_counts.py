"""How far a cohort is, in numbers: groups from collected to marked, and people whose marks were returned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graders.marks.mark import BY_DECISION, Status, is_ungraded
from graders.marks.versions import last_returned

if TYPE_CHECKING:
    from graders.marks.results import Results


@dataclass(frozen=True)
class CohortCounts:
    """Groups by how far they are; each group is one of `marked` to `nothing`, or not graded."""

    groups: int
    collected: int
    """A commit was seen."""
    graded: int
    """Something of the commit that counts is on record."""
    marked: int
    incomplete: int
    """A part that people mark, or an anchor that they set, is missing."""
    withheld: int
    """By a failure of the toolkit or the machine."""
    ungraded: int
    waiting: int
    """It is open which commit counts."""
    nothing: int
    """Nothing was handed in."""
    decided: int
    """A decision says that there is no mark."""
    people: int
    with_mark: int
    """People with a whole mark."""
    returned: int
    """People to whom a mark was returned."""


def counts_of(results: Results) -> CohortCounts:
    """The numbers of an assignment."""
    rows = list(zip(results.submissions, results.marks, strict=True))
    settled = [mark for submission, mark in rows if not submission.waits]
    ungraded = [mark for mark in settled if is_ungraded(mark)]
    members = {person.member for person in results.people}

    def with_status(*statuses: Status) -> int:
        return sum(mark.status in statuses for mark in settled)

    return CohortCounts(
        groups=len(rows),
        collected=sum(submission.commit is not None or bool(submission.later_tips) for submission, _ in rows),
        graded=sum(bool(mark.findings) for mark in settled) - len(ungraded),
        marked=with_status(Status.MARKED),
        incomplete=with_status(Status.INCOMPLETE),
        withheld=with_status(Status.WITHHELD) - len(ungraded),
        ungraded=len(ungraded),
        waiting=len(rows) - len(settled),
        nothing=with_status(Status.NOT_SUBMITTED),
        decided=with_status(*BY_DECISION),
        people=len(results.people),
        with_mark=sum(person.percent is not None for person in results.people),
        returned=len(members & last_returned(results.events).keys()),
    )
