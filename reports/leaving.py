"""What leaves the machine with a handout or a return, as lines for the person who is asked to agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assignments.data.split import split_command
from reports.terminal import quantity

if TYPE_CHECKING:
    from graders.authoring.handing_out import PlannedHandout
    from graders.runs.showing import Showing


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
        yield f"Permitted: {' '.join(data.permission.split())}"
        yield (
            "Faces and burned-in text are not checked; this lists everything that leaves: "
            f"{split_command(planned.assignment, '--leaves')}"
        )


def showing_lines(showing: Showing) -> Iterator[str]:
    """How many hidden cases students will see, and that their subjects are spent from then on."""
    yield f"{quantity(len(showing.cases), 'hidden case')} of {showing.of} will be shown to every group."
    if showing.subjects:
        yield (
            f"They are of {quantity(len(showing.subjects), 'subject')}, recorded as shown in "
            f"{showing.assignment.split_file}: in later years, students may know their ground truth."
        )
        if not showing.left:
            yield (
                "No hidden subject is left whom students have not seen. Before the next year, add subjects to the "
                f"folder, then: {split_command(showing.assignment)}"
            )
    else:
        yield "They were drawn, and are of no patient."
