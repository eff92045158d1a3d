"""Rosters and marks for the tests of exports."""

from decimal import Decimal

from graders.course.roster import Group, Member
from graders.marks.mark import Status
from graders.marks.personal import PersonalMark
from reports.exports.export import Marks
from reports.numbers import half_up
from tests.reports.hand_made import assignment


def member(id, email="", candidate=None, **more):
    """A member; further columns of the roster by keyword."""
    return Member(
        id=id,
        name=id.title(),
        email=email or f"{id}@example.org",
        candidate=candidate,
        more=tuple(more.items()),
    )


def group(name, *members):
    """A group of these members."""
    return Group(name=name, members=members, repository=f"https://example.org/{name}.git")


def alone(*members):
    """A roster in which everybody is a group."""
    return [group(f"group-{number:02}", each) for number, each in enumerate(members, 1)]


def marks(by_member, out_of=100):
    """Marks from each member's percentage, or the status of one who has none."""
    changes = {"title": "U-Net coursework"}
    if out_of != 100:
        changes["criterion"] = [{"id": "report", "kind": "person", "points": out_of}]
    people = {id: _mark(id, value, Decimal(out_of)) for id, value in by_member.items()}
    return Marks(assignment(**changes), people)


def _mark(id, value, out_of):
    status = value if isinstance(value, Status) else Status.MARKED
    percent = None if isinstance(value, Status) else Decimal(value)
    points = None if percent is None else half_up(percent * out_of / 100, 2)
    return PersonalMark("unet", "group", id, status, percent, points, out_of, pass_mark=40, level=6, trace=())
