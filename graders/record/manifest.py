"""The data manifest: digests of every repeat's hidden set, cached from one run to the next.

Drawing the hidden sets of real images takes seconds, and a run with nothing to do should take none. So the digests of
medmark's own generators are cached beside the ledger, under a digest of everything on which they depend: the
assignment's values, the secret's fingerprint and the code that draws. If the file is lost, the sets are drawn once
more. The files that an author's generator reads are unknown, so its cases are drawn each time. A finite source is
prepared instead (`assignments.data.prepared`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from assignments.assignment import Assignment
from assignments.data.columns import Cases, Column, one_by_one
from assignments.data.hidden import HiddenSet, SetDigests, seeded
from assignments.data.misfits import refuse_misfits
from assignments.data.prepared import Prepared, Progress, prepare
from assignments.data.source import Finite
from assignments.data.sources import SOURCES, source_of
from assignments.data.streams import fingerprint
from assignments.derived.interface import interface_text, solution_interface
from assignments.digests import digest_of, source_digest
from assignments.errors import UserError
from assignments.files import replace_file
from assignments.interface import Function, Interface, typed_dict_of
from graders.record.keys import drawing
from graders.record.read_singly import check_read_singly
from graders.tasks import task_named
from graders.tasks.hidden_cases import drawn_set
from graders.tasks.task import Task
from graders.wall.cases import JoinedCases, training_arguments
from graders.wall.replies import bound

DRAWN_WITH = ("numpy", "scikit-learn")
"""Distributions whose version may change what is drawn."""


@dataclass(frozen=True)
class Manifest:
    """The data of an assignment under one secret."""

    digests: Sequence[SetDigests] = ()
    """Of each repeat's hidden set."""
    prepared: Prepared | None = None
    """The cases of a finite source."""


def manifest_of(assignment: Assignment, secret: bytes, cache: Path, on_reading: Progress = lambda *_: None) -> Manifest:
    """The data of an assignment: each repeat's hidden set as digests.

    Those of medmark's own generators come from the file `cache`, if nothing on which they depend has changed. A finite
    source is prepared, which reads only what has changed.

    Raises:
        UserError: the data are missing, or are not as the assignment declares.
    """
    source_kind = source_of(assignment)
    if isinstance(source_kind, Finite):
        prepared = prepare(assignment, source_kind, on_progress=on_reading)
        refuse_misfits(assignment, prepared.arrays, prepared)
        return Manifest(_digests(assignment, secret, prepared), prepared)
    if assignment.data.source not in SOURCES:
        return Manifest(_digests(assignment, secret))
    source = _source(assignment, secret)
    cached_digests = _read(cache)
    if source not in cached_digests:
        cached_digests[source] = _digests(assignment, secret)
        _write(cache, cached_digests)
    return Manifest(cached_digests[source])


def case_ids(assignment: Assignment, secret: bytes) -> list[str]:
    """The names of all hidden cases, repeat by repeat. This draws the cases."""
    return list(dict.fromkeys(case.id for drawn in _drawn(assignment, secret) for case in drawn.cases))


def declared_set(
    assignment: Assignment, interface: Interface, secret: bytes, repeat: int, prepared: Prepared | None = None
) -> HiddenSet:
    """The hidden set of one repeat, checked against what `interface.py` declares.

    Raises:
        UserError: the data are missing, or are not as assignment and interface declare.
    """
    hidden = drawn_set(assignment, interface, secret, repeat, prepared)
    task = task_named(assignment.task)
    check_read_singly(assignment, task, hidden)
    _check_declared(assignment, interface, task, hidden)
    return hidden


def _check_declared(assignment: Assignment, interface: Interface, task: Task, hidden: HiddenSet) -> None:
    """Refuse cases that `fit` and the entry point are not declared to take: no submission could be asked for them."""
    for name, sides in (("fit", (hidden.train, hidden.val)), (task.entry, (None, hidden.inputs))):
        function = interface.functions.get(name)
        if function is None:
            continue
        calls = [training_arguments(function, hidden.train, hidden.val)] if name == "fit" else _calls(hidden.inputs)
        if problem := next(filter(None, (_argument_problem(name, function, args) for args in calls)), ""):
            drawn = [_described(key, cases) for side in sides for key, cases in (side or {}).items()]
            raise UserError(
                f"{assignment.folder / 'interface.py'}: {problem}; {assignment.data.source} draws {', '.join(drawn)}. "
                "Declare these kinds and sizes, or draw what is declared."
            )


def _calls(inputs: Mapping[str, Cases]) -> list[tuple[None, dict[str, Any]]]:
    """The arguments of the entry point: all cases in one call, or one of each size, none of which is read."""
    if not any(isinstance(cases, Column) for cases in inputs.values()):
        return [(None, dict(inputs))]
    columns = {name: one_by_one(cases) for name, cases in inputs.items()}
    calls = {}
    for i in range(len(next(iter(columns.values())))):
        alone = {name: column[i : i + 1] for name, column in columns.items()}
        kinds = tuple((str(column.cases[0].dtype), column.shapes) for column in alone.values())
        calls[kinds] = {name: JoinedCases(column, name) for name, column in alone.items()}
    return [(None, call) for call in calls.values()]


def _described(name: str, cases: Cases) -> str:
    """What a source draws under one name."""
    if not isinstance(cases, Column):
        return f"{name} {cases.dtype} {cases.shape}"
    kinds = ", ".join(sorted({str(np.dtype(case.dtype)) for case in cases.cases}))
    low, high = min(cases.shapes), max(cases.shapes)
    return f"{name} {kinds} {len(cases)} x {low}" + (f" to {high}" if low != high else "")


def _argument_problem(name: str, function: Function, args: tuple[dict[str, Any] | None, ...]) -> str:
    """The first way in which arguments are not as a function declares them; empty if they are."""
    try:
        with bound(function, args, {"seed": 0, "budget_s": 0.0} if name == "fit" else {}):
            for parameter, value in zip(function.signature.parameters.values(), args, strict=False):
                record = typed_dict_of(parameter.annotation)
                lacks = record.__required_keys__ - set(value) if record is not None and value is not None else set()
                if lacks:
                    return f"{name}: {parameter.name} lacks {', '.join(sorted(lacks))}"
    except TypeError as error:
        return str(error)
    return ""


def _digests(assignment: Assignment, secret: bytes, prepared: Prepared | None = None) -> list[SetDigests]:
    return [hidden.digests for hidden in _drawn(assignment, secret, prepared)]


def _drawn(assignment: Assignment, secret: bytes, prepared: Prepared | None = None) -> list[HiddenSet]:
    """The hidden set of every repeat; without `data.redraw` one draw serves them all."""
    interface = solution_interface(assignment)
    repeats = range(assignment.run.seeds)
    if assignment.data.redraw:
        return [declared_set(assignment, interface, secret, repeat) for repeat in repeats]
    first = declared_set(assignment, interface, secret, 0, prepared)
    return [seeded(first, assignment, secret, repeat) for repeat in repeats]


def _source(assignment: Assignment, secret: bytes) -> str:
    """Digest of everything on which the hidden sets of one of medmark's own sources depend."""
    return digest_of(
        id=assignment.id,
        data=assignment.data.model_dump(mode="json"),
        seeds=assignment.run.seeds,
        secret=fingerprint(secret),
        interface=source_digest(interface_text(assignment)),
        code=drawing(assignment),
        drawn_with=[version(name) for name in DRAWN_WITH],
        threads=1,  # digests that were cached before the command line drew with one thread are not those of markers
    )


def _read(path: Path) -> dict[str, list[SetDigests]]:
    try:
        return {k: [SetDigests(**s) for s in sets] for k, sets in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        # Missing, or cut off by a full disk: the sets are drawn again.
        return {}


def _write(path: Path, cached_digests: dict[str, list[SetDigests]]) -> None:
    text = json.dumps({source: [asdict(s) for s in sets] for source, sets in cached_digests.items()}, indent=1)
    # The cache only saves time: where it cannot be written, the next run draws again.
    with suppress(OSError):
        replace_file(path, text)
