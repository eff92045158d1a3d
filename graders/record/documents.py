"""The results of marking, as types: of a hidden test, a set of answers and a score.

    TestResult      one hidden test             Measured      one metric over all repeats, with its cases
    AnswersResult   one repeat's answers        ScoreResult   one accuracy criterion: its metrics, what explains them
    PublicAnswers   answers to public cases     PublicScores  which of these cases a group is shown
    JobResult       all of a job, with its `Phases`, and `Trouble` where the toolkit failed

They are stored as JSON; `graders.record.read_documents` reads and validates it. A result holds parts (a reason, a line,
numbers), never a sentence: pages look the words up when they are rendered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Final, Literal

from graders.failures import InternalFailure, SubmissionFailure

SCHEMA: Final = 1
"""Of every result below. Raise it when a field changes its meaning, and let `older_documents` read the former one."""

Judged = Literal["passed", "failed", "unknown"]
"""`unknown` after a toolkit failure: no points are earned and none are lost."""
StageKind = Literal["test", "answers", "score"]
UNMET: Final = "not_asked"
"""Reason of a test that could not ask its question: it counts neither as failed nor as passed, and earns nothing."""


class _Strict:
    """How pydantic validates at the seams: it converts no value and refuses unknown keys, NaN and infinity."""

    __slots__ = ()
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}


@dataclass(frozen=True)
class Cause(_Strict):
    """Why something failed: all that a student may read of it, in parts."""

    reason: str
    """A word of the closed list in `graders.failures`."""
    kind: str | None = None
    """Name of the nearest built-in exception, or another word of a closed list that says more."""
    line: str | None = None
    """File and line in the group's own code."""
    function: str | None = None
    """`fit` or `load`, where it gave no model."""
    text: str = ""
    """What the author of a test says to whoever fails it: a hint, or what the test needs before it can ask."""
    mend: str = ""
    """Id of the test to mend first, where this one could not be asked."""
    mistake: str = ""
    """Id of the misconception that gives this very answer, as the author of the test computed it."""

    @classmethod
    def of(cls, failure: SubmissionFailure, function: str | None = None) -> Cause:
        """The parts of a submission's failure."""
        return cls(failure.reason, failure.kind, failure.where, function)


@dataclass(frozen=True)
class Trouble(_Strict):
    """A failure of the toolkit: the mark is withheld, nobody loses points."""

    reason: str
    """A word of the closed list in `graders.failures`."""
    evidence: str
    """For staff."""


@dataclass(frozen=True)
class TestResult(_Strict):
    """The result of one hidden test."""

    __test__: ClassVar = False  # pytest would collect it

    verdict: Judged
    cause: Cause | None = None
    """Why it did not pass; None where it passed."""
    cause_detail: str = ""
    """What names the cause: the exception's type and message, or both sides of a comparison. Of a hidden test it is
    for staff."""
    evidence: str = ""
    """For staff: the same, with the frames that led to it."""
    printed: str = ""
    """For staff: the end of what the solution printed."""
    cpu_s: float = 0.0
    """CPU seconds of its workers."""
    wall_s: float = 0.0
    flags: tuple[str, ...] = ()
    """What staff should look at."""
    names_used: tuple[str, ...] = ()
    """Names of the interface that the test used."""
    line: int | None = None
    """For staff: at which of its lines the test ended; its first one, a decorator's, is 0. None: before it began."""
    schema: Literal[1] = SCHEMA


@dataclass(frozen=True)
class PublicAnswers(_Strict):
    """Answers to cases that every group has, for pictures on its page; they move no point."""

    inputs: str
    """Digest of what was to be predicted from: pictures are drawn of no other cases."""
    file: str | None = None
    """Name of the stored answers' file; None where there are none."""
    states: tuple[Cause | None, ...] = ()
    """By case: None where it was answered, else why not."""
    cause: Cause | None = None
    """Why the answers are missing, where asking ended early."""


@dataclass(frozen=True)
class AnswersResult(_Strict):
    """The result of asking for the answers of one repeat."""

    verdict: Judged
    cause: Cause | None = None
    """Why asking ended before the last case."""
    cause_detail: str = ""
    """For staff: what names the commonest cause, such as the exception's type and message."""
    evidence: str = ""
    file: str | None = None
    """Name of the stored answers' file; None where there are none to store."""
    states: tuple[Cause | None, ...] = ()
    """By case in canonical order: None where it was answered, else why not."""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mb: float | None = None
    flags: tuple[str, ...] = ()
    public: PublicAnswers | None = None
    """None where no public case was predicted: in other repeats, without images, and in older records."""
    gpu_peak_mb: float | None = None
    """The most memory of its GPUs that was in use, in MB (2**20 bytes); None without a GPU, or if not measured."""
    gpu_busy_s: float | None = None
    """Seconds in which its GPUs computed, summed over them; None without a GPU, or if not measured."""
    schema: Literal[1] = SCHEMA


@dataclass(frozen=True, slots=True)
class CaseScore(_Strict):
    """One case of one repeat under one metric."""

    id: str
    subject: str
    repeat: int
    score: float | None
    """The metric's value; None where the answer failed, or where the metric is of the whole set."""
    value: float | None
    """What counts: the same, or the worst value where the answer failed; None where the case does not count."""
    state: Literal["scored", "failed", "set_apart"]
    """`set_apart`: its truth is empty; such cases are counted separately."""
    reason: str | None = None
    """Why it failed: a word of the closed list."""


@dataclass(frozen=True)
class FalsePositives(_Strict):
    """Cases whose truth is empty, and how many of them have a prediction that is not empty."""

    count: int
    of: int


@dataclass(frozen=True)
class Measured(_Strict):
    """One metric over all repeats: the statistic, its interval and the cases behind it."""

    metric: str
    score: float
    """The repeats' scores combined, in the metric's unit."""
    repeats: tuple[float, ...]
    """The score of each repeat."""
    combine: Literal["median", "mean"]
    interval: tuple[float, float] | None = None
    """95 % interval of the score; None where there is none."""
    better: Literal["higher", "lower"] | None = None
    """None where it was not recorded."""
    unit: str = ""
    case_count: int | None = None
    """Answers asked for, over all repeats; None where it was not recorded."""
    subjects: int | None = None
    """Subjects of the repeat that has the fewest; None where it was not recorded."""
    cases: tuple[CaseScore, ...] = ()
    """Every case of every repeat; of a metric of the whole set, those that were not scored."""
    false_positives: FalsePositives = FalsePositives(0, 0)
    classes: Mapping[str, float] = field(default_factory=dict)
    """The score of each class, by its label, where the metric is a mean over classes."""
    bootstrap_seed: int | None = None
    drawn: str | None = None
    """Resampled scores of a metric of the whole set, packed (`graders.scoring.intervals`)."""
    placements: tuple[str, str] | None = None
    """What each positive and each negative case adds to an AUROC, packed."""

    @property
    def failed(self) -> tuple[CaseScore, ...]:
        """The cases that failed; each counts as the worst value."""
        return tuple(case for case in self.cases if case.state == "failed")


@dataclass(frozen=True)
class FailedCases(_Strict):
    """How many cases failed for one reason."""

    cause: Cause
    """With kind and place only where they are the same in all cases: else they would tell single cases apart."""
    count: int


@dataclass(frozen=True)
class Phrase(_Strict):
    """A sentence by its name, with the values for its gaps; the words are in `graders.marks.words`."""

    name: str
    values: tuple[str | int | float, ...] = ()


@dataclass(frozen=True)
class Explained(_Strict):
    """An explanation of a poor score: the stored answers, scored again without one mistake."""

    kind: str
    """Of mistake: `flip`, `threshold` ...; `given up` and `defect` where the search itself failed."""
    seen: Phrase | None = None
    """What the answers alone show, such as that they are all empty."""
    mistake: Phrase | None = None
    """The condition for the better score: completes "0.81 if ..."."""
    score: float | None = None
    """On the `cases` that were tried, with the mistake."""
    fixed: float | None = None
    """On the same cases, without the mistake."""
    cases: int | None = None
    evidence: str = ""
    """For staff."""


Rank = Literal["best", "median", "worst"]


@dataclass(frozen=True)
class RankedCase(_Strict):
    """A public case that a group is shown."""

    rank: Rank
    index: int
    """Of the case, among the public ones."""
    score: float


@dataclass(frozen=True)
class PublicScores(_Strict):
    """The public cases that a group is shown, by the score of its answers."""

    answers: PublicAnswers
    metric: str = ""
    """By which they are ranked."""
    cases: tuple[RankedCase, ...] = ()
    """The best one first; none where the pictures are missing."""
    count: int = 0
    """Public cases that were scored."""
    cause: Cause | None = None
    """Why the pictures are missing."""


@dataclass(frozen=True)
class ScoreResult(_Strict):
    """The result of one accuracy criterion, over all repeats."""

    verdict: Judged
    """`passed` where it was scored, however poorly; a score never fails."""
    cause: Cause | None = None
    """Why nothing was scored, or the commonest reason where every answer failed."""
    measured: Measured | None = None
    """The criterion's own metric; None where nothing was scored."""
    also: Mapping[str, Measured] = field(default_factory=dict)
    """By name: the metrics of its caps, and those that are shown beside it."""
    failed: tuple[FailedCases, ...] = ()
    """Why cases failed, the commonest reason first."""
    cause_detail: str = ""
    """For staff: what names the cause of the answers that failed, such as the exception's type and message."""
    explained: Explained | None = None
    evidence: str = ""
    range: tuple[float | None, float | None] | None = None
    """Ends of the metric's range, None for an infinite one; None as a whole where it was not recorded."""
    public: PublicScores | None = None
    """None where no public case was predicted."""
    schema: Literal[1] = SCHEMA

    @property
    def measurement(self) -> Measured:
        """The criterion's own metric, of a score that passed.

        Raises:
            InternalFailure: nothing was scored.
        """
        if self.measured is None:
            raise InternalFailure(f"nothing was scored: {self.cause}")
        return self.measured


@dataclass(frozen=True)
class Phases(_Strict):
    """Wall-clock seconds of a job by phase (`graders.asking.phases`)."""

    draw_s: float = 0.0
    open_s: float = 0.0
    tests_s: float = 0.0
    fit_s: float = 0.0
    predict_s: float = 0.0
    score_s: float = 0.0


@dataclass(frozen=True)
class JobResult(_Strict):
    """The result of a job. Stages that a toolkit failure prevented are absent."""

    tests: Mapping[str, TestResult] = field(default_factory=dict)
    """By the test's id."""
    answers: Mapping[int, AnswersResult] = field(default_factory=dict)
    """By repeat."""
    scores: Mapping[str, ScoreResult] = field(default_factory=dict)
    """By the criterion's id."""
    trouble: Trouble | None = None
    """The toolkit failure, if there was one; results from before it count."""
    phases: Phases = Phases()
    """Of the process that made this document."""
    marker_cpu_s: float = 0.0
    """CPU seconds of that process: its own work on the host, without the group's workers."""
    schema: Literal[1] = SCHEMA

    def stage(self, kind: StageKind, name: str) -> Result | None:
        """The result of one stage, named as the ledger names it; None where it is absent."""
        if kind == "answers":
            return self.answers.get(int(name))
        return self.tests.get(name) if kind == "test" else self.scores.get(name)

    def with_stage(self, name: str, result: Result) -> JobResult:
        """A copy with one more stage."""
        if isinstance(result, TestResult):
            return replace(self, tests={**self.tests, name: result})
        if isinstance(result, AnswersResult):
            return replace(self, answers={**self.answers, int(name): result})
        return replace(self, scores={**self.scores, name: result})

    def after(self, earlier: JobResult) -> JobResult:
        """A copy with the other stages of `earlier` too."""
        return replace(
            self,
            tests={**earlier.tests, **self.tests},
            answers={**earlier.answers, **self.answers},
            scores={**earlier.scores, **self.scores},
        )


Result = TestResult | AnswersResult | ScoreResult
RESULTS: Final[Mapping[StageKind, type[Result]]] = {
    "test": TestResult,
    "answers": AnswersResult,
    "score": ScoreResult,
}


def unknown(kind: StageKind, trouble: Trouble) -> Result:
    """The result of a stage that a toolkit failure prevented."""
    return RESULTS[kind]("unknown", Cause(trouble.reason), evidence=trouble.evidence)


def withheld(result: Result, reason: str) -> Result:
    """The result as one that does not count, by a failure of the toolkit or the machine; its evidence stays."""
    if isinstance(result, ScoreResult):
        return ScoreResult("unknown", Cause(reason), evidence=result.evidence)
    return replace(result, verdict="unknown", cause=Cause(reason))


def to_json(result: Result | JobResult) -> str:
    """A result as strict JSON, the schema number in it.

    Raises:
        InternalFailure: it holds NaN or infinity.
    """
    try:
        return json.dumps(asdict(result), allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise InternalFailure(f"a {type(result).__name__} cannot be stored: {error}") from error
