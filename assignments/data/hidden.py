"""The hidden set of one repeat: training cases, inputs, truth, and digests of each. Nothing here marks.

Everything derives from a secret through `streams`: the same secret gives the same set on any machine. The
canonical order and the names of the cases say nothing of their class or of their place in the source.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assignments.assignment import Assignment
from assignments.data.sources import draw_of
from assignments.data.streams import PUBLISHED, Purpose, Source, stream
from assignments.errors import UserError

Arrays = dict[str, np.ndarray]

_SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou")


@dataclass(frozen=True)
class Case:
    """What a metric may know of a hidden case besides its truth."""

    id: str
    """A random word, never the position."""
    subject: str
    """A random word; cases of one subject share it. A case without a subject is its own."""
    spacing_mm: tuple[float, ...] | None
    """Voxel size in mm in the order (D, H, W), where the case is an image."""
    group: str | None
    """A stratum for reports, such as the scanner."""


@dataclass(frozen=True)
class SetDigests:
    """The data of one repeat: what `fit` gets, what `predict` gets, and the truth apart from both."""

    train: str
    inputs: str
    truth: str


@dataclass(frozen=True)
class InputSet:
    """What a solution receives of one repeat's hidden set. Of the truth it holds only the size."""

    train: Arrays
    val: Arrays | None
    inputs: Arrays
    fit_seed: int
    count: int
    """Hidden cases."""
    truth_bytes: int
    """Of all truths together."""
    case_numbers: int
    """Numbers in one case's truth, or in its largest input: a field has several for each voxel."""
    subjects: frozenset[str] = frozenset()
    """Of the hidden cases. Host only: it tells which repeats may share a container."""


@dataclass(frozen=True)
class HiddenSet:
    """All that one repeat needs. The student gets `train`, `val` and `inputs`, never `truth` or `cases`."""

    train: Arrays
    """What `fit` receives: inputs, truth, and `subject` and `spacing` where there are any."""
    val: Arrays | None
    """Cases set aside from `train` by subject, or None."""
    inputs: Arrays
    """What `predict` receives, with a leading N in the order of `cases`."""
    truth: np.ndarray
    """With a leading N; records (N,) of several arrays where the task has arrays beside its truth."""
    cases: tuple[Case, ...]
    fit_seed: int
    inputs_digest: str
    train_digest: str
    """Of `train`, `val` and `fit_seed`: of all that `fit` is given."""
    truth_digest: str
    """Of the truth and of what the cases say to a metric."""
    subjects: frozenset[str] = frozenset()
    """Of the hidden cases, as their source names them: to find them among the training cases of another repeat."""

    @property
    def digests(self) -> SetDigests:
        """Two sets with equal digests are equal."""
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
        """Numbers in one case's truth, or in its largest input: a field has several for each voxel."""
        truth = self.truth
        sizes = [math.prod(array.shape[1:]) for array in self.inputs.values()]
        return max([*sizes, truth.dtype.itemsize if truth.dtype.names else math.prod(truth.shape[1:])])


def hidden_set(
    assignment: Assignment,
    secret: Source,
    repeat: int,
    inputs: tuple[str, ...],
    truth: str,
    beside: Sequence[str] = (),
) -> HiddenSet:
    """One repeat of an assignment: `inputs` names what `predict` receives, `truth` what it must not see.

    `beside` names what else it must not see and the data may have: the truths are then records of all of it.

    Without `data.redraw` the training cases are the published ones, and all repeats share them and the hidden
    cases; with it, each repeat draws both anew from the secret. `fit_seed` differs in every repeat. Instead of the
    secret, the keys of what `purposes_of` names will do.
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
    given = {name: array for name, array in train.items() if name != "group"}  # words do not cross the wire
    val = None
    if data.val:
        given, val = _set_aside(given, data.val, stream(train_secret, assignment.id, "val", turn))

    if shown := {truth, *beside} & set(inputs):
        raise UserError(f"{', '.join(sorted(shown))} is the truth: take it out of the inputs in interface.py.")
    asked = {name: np.ascontiguousarray(test[name]) for name in inputs}
    truths = records(test, (truth, *beside)) if beside else test[truth]
    hidden = HiddenSet(
        train=given,
        val=val,
        inputs=asked,
        truth=truths,
        cases=cases,
        fit_seed=0,
        inputs_digest=arrays_digest(asked),
        train_digest="",
        truth_digest=arrays_digest({"truth": truths, "cases": np.array([repr(case) for case in cases])}),
        subjects=frozenset(map(str, test.get("subject", ()))),
    )
    return seeded(hidden, assignment, secret, repeat)


def seeded(hidden: HiddenSet, assignment: Assignment, secret: Source, repeat: int) -> HiddenSet:
    """The same cases with the seed that `fit` is given in another repeat: all that differs without `data.redraw`."""
    fit_seed = int(stream(secret, assignment.id, "fit_seed", str(repeat)).integers(2**31))
    fitted = {**hidden.train, **_prefixed("val", hidden.val or {}), "fit_seed": np.array(fit_seed)}
    return replace(hidden, fit_seed=fit_seed, train_digest=arrays_digest(fitted))


def presented_order(secret: Source, assignment_id: str, commit: str, n: int) -> np.ndarray:
    """The order in which `n` hidden cases are shown to one commit: `answers[i]` belongs to case `order[i]`.

    Two groups never see the same order, so neither a position nor a neighbour is worth passing on.
    """
    return stream(secret, *presented_purpose(assignment_id, commit)).permutation(n)


def presented_purpose(assignment_id: str, commit: str) -> Purpose:
    """What the stream of a commit's order is for."""
    return (assignment_id, "presented", commit)


def purposes_of(assignment: Assignment, repeat: int) -> list[Purpose]:
    """What the streams of one repeat's hidden set are for: their keys draw it, truths and all."""
    turn = str(repeat) if assignment.data.redraw else "0"
    drawn = [("test", turn), ("order", turn), ("names", f"case/{turn}"), ("names", f"subject/{turn}")]
    anew = [("train", turn), ("val", turn)] if assignment.data.redraw else []
    return [(assignment.id, *purpose) for purpose in [*drawn, *anew, ("fit_seed", str(repeat))]]


def case_names(secret: Source, assignment_id: str, purpose: str, n: int) -> tuple[str, ...]:
    """`n` different words such as `bodu-kire`, in an order that only the secret explains."""
    rng = stream(secret, assignment_id, "names", purpose)
    names: dict[str, None] = {}
    while len(names) < n:
        a, b, c, d = rng.choice(_SYLLABLES, 4)
        names[f"{a}{b}-{c}{d}"] = None
    return tuple(names)


def records(test: Arrays, names: Sequence[str]) -> np.ndarray:
    """Those of the named arrays that there are as one: records (N,) with a field for each."""
    there = {name: test[name] for name in names if name in test}
    n = len(next(iter(there.values())))
    records = np.empty(n, [(name, array.dtype, array.shape[1:]) for name, array in there.items()])
    for name, array in there.items():
        records[name] = array
    return records


def arrays_digest(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over the arrays' names, dtypes, shapes and bytes, in the order of their names."""
    state = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        kind = array.dtype.str if array.dtype.names is None else str(array.dtype.descr)
        state.update(f"{name}|{kind}|{arrays[name].shape}|".encode())
        state.update(array.tobytes())
    return state.hexdigest()


def _check(arrays: Arrays, needed: tuple[str, ...], what: str) -> int:
    """The number of cases; every array must have that many, and what is needed must be there."""
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise UserError(f"{what} lack {', '.join(missing)}; they have {', '.join(arrays) or 'nothing'}.")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1 or not lengths[needed[0]]:
        raise UserError(f"{what} need one leading N above 0 for every array; their lengths are {lengths}.")
    return lengths[needed[0]]


def _cases(test: Arrays, n: int, secret: Source, assignment_id: str, turn: str) -> tuple[Case, ...]:
    ids = case_names(secret, assignment_id, f"case/{turn}", n)
    subjects = ids
    if "subject" in test:
        known, which = np.unique(test["subject"], return_inverse=True)
        words = case_names(secret, assignment_id, f"subject/{turn}", len(known))
        subjects = tuple(words[i] for i in which)
    spacings = [_decimals(row) for row in test["spacing"]] if "spacing" in test else [None] * n
    groups = [str(group) for group in test["group"]] if "group" in test else [None] * n
    return tuple(map(Case, ids, subjects, spacings, groups))


def _decimals(row: np.ndarray) -> tuple[float, ...]:
    """A spacing as its source wrote it: 0.6 in float32 is 0.6, not 0.6000000238418579.

    It is compared with tolerances that were written in decimals, so of a narrow float the shortest decimal that rounds
    to it is meant. float64 and integers stay what they are.
    """
    narrow = row.dtype.kind == "f" and row.dtype.itemsize < 8
    return tuple(float(str(number)) if narrow else float(number) for number in row)


def _set_aside(train: Arrays, n: int, rng: np.random.Generator) -> tuple[Arrays, Arrays]:
    """Training cases, and at least `n` validation cases of other subjects; a case without one is its own."""
    total = len(next(iter(train.values())))
    subjects = train.get("subject", np.arange(total))
    kept = np.ones(total, dtype=bool)
    for subject in rng.permutation(np.unique(subjects)):
        if total - kept.sum() >= n:
            break
        kept &= subjects != subject
    if not kept.any():
        raise UserError(f"[data]: val = {n} leaves none of {total} cases to train on; subjects stay whole.")
    return ({k: a[kept] for k, a in train.items()}, {k: a[~kept] for k, a in train.items()})


def _prefixed(prefix: str, arrays: Arrays) -> Arrays:
    return {f"{prefix}/{name}": array for name, array in arrays.items()}
