"""The cases of a finite source, read and checked once and kept as arrays: a second run reads no DICOM.

`assignments.data.prepared_store` keeps the arrays. Only subjects that are new or changed are read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assignments.assignment import Assignment
from assignments.data.prepared_store import PreparedArray, PreparedStore
from assignments.data.problem_list import SubjectProblems, problem_lines
from assignments.data.source import PARTS, RESERVED, Arrays, Axes, Finite, Part, Subject
from assignments.data.source_names import is_own
from assignments.data.split import Split, read_split, split_command, stratum_of
from assignments.digests import digest_of
from assignments.errors import Problem, UserError
from assignments.errors import listed as named

Progress = Callable[[int, int, str], None]
"""(subjects done, of how many, subject)."""


@dataclass(frozen=True)
class PreparedSubject:
    """All cases of one subject, each with its arrays by key."""

    id: str
    part: Part | None
    members: tuple[str, ...]
    group: str | None
    """Its stratum, for reports."""
    cases: tuple[Mapping[str, PreparedArray], ...]
    remarks: tuple[str, ...] = ()
    """What its reader decided, such as how a volume was turned: for the author."""


@dataclass(frozen=True)
class Prepared:
    """The cases of a finite source with the part of each subject. It names files, and no folder: it can travel."""

    arrays: Mapping[str, Axes]
    subjects: tuple[PreparedSubject, ...]
    outside: tuple[str, ...] = ()
    """Subjects that the source has and the split does not know: they are in no part."""

    def of(self, part: Part) -> tuple[PreparedSubject, ...]:
        """The subjects of a part."""
        return tuple(subject for subject in self.subjects if subject.part == part)


_NEEDED: tuple[tuple[Part, str], ...] = (("train", "to train on"), ("test", "to hide"))
"""Parts without which nothing can be marked."""


def prepare(
    assignment: Assignment, source: Finite, *, split: Split | None = None, on_progress: Progress = lambda *_: None
) -> Prepared:
    """The cases of every subject of a finite source that is in a part.

    Args:
        split: In place of the one in the assignment's file.

    Raises:
        UserError: there is no split yet; a subject of the split is gone; or a subject's cases cannot be read, or are
            not as declared. All subjects are read first, and one error lists what is wrong with which.
    """
    split = split or required_split(assignment)
    opened = opened_source(assignment, source)
    subjects = listed(assignment, source, opened)
    _check_present(assignment, split, subjects)
    part_of = {row.subject: row.part for row in split.present}
    arrays = source.arrays(opened)
    store = PreparedStore(assignment)
    used = [subject for subject in subjects if part_of.get(subject.id) is not None]
    groups = {subject.id: " / ".join(stratum_of(subject, assignment.data)) or None for subject in used}
    problems, prepared = [] if source.problems is None else list(source.problems(opened)), []
    for number, subject in enumerate(used):
        on_progress(number, len(used), subject.id)
        stamp = None if source.stamp is None else digest_of(stamp=source.stamp(opened, subject.id))
        cases = store.unchanged(subject.id, stamp)
        if cases is None:
            try:
                read = loaded(source, opened, subject.id, arrays)
                remarks = () if source.remarks is None else source.remarks(opened, subject.id)
                cases = store.added(subject.id, stamp, read, remarks)
            except SubjectProblems as error:
                problems += error.problems
                continue
        prepared.append((subject, cases))
    store.close()  # so that after a correction only the corrected files are read
    if problems:
        where = assignment.data.path or assignment.folder
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise UserError("\n  ".join([f"{where} cannot be used as it is ({count}):", *problem_lines(problems)]))
    on_progress(len(used), len(used), "")
    ready = []
    for subject, cases in prepared:
        placed = tuple({key: store.placed(array) for key, array in case.items()} for case in cases)
        remarks = store.remarks(subject.id)
        ready.append(
            PreparedSubject(subject.id, part_of[subject.id], subject.members, groups[subject.id], placed, remarks)
        )
    in_split = {row.subject for row in split.rows}
    return Prepared(arrays, tuple(ready), tuple(subject.id for subject in subjects if subject.id not in in_split))


def required_split(assignment: Assignment) -> Split:
    """The split of an assignment's finite source; without one nothing may be handed out or marked.

    Raises:
        UserError: there is none, or it leaves nobody to train on or to hide.
    """
    path = assignment.split_file
    split = read_split(path)
    if split is None:
        raise UserError(
            f'{assignment.folder / "assignment.toml"} [data]: source = "{assignment.data.source}" is a folder of '
            f"subjects, and has no split yet ({path}). Make it once: {split_command(assignment)}"
        )
    if lacks := [what for part, what in _NEEDED if not split.of(part)]:
        raise UserError(
            f"{path}: has no subject {' and none '.join(lacks)}. Restore it from a copy, or make it anew: "
            f"{split_command(assignment, '--resplit')}"
        )
    return split


def outside_note(assignment: Assignment, prepared: Prepared) -> str:
    """Which subjects the split does not know, and what adds them; empty if it knows all.

    They may be new, or their rows were lost: then the hidden set is another one than before.
    """
    if not prepared.outside:
        return ""
    return (
        f"{assignment.split_file}: does not name {named(prepared.outside)}, so they are in no part. If they are new, "
        f"add them: {split_command(assignment)}. If the file lost their rows, restore it from a copy."
    )


def opened_source(assignment: Assignment, source: Finite) -> Any:
    """What the source's `open` returns."""
    if assignment.data.redraw:
        raise UserError(
            f"{assignment.folder / 'assignment.toml'} [data]: redraw = true draws new hidden cases for each repeat, "
            f'but "{assignment.data.source}" has subjects that are split once. Remove redraw.'
        )
    try:
        return source.open(assignment)
    except (Exception, SystemExit) as error:  # an author's own source may raise anything
        if isinstance(error, UserError) and not is_own(assignment.data.source):
            raise
        raise _as_user_error(error, f"{assignment.data.source}: open") from error


def listed(assignment: Assignment, source: Finite, opened: Any) -> list[Subject]:
    """The subjects of a finite source, in the order of their ids.

    Raises:
        UserError: there is none, an id is there twice, or it is not a `Subject`.
    """
    try:
        subjects = list(source.subjects(opened))
    except (Exception, SystemExit) as error:
        raise _as_user_error(error, f"{assignment.data.source}: subjects") from error
    where = f"{assignment.data.source}: subjects(opened)"
    if not subjects:
        raise UserError(f"{where} is empty. It must list every subject of {assignment.data.path or 'the source'}.")
    for subject in subjects:
        if not isinstance(subject, Subject) or not isinstance(subject.id, str) or not subject.id.strip():
            raise UserError(f"{where} lists {subject!r}; it must list Subject(id), with a text as id.")
    if wrong := [problem for subject in subjects for problem in _misnamed(subject)]:
        raise UserError("\n  ".join([f"{where} lists subjects that cannot be split:", *problem_lines(wrong)]))
    ids = [subject.id for subject in subjects]
    if twice := sorted({id for id in ids if ids.count(id) > 1}) if len(set(ids)) < len(ids) else []:
        raise UserError(
            f"{where} lists {', '.join(twice[:10])} twice. Give each subject one id, and load all its cases."
        )
    return sorted(subjects, key=lambda subject: subject.id)


def _misnamed(subject: Subject) -> Iterator[Problem]:
    """What a split could not keep of a subject, or would misunderstand."""
    name = repr(subject.id)
    if subject.id != subject.id.strip():
        yield Problem(name, "", None, "its id has a space at an end", "name it without")
    if subject.part is not None and subject.part not in PARTS:
        yield Problem(name, "part", None, f"is {subject.part!r}", 'write "train", "val" or "test", or leave it out')
    members = subject.members
    if not isinstance(members, tuple | list | set | frozenset) or not all(isinstance(each, str) for each in members):
        yield Problem(name, "members", None, f"is {members!r}", f"write texts in brackets, such as members=({name},)")
    strata = subject.strata
    if not isinstance(strata, Mapping) or not all(isinstance(text, str) for text in [*strata, *strata.values()]):
        yield Problem(name, "strata", None, f"is {strata!r}", 'write texts, such as {"site": "A"}')


def folder_problems(source: Finite, opened: Any) -> list[str]:
    """What is wrong with the folder as a whole, beside what its subjects' files show when they are read."""
    return [] if source.problems is None else list(problem_lines(source.problems(opened)))


def loaded(source: Finite, opened: Any, subject: str, arrays: Mapping[str, Axes]) -> list[Arrays]:
    """The cases of one subject, each as declared, without a leading N.

    Raises:
        SubjectProblems: they cannot be loaded, or are not as declared.
    """
    try:
        cases = list(_single(source.load(opened, subject), arrays))
    except SubjectProblems:
        raise
    except (Exception, SystemExit) as error:
        raise SubjectProblems([Problem(subject, "", None, line, "") for line in _reasons(error)]) from error
    problems = [
        Problem(f"{subject}, case {number}", "", None, problem, "")
        for number, case in enumerate(cases)
        for problem in _wrong(case, arrays)
    ]
    if not cases:
        problems = [Problem(subject, "", None, "has no case", "")]
    problems += _refilled(subject, cases, arrays)
    if problems:
        raise SubjectProblems(problems)
    return [{key: case[key] for key in arrays if key in case} for case in cases]


def _refilled(subject: str, cases: Sequence[Arrays], arrays: Mapping[str, Axes]) -> Iterator[Problem]:
    """A list whose cases hold one and the same array, which `load` filled anew for each: all are the last one."""
    inputs = [key for key, axes in arrays.items() if axes.role == "input" and axes.sizes]
    for key in inputs if len(cases) > 1 else ():
        addresses = {case[key].__array_interface__["data"][0] for case in cases if key in case and case[key].size}
        if len(addresses) == 1:
            what = f"its {len(cases)} cases hold one and the same array, so that all are equal to the last"
            yield Problem(subject, key, None, what, f'give each case its own, such as {{"{key}": {key}.copy()}}')


def _single(value: Any, arrays: Mapping[str, Axes]) -> Iterator[Arrays]:
    """One case after the other, from a list of cases, the arrays of one case, or arrays with a leading N."""
    if not isinstance(value, Mapping):
        if isinstance(value, np.ndarray) or not isinstance(value, Iterable):
            raise _NotCases(value)
        again = isinstance(value, Iterator)  # a generator may fill the same array for its next case
        for case in value:
            if not isinstance(case, Mapping):
                raise _NotCases(case)
            yield {key: _array(key, array, copy=again) for key, array in case.items()}
        return
    cases = {key: _array(key, array) for key, array in value.items()}
    several = {key for key, axes in arrays.items() if key in cases and cases[key].ndim == len(axes.sizes) + 1}
    if not several:
        yield cases
        return
    for i in range(max(len(cases[key]) for key in several)):
        # An array that is not longer is checked, and refused, as it stands.
        yield {key: array[i] if key in several and i < len(array) else array for key, array in cases.items()}


class _NotCases(UserError):
    """What `load` returned is not cases."""

    def __init__(self, value: object) -> None:
        super().__init__(
            f"load gives {type(value).__name__}; it must return a dict of arrays by key, or a list of such dicts"
        )


def _array(key: str, value: Any, *, copy: bool = False) -> np.ndarray:
    try:
        return np.array(value) if copy else np.asarray(value)
    except ValueError as error:
        raise UserError(f"{key} is not an array: {error}") from error


def _wrong(case: Arrays, arrays: Mapping[str, Axes]) -> Iterator[str]:
    """What is not as declared in one case."""
    for key, axes in arrays.items():
        if key not in case:
            yield f"lacks {key} ({axes})"
        elif not axes.fits(case[key]):
            yield f"{key} is {case[key].dtype} {case[key].shape}, but ARRAYS declares {axes}"
        elif axes.role == "input" and case[key].dtype.kind == "f" and not np.isfinite(case[key]).all():
            yield f"{key} holds NaN or infinity"
    if extra := sorted(case.keys() - arrays.keys() - set(RESERVED)):
        yield f"has {', '.join(extra)}, which ARRAYS does not declare"


def _check_present(assignment: Assignment, split: Split, subjects: Sequence[Subject]) -> None:
    """Every subject of the split is there, and no member is in two parts."""
    ids = {subject.id for subject in subjects}
    if gone := [f"{row.subject} ({row.part})" for row in split.present if row.part and row.subject not in ids]:
        raise UserError(
            f"{assignment.split_file}: names subjects that {assignment.data.path or assignment.data.source} lacks: "
            f"{', '.join(gone[:10])}. Restore them, or mark them as withdrawn: {split_command(assignment)}"
        )
    part_of = {row.subject: row.part for row in split.present if row.part}
    first: dict[str, Subject] = {}
    for subject in subjects:
        for member in subject.members if subject.id in part_of else ():
            other = first.setdefault(member, subject)
            if part_of[other.id] != part_of[subject.id]:
                raise UserError(
                    f"{assignment.split_file}: {member} is in {other.id} ({part_of[other.id]}) and in {subject.id} "
                    f"({part_of[subject.id]}). Make the split anew: {split_command(assignment, '--resplit')}"
                )


def _as_user_error(error: BaseException, what: str) -> UserError:
    """A failure of a source as an error that its author reads."""
    return UserError("\n".join(f"{what}: {reason}" for reason in _reasons(error)))


def _reasons(error: BaseException) -> list[str]:
    """A failure of a source as sentences."""
    if isinstance(error, UserError | OSError):
        return str(error).splitlines() or [type(error).__name__]
    return [f"raised {type(error).__name__}: {error}"]
