"""The lines of `check` about a solution's model: whether it predicts, and its score beside the anchors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from assignments.assignment import Accuracy, Unanchored
from assignments.metric_words import metric_words
from graders.record.documents import Measured
from graders.runs.model_check import ModelCheck
from graders.runs.public_cases import SHOWN, Score
from reports.figures import decimals_of

BRIEF = "   `fit` had little time or few cases here: marking gives it all of both."
UNSEEN = "   A forecast only if your model never trained on these cases; train.py leaves them out."


def model_lines(checked: ModelCheck) -> Iterator[str]:
    """What the model gave; its score only together with the anchors, or with the reason why it forecasts nothing."""
    kind = "training" if checked.seen else "validation"
    cases = f"{checked.cases} {kind} cases"
    loads = "`load` reads the weights" if checked.on_gpu else "`load` reads the weights without a GPU"
    does = "`fit` trains briefly" if checked.trained else loads
    yield f"{':(' if checked.problem else ':)'} {does}, and `predict` answers for {cases}."
    yield from (f":| {note}" for note in checked.notes)
    for score in checked.scores:
        yield from (f"   {line}" for line in _lines(score, checked.kind, seen=checked.seen))
        if score.measured is not None and checked.kind in SHOWN and not checked.seen:
            yield BRIEF if checked.trained else UNSEEN


def validation_lines(scores: Iterable[Score], kind: str) -> Iterator[str]:
    """The scores of a model on validation cases that it was not trained on, beside the anchors."""
    for score in scores:
        yield from _lines(score, kind, seen=False)


def _lines(score: Score, kind: str, *, seen: bool) -> Iterator[str]:
    criterion, measured = score.criterion, score.measured
    if measured is None:
        yield f"{_name(criterion)} has no value on these cases: {score.result.evidence}"
        return
    value = _value(criterion, measured)
    if kind not in SHOWN:
        yield f"{value} on {kind}, which stand in for patients: no forecast."
        return
    if seen:
        yield f"{value} on cases that your model has seen: no forecast."
        return
    digits = decimals_of(criterion)
    if measured.interval is not None:
        low, high = measured.interval
        value += f" (95 % interval {low:.{digits}f} to {high:.{digits}f})"
    if isinstance(criterion.anchors, Unanchored):
        yield f"{value} on {measured.subjects} validation subjects. There are no anchors for these cases yet."
        return
    yield f"{value} on {measured.subjects} validation subjects. Anchors:"
    yield ", ".join(f"{name} {at:g}" for name, at in criterion.anchors.model_dump(by_alias=True).items())


def _value(criterion: Accuracy, measured: Measured) -> str:
    return f"{_name(criterion)} {measured.score:.{decimals_of(criterion)}f}"


def _name(criterion: Accuracy) -> str:
    return metric_words(criterion.metric, criterion)
