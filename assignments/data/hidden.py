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
from assignments.data.cases import Case
from assignments.data.columns import Cases, Column, StoredCase, held_bytes, largest, record_column, stacked
from assignments.data.parts import Prepared, parts_of
from assignments.data.streams import Purpose, SecretOrKeys, stream
from assignments.errors import UserError


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
    """Of all truths together, or of the largest where they are read one at a time."""
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
            held_bytes(self.truth),
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
    prepared: Prepared | None = None,
) -> HiddenSet:
    """The hidden set of one repeat: `inputs` names what `predict` receives, `truth` what it must not see.

    `extra_truths` names further arrays of truth that the data may have: the truths are then records of all of them.

    An endless source draws the cases. Without `data.redraw` the training cases are the published ones, and all repeats
    share them and the hidden cases; with it, each repeat draws both anew from the secret. A finite source has the
    cases of its split, in all repeats and under every secret. `fit_seed` differs in every repeat. The keys of the
    streams that `purposes_of` names serve as well as the secret.

    Args:
        prepared: The cases of a finite source; without them they are prepared now.

    Raises:
        UserError: the source cannot give the cases, they are not as it declares, or a case is in two parts.
    """
    if revealed := {truth, *extra_truths} & set(inputs):
        raise UserError(f"{', '.join(sorted(revealed))} is the truth: take it out of the inputs in interface.py.")
    parts = parts_of(assignment, secret, str(repeat) if assignment.data.redraw else "0", prepared)
    for cases, what in ((parts.train, "training cases"), (parts.test, "hidden cases")):
        if missing := [name for name in (*inputs, truth) if name not in cases]:
            has = ", ".join(cases)
            raise UserError(f"{assignment.data.source}: the {what} lack {', '.join(missing)}; they have {has}.")
    shown = {name: _contiguous(parts.test[name]) for name in inputs}
    truths = {name: parts.test[name] for name in (truth, *extra_truths) if name in parts.test}
    joined = records(truths) if extra_truths else truths[truth]
    judged: Mapping[str, Cases] = {"truth": joined} if isinstance(joined, np.ndarray) else truths
    hidden = HiddenSet(
        train=parts.train,
        val=parts.val,
        inputs=shown,
        truth=joined,
        cases=parts.cases,
        fit_seed=0,
        inputs_digest=arrays_digest(shown),
        train_digest="",
        truth_digest=arrays_digest({**judged, "cases": np.array([repr(case) for case in parts.cases])}),
        subjects=parts.subjects,
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
    names = [("names", f"{what}/{turn}") for what in ("case", "subject", "order")]
    hidden = [("test", turn), ("order", turn), *names]
    training = [("train", turn), ("val", turn)] if assignment.data.redraw else []
    return [(assignment.id, *purpose) for purpose in [*hidden, *training, ("fit_seed", str(repeat))]]


def records(truths: Mapping[str, Cases]) -> Cases:
    """Several arrays of truth as one: records (N,) with a field for each, or cases that are records."""
    if any(isinstance(cases, Column) for cases in truths.values()):
        return record_column(truths)
    arrays = {name: stacked(cases) for name, cases in truths.items()}
    joined = np.empty(len(next(iter(arrays.values()))), [(name, a.dtype, a.shape[1:]) for name, a in arrays.items()])
    for name, array in arrays.items():
        joined[name] = array
    return joined


def arrays_digest(arrays: Mapping[str, Cases]) -> str:
    """SHA-256 over the arrays' names, dtypes, shapes and bytes, in the order of their names.

    Cases that are read one at a time have one digest each.
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
    """Add a column's name and its cases to a digest; stored cases have a digest of their own, and are not read."""
    state.update(f"{name}|{len(column)} cases|".encode())
    for i, case in enumerate(column.cases):
        stored = case.digest if isinstance(case, StoredCase) and column.is_plain else ""
        state.update((stored or arrays_digest({str(i): column[i]})).encode())


def _kind(dtype: np.dtype[Any]) -> str:
    return dtype.str if dtype.names is None else str(dtype.descr)


def _contiguous(cases: Cases) -> Cases:
    return cases if isinstance(cases, Column) else np.ascontiguousarray(cases)


def _prefixed(prefix: str, arrays: Mapping[str, Cases]) -> dict[str, Cases]:
    return {f"{prefix}/{name}": array for name, array in arrays.items()}
