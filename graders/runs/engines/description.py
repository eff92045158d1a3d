"""The description of a package: the part of a job that asks, as JSON, and the files that it names by digest.

It is validated where it arrives: types are exact, unknown keys refused, and lists and texts have a limit. Equal jobs
have equal descriptions, so that a coordinator which was killed recognises what it had sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from assignments.assignment import Assignment, Framework
from assignments.data.hidden import presented_purpose
from assignments.data.streams import Keys, Purpose, test_purpose
from assignments.frozen import Frozen
from graders.asking.job import Job
from graders.asking.journal import QuestionId
from graders.failures import EngineFailure
from graders.record.read_documents import first_problem
from graders.runs.engines.blobs import Blob
from graders.runs.engines.folder_files import Sent
from graders.runs.engines.toolkit_digest import toolkit_digest
from graders.version import medmark_version

MAX_BYTES = 32 << 20
Word = Annotated[str, Field(max_length=400)]
Key = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SentQuestion(Frozen):
    """A question that is not asked again."""

    stage: Literal["test", "answers", "score", "explained", "all"]
    name: Word
    part: Word


@dataclass(frozen=True)
class StoredInputs:
    """The inputs of a job, as the coordinator has stored them."""

    repeats: Mapping[int, Blob]
    """By repeat: the list of its arrays."""
    public: Blob | None = None
    """Likewise of the public cases."""
    digests: frozenset[str] = frozenset()
    """Of these lists, and of all files that they name."""


class Description(Frozen):
    """All that another machine needs to ask a solution, beside the files."""

    toolkit: Key
    """Digest of the toolkit that wrote it."""
    medmark: Word
    """Its version, for people."""
    runtime: Word
    deadline_s: float = Field(ge=0, le=1e8)
    assignment: Assignment
    assignment_files: Sent
    solution: Word
    solution_files: Sent
    framework: Framework
    sandbox: Word
    commit: Word
    course: Word
    tests_folder: Literal["hidden_tests", "public_tests"]
    keys: Annotated[dict[str, Key], Field(max_length=10_001)]
    tests: Annotated[tuple[Word, ...], Field(max_length=10_000)]
    repeats: Annotated[tuple[int, ...], Field(max_length=1000)]
    inputs: Annotated[dict[int, Blob], Field(max_length=1000)]
    public: Blob | None
    unusable: Annotated[tuple[SentQuestion, ...], Field(max_length=100)]
    waited: tuple[int, float]

    @property
    def own_blobs(self) -> Iterator[Blob]:
        """The files that it names itself; lists of inputs name more."""
        yield from (file.blob for file in (*self.assignment_files, *self.solution_files))
        yield from self.inputs.values()
        if self.public is not None:
            yield self.public

    def job(self, run: str) -> Job:
        """The job that asks; `run` names its sandboxes."""
        return Job(
            assignment=self.assignment,
            group="",
            commit=self.commit,
            solution=self.solution,
            framework=self.framework,
            sandbox=self.sandbox,
            keys=Keys({purpose: bytes.fromhex(key) for purpose, key in self.keys.items()}),
            tests=self.tests,
            repeats=self.repeats,
            scores=(),
            answers={},
            course=self.course,
            run=run,
            tests_folder=self.tests_folder,
            unusable=tuple(QuestionId(each.stage, each.name, each.part) for each in self.unusable),
            waited=self.waited,
            runtime=self.runtime,
        )


def described(
    job: Job, assignment_files: Sent, solution_files: Sent, inputs: StoredInputs, deadline_s: float
) -> Description:
    """The description of the part of a job that asks."""
    asking = job.asking_part
    return Description(
        toolkit=toolkit_digest(),
        medmark=medmark_version(),
        runtime=asking.runtime,
        deadline_s=deadline_s,
        assignment=asking.assignment,
        assignment_files=assignment_files,
        solution=asking.solution,
        solution_files=solution_files,
        framework=asking.framework,
        sandbox=asking.sandbox,
        commit=asking.commit,
        course=asking.course,
        tests_folder=asking.tests_folder,  # type: ignore[arg-type]  # pydantic checks it
        keys={"/".join(purpose): asking.keys["/".join(purpose)].hex() for purpose in _purposes(asking)},
        tests=asking.tests,
        repeats=asking.repeats,
        inputs=dict(inputs.repeats),
        public=inputs.public,
        unusable=tuple(SentQuestion(stage=q.stage, name=q.name, part=q.part) for q in asking.unusable),
        waited=asking.waited,
    )


def to_bytes(description: Description) -> bytes:
    """The description as JSON; equal ones give equal bytes."""
    return description.model_dump_json(by_alias=True).encode()


def read_description(text: bytes) -> Description:
    """The description in JSON that arrived.

    Raises:
        EngineFailure: another toolkit wrote it, or it is not one.
    """
    if len(text) > MAX_BYTES:
        raise EngineFailure(f"a job of {len(text) >> 20} MB arrived here, and {MAX_BYTES >> 20} MB is the most")
    try:
        plain = json.loads(text)
        other, version = str(plain["toolkit"]), str(plain["medmark"])[:40]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EngineFailure("what arrived here is not a medmark job") from error
    if other != toolkit_digest():
        raise EngineFailure(
            f"the medmark of this machine ({medmark_version()}, source {toolkit_digest()[:12]}) is not that of the "
            f"coordinator ({version}, source {other[:12]}). Install the same on both: pip install medmark=={version}"
        )
    try:
        return Description.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise EngineFailure(f"the job that arrived here is malformed: {first_problem(error)}") from error


def _purposes(job: Job) -> Iterator[Purpose]:
    yield from (test_purpose(job.assignment.id, test) for test in job.tests)
    if job.repeats:
        yield presented_purpose(job.assignment.id, job.commit)
