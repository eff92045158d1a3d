"""What leaves the machine with a handout, as lines for the person who is asked to agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assignments.data.split import split_command
from reports.terminal import quantity

if TYPE_CHECKING:
    from graders.authoring.handing_out import PlannedHandout


def leaving_lines(planned: PlannedHandout) -> Iterator[str]:
    """How many cases of patients would leave, and who permitted it; or what goes in their place; near cases first."""
    cases, data = planned.cases, planned.assignment.data
    if planned.near:
        yield planned.near
    if cases.kind in ("phantoms", "small cases"):
        count = cases.counts[0]
        yield f'share = "none": no case leaves this machine; the handout holds {count} {cases.kind} in their place.'
    if planned.needs_consent:
        count, subjects = cases.counts
        whom = "anybody" if data.share == "public" else "students"
        yield f"{quantity(count, 'case')} of {quantity(subjects, 'subject')} would leave this machine, for {whom}."
        yield f"Permitted: {data.permission}"
        yield (
            "Faces and burned-in text are not checked; this lists everything that leaves: "
            f"{split_command(planned.assignment, '--leaves')}"
        )
