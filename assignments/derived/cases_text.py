"""What a brief says of cases that a course sets in place of the assignment's own: whose, how many, who may have them.

Everything comes from the course's settings and from the split of the subjects: nothing of the assignment's own cases.
"""

from __future__ import annotations

from assignments.assignment import Assignment, Count
from assignments.data.sharing import sharing_of
from assignments.data.source import PARTS, Finite, Part
from assignments.data.sources import source_of
from assignments.data.split import read_split


def case_counts(assignment: Assignment) -> dict[Part, Count | None]:
    """How many cases each part has; subjects of a folder, as it is split. None where nobody can say yet."""
    data = assignment.data
    if not assignment.has_cases:
        return dict.fromkeys(PARTS)
    if isinstance(source_of(assignment), Finite):
        split = read_split(assignment.split_file)
        return {part: None if split is None else len(split.of(part)) for part in PARTS}
    train = None if data.train is None else data.train - int(data.val)
    return {"train": train, "val": data.val, "test": data.test}


def cases_text(assignment: Assignment) -> str:
    """The cases in a few sentences.

    Raises:
        UserError: the source or the split cannot be read.
    """
    if not assignment.has_cases:
        return ""
    finite = isinstance(source_of(assignment), Finite)
    counts = case_counts(assignment)
    what = "subjects" if finite else "cases"
    train, val, test = (_number(counts[part], what) for part in PARTS)
    sentences = [assignment.data.about.strip()] if assignment.data.about.strip() else []
    if finite and sharing_of(assignment) == "none":
        sentences.append(
            "None of these cases leaves the place where they were taken. What you get in `data/` stands in for them: "
            f"the same arrays, of no patient. Marking calls your `fit` with the cases of {train}"
            + (f", and with those of {val} as `val`" if counts["val"] else "")
            + f", and scores your model on those of {test} that are hidden."
        )
    else:
        of = "those of " if finite else ""
        sentences.append(
            f"You get {'the cases of ' if finite else ''}{train} to train on"
            + (f", and {of}{val} (`val`) to choose by" if counts["val"] else "")
            + f". {'The cases of ' if finite else ''}{test} that are hidden decide your accuracy marks."
        )
    if finite:
        sentences.append("All cases of a subject are in one part.")
        if sharing_of(assignment) == "students":
            sentences.append(
                "They are for this course alone: do not pass them on, and keep them out of your repository."
            )
    return " ".join(sentences)


def _number(count: Count | None, what: str) -> str:
    if count is None:
        return f"some {what}"
    return f"1 {what.removesuffix('s')}" if count == 1 else f"{count} {what}"
