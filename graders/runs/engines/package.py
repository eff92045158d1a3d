"""What crosses to another machine is a package, and what comes back is a delivery.

A package holds the questions of one job and no label: its description is JSON, and every file that it names travels
beside it under the digest of its content. The keys in it draw the inputs of hidden tests and the order in which one
commit is shown the cases; hidden sets are drawn by the coordinator, and their truths stay there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from graders.asking.job import Job
from graders.record.store import Store
from graders.runs.engines.description import StoredInputs, described, to_bytes
from graders.runs.engines.folder_files import asking_files, sent, solution_files

WHOLE_S = 60.0
"""Deadlines are rounded up to this: a job that is sent again a moment later is the same package."""


@dataclass(frozen=True)
class Package:
    """A job on its way to another machine: one JSON description, and the files that it names by digest."""

    key: str
    """SHA-256 of the description: equal packages are equal work."""
    description: bytes = field(repr=False)
    blobs: Mapping[str, Path] = field(repr=False)
    """SHA-256 of content -> a file of this machine with that content."""


@dataclass(frozen=True)
class Delivery:
    """What came back of a package: the reply of `graders.runs.engines.node.done`, or why there is none."""

    reply: bytes | None = field(repr=False)
    trouble: str = ""
    """An infrastructure's trouble in words: the package's machine, or the way there, was lost."""
    machine: str = ""
    """The slot or machine that did it; empty if none began."""


def pack(job: Job, store: Store, inputs: StoredInputs, blobs: Path, deadline_s: float) -> Package:
    """The package of the part of a job that asks.

    Args:
        job: the job of the coordinator; its labels and keys stay.
        store: holds the folders that it names.
        inputs: what its repeats are shown.
        blobs: the folder that holds these.
        deadline_s: how long it may take once it has begun.

    Raises:
        OSError: a file cannot be read.
        ToolkitFailure: the store lacks a folder, or a file of it cannot cross.
    """
    assignment = asking_files(store.assignment(job.assignment).folder, job.tests_folder)
    solution = solution_files(store.solution(job.solution))
    sent_assignment, sent_solution = sent(assignment), sent(solution)
    deadline_s = -(-deadline_s // WHOLE_S) * WHOLE_S
    description = described(job, sent_assignment, sent_solution, inputs, max(deadline_s, 0.0))
    paths = {file.blob.digest: assignment[file.path] for file in sent_assignment}
    paths |= {file.blob.digest: solution[file.path] for file in sent_solution}
    paths |= {digest: blobs / digest for digest in inputs.digests}
    text = to_bytes(description)
    return Package(hashlib.sha256(text).hexdigest(), text, paths)
