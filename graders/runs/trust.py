"""Chooses the sandbox of a course's submissions; other people's code runs without a wall only if a person says so."""

from __future__ import annotations

from assignments.errors import UserError, nearest
from graders.course.course import Course
from graders.wall.sandboxes import SANDBOXES
from graders.wall.sandboxes.sandbox import Sandbox


def sandbox_of(course: Course, named: str | None, trust_submissions: bool) -> Sandbox:
    """The sandbox `named`, else the one of course.toml.

    `trust_submissions` allows one that does not isolate: for callers that run nothing, or only code of their own.

    Raises:
        UserError: there is no such sandbox, or it does not isolate and `trust_submissions` is false.
    """
    return sandbox_named(named or course.sandbox, trust_submissions)


def sandbox_named(name: str, trust_submissions: bool, risk: str = "") -> Sandbox:
    """The sandbox of this name.

    Args:
        risk: A sentence about running without a wall, for whoever is refused.

    Raises:
        UserError: there is no such sandbox, or it does not isolate and `trust_submissions` is false.
    """
    if name not in SANDBOXES:
        raise UserError(f'--sandbox "{name}": {nearest(name, SANDBOXES)}')
    sandbox = SANDBOXES[name]()
    if not sandbox.isolates and not trust_submissions:
        raise UserError(
            f"the {name} sandbox does not hold other people's code here: {sandbox.weakness}. {risk}Use docker or "
            "another sandbox that is one (medmark doctor says what is missing), or add --trust-submissions if all this "
            "code is yours."
        )
    return sandbox
