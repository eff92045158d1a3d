"""Whether cases may be handed out and marked on: asked once, before anything is done with them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assignments.assignment import Accuracy, Assignment
from assignments.data.columns import Cases
from assignments.data.misfits import refuse_misfits
from assignments.data.parts import drawn_parts, refuse_shared_parts
from assignments.data.prepared import Prepared, Progress, prepare
from assignments.data.source import Endless
from assignments.data.source_names import is_own
from assignments.data.sources import source_of
from assignments.data.streams import PUBLISHED
from assignments.errors import UserError


def checked_cases(assignment: Assignment, on_progress: Progress = lambda *_: None) -> Prepared | None:
    """Refuse cases that may neither be handed out nor marked on; the prepared cases of a finite source.

    medmark's own generators are not drawn: its tests hold them.

    Raises:
        UserError: there is no split, a subject of it is gone, a case cannot be read or is in two parts, or the
            cases do not fit the assignment (`refuse_misfits`).
    """
    if not assignment.has_cases:
        return None
    source = source_of(assignment)
    if isinstance(source, Endless):
        if is_own(assignment.data.source) and any(isinstance(item, Accuracy) for item in assignment.criteria):
            first, second = (drawn_parts(source, assignment, PUBLISHED, "0") for _ in range(2))
            if not (_equal(first.train, second.train) and _equal(first.test, second.test)):
                raise UserError(
                    f"{assignment.data.source} draws other cases when it is called again with the same rng: groups "
                    "would be marked on different cases, and no mark could be checked. Draw every random number from "
                    "rng, and keep nothing between calls."
                )
        return None
    prepared = prepare(assignment, source, on_progress=on_progress)
    refuse_shared_parts(prepared, assignment)
    refuse_misfits(assignment, prepared.arrays, prepared)
    return prepared


def _equal(a: Mapping[str, Cases], b: Mapping[str, Cases]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(np.asarray(a[key]), np.asarray(b[key])) for key in a)
