"""The score of one accuracy criterion, and what explains a poor score. The work has parts, each with its limits.

A prediction can make its own scoring slow or large. So `on_part` is called before each part begins, for the process
that enforces the limits. That process names the parts that reached a limit in an earlier try: their predictions have
failed.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from assignments.assignment import Accuracy, Assignment
from assignments.data.hidden import HiddenSet
from graders.failures import NotUsable
from graders.record.answers import Answers
from graders.record.documents import Explained, Measured, ScoreResult
from graders.scoring.forensics import explanation
from graders.scoring.repeat import CASES, WHOLE, case_part
from graders.scoring.score import score

EXPLAINED = "explained"
"""The part that comes after the score; `graders.scoring.repeat.WHOLE` and `CASES` are parts of the score."""
ALL = ""
"""All parts of the score."""


def score_and_explain(
    assignment: Assignment,
    criterion: Accuracy,
    sets: Sequence[HiddenSet],
    answers: Sequence[Answers],
    *,
    on_part: Callable[[str], None] = lambda part: None,
    over_limit: Collection[str] = (),
) -> ScoreResult:
    """The score of a criterion over all repeats, and what explains it.

    Args:
        assignment: The assignment as it is stored on this machine.
        criterion: One of its accuracy criteria.
        sets: The hidden set of each repeat.
        answers: The stored answers of each repeat.
        on_part: Called with the name of every part before it begins.
        over_limit: Parts that reached a limit in an earlier try: the cases they read count as failed.
    """
    repeats = enumerate(zip(sets, answers, strict=True))
    usable = [_usable(repeat, hidden, stored, over_limit) for repeat, (hidden, stored) in repeats]
    scored = score(assignment, criterion, sets, usable, on_part, one_by_one=CASES in over_limit)
    if EXPLAINED in over_limit:
        return replace(scored, explained=Explained("given up", evidence="it took longer than it may"))
    on_part(EXPLAINED)
    return replace(scored, explained=_explained(assignment, criterion, sets, usable, scored.measured))


def _usable(repeat: int, hidden: HiddenSet, answers: Answers, over_limit: Collection[str]) -> Answers:
    """The answers, with those cases marked as failed that cost the host more than a case may."""
    everything = ALL in over_limit or WHOLE in over_limit
    costly = [i for i, case in enumerate(hidden.cases) if everything or case_part(repeat, case.id) in over_limit]
    return replace(answers, failed={**answers.failed, **dict.fromkeys(costly, NotUsable.reason)})


def _explained(
    assignment: Assignment,
    criterion: Accuracy,
    sets: Sequence[HiddenSet],
    answers: Sequence[Answers],
    measured: Measured | None,
) -> Explained | None:
    """The explanation of a poor score. It is computed after the score, and a failure here must not affect the mark."""
    if measured is None:
        return None
    try:
        return explanation(assignment, criterion, sets, answers, measured)
    except Exception:  # noqa: BLE001 - an explanation is an extra; staff read what failed
        return Explained("defect", evidence=traceback.format_exc()[-2000:])
