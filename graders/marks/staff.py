"""Who decides: the login that an event is recorded under. Where a course names its staff, it must be one of them."""

from __future__ import annotations

from assignments.errors import UserError, nearest
from assignments.this_user import login
from graders.course.course import Course


def decider(course: Course, by: str | None = None) -> str:
    """The login that an event is recorded under: that of `by`, else the user of this machine.

    `by` may be a login or a full name of `[staff]`.

    Raises:
        UserError: the course names its staff, and this person is not among them.
    """
    name = (by or "").strip() or login()
    if not course.staff or name in course.staff:
        return name
    of_name = [staff for staff, full in course.staff.items() if full.casefold() == name.casefold()]
    if len(of_name) == 1:
        return of_name[0]
    raise UserError(
        f'"{name}" is not among the staff of {course.folder / "course.toml"}: say who decides with --by NAME; '
        f"{nearest(name, [*course.staff, *course.staff.values()])}"
    )
