"""What the record holds of a cohort beside its marks, for staff: the commits of the term, and what marking took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graders.course.course import Course
from graders.intake.term import GroupTerm, terms_of
from graders.marks.results import Results
from graders.marks.spending import Spending, spending_of, stage_keys
from graders.record.ledger import Ledger


@dataclass(frozen=True)
class CohortRecord:
    """Of one assignment."""

    terms: Mapping[str, GroupTerm] = field(default_factory=dict)
    """By group of the roster."""
    spending: Spending = field(default_factory=Spending)


def cohort_record(course: Course, results: Results) -> CohortRecord:
    """What the record holds beside these results; it is read at once for all groups."""
    id = results.assignment.id
    with Ledger.open_to_read(course.ledger) as ledger:
        terms = terms_of(course.groups, ledger.tips(id), ledger.last_looks(id))
        spending = spending_of(results.marks, ledger.spent(stage_keys(results.marks)), ledger.jobs(id))
    return CohortRecord(terms, spending)
