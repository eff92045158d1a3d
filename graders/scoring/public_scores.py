"""Chooses which public cases a group is shown: its best, its median and its worst answer. They move no point."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path

from assignments.assignment import Accuracy, Assignment
from graders.failures import NotUsable, ToolkitFailure
from graders.metrics import Metric, metric_named
from graders.record.answer_files import load_public_answers
from graders.record.documents import Cause, PublicAnswers, PublicScores, Rank, RankedCase
from graders.scoring.forms import readable
from graders.scoring.repeat import score_repeat
from graders.tasks import Task, task_named
from graders.tasks.public_set import PublicSet

OF_CASES = ("dice", "log_loss", "absolute_error@100")
"""Metrics that rank single cases where those of the criterion are of the whole set; the first that the task offers."""


def public_scores(
    assignment: Assignment, criterion: Accuracy, public: PublicSet, answers: PublicAnswers, store: Path
) -> PublicScores:
    """The public cases to show, by the criterion's metric. Without them it says why they are missing."""
    if answers.inputs != public.inputs_digest:
        return PublicScores(answers, cause=Cause(DRAWN_ANEW))
    task = task_named(assignment.task)
    metric = _metric_of_cases(assignment, criterion, task)
    if metric is None or answers.file is None:
        return PublicScores(answers, cause=answers.cause or _first(answers) or Cause(NO_METRIC))
    try:
        stored = load_public_answers(store, answers)
        separate = criterion.empty_reference == "separate"
        scored = score_repeat(task, metric, stored, public.set, separate=separate, absent=criterion.absent)
    except ToolkitFailure as failure:
        return PublicScores(answers, metric.name, cause=Cause(failure.reason))
    except MemoryError:
        return PublicScores(answers, metric.name, cause=Cause(NotUsable.reason))
    if not scored.raw:
        reason = next(iter(scored.failed.values()), NotUsable.reason)
        return PublicScores(answers, metric.name, cause=_first(answers) or Cause(reason))
    return PublicScores(answers, metric.name, ranked(scored.raw, metric.rising), len(scored.raw))


DRAWN_ANEW = "other_cases"
"""Reason: the public cases have changed since they were predicted."""
NO_METRIC = "no_metric_of_cases"
"""Reason: no metric gives a single case a score."""


def ranked(scores: Mapping[int, float], rising: bool) -> tuple[RankedCase, ...]:
    """The best, the median and the worst case; of two cases, the best and the worst. The first of equal ones counts."""
    order = sorted(scores, key=lambda index: (-scores[index] if rising else scores[index], index))
    chosen: dict[Rank, int] = {"best": 0}
    if len(order) > 2:
        chosen["median"] = (len(order) - 1) // 2
    if len(order) > 1:
        chosen["worst"] = len(order) - 1
    return tuple(RankedCase(rank, order[at], scores[order[at]]) for rank, at in chosen.items())


def range_of(assignment: Assignment, criterion: Accuracy) -> tuple[float | None, float | None]:
    """Both ends of the range of a criterion's metric, None for an infinite one."""
    low, high = metric_named(criterion.metric, assignment.folder, criterion.costs).range
    return (low if isfinite(low) else None, high if isfinite(high) else None)


def _metric_of_cases(assignment: Assignment, criterion: Accuracy, task: Task) -> Metric | None:
    """The first metric of the criterion that gives each case a score, else the first of `OF_CASES`."""
    for name in (*criterion.metrics, *OF_CASES):
        metric = metric_named(name, assignment.folder, criterion.costs)
        if metric.level == "per_case" and readable(task, metric):
            return metric
    return None


def _first(answers: PublicAnswers) -> Cause | None:
    """Why the first case without an answer has none."""
    return next((cause for cause in answers.states if cause is not None), None)
