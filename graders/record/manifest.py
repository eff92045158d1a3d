"""The data manifest: digests of every repeat's hidden set, remembered from one run to the next. Nothing is marked here.

Drawing the hidden sets of real images takes seconds, and a run with nothing to do should take none. So the digests of
medmark's own sources are kept beside the ledger under a digest of all that they follow from: the assignment's words,
the secret's fingerprint, the code that draws, and names, sizes and times of the files it reads. Losing the file costs
those seconds once. What an author's function reads nobody knows, so its cases are drawn each time: a corrected label
always counts.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from assignments.assignment import Assignment
from assignments.data.hidden import HiddenSet, SetDigests, seeded
from assignments.data.sources import SOURCES
from assignments.data.streams import fingerprint
from assignments.digests import code_digest, digest_of
from assignments.errors import UserError
from assignments.files import replace_file
from assignments.interface import Interface, read_interface, typed_dict_of
from graders.record.keys import drawing
from graders.tasks import task_named
from graders.tasks.hidden_cases import drawn_set
from graders.tasks.task import Task
from graders.wall.replies import bound

DRAWN_WITH = ("numpy", "scikit-learn")
"""Distributions whose version may change what is drawn."""


def set_digests(assignment: Assignment, secret: bytes, remembered: Path) -> list[SetDigests]:
    """The digests of each repeat's hidden set.

    They come from the file `remembered` where the source is one of medmark's and nothing they follow from changed.

    Raises:
        UserError: the data are not there, or are not what the assignment declares.
    """
    if assignment.data.source not in SOURCES:
        return _digests(assignment, secret)
    source = _source(assignment, secret)
    known = _read(remembered)
    if source not in known:
        known[source] = _digests(assignment, secret)
        _write(remembered, known)
    return known[source]


def case_ids(assignment: Assignment, secret: bytes) -> list[str]:
    """The names of all hidden cases, repeat by repeat; they are drawn for it."""
    return list(dict.fromkeys(case.id for drawn in _drawn(assignment, secret) for case in drawn.cases))


def declared_set(assignment: Assignment, interface: Interface, secret: bytes, repeat: int) -> HiddenSet:
    """The hidden set of one repeat, checked against what `interface.py` declares.

    Raises:
        UserError: the data are not there, or are not what assignment and interface declare.
    """
    hidden = drawn_set(assignment, interface, secret, repeat)
    _check_declared(assignment, interface, task_named(assignment.task), hidden)
    return hidden


def _check_declared(assignment: Assignment, interface: Interface, task: Task, hidden: HiddenSet) -> None:
    """Whether the cases are what `fit` and the entry point are declared to get: else no submission could be asked."""
    for name, args in (("fit", (hidden.train, hidden.val)), (task.entry, (None, hidden.inputs))):
        function = interface.functions.get(name)
        if function is None:
            continue
        said = ""
        try:
            with bound(function, args, {"seed": 0, "budget_s": 0.0} if name == "fit" else {}):
                for parameter, given in zip(function.signature.parameters.values(), args, strict=False):
                    record = typed_dict_of(parameter.annotation)
                    if record is not None and given is not None and (lacks := record.__required_keys__ - set(given)):
                        said = said or f"{name}: {parameter.name} lacks {', '.join(sorted(lacks))}"
        except TypeError as error:
            said = str(error)
        if said:
            drawn = [f"{key} {a.dtype} {a.shape}" for arrays in args for key, a in (arrays or {}).items()]
            raise UserError(
                f"{assignment.folder / 'interface.py'}: {said}; {assignment.data.source} draws {', '.join(drawn)}. "
                "Declare these kinds and sizes, or draw what is declared."
            )


def _digests(assignment: Assignment, secret: bytes) -> list[SetDigests]:
    return [hidden.digests for hidden in _drawn(assignment, secret)]


def _drawn(assignment: Assignment, secret: bytes) -> list[HiddenSet]:
    """The hidden set of every repeat; without `data.redraw` one draw serves them all."""
    interface = read_interface(assignment.folder / "interface.py")
    repeats = range(assignment.run.seeds)
    if assignment.data.redraw:
        return [declared_set(assignment, interface, secret, repeat) for repeat in repeats]
    first = declared_set(assignment, interface, secret, 0)
    return [seeded(first, assignment, secret, repeat) for repeat in repeats]


def _source(assignment: Assignment, secret: bytes) -> str:
    """Digest of all that the hidden sets of one of medmark's own sources follow from."""
    data = assignment.data
    read = sorted(path for path in data.path.rglob("*") if path.is_file()) if data.path else []
    stats = [(str(path), path.stat()) for path in read]
    return digest_of(
        id=assignment.id,
        data=data.model_dump(mode="json"),
        seeds=assignment.run.seeds,
        secret=fingerprint(secret),
        interface=code_digest(assignment.folder / "interface.py"),
        code=drawing(assignment),
        # A file that was corrected and given its old time back has a new time of change.
        files=[(name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino) for name, stat in stats],
        drawn_with=[version(name) for name in DRAWN_WITH],
    )


def _read(path: Path) -> dict[str, list[SetDigests]]:
    try:
        return {k: [SetDigests(**s) for s in sets] for k, sets in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        # Absent, or cut off by a full disk: drawn again.
        return {}


def _write(path: Path, known: dict[str, list[SetDigests]]) -> None:
    text = json.dumps({source: [asdict(s) for s in sets] for source, sets in known.items()}, indent=1)
    # Only a saving of time: where it cannot be written, the next run draws again.
    with suppress(OSError):
        replace_file(path, text)
