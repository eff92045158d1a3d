"""The lines of `check` about a solution's model: whether it predicts, and its score beside the anchors."""

from __future__ import annotations

from collections.abc import Iterator

from assignments.assignment import Accuracy
from graders.record.documents import Measured
from graders.runs.model_check import ModelCheck
from graders.runs.public_cases import SHOWN
from reports.figures import decimals_of


def model_lines(checked: ModelCheck) -> Iterator[str]:
    """What the model gave; its score only together with the anchors, or with the reason why it forecasts nothing."""
    kind = "training" if checked.seen else "validation"
    cases = f"{checked.cases} {kind} cases"
    does = "`fit` trains briefly" if checked.trained else "`load` reads the weights without a GPU"
    yield f"{':(' if checked.problem else ':)'} {does}, and `predict` answers for {cases}."
    yield from (f":| {note}" for note in checked.notes)
    for criterion, measured in checked.scores:
        yield from _score(criterion, measured, checked)


def _score(criterion: Accuracy, measured: Measured, checked: ModelCheck) -> Iterator[str]:
    digits = decimals_of(criterion)
    value = f"   {measured.metric} {measured.score:.{digits}f}"
    if checked.kind not in SHOWN:
        yield f"{value} on {checked.kind}, which stand in for patients: no forecast."
        return
    if checked.seen:
        yield f"{value} on cases that your model has seen: no forecast."
        return
    if measured.interval is not None:
        low, high = measured.interval
        value += f" (95 % interval {low:.{digits}f} to {high:.{digits}f})"
    yield f"{value} on {checked.subjects} validation subjects. Anchors:"
    yield "   " + ", ".join(f"{name} {at:g}" for name, at in criterion.anchors.model_dump(by_alias=True).items())
    if checked.trained:
        yield "   `fit` had little time or few cases here: marking gives it all of both."
    else:
        yield "   A forecast only if your model never trained on these cases; train.py leaves them out."
