"""Why a score is poor, where one mistake explains it: the stored answers scored again without that mistake.

"dice 0.03; 0.81 if the first axis is flipped." It is made after the score, stored beside it and told with it; it moves
no point and is part of no key. It is told only when the gain is large and the same in nearly all cases, so that neither
chance nor sound but weak answers are explained; and in two decimals, of all cases together, so that it tells nothing of
one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from assignments.assignment import Accuracy, Assignment
from assignments.data.hidden import HiddenSet
from graders.metrics import Array, Floats, Metric, metric_named
from graders.record.answers import Answers
from graders.record.documents import Explained, Measured, Phrase
from graders.scoring.caps import combined
from graders.scoring.fixes import Fix, of_classes, of_fields, of_images, of_labels, of_probabilities
from graders.scoring.repeat import RepeatScore, score_repeat, truths_as
from graders.tasks import Task, task_named

FORMS_WITH_FIXES = {"mask", "labels", "class", "field"}
"""What a task's answers must be read as for a mistake to be known here."""
SEARCHED = 6
"""Images on which all fixes are tried."""
CONFIRMED = 60
"""Images of each repeat on which the best one is confirmed, under the criterion's own metric."""
ROWS = 2000
"""The same two for cases that are rows."""
VOXELS = 50_000_000
"""Of large images fewer are tried, so that they hold at most so many voxels; never fewer than three."""
SHORTLIST = 3
CLOSED = 0.5
"""Share of the way from the score to the reference anchor that a fix must make up."""
ALIKE = 0.8
"""Share of the cases that change which must gain."""


def explanation(
    assignment: Assignment,
    criterion: Accuracy,
    sets: Sequence[HiddenSet],
    answers: Sequence[Answers],
    measured: Measured,
) -> Explained | None:
    """What explains a score below the pass anchor, or None."""
    if criterion.anchors.sign * (measured.score - criterion.anchors.pass_) >= 0:
        return None
    task = task_named(assignment.task)
    if not task.forms.keys() & FORMS_WITH_FIXES:
        return None  # no mistake of such a task is known here
    metric = metric_named(criterion.metric, assignment.folder, criterion.costs)
    plain = _plain(task, sets[0], answers[0])
    # Nothing is computed from what the task refuses: a table of labels would be as large as a refused label likes.
    answers = [_valid(task, given, hidden) for given, hidden in zip(answers, sets, strict=True)]
    confirmed = [
        tried
        for fix in _shortlist(task, metric, sets[0], answers[0])
        if (tried := _confirmed(task, metric, criterion, sets, answers, fix, assignment.run.combine))
    ]
    if confirmed:
        best = max(confirmed, key=lambda tried: criterion.anchors.sign * (tried.fixed or 0.0))
        return replace(best, seen=plain[1] if plain else None)
    return Explained(plain[0], plain[1]) if plain else None


def _valid(task: Task, answers: Answers, hidden: HiddenSet) -> Answers:
    """The answers without those that cannot be scored."""
    given = answers.arrays.get(task.prediction)
    if given is None:
        return answers
    return replace(answers, failed={**task.invalid(given, hidden.truth), **answers.failed})


def _shortlist(task: Task, metric: Metric, hidden: HiddenSet, answers: Answers) -> list[Fix]:
    """The fixes that help most on a few cases, best first; of rows all there are."""
    given = answers.arrays.get(task.prediction)
    if given is None or len(given) != len(hidden.cases) or given.dtype.kind not in "fiu":
        return []
    usable = [i for i in range(len(given)) if i not in answers.failed]
    if "class" in task.forms:
        return _of_rows(metric, given, hidden.truth, np.array(usable, dtype=int))
    if "field" in task.forms:
        return _of_fields(task, metric, hidden, answers, _spread(usable, _images(hidden, SEARCHED)))
    truths = truths_as(task, "mask", hidden.truth)
    some = _spread([i for i in usable if truths[i].any()], _images(hidden, SEARCHED))
    return _of_images(task, hidden, given, truths, some) if some else []


def _of_rows(metric: Metric, given: Array, truths: Array, usable: Array) -> list[Fix]:
    fits = given.ndim in (1, 2) and usable.size and (given.ndim == 1 or truths.max() < given.shape[1])
    fixes = list(of_classes(given[usable], truths[usable])) if fits else []
    return [fix for fix in fixes if metric.reads != "probability" or fix.kind == "labels"]


def _of_fields(task: Task, metric: Metric, hidden: HiddenSet, answers: Answers, some: list[int]) -> list[Fix]:
    if not some:
        return []
    way = 1 if metric.rising else -1
    part, mine = _part(hidden, some), _answers(task, answers, some)
    before = score_repeat(task, metric, mine, part, separate=False).score
    gains = []
    for number, fix in enumerate(of_fields()):
        fixed = _undone(task, part, mine, fix)
        if fixed is not None:
            gain = way * (score_repeat(task, metric, fixed, part, separate=False).score - before)
            gains += [(-gain, number, fix)] if gain > 0 else []
    return _best(gains)


def _of_images(task: Task, hidden: HiddenSet, given: Array, truths: Array, some: list[int]) -> list[Fix]:
    """By the overlap of what is decided of the answers, which is quick."""
    shape = hidden.truth.shape[1:]
    decide = task.forms["mask" if "mask" in task.forms else "labels"]
    decided = {i: decide(given[i]) for i in some}
    before = np.array([_overlap(decided[i], truths[i]) for i in some])
    full = all(mask.all() for mask in decided.values())
    fixes = [*of_images(shape)]
    if "probability" in task.forms:
        fixes += of_probabilities(given[some], truths[some])
    elif "labels" in task.forms:
        fixes += of_labels([given[i] for i in some], [truths[i] for i in some])
    gains: list[tuple[float, int, Fix]] = []
    for number, fix in enumerate(fixes):
        read = given if fix.kind in ("threshold", "sigmoid", "labels") else decided
        if fix.kind == "spacing" and full:
            continue
        undone = [fix.undo(read[i], shape, hidden.cases[i]) for i in some]
        after = [_overlap(decide(a), truths[i]) for i, a in zip(some, undone, strict=True) if a is not None]
        if len(after) == len(some) and _alike(np.array(after) - before):
            gains.append((-float(np.mean(after - before)), number, fix))
    return _best(gains)


def _best(gains: Sequence[tuple[float, int, Fix]]) -> list[Fix]:
    return [fix for _, _, fix in sorted(gains, key=lambda gain: gain[:2])[:SHORTLIST]]


def _confirmed(
    task: Task,
    metric: Metric,
    criterion: Accuracy,
    sets: Sequence[HiddenSet],
    answers: Sequence[Answers],
    fix: Fix,
    how: str,
) -> Explained | None:
    """A fix under the criterion's own metric on many cases of every repeat; None unless it explains the score."""

    def judged(answers: Answers, part: HiddenSet) -> RepeatScore:
        separate = criterion.empty_reference == "separate"
        return score_repeat(task, metric, answers, part, separate=separate, absent=criterion.absent)

    before, after = [], []
    for hidden, given in zip(sets, answers, strict=True):
        some = _spread(list(range(len(hidden.cases))), _images(hidden, CONFIRMED))
        part, mine = _part(hidden, some), _answers(task, given, some)
        fixed = _undone(task, part, mine, fix)
        if fixed is None:
            return None
        before.append(judged(mine, part))
        after.append(judged(fixed, part))
        if metric.level == "per_set" and not all(
            _explains(criterion, judged(m, p).score, judged(f, p).score, CLOSED / 2)
            for p, m, f in _halves(task, part, mine, fixed)
        ):
            return None
    if metric.level == "per_case" and not _alike(_gains(criterion, before, after)):
        return None
    score, best = (combined([run.score for run in runs], how) for runs in (before, after))
    if not _explains(criterion, score, best, CLOSED):
        return None
    # Any large mask gains by being made smaller: that explains only a mask which is then a good one.
    if fix.kind == "spacing" and criterion.anchors.sign * (best - criterion.anchors.merit) < 0:
        return None
    cases = sum(len(run.cases) for run in before)
    return Explained(fix.kind, None, fix.phrase, round(score, 4), round(best, 4), cases)


def _explains(criterion: Accuracy, score: float, fixed: float, closed: float) -> bool:
    way = criterion.anchors.sign
    return way * (fixed - score) >= closed * way * (criterion.anchors.reference - score) > 0


def _gains(criterion: Accuracy, before: Sequence[RepeatScore], after: Sequence[RepeatScore]) -> Floats:
    """By how much each answered case gains."""
    gains = [
        criterion.anchors.sign * (there.values[i] - here.values[i])
        for here, there in zip(before, after, strict=True)
        for i in here.counted
        if i not in there.failed
    ]
    return np.array(gains)


def _alike(gains: Floats) -> bool:
    """Whether nearly all cases that change gain, and a good part does."""
    more, less = int((gains > 1e-9).sum()), int((gains < -1e-9).sum())
    return more >= ALIKE * (more + less) and more >= max(1, len(gains) / 3)


def _halves(task: Task, part: HiddenSet, mine: Answers, fixed: Answers) -> Iterator[tuple[HiddenSet, Answers, Answers]]:
    """Every other case, class by class, where a half can hold all classes."""
    rows = "class" in task.forms
    order = np.argsort(part.truth, kind="stable") if rows else np.arange(len(part.cases))
    if rows and np.bincount(part.truth).min(initial=len(order), where=np.bincount(part.truth) > 0) < 2:
        return
    for start in (0, 1):
        some = sorted(int(i) for i in order[start::2])
        yield _part(part, some), _answers(task, mine, some), _answers(task, fixed, some)


def _undone(task: Task, part: HiddenSet, answers: Answers, fix: Fix) -> Answers | None:
    given = answers.arrays[task.prediction]
    shape = part.truth.shape[1:]
    undone = [fix.undo(answer, shape, case) for answer, case in zip(given, part.cases, strict=True)]
    if any(answer is None for answer in undone):
        return None
    return Answers({task.prediction: np.stack(undone)}, answers.failed)  # type: ignore[arg-type]


def _part(hidden: HiddenSet, some: Sequence[int]) -> HiddenSet:
    return replace(hidden, truth=hidden.truth[list(some)], cases=tuple(hidden.cases[i] for i in some))


def _answers(task: Task, answers: Answers, some: Sequence[int]) -> Answers:
    failed = {place: answers.failed[i] for place, i in enumerate(some) if i in answers.failed}
    return Answers({task.prediction: answers.arrays[task.prediction][list(some)]}, failed)


def _plain(task: Task, hidden: HiddenSet, answers: Answers) -> tuple[str, Phrase] | None:
    """What can be seen in the answers alone: that they are all the same."""
    given = answers.arrays.get(task.prediction)
    if given is None or len(given) != len(hidden.cases):
        return None
    good = [i for i in range(len(given)) if i not in answers.failed]
    if not good or task.invalid(given, hidden.truth):
        return None
    if "field" in task.forms:
        moved = task.forms["field"](given[good]).any()
        return None if moved else ("empty", Phrase("nothing_moved"))
    if task.forms.keys() & {"mask", "labels"}:
        masks = task.forms["mask" if "mask" in task.forms else "labels"](given[good])
        if not masks.any():
            return "empty", Phrase("empty_below_half" if "probability" in task.forms else "empty")
        return ("full", Phrase("full")) if masks.all() else None
    classes = np.unique(task.forms["class"](given[good])) if "class" in task.forms else np.arange(2)
    if len(classes) == 1 and len(good) > 1:
        return "constant", Phrase("one_class", (int(classes[0]),))
    return None


def _images(hidden: HiddenSet, at_most: int) -> int:
    """How many cases are looked at."""
    records = hidden.truth.dtype.names is not None
    if hidden.truth.ndim == 1 and not records:
        return ROWS
    voxels = hidden.truth.dtype.itemsize if records else int(np.prod(hidden.truth.shape[1:]))
    return max(3, min(at_most, VOXELS * at_most // SEARCHED // voxels))


def _spread(places: list[int], at_most: int) -> list[int]:
    """At most so many, evenly over all of them."""
    if len(places) <= at_most:
        return places
    return [places[int(i)] for i in np.linspace(0, len(places) - 1, at_most).round()]


def _overlap(answer: Array, truth: Array) -> float:
    """Dice of two masks; of two maps of labels, over voxels whose labels agree."""
    if answer.shape != truth.shape:
        return 0.0
    agree = int(np.count_nonzero((answer == truth) & (truth > 0)))
    return 2 * agree / max(1, int(np.count_nonzero(answer)) + int(np.count_nonzero(truth)))
