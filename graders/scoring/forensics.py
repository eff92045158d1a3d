"""Explains a poor score by one mistake: scores the stored predictions again without that mistake.

"dice 0.03; 0.81 if the first axis is flipped." The explanation is computed after the score, stored beside it and shown
with it; it changes no points and is part of no key. There is an explanation only where the gain is large and the same
in nearly all cases, so that neither chance nor weak but sound predictions get one. It has two decimals and is over all
cases, so that it says nothing about a single case.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assignments.assignment import Accuracy, Anchors, Assignment, Unanchored
from assignments.data.cases import Case
from assignments.data.columns import (
    Cases,
    Column,
    MadeCase,
    alone,
    case_shapes,
    field_names,
    largest,
    one_by_one,
    stacked,
)
from assignments.data.hidden import HiddenSet
from graders.metrics import Array, Floats, Metric, metric_named
from graders.record.answers import Answers
from graders.record.documents import Explained, Measured, Phrase
from graders.scoring.caps import combined
from graders.scoring.each_case import read_singly, usable
from graders.scoring.fixes import (
    Fix,
    of_classes,
    of_fields,
    of_images,
    of_labels,
    of_probabilities,
    of_probabilities_of_each,
)
from graders.scoring.forms import truths_as
from graders.scoring.repeat import RepeatScore, score_repeat
from graders.tasks import Task, task_named

FORMS_WITH_FIXES = {"mask", "labels", "class", "field"}
"""Forms of predictions for which `graders.scoring.fixes` has mistakes."""
SEARCHED = 6
"""Number of images on which all fixes are tried."""
CONFIRMED = 60
"""Number of images of each repeat on which the best fixes are confirmed, under the criterion's own metric."""
ROWS = 2000
"""The number for both, where cases are rows."""
VOXELS = 50_000_000
"""The images on which fixes are tried have at most so many voxels together; but at least three are used."""
SHORTLIST = 3
"""Number of fixes that are confirmed."""
CLOSED = 0.5
"""The share of the gap between the score and the reference anchor that a fix must close."""
ALIKE = 0.8
"""Of the cases whose value changes, the share that must gain."""


@dataclass(frozen=True)
class _Scoring:
    """What a criterion is scored with."""

    task: Task
    metric: Metric
    criterion: Accuracy
    anchors: Anchors
    """Those of the criterion."""
    combine: str

    def score(self, hidden: HiddenSet, answers: Answers) -> RepeatScore:
        """One repeat under the criterion's own metric and rules."""
        separate = self.criterion.empty_reference == "separate"
        absent = self.criterion.absent
        return score_repeat(self.task, self.metric, answers, hidden, separate=separate, absent=absent)

    def explains(self, score: float, fixed: float, closed: float) -> bool:
        """Whether a fixed score closes so large a share of the gap to the reference anchor."""
        anchors = self.anchors
        return anchors.sign * (fixed - score) >= closed * anchors.sign * (anchors.reference - score) > 0


def explanation(
    assignment: Assignment,
    criterion: Accuracy,
    sets: Sequence[HiddenSet],
    answers: Sequence[Answers],
    measured: Measured,
) -> Explained | None:
    """What explains a score below the pass anchor, or None; without anchors no score is known to be poor."""
    anchors = criterion.anchors
    if isinstance(anchors, Unanchored) or anchors.sign * (measured.score - anchors.pass_) >= 0:
        return None
    task = task_named(assignment.task)
    if not task.forms.keys() & FORMS_WITH_FIXES:
        return None
    metric = metric_named(criterion.metric, assignment.folder, criterion.costs)
    scoring = _Scoring(task, metric, criterion, anchors, assignment.run.combine)
    plain = _plain(task, sets[0], answers[0])
    # Invalid predictions are left out: a table of labels would be as large as an invalid label.
    answers = [_without_invalid(task, stored, hidden) for stored, hidden in zip(answers, sets, strict=True)]
    tried = [_confirmed(scoring, sets, answers, fix) for fix in _shortlist(task, metric, sets[0], answers[0])]
    confirmed = [explained for explained in tried if explained is not None]
    if confirmed:
        best = max(confirmed, key=lambda explained: criterion.anchors.sign * (explained.fixed or 0.0))
        return replace(best, seen=plain[1] if plain else None)
    return Explained(plain[0], plain[1]) if plain else None


def _without_invalid(task: Task, answers: Answers, hidden: HiddenSet) -> Answers:
    """The answers, with the cases whose predictions cannot be scored marked as failed."""
    return replace(answers, failed={**_invalid(task, answers, hidden), **answers.failed})


def _invalid(task: Task, answers: Answers, hidden: HiddenSet) -> dict[int, str]:
    """The reasons of the cases whose predictions cannot be scored; none where there are no predictions."""
    predictions = answers.arrays.get(task.prediction)
    if predictions is None:
        return {}
    if not read_singly(hidden, predictions):
        return task.invalid(stacked(predictions), stacked(hidden.truth))
    task = task.knowing(hidden.truth)
    reasons = ((i, usable(task, answers, alone(hidden.truth, i), i)[1]) for i in range(len(hidden.cases)))
    return {i: reason for i, reason in reasons if reason is not None and i not in answers.failed}


def _shortlist(task: Task, metric: Metric, hidden: HiddenSet, answers: Answers) -> list[Fix]:
    """The fixes that help most on a few cases, best first; for rows all possible fixes."""
    predictions = answers.arrays.get(task.prediction)
    if predictions is None or len(predictions) != len(hidden.cases):
        return []
    good = [i for i in range(len(predictions)) if i not in answers.failed]
    if not good or predictions[good[0]].dtype.kind not in "fiu":
        return []
    if "class" in task.forms:
        return _of_rows(metric, stacked(predictions), stacked(hidden.truth), np.array(good, dtype=int))
    if "field" in task.forms:
        return _of_fields(task, metric, hidden, answers, _spread(good, _case_count(hidden, SEARCHED)))
    chosen = _spread([i for i in good if _mask(task, hidden, i).any()], _case_count(hidden, SEARCHED))
    return _of_images(task, hidden, predictions, chosen) if chosen else []


def _mask(task: Task, hidden: HiddenSet, index: int) -> Array:
    """One case's truth as a mask, or as it is where the task has no masks."""
    return np.asarray(truths_as(task, "mask", alone(hidden.truth, index))[0])


def _of_rows(metric: Metric, predictions: Array, truths: Array, usable: Array) -> list[Fix]:
    columns = predictions.shape[1] if predictions.ndim == 2 else None
    fits = predictions.ndim in (1, 2) and usable.size and (columns is None or truths.max() < columns)
    fixes = list(of_classes(predictions[usable], truths[usable])) if fits else []
    return [fix for fix in fixes if metric.reads != "probability" or fix.kind == "labels"]


def _of_fields(task: Task, metric: Metric, hidden: HiddenSet, answers: Answers, chosen: list[int]) -> list[Fix]:
    """The best fixes by the metric itself."""
    if not chosen:
        return []
    sign = 1 if metric.rising else -1
    hidden, answers = _hidden_part(hidden, chosen), _answers_part(task, answers, chosen)
    before = score_repeat(task, metric, answers, hidden, separate=False).score
    gains = []
    for number, fix in enumerate(of_fields()):
        fixed = _undone(task, hidden, answers, fix)
        if fixed is not None:
            gain = sign * (score_repeat(task, metric, fixed, hidden, separate=False).score - before)
            gains += [(-gain, number, fix)] if gain > 0 else []
    return _best(gains)


def _of_images(task: Task, hidden: HiddenSet, predictions: Cases, chosen: list[int]) -> list[Fix]:
    """The best fixes by the overlap of masks or labels, which is quick to compute. One case at a time is in memory."""
    decide = task.forms["mask" if "mask" in task.forms else "labels"]
    fixes = [*of_images(_mask(task, hidden, chosen[0]).shape)]
    if all(decide(predictions[i]).all() for i in chosen):
        fixes = [fix for fix in fixes if fix.kind != "spacing"]
    if "probability" in task.forms:
        fixes += _of_probabilities(task, hidden, predictions, chosen)
    elif "labels" in task.forms:
        fixes += of_labels(one_by_one(predictions)[chosen], one_by_one(hidden.truth)[chosen])
    before, after = np.zeros(len(chosen)), np.full((len(fixes), len(chosen)), np.nan)
    for k, i in enumerate(chosen):
        prediction, truth = predictions[i], _mask(task, hidden, i)
        decided = decide(prediction)
        before[k] = _overlap(decided, truth)
        for number, fix in enumerate(fixes):
            mistaken = prediction if fix.kind in ("threshold", "sigmoid", "labels") else decided
            undone = fix.undo(mistaken, truth.shape, hidden.cases[i])
            if undone is not None:
                after[number, k] = _overlap(decide(undone), truth)
    gains: list[tuple[float, int, Fix]] = []
    for number, fix in enumerate(fixes):
        if not np.isnan(after[number]).any() and _gain_alike(after[number] - before):
            gains.append((-float(np.mean(after[number] - before)), number, fix))
    return _best(gains)


def _of_probabilities(task: Task, hidden: HiddenSet, predictions: Cases, chosen: list[int]) -> Iterator[Fix]:
    """Mistakes in probabilities of voxels, from all of these cases together."""
    if not read_singly(hidden, predictions):
        truths = truths_as(task, "mask", stacked(hidden.truth)[chosen])
        return of_probabilities(stacked(predictions)[chosen], truths)
    marked = sum(int(np.count_nonzero(_mask(task, hidden, i))) for i in chosen)
    sizes = case_shapes(hidden.truth)
    share = marked / sum(math.prod(sizes[i]) for i in chosen)
    return of_probabilities_of_each((predictions[i] for i in chosen), share)


def _best(gains: Sequence[tuple[float, int, Fix]]) -> list[Fix]:
    return [fix for _, _, fix in sorted(gains, key=lambda gain: gain[:2])[:SHORTLIST]]


def _confirmed(scoring: _Scoring, sets: Sequence[HiddenSet], answers: Sequence[Answers], fix: Fix) -> Explained | None:
    """The explanation by a fix, from many cases of every repeat; None unless the fix explains the score."""
    task, anchors = scoring.task, scoring.anchors
    before, after = [], []
    for hidden, stored in zip(sets, answers, strict=True):
        chosen = _spread(list(range(len(hidden.cases))), _case_count(hidden, CONFIRMED))
        part, unfixed = _hidden_part(hidden, chosen), _answers_part(task, stored, chosen)
        fixed = _undone(task, part, unfixed, fix)
        if fixed is None:
            return None
        before.append(scoring.score(part, unfixed))
        after.append(scoring.score(part, fixed))
        if scoring.metric.level == "per_set" and not _explains_halves(scoring, part, unfixed, fixed):
            return None
    if scoring.metric.level == "per_case" and not _gain_alike(_gains(scoring.criterion, before, after)):
        return None
    score, best = (combined([repeat.score for repeat in repeats], scoring.combine) for repeats in (before, after))
    if not scoring.explains(score, best, CLOSED):
        return None
    # Every large mask gains when it is made smaller; that explains the score only if the smaller mask is a good one.
    if fix.kind == "spacing" and anchors.sign * (best - anchors.merit) < 0:
        return None
    cases = sum(len(repeat.cases) for repeat in before)
    return Explained(fix.kind, None, fix.phrase, round(score, 4), round(best, 4), cases)


def _explains_halves(scoring: _Scoring, hidden: HiddenSet, unfixed: Answers, fixed: Answers) -> bool:
    """Whether the fix explains the score in either half of the cases."""
    for half in _halves(scoring.task, hidden):
        part = _hidden_part(hidden, half)
        score = scoring.score(part, _answers_part(scoring.task, unfixed, half)).score
        best = scoring.score(part, _answers_part(scoring.task, fixed, half)).score
        if not scoring.explains(score, best, CLOSED / 2):
            return False
    return True


def _gains(criterion: Accuracy, before: Sequence[RepeatScore], after: Sequence[RepeatScore]) -> Floats:
    """The gain of each case that did not fail."""
    gains = [
        criterion.anchors.sign * (fixed.values[i] - unfixed.values[i])
        for unfixed, fixed in zip(before, after, strict=True)
        for i in unfixed.counted
        if i not in fixed.failed
    ]
    return np.array(gains)


def _gain_alike(gains: Floats) -> bool:
    """Whether nearly all cases that change gain, and at least a third of all cases gain."""
    more, less = int((gains > 1e-9).sum()), int((gains < -1e-9).sum())
    return more >= ALIKE * (more + less) and more >= max(1, len(gains) / 3)


def _halves(task: Task, hidden: HiddenSet) -> Iterator[list[int]]:
    """The indices of every other case, class by class; nothing where a class has one case only."""
    rows = "class" in task.forms
    truths = stacked(hidden.truth) if rows else np.arange(len(hidden.cases))
    order = np.argsort(truths, kind="stable")
    if rows and np.bincount(truths).min(initial=len(order), where=np.bincount(truths) > 0) < 2:
        return
    for start in (0, 1):
        yield sorted(int(i) for i in order[start::2])


def _undone(task: Task, hidden: HiddenSet, answers: Answers, fix: Fix) -> Answers | None:
    """The answers without the mistake; None where the fix does not fit a case."""
    predictions, shapes = answers.arrays[task.prediction], case_shapes(hidden.truth)
    if read_singly(hidden, predictions):
        return _undone_singly(task, hidden, answers, fix)
    triples = zip(stacked(predictions), shapes, hidden.cases, strict=True)
    undone = [fix.undo(prediction, shape, case) for prediction, shape, case in triples]
    if any(prediction is None for prediction in undone):
        return None
    return Answers({task.prediction: np.stack(undone)}, answers.failed)  # type: ignore[arg-type]


def _undone_singly(task: Task, hidden: HiddenSet, answers: Answers, fix: Fix) -> Answers | None:
    """The same for cases that are read one at a time: the mistake is undone whenever one is read."""
    predictions, shapes = answers.arrays[task.prediction], case_shapes(hidden.truth)
    cases: list[MadeCase] = []
    for i, case in enumerate(hidden.cases):

        def undone(i: int = i, case: Case = case) -> Array | None:
            return fix.undo(np.asarray(predictions[i]), shapes[i], case)

        fixed = None if i in answers.failed else undone()
        if i in answers.failed:
            cases.append(MadeCase(lambda: np.zeros(0), np.dtype(float), (0,)))  # a failed case is never read
        elif fixed is None:
            return None
        else:
            cases.append(MadeCase(undone, fixed.dtype, fixed.shape))  # type: ignore[arg-type]
    return Answers({task.prediction: Column(cases)}, answers.failed)


def _hidden_part(hidden: HiddenSet, chosen: Sequence[int]) -> HiddenSet:
    return replace(hidden, truth=hidden.truth[list(chosen)], cases=tuple(hidden.cases[i] for i in chosen))


def _answers_part(task: Task, answers: Answers, chosen: Sequence[int]) -> Answers:
    failed = {index: answers.failed[i] for index, i in enumerate(chosen) if i in answers.failed}
    return Answers({task.prediction: answers.arrays[task.prediction][list(chosen)]}, failed)


def _plain(task: Task, hidden: HiddenSet, answers: Answers) -> tuple[str, Phrase] | None:
    """What the predictions alone show: that they are all the same."""
    predictions = answers.arrays.get(task.prediction)
    if predictions is None or len(predictions) != len(hidden.cases):
        return None
    good = [i for i in range(len(predictions)) if i not in answers.failed]
    if not good or _invalid(task, answers, hidden):
        return None
    form = next((form for form in ("field", "mask", "labels") if form in task.forms), None)
    if form is not None:
        return _same_everywhere(task, form, predictions, good)
    classes = np.unique(task.forms["class"](stacked(predictions)[good])) if "class" in task.forms else np.arange(2)
    if len(classes) == 1 and len(good) > 1:
        return "constant", Phrase("one_class", (int(classes[0]),))
    return None


def _same_everywhere(task: Task, form: str, predictions: Cases, good: list[int]) -> tuple[str, Phrase] | None:
    """Whether all images of these predictions are empty, or all full; of fields, whether nothing moves."""
    empty = full = True
    for i in good:
        image = task.forms[form](alone(predictions, i))
        empty, full = empty and not image.any(), full and bool(image.all())
        if not empty and not full:
            return None
    if form == "field":
        return ("empty", Phrase("nothing_moved")) if empty else None
    if empty:
        return "empty", Phrase("empty_below_half" if "probability" in task.forms else "empty")
    return "full", Phrase("full")


def _case_count(hidden: HiddenSet, at_most: int) -> int:
    """How many cases to use, by the size of their truths."""
    truths = hidden.truth
    if not field_names(truths) and set(case_shapes(truths)) == {()}:
        return ROWS
    return max(3, min(at_most, VOXELS * at_most // SEARCHED // largest(truths)))


def _spread(indices: list[int], at_most: int) -> list[int]:
    """At most so many of the indices, spread evenly over all of them."""
    if len(indices) <= at_most:
        return indices
    return [indices[int(i)] for i in np.linspace(0, len(indices) - 1, at_most).round()]


def _overlap(prediction: Array, truth: Array) -> float:
    """Dice of two masks; of two maps of labels, over voxels whose labels agree."""
    if prediction.shape != truth.shape:
        return 0.0
    agree = int(np.count_nonzero((prediction == truth) & (truth > 0)))
    return 2 * agree / max(1, int(np.count_nonzero(prediction)) + int(np.count_nonzero(truth)))
