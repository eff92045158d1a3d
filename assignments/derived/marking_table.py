"""The table of a brief that says how an assignment is marked."""

from __future__ import annotations

from collections.abc import Iterator

from assignments.assignment import Accuracy, Assignment, HiddenTests, Person, Unanchored, anchor_shares
from assignments.load import hidden_tests
from assignments.metric_words import condition_words, metric_words


def marking_table(assignment: Assignment) -> str:
    """A row for each criterion, with its points and how they are earned; then the limits, in words."""
    rows = ["| | marks | how |", "|---|---|---|"]
    rows += [f"| {item.id} | {item.points} | {_how(assignment, item)} |" for item in assignment.criteria]
    limits = " ".join(_limits(assignment))
    return "\n".join([*rows, *(["", limits] if limits else [])])


def _how(assignment: Assignment, criterion: HiddenTests | Accuracy | Person) -> str:
    if isinstance(criterion, HiddenTests):
        count = sum(test.criterion == criterion.id for test in hidden_tests(assignment))
        tests = "one hidden test" if count == 1 else f"{count} hidden tests, each"
        return f"{tests} of one property of your functions; the feedback says of each whether it holds"
    if isinstance(criterion, Accuracy):
        return " ".join(_accuracy(assignment, criterion))
    return _by_a_person(criterion)


def _accuracy(assignment: Assignment, criterion: Accuracy) -> Iterator[str]:
    run, classes = assignment.run, assignment.data.classes
    name = metric_words(criterion.metric, criterion, classes)
    name = name[0].upper() + name[1:]
    if run.mode == "weights":
        yield f"{name} of the model in your `weights/`, on hidden cases."
    elif run.seeds == 1:
        yield f"{name} on hidden cases, after `fit` was called with a hidden seed."
    else:
        yield f"{name} on hidden cases, the {run.combine} of {run.seeds} runs; each calls `fit` with a hidden seed."
    if isinstance(criterion.anchors, Unanchored):
        better = criterion.anchors.better.capitalize()
        yield f"{better} is better; which score earns how many of the marks is still open."
        return
    shares = [f"{float(share):.0%}".replace("%", " %") for share in anchor_shares(assignment.level)]
    values = [f"{value:g}" for value in criterion.anchors.values()]
    pairs = [f"{value} earns {share}" for value, share in zip(values, shares, strict=True)]
    yield f"{', '.join(pairs)} of the marks, with straight lines between."
    for cap in criterion.caps:
        condition = condition_words(cap.condition, criterion, classes)
        yield f"At most {100 * cap.at:g} % of them while {condition}."


def _by_a_person(criterion: Person) -> str:
    file = f" reads `{criterion.file}`" if criterion.file else " marks it"
    pages = f", at most {criterion.max_pages} page{'s' * (criterion.max_pages > 1)}" if criterion.max_pages else ""
    words = f", at most {criterion.max_words} words" if criterion.max_words else ""
    lines = ", ".join(f"{line.title} {line.points}" for line in criterion.lines)
    return f"a person{file}{pages}{words}" + (f": {lines}" if lines else "")


def _limits(assignment: Assignment) -> Iterator[str]:
    limits, run = assignment.limits, assignment.run
    kinds = {criterion.kind for criterion in assignment.criteria}
    if "accuracy" in kinds and run.mode == "retrain":
        yield f"`fit` has {run.budget_cpu_s:g} CPU seconds."
    if "accuracy" in kinds and run.mode == "weights":
        yield f"`weights/` holds at most {limits.weights_mb} MB."
    if "hidden_tests" in kinds:
        yield f"A hidden test has {limits.test_cpu_s:g} CPU seconds."
    if kinds - {"person"}:
        yield f"A submission may use {limits.memory_mb} MB of memory; `limits.md` lists all limits."
