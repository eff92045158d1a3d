"""The store of a machine: the folders and stored answers that jobs name by digest. It is not part of a job.

A job names what it needs by digest, so that another machine can do it. Each machine has a store of its own; the engine
that carries a job there copies what the job names and the store lacks. A path of one machine means nothing on another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assignments.assignment import Assignment
from graders.failures import InternalFailure


@dataclass(frozen=True)
class Store:
    """The folders and answers on one machine, by the names that jobs use."""

    answers: Path
    """Folder of stored answers. A file's name is made of its content (`graders.asking.measure`), so equal names are
    equal answers, on whichever machine they were written."""
    solutions: Mapping[str, Path] = field(default_factory=dict)
    """Digest of a solution's tree to the folder that holds its solution.py."""
    assignments: Mapping[str, Path] = field(default_factory=dict)
    """Digest of an assignment's folder to that folder."""
    data: Mapping[str, Path] = field(default_factory=dict)
    """Digest of an assignment's folder to the folder of its hidden data, where it has one. Its content has no digest
    of its own; those of what is drawn from it are part of every key (`graders.record.keys`)."""

    def solution(self, tree: str) -> Path:
        """The folder of a solution.

        Raises:
            InternalFailure: it is not in the store.
        """
        return _folder(self.solutions, tree, "solution")

    def assignment(self, named: Assignment) -> Assignment:
        """The assignment with the paths of this machine, from one that `travelling` made.

        Raises:
            InternalFailure: it is not in the store.
        """
        digest = str(named.folder)
        changes: dict[str, object] = {"folder": _folder(self.assignments, digest, "assignment")}
        if named.data.path is not None:
            path = _folder(self.data, digest, "data of the assignment")
            changes["data"] = named.data.model_copy(update={"path": path})
        return named.model_copy(update=changes)

    def holding(self, assignment: Assignment, digest: str) -> Store:
        """A copy with one more assignment of this machine, under the digest of its folder."""
        data = self.data if assignment.data.path is None else {**self.data, digest: assignment.data.path}
        return Store(self.answers, self.solutions, {**self.assignments, digest: assignment.folder}, data)


def travelling(assignment: Assignment, digest: str) -> Assignment:
    """An assignment as a job carries it: with the digest of its folder in place of this machine's paths."""
    changes: dict[str, object] = {"folder": Path(digest)}
    if assignment.data.path is not None:
        changes["data"] = assignment.data.model_copy(update={"path": Path(digest)})
    if assignment.own_data is not None:  # tests draw small cases, and read no file of them
        changes["own_data"] = assignment.own_data.model_copy(update={"path": None})
    return assignment.model_copy(update=changes)


def _folder(folders: Mapping[str, Path], digest: str, what: str) -> Path:
    if digest not in folders:
        raise InternalFailure(f"the store of this machine does not hold the {what} {digest}")
    return folders[digest]
