"""One accuracy criterion: its score, and beside it what explains a poor one. Part by part, since each part has a price.

An answer chooses what computing with it costs. So whoever holds this process to limits is told of each part before it
begins, and names the parts that reached a limit before: their answers have failed.
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
"""The part of a criterion that comes after its score, beside `graders.scoring.repeat.WHOLE` and `CASES`."""
ALL = ""
"""Every part of the score."""


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
        assignment: As it lies on this machine.
        criterion: One of its own.
        sets: The hidden set of each repeat.
        answers: What was answered in each.
        begins: Hears of every part before it begins.
        spoilt: Parts that reached a limit before: what they read of the answers counts as failed.
    """
    usable = [_usable(repeat, *pair, over_limit) for repeat, pair in enumerate(zip(sets, answers, strict=True))]
    scored = score(assignment, criterion, sets, usable, on_part, one_by_one=CASES in over_limit)
    if EXPLAINED in over_limit:
        return replace(scored, explained=Explained("given up", evidence="it took longer than it may"))
    on_part(EXPLAINED)
    return replace(scored, explained=_explained(assignment, criterion, sets, usable, scored.measured))


def _usable(repeat: int, hidden: HiddenSet, answers: Answers, over_limit: Collection[str]) -> Answers:
    """Answers without those that cost the host more than a case may."""
    everything = ALL in over_limit or WHOLE in over_limit
    places = [i for i, case in enumerate(hidden.cases) if everything or case_part(repeat, case.id) in over_limit]
    return replace(answers, failed={**answers.failed, **dict.fromkeys(places, NotUsable.reason)})


def _explained(
    assignment: Assignment,
    criterion: Accuracy,
    sets: Sequence[HiddenSet],
    answers: Sequence[Answers],
    measured: Measured | None,
) -> Explained | None:
    """What explains a poor score. It comes after the score and beside it, and nothing of it may harm the mark."""
    if measured is None:
        return None
    try:
        return explanation(assignment, criterion, sets, answers, measured)
    except Exception:  # noqa: BLE001 - a defect of an extra; staff read of it
        return Explained("defect", evidence=traceback.format_exc()[-2000:])
