"""The hidden set of one repeat: training cases, inputs, truth, and digests of each.

Everything derives from a secret through `streams`: the same secret gives the same set on any machine. The canonical
order and the names of the cases reveal neither their class nor their position in the source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assignments.assignment import Assignment
from assignments.data.columns import Cases, Column, largest
from assignments.data.sources import draw_of
from assignments.data.streams import PUBLISHED, Purpose, SecretOrKeys, stream
from assignments.errors import UserError

Arrays = dict[str, np.ndarray]

_SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou")


@dataclass(frozen=True)
class Case:
    """What a metric reads of a hidden case besides its truth."""

    id: str
    """A random word, unrelated to the position."""
    subject: str
    """A random word; cases of one subject share it. A case without a subject is a subject of its own."""
    spacing_mm: tuple[float, ...] | None
    """Voxel size in mm in the order (D, H, W), if the case is an image."""
    group: str | None
    """A stratum for reports, such as the scanner."""


@dataclass(frozen=True)
class SetDigests:
    """Digests of one repeat's data: what `fit` receives, what `predict` receives, and the truth."""

    train: str
    inputs: str
    truth: str


@dataclass(frozen=True)
class InputSet:
    """What a solution receives of one repeat's hidden set. Of the truth it holds only the size."""

    train: Mapping[str, Cases]
    val: Mapping[str, Cases] | None
    inputs: Mapping[str, Cases]
    fit_seed: int
    count: int
    """Hidden cases."""
    truth_bytes: int
    """Of all truths together."""
    case_numbers: int
    """Numbers in one case's truth or largest input, whichever is more: a field has several for each voxel."""
    subjects: frozenset[str] = frozenset()
    """Of the hidden cases. Stays on the host, to decide which repeats may share a container."""


@dataclass(frozen=True)
class HiddenSet:
    """Everything that one repeat needs. The solution receives `train`, `val` and `inputs`, never `truth` or `cases`."""

    train: Mapping[str, Cases]
    """What `fit` receives: inputs, truth, and `subject` and `spacing` if the source has them."""
    val: Mapping[str, Cases] | None
    """Cases set aside from `train` by subject, or None."""
    inputs: Mapping[str, Cases]
    """What `predict` receives, with a leading N in the order of `cases`."""
    truth: Cases
    """With a leading N; records (N,) of several arrays if the task has further arrays of truth."""
    cases: tuple[Case, ...]
    fit_seed: int
    inputs_digest: str
    train_digest: str
    """Of `train`, `val` and `fit_seed`: of everything that `fit` receives."""
    truth_digest: str
    """Of the truth and of what a metric reads of the cases."""
    subjects: frozenset[str] = frozenset()
    """Of the hidden cases, as their source names them: to find them among the training cases of another repeat."""

    @property
    def digests(self) -> SetDigests:
        """Sets with equal digests are equal."""
        return SetDigests(self.train_digest, self.inputs_digest, self.truth_digest)

    @property
    def input_set(self) -> InputSet:
        """Without the truth, and without what a metric reads of the cases."""
        return InputSet(
            self.train,
            self.val,
            self.inputs,
            self.fit_seed,
            len(self.cases),
            self.truth.nbytes,
            self.case_numbers,
            self.subjects,
        )

    @property
    def case_numbers(self) -> int:
        """Numbers in one case's truth or largest input, whichever is more: a field has several for each voxel."""
        return max(largest(cases) for cases in (*self.inputs.values(), self.truth))


def hidden_set(
    assignment: Assignment,
    secret: SecretOrKeys,
    repeat: int,
    inputs: tuple[str, ...],
    truth: str,
    extra_truths: Sequence[str] = (),
) -> HiddenSet:
    """The hidden set of one repeat: `inputs` names what `predict` receives, `truth` what it must not see.

    `extra_truths` names further arrays of truth that the data may have: the truths are then records of all of them.

    Without `data.redraw` the training cases are the published ones, and all repeats share them and the hidden cases;
    with it, each repeat draws both anew from the secret. `fit_seed` differs in every repeat. The keys of the streams
    that `purposes_of` names serve as well as the secret.
    """
    data = assignment.data
    turn = str(repeat) if data.redraw else "0"
    train_secret = secret if data.redraw else PUBLISHED
    train, test = draw_of(assignment)(
        data,
        stream(train_secret, assignment.id, "train", turn),
        stream(secret, assignment.id, "test", turn),
    )
    _check(train, (*inputs, truth), f"{data.source}: training cases")
    n = _check(test, (*inputs, truth), f"{data.source}: test cases")

    order = stream(secret, assignment.id, "order", turn).permutation(n)
    test = {name: array[order] for name, array in test.items()}
    cases = _cases(test, n, secret, assignment.id, turn)
    fit_cases = {name: array for name, array in train.items() if name != "group"}  # words do not cross the wire
    val = None
    if data.val:
        fit_cases, val = _set_aside(fit_cases, data.val, stream(train_secret, assignment.id, "val", turn))

    if revealed := {truth, *extra_truths} & set(inputs):
        raise UserError(f"{', '.join(sorted(revealed))} is the truth: take it out of the inputs in interface.py.")
    test_inputs = {name: np.ascontiguousarray(test[name]) for name in inputs}
    truths = records(test, (truth, *extra_truths)) if extra_truths else test[truth]
    hidden = HiddenSet(
        train=fit_cases,
        val=val,
        inputs=test_inputs,
        truth=truths,
        cases=cases,
        fit_seed=0,
        inputs_digest=arrays_digest(test_inputs),
        train_digest="",
        truth_digest=arrays_digest({"truth": truths, "cases": np.array([repr(case) for case in cases])}),
        subjects=frozenset(map(str, test.get("subject", ()))),
    )
    return seeded(hidden, assignment, secret, repeat)


def seeded(hidden: HiddenSet, assignment: Assignment, secret: SecretOrKeys, repeat: int) -> HiddenSet:
    """The same cases with the `fit_seed` of another repeat: without `data.redraw` nothing else differs."""
    fit_seed = int(stream(secret, assignment.id, "fit_seed", str(repeat)).integers(2**31))
    fitted: dict[str, Cases] = {**hidden.train, **_prefixed("val", hidden.val or {}), "fit_seed": np.array(fit_seed)}
    return replace(hidden, fit_seed=fit_seed, train_digest=arrays_digest(fitted))


def presented_order(secret: SecretOrKeys, assignment_id: str, commit: str, n: int) -> np.ndarray:
    """The order in which one commit receives the `n` hidden cases: `answers[i]` belongs to case `order[i]`.

    Every group sees another order, so it gains nothing to pass on a position or a neighbour.
    """
    return stream(secret, *presented_purpose(assignment_id, commit)).permutation(n)


def presented_purpose(assignment_id: str, commit: str) -> Purpose:
    """The purpose of the stream that draws a commit's order."""
    return (assignment_id, "presented", commit)


def purposes_of(assignment: Assignment, repeat: int) -> list[Purpose]:
    """The purposes of the streams of one repeat's hidden set: their keys draw all of it, the truth too."""
    turn = str(repeat) if assignment.data.redraw else "0"
    hidden = [("test", turn), ("order", turn), ("names", f"case/{turn}"), ("names", f"subject/{turn}")]
    training = [("train", turn), ("val", turn)] if assignment.data.redraw else []
    return [(assignment.id, *purpose) for purpose in [*hidden, *training, ("fit_seed", str(repeat))]]


def case_names(secret: SecretOrKeys, assignment_id: str, purpose: str, n: int) -> tuple[str, ...]:
    """`n` different words such as `bodu-kire`, which only the secret can reproduce."""
    rng = stream(secret, assignment_id, "names", purpose)
    names: dict[str, None] = {}
    while len(names) < n:
        a, b, c, d = rng.choice(_SYLLABLES, 4)
        names[f"{a}{b}-{c}{d}"] = None
    return tuple(names)


def records(test: Arrays, names: Sequence[str]) -> np.ndarray:
    """The named arrays that exist, joined into one: records (N,) with a field for each."""
    present = {name: test[name] for name in names if name in test}
    n = len(next(iter(present.values())))
    joined = np.empty(n, [(name, array.dtype, array.shape[1:]) for name, array in present.items()])
    for name, array in present.items():
        joined[name] = array
    return joined


def arrays_digest(arrays: Mapping[str, Cases]) -> str:
    """SHA-256 over the arrays' names, dtypes, shapes and bytes, in the order of their names.

    Cases that are read one at a time have the digest of the array that they would make together.
    """
    state = hashlib.sha256()
    for name in sorted(arrays):
        cases = arrays[name]
        if isinstance(cases, Column):
            _add_column(state, name, cases)
            continue
        array = np.ascontiguousarray(cases)
        state.update(f"{name}|{_kind(array.dtype)}|{cases.shape}|".encode())
        state.update(array.tobytes())
    return state.hexdigest()


def _add_column(state: hashlib._Hash, name: str, column: Column) -> None:
    """Add a column's name, dtypes, shapes and bytes to a digest, case by case."""
    kinds = [_kind(np.dtype(case.dtype)) for case in column.cases]
    if len(set(kinds)) == len(set(column.shapes)) == 1:
        state.update(f"{name}|{kinds[0]}|{(len(column), *column.shapes[0])}|".encode())
    else:
        state.update(f"{name}|{kinds}|{column.shapes}|".encode())
    for case in column:
        state.update(np.ascontiguousarray(case).tobytes())


def _kind(dtype: np.dtype[Any]) -> str:
    return dtype.str if dtype.names is None else str(dtype.descr)


def _check(arrays: Arrays, needed: tuple[str, ...], what: str) -> int:
    """The number of cases: every array must have that many, and the needed ones must be there."""
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise UserError(f"{what} lack {', '.join(missing)}; they have {', '.join(arrays) or 'nothing'}.")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1 or not lengths[needed[0]]:
        raise UserError(f"{what} need one leading N above 0 for every array; the lengths are {lengths}.")
    return lengths[needed[0]]


def _cases(test: Arrays, n: int, secret: SecretOrKeys, assignment_id: str, turn: str) -> tuple[Case, ...]:
    ids = case_names(secret, assignment_id, f"case/{turn}", n)
    subjects = ids
    if "subject" in test:
        unique, index = np.unique(test["subject"], return_inverse=True)
        words = case_names(secret, assignment_id, f"subject/{turn}", len(unique))
        subjects = tuple(words[i] for i in index)
    spacings = [_decimals(row) for row in test["spacing"]] if "spacing" in test else [None] * n
    groups = [str(group) for group in test["group"]] if "group" in test else [None] * n
    return tuple(map(Case, ids, subjects, spacings, groups))


def _decimals(row: np.ndarray) -> tuple[float, ...]:
    """A spacing as its source wrote it: 0.6 in float32 is 0.6, not 0.6000000238418579.

    It is compared with tolerances that are written in decimals, so a narrow float counts as the shortest decimal that
    rounds to it. float64 and integers stay as they are.
    """
    narrow = row.dtype.kind == "f" and row.dtype.itemsize < 8
    return tuple(float(str(number)) if narrow else float(number) for number in row)


def _set_aside(train: Arrays, n: int, rng: np.random.Generator) -> tuple[Arrays, Arrays]:
    """Training cases, and at least `n` validation cases of other subjects; a case without one is its own."""
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


def _prefixed(prefix: str, arrays: Mapping[str, Cases]) -> dict[str, Cases]:
    return {f"{prefix}/{name}": array for name, array in arrays.items()}
