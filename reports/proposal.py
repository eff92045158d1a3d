"""The proposed cases of a new assignment, as lines: a few rows, then each guess as a question."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graders.authoring.new_assignment import NewAssignment

SHOWN = 5


def proposal_lines(new: NewAssignment) -> Iterator[str]:
    """The cases of the folder by the names of its files, and what its author must look at."""
    table = new.table
    subjects = {row.subject for row in table.rows}
    task = f'task = "{new.task}"' if table.has_truth else "no ground truth was recognised"
    yield f"{table.folder}: {len(table.rows)} cases of {len(subjects)} subjects; {task}"
    for row in table.rows[:SHOWN]:
        cells = {**row.files, **row.values}
        yield "  " + "  ".join([row.subject, *(cells.get(column, "-") for column in table.columns)])
    if len(table.rows) > SHOWN:
        yield f"  and {len(table.rows) - SHOWN} more"
    yield "Look at these guesses:" if table.questions else "Nothing had to be guessed."
    yield from (f"- {question}" for question in table.questions)
    writes = [*([str(new.new_table)] if new.new_table else []), *([f"{new.folder}/"] if table.has_truth else [])]
    yield f"With your yes, this writes {' and '.join(writes) or 'nothing'}"
