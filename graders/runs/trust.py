"""Which sandbox a course's submissions run in, and who may run other people's code without a wall: nobody unasked."""

from __future__ import annotations

from assignments.errors import UserError, nearest
from graders.course.course import Course
from graders.wall.sandboxes import SANDBOXES
from graders.wall.sandboxes.sandbox import Sandbox


def sandbox_of(course: Course, named: str | None, trust_submissions: bool) -> Sandbox:
    """The sandbox `named`, else the one of course.toml.

    `trust_submissions` allows one that does not isolate: where nothing is run, or all this code is the caller's own.

    Raises:
        UserError: there is no such sandbox, or it does not isolate and that is not allowed.
    """
    name = named or course.sandbox
    if name not in SANDBOXES:
        raise UserError(f'--sandbox "{name}": {nearest(name, SANDBOXES)}')
    sandbox = SANDBOXES[name]()
    if not sandbox.isolates and not trust_submissions:
        raise UserError(
            f"the {name} sandbox runs submissions as you, with your files: use docker (medmark doctor says what is "
            "missing), or say --trust-submissions if all this code is yours"
        )
    return sandbox
