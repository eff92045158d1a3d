"""A small cohort with marks of groups, for the exports that say more than each person's mark."""

from dataclasses import replace
from decimal import Decimal

from graders.course.roster import Group, Member
from graders.marks.mark import Status, Verdict
from graders.marks.personal import PersonalMark
from reports.exports.export import Marks
from tests.reports.hand_made import assignment, hand_in, mark, not_submitted, person

NAMES = {"ada": "Ada Byron", "bo": 'Bo, "B" Ng', "cy": "=cmd()", "di": "مريم حسن", "ed": "Ed\u202egnp"}
"""By member: names with a comma and quotes, a formula, from right to left, and with a mark that turns text round."""


def member(id, **more):
    """A member of the cohort; further columns of the roster by keyword."""
    return Member.model_construct(
        id=id, name=NAMES[id], email=f"{id}@example.org", pass_mark=None, candidate=None, more=tuple(more.items())
    )


def group(name, *members):
    return Group.model_construct(
        name=name, members=members, repository=f"https://example.org/{name}.git", branch=None, path="", aside=()
    )


ROSTER = (
    group("pair", member("ada"), member("bo")),
    group("waits", member("cy")),
    group("none", member("di")),
    group("zero", member("ed")),
)
SEEN = "2026-11-20T16:58:03+00:00"
ZERO = tuple(
    replace(each, points=Decimal(0), verdict=Verdict.FAILED, scored=None, measured=None) for each in mark().findings
)
GROUPS = {
    "pair": mark("pair", provenance={**mark().provenance, "seen_at": SEEN}),
    "waits": mark("waits", person=person()),
    "none": not_submitted("none"),
    "zero": replace(mark("zero"), points=Decimal(0), findings=ZERO),
}
"""68.4 of 100 with a commit, a report that waits for a person, nothing handed in, and a true 0."""


def own(id, group, points, status=Status.MARKED, **more):
    """A person's own mark; None for one without."""
    points = None if points is None else Decimal(points)
    values = {"percent": points, "points": points, "out_of": Decimal(100), "pass_mark": 40, "level": 6, "trace": ()}
    return PersonalMark("prostate_unet", group, id, status, **values | more)


PEOPLE = {
    "ada": own("ada", "pair", "68.4"),
    "bo": own("bo", "pair", "53.4"),
    "cy": own("cy", "waits", None, Status.INCOMPLETE),
    "di": own("di", "none", None, Status.NOT_SUBMITTED),
    "ed": own("ed", "zero", "0.0"),
}


def cohort(**changes):
    """The marks of the cohort."""
    values = {"groups": GROUPS, "people": PEOPLE, "hand_ins": {"pair": hand_in(name="pair")}}
    return Marks(assignment(), **values | changes)
