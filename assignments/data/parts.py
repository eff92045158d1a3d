"""The training, validation and hidden cases of one repeat: drawn by an endless source, or those of a split.

In both, no subject and no array is in two parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from assignments.assignment import Assignment
from assignments.data.cases import Case, described, drawn_names, keyed_names, keyed_order
from assignments.data.columns import Cases
from assignments.data.leaks import is_numbering, refuse_leaks, refuse_shared
from assignments.data.prepared import Prepared, PreparedSubject, prepare
from assignments.data.prepared_store import PreparedArray, gathered
from assignments.data.source import RESERVED, Arrays, Axes, Draw, Endless, Part
from assignments.data.sources import source_of
from assignments.data.split import split_command
from assignments.data.streams import PUBLISHED, SecretOrKeys, stream
from assignments.errors import UserError

__all__ = ["Parts", "Prepared", "drawn_parts", "parts_of", "split_parts"]


@dataclass(frozen=True)
class Parts:
    """The cases of one repeat."""

    train: Mapping[str, Cases]
    """What `fit` receives: inputs, truth, and `subject` if the source has subjects."""
    val: Mapping[str, Cases] | None
    test: Mapping[str, Cases]
    """Hidden cases, in the order of `cases`: inputs and truth."""
    cases: tuple[Case, ...]
    subjects: frozenset[str] = frozenset()
    """Of the hidden cases, as their source names them."""


def parts_of(assignment: Assignment, secret: SecretOrKeys, turn: str, prepared: Prepared | None = None) -> Parts:
    """The cases of one repeat; `turn` names the draw. The cases of a finite source are prepared unless they are given.

    Raises:
        UserError: the source cannot give them, they are not as it declares, or a case is in two parts.
    """
    source = source_of(assignment)
    if isinstance(source, Endless):
        return drawn_parts(source, assignment, secret, turn)
    return split_parts(prepared or prepare(assignment, source), assignment, secret)


def drawn_parts(source: Endless, assignment: Assignment, secret: SecretOrKeys, turn: str) -> Parts:
    """The cases that an endless source draws.

    Raises:
        UserError: they are not as the source declares, or a case is in two parts.
    """
    data = assignment.data
    train = training_cases(source, assignment, secret if data.redraw else PUBLISHED, turn)
    rng = stream(secret, assignment.id, "test", turn)
    test = drawn_cases(data.source, source.draw, source.arrays, part_size(assignment, "test"), rng)
    # Judged before some are set aside: what is left of a numbering is none.
    if is_numbering(train) and is_numbering(test):
        test["subject"] = test["subject"].astype(np.int64) + train["subject"].max() + 1
    val = None
    if data.val:
        rng = stream(secret if data.redraw else PUBLISHED, assignment.id, "val", turn)
        train, val = set_aside(train, part_size(assignment, "val"), rng)
    parts: dict[Part, Arrays] = {"train": train, **({} if val is None else {"val": val}), "test": test}
    refuse_leaks(data.source, source.arrays, parts)
    n = len(next(iter(test.values())))
    order = stream(secret, assignment.id, "order", turn).permutation(n)
    test = {name: array[order] for name, array in test.items()}
    ids = drawn_names(secret, assignment.id, f"case/{turn}", n)
    subjects = ids
    if "subject" in test:
        unique, index = np.unique(test["subject"], return_inverse=True)
        words = drawn_names(secret, assignment.id, f"subject/{turn}", len(unique))
        subjects = tuple(words[i] for i in index)
    groups = [str(group) for group in test["group"]] if "group" in test else [None] * n
    cases = described(ids, subjects, test.get("spacing"), groups)
    own = frozenset(map(str, test.get("subject", ())))
    return Parts(crossing(train), None if val is None else crossing(val), test, cases, own)


def training_cases(source: Endless, assignment: Assignment, secret: SecretOrKeys, turn: str = "0") -> Arrays:
    """Training cases of an endless source, those that are set aside for validation among them."""
    rng = stream(secret, assignment.id, "train", turn)
    draw = source.training or source.draw
    return drawn_cases(assignment.data.source, draw, source.arrays, part_size(assignment, "train"), rng)


def set_aside(train: Arrays, n: int, rng: Generator) -> tuple[Arrays, Arrays]:
    """Training cases, and at least `n` validation cases of other subjects; a case without one is its own.

    Raises:
        UserError: no subject would be left to train on.
    """
    total = len(next(iter(train.values())))
    subjects = train.get("subject", np.arange(total))
    training = np.ones(total, dtype=bool)
    for subject in rng.permutation(np.unique(subjects)):
        if total - training.sum() >= n:
            break
        training &= subjects != subject
    if not training.any():
        raise UserError(
            f"[data]: val = {n} leaves none of {total} cases to train on, since subjects stay whole; lower val."
        )
    return ({k: a[training] for k, a in train.items()}, {k: a[~training] for k, a in train.items()})


def drawn_cases(name: str, draw: Draw, arrays: Mapping[str, Axes], n: int, rng: Generator) -> Arrays:
    """`n` cases of a generator, checked against what it declares.

    Raises:
        UserError: they are not as declared.
    """
    try:
        value = draw(n, rng)
    except (Exception, SystemExit) as error:  # an author's file may raise anything
        raise UserError(f"{name} raised {type(error).__name__}: {error}. Correct the file.") from error
    if not isinstance(value, Mapping):
        raise UserError(f"{name} drew {type(value).__name__}, not a dict of arrays with a leading N.")
    try:  # copies, as a generator may fill the same arrays again
        cases = {key: np.array(array) for key, array in value.items()}
    except ValueError as error:
        raise UserError(f"{name} draws cases of several sizes, or no numbers: {error}") from error
    if missing := [key for key in arrays if key not in cases]:
        raise UserError(f"{name} draws no {', '.join(missing)}, which ARRAYS declares; it draws {', '.join(cases)}.")
    if extra := sorted(cases.keys() - arrays.keys() - set(RESERVED)):
        raise UserError(f"{name} draws {', '.join(extra)}, which ARRAYS does not declare. Declare it, or leave it out.")
    lengths = {key: len(array) if array.ndim else 0 for key, array in cases.items()}
    if set(lengths.values()) != {n}:
        raise UserError(f"{name} was asked for {n} cases, and the arrays have these lengths: {lengths}.")
    for key in RESERVED:
        if key in cases and cases[key].ndim != 1:
            raise UserError(f"{name} draws {key} as {cases[key].shape}; it must have one entry for each case.")
    for key, axes in arrays.items():
        if not axes.fits(cases[key][0]):
            drew = f"{cases[key].dtype} {cases[key].shape}"
            raise UserError(f"{name} draws {key} as {drew}, but ARRAYS declares a case as {axes}.")
        if axes.role == "input" and cases[key].dtype.kind == "f" and not np.isfinite(cases[key]).all():
            raise UserError(f"{name} draws {key} with NaN or infinity.")
    return cases


def split_parts(prepared: Prepared, assignment: Assignment, secret: SecretOrKeys) -> Parts:
    """The cases of a finite source's split, with names that only the secret can reproduce.

    A case keeps its name when subjects join or leave. Training subjects are numbered: an id could be a patient's.

    Raises:
        UserError: two parts hold an equal array.
    """
    refuse_shared_parts(prepared, assignment)
    hidden = [(subject, number) for subject in prepared.of("test") for number in range(len(subject.cases))]
    labels = [f"{subject.id}/{number}" for subject, number in hidden]
    order = keyed_order(secret, assignment.id, "order/0", labels)
    hidden, labels = [hidden[i] for i in order], [labels[i] for i in order]
    ids = keyed_names(secret, assignment.id, "case/0", labels)
    words = hidden_names(prepared, assignment, secret)
    test = _gathered(prepared, [subject.cases[number] for subject, number in hidden])
    cases = described(
        [ids[label] for label in labels],
        [words[subject.id] for subject, _ in hidden],
        test.get("spacing"),
        [subject.group for subject, _ in hidden],
    )
    train, val = numbered_cases(prepared, assignment)
    return Parts(
        train,
        val,
        test,
        cases,
        frozenset(subject.id for subject, _ in hidden),
    )


def hidden_names(prepared: Prepared, assignment: Assignment, secret: SecretOrKeys) -> dict[str, str]:
    """By hidden subject: the word that stands for it in cases, scores and pages."""
    return keyed_names(secret, assignment.id, "subject/0", [subject.id for subject in prepared.of("test")])


def numbered_cases(prepared: Prepared, assignment: Assignment) -> tuple[dict[str, Cases], dict[str, Cases] | None]:
    """The training and the validation cases of a split, with numbers for their subjects: an id could be a patient's.

    No number is in both. Numbers and cases stand in an order that follows from no id.
    """
    train, val = prepared.of("train"), prepared.of("val")
    return (
        _numbered(prepared, assignment, train, first=0),
        _numbered(prepared, assignment, val, first=len(train)) if val else None,
    )


def _numbered(
    prepared: Prepared, assignment: Assignment, subjects: Sequence[PreparedSubject], first: int
) -> dict[str, Cases]:
    order = keyed_order(PUBLISHED, assignment.id, "train", [subject.id for subject in subjects])
    cases = [(code, case) for code, i in enumerate(order, first) for case in subjects[i].cases]
    codes = np.array([code for code, _ in cases], np.int64)
    return {**_gathered(prepared, [case for _, case in cases]), "subject": codes}


def refuse_shared_parts(prepared: Prepared, assignment: Assignment) -> None:
    """Refuse a finite source whose parts have a subject or an equal array in common."""
    where = str(assignment.data.path or assignment.folder)
    refuse_shared(prepared, where, split_command(assignment, "--resplit"))


def _gathered(prepared: Prepared, cases: Sequence[Mapping[str, PreparedArray]]) -> dict[str, Cases]:
    return {key: gathered([case[key] for case in cases]) for key in prepared.arrays}


def crossing(cases: Arrays) -> dict[str, Cases]:
    """What a solution receives: words do not cross the wire."""
    return {name: array for name, array in cases.items() if name != "group"}


def part_size(assignment: Assignment, key: str) -> int:
    """How many cases an endless source draws for a part."""
    count: object = getattr(assignment.data, key)
    if not isinstance(count, int) or count < 1:
        problem = "is missing" if count is None else f"is {count}"
        raise UserError(
            f"{assignment.folder / 'assignment.toml'} [data]: {key} {problem}; the source {assignment.data.source} "
            "draws any number of cases, so write how many."
        )
    return count
