"""The data model of `assignment.toml`: an assignment as frozen data.

`assignments.load` builds it from the file; the marking engine only reads it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from assignments.caps import Condition, parse_condition
from assignments.frozen import Frozen
from assignments.rubric import RubricLine

Framework = Literal["pytorch", "tensorflow", "numpy"]
MASTERS: Final = 7
"""The level of study of a master's course; 4 to 6 are a bachelor's."""


def pass_percent(level: int) -> int:
    """The pass mark in per cent at a level of study, which is also the share of points at the pass anchor."""
    return 50 if level == MASTERS else 40


def anchor_shares(level: int) -> tuple[Fraction, ...]:
    """Shares of a criterion's points at its anchors, trivial to ceiling; the pass anchor is worth more at level 7."""
    hundredths = (0, pass_percent(level), 60, 70, 85, 100)
    return tuple(Fraction(h, 100) for h in hundredths)


def _counted(value: object) -> int | float:
    """Refuse what is neither a number of cases nor a share of them."""
    if isinstance(value, float) and 0 < value < 1:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError("write a number of cases from 0 such as 20, or a share between 0 and 1 such as 0.25")


Count = Annotated[int | float, BeforeValidator(_counted)]
"""A number of cases or subjects; or, for a finite source, a share of the subjects."""


Share = Literal["none", "students", "public"]
Orient = Literal["RAS", "LPS", "file"]


class Data(Frozen):
    """Where the cases come from and how many there are.

    An endless source draws as many cases as `train` and `test` say. A finite source has subjects, and `train`, `val`
    and `test` say how medmark splits them: `test` and `val` are numbers of subjects, or shares such as 0.25, and
    `train` is all the others unless it is a number.
    """

    source: str
    """A name in `assignments.data.sources.SOURCES`, or a Python file in the assignment's folder."""
    path: Path | None = None
    """Folder of real data; only for sources that read one. Relative to the file that names it."""
    train: int | None = Field(default=None, gt=0)
    """Training cases that `fit` receives; subjects of a finite source."""
    val: Count = 0
    """How many training cases are set aside by subject and passed to `fit` as `val`; 0 passes `val=None`."""
    test: Count | None = None
    """Hidden cases; subjects of a finite source."""
    per_call: int = Field(default=1, gt=0)
    """Hidden cases that share one `predict` call: 1 for volumes and subjects, 64 for rows and frames."""
    redraw: bool = False
    """Whether every repeat of a retrain run draws its own training and hidden cases."""
    split: Path | None = None
    """The file with the split of a finite source; by default `split.csv` in the assignment's folder."""
    split_seed: int | None = None
    """Makes the split of a finite source reproducible; None: the split is random, and only its file has it."""
    stratify: tuple[str, ...] = ()
    """Strata that every part of the split has in equal shares, such as `["site"]`. Reports name them too."""
    share: Share | None = None
    """Who may have the training cases; None: "none" for a folder of subjects, "public" for what is drawn or public."""
    permission: str = ""
    """Who permitted that they are shared, and when: required where the subjects of a folder are shared."""
    about: str = ""
    """What students read of the cases in the brief: whose they are, how they were taken."""

    # Of the source "folder" alone:
    cases: str = "cases.csv"
    """The table of cases, in `path`."""
    layout: str | None = None
    """A known layout of `path` in place of a table; None: recognised by its files."""
    channels: tuple[str, ...] = ()
    """Order of the channels that the table's columns `image:NAME` are."""
    classes: tuple[str, ...] = ()
    """Names of the classes in the order of their numbers: class 0, or the background, first."""
    orient: Orient = "RAS"
    """Directions in which a volume's (column, row, slice) indices rise; "file" leaves them as they are stored."""
    resample_mm: tuple[float, ...] | None = None
    """Spacing in mm to which images and labels are resampled, in the order (D, H, W) or (H, W)."""
    window: tuple[float, float] | None = None
    """Centre and width of the intensities that are scaled to 0 to 1, such as `[40, 400]` for the liver in CT."""
    size: tuple[int, ...] | None = None
    """Voxels (D, H, W) or (H, W) of every case: cropped or padded about the middle after `resample_mm`, else scaled."""


class Run(Frozen):
    """Where the model comes from: the group's weights, or training during marking with hidden seeds."""

    mode: Literal["weights", "retrain"]
    seeds: int = Field(default=1, gt=0)
    """Repeats of a retrain run, each with its own hidden seed."""
    combine: Literal["median", "mean"] = "median"
    """How the repeats become one score."""
    budget_cpu_s: float = Field(default=60.0, gt=0)
    """CPU seconds that `fit` receives as `budget_s`."""

    @model_validator(mode="after")
    def _one_load_needs_one_seed(self) -> Run:
        if self.mode == "weights" and self.seeds != 1:
            raise ValueError('seeds belongs to mode = "retrain"; weights are loaded once')
        return self


class Limits(Frozen):
    """What a submission may use. Too many CPU seconds cost points; the wall clock is a backstop at four times that."""

    cpu_s: float = Field(default=600.0, gt=0)
    """CPU seconds of one worker that trains, or loads and predicts."""
    test_cpu_s: float = Field(default=20.0, gt=0)
    """CPU seconds of the fresh worker behind one hidden test."""
    shared_cpu_s: float = Field(default=120.0, gt=0)
    """CPU seconds of the worker that the tests of one module share."""
    memory_mb: int = Field(default=4096, ge=256)
    reply_mb: int = Field(default=64, gt=0)
    log_kb: int = Field(default=256, gt=0)
    """Printed output that is stored for each worker; the rest is counted and dropped."""
    scratch_mb: int = Field(default=512, gt=0)
    scratch_files: int = Field(default=10_000, gt=0)
    processes: int = Field(default=128, gt=0)
    """Processes and threads together, beyond what the cores of the machine need."""
    gpus: int = Field(default=0, ge=0)
    weights_mb: int = Field(default=100, gt=0)


class Anchors(Frozen):
    """Metric values that fix the piecewise-linear curve from score to points; strictly monotone.

    Their shares of the criterion's points: trivial 0, pass .40, merit .60, distinction .70, reference .85,
    ceiling 1 (pass is .50 for a course at level 7).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    trivial: float
    pass_: float = Field(alias="pass")
    merit: float
    distinction: float
    reference: float
    ceiling: float

    def values(self) -> tuple[float, float, float, float, float, float]:
        """The six values from trivial to ceiling."""
        return (self.trivial, self.pass_, self.merit, self.distinction, self.reference, self.ceiling)

    @property
    def rising(self) -> bool:
        """Whether a higher score is better. Nothing else decides this for a criterion."""
        return self.trivial < self.ceiling

    @property
    def sign(self) -> Literal[1, -1]:
        """1 if a higher score is better, else -1: `sign * score` rises as scores get better."""
        return 1 if self.rising else -1

    @model_validator(mode="after")
    def _monotone(self) -> Anchors:
        if not all(self.sign * a < self.sign * b for a, b in itertools.pairwise(self.values())):
            raise ValueError("anchors must rise, or fall, strictly from trivial to ceiling")
        return self


class Unanchored(Frozen):
    """In place of anchors that nobody has measured yet: the score is shown, and earns no points before they are set."""

    better: Literal["higher", "lower"]
    """Which way scores get better."""

    @property
    def rising(self) -> bool:
        """Whether a higher score is better."""
        return self.better == "higher"

    @property
    def sign(self) -> Literal[1, -1]:
        """As `Anchors.sign`."""
        return 1 if self.rising else -1


def _anchors_kind(value: object) -> str:
    return "none" if isinstance(value, Unanchored) or (isinstance(value, dict) and "better" in value) else "six"


AnyAnchors = Annotated[
    Annotated[Anchors, Tag("six")] | Annotated[Unanchored, Tag("none")], Discriminator(_anchors_kind)
]
"""Six values, or `{ better = "higher" }` where there are none yet."""


class Cap(Frozen):
    """A ceiling on a criterion's share of points while a condition holds."""

    when: str
    """`cases_below(METRIC, VALUE) > COUNT` or the same with `cases_above`; `METRIC < VALUE` or `METRIC > VALUE`."""
    at: float = Field(ge=0, le=1)

    @field_validator("when")
    @classmethod
    def _is_a_condition(cls, when: str) -> str:
        parse_condition(when)
        return when

    @property
    def condition(self) -> Condition:
        """`when`, parsed."""
        return parse_condition(self.when)


class HiddenTests(Frozen):
    """Points earned by hidden code tests; each test's `@pytest.mark.points` add up to `points`."""

    kind: Literal["hidden_tests"]
    id: str
    points: int = Field(gt=0)


class Accuracy(Frozen):
    """Points earned by a metric on the hidden cases."""

    kind: Literal["accuracy"]
    id: str
    points: int = Field(gt=0)
    metric: str
    anchors: AnyAnchors
    caps: tuple[Cap, ...] = ()
    also: tuple[str, ...] = ()
    """Metrics that are scored too and earn no points, such as those of a leaderboard's utilities."""
    labels: dict[str, str] = Field(default_factory=dict)
    """What pages call a metric, by its name, such as {"my_metrics.py:recall" = "lesions found"}."""
    empty_reference: Literal["score", "separate"] = "score"
    """How a case with an empty truth counts: like any other, or apart, with a rate of false positives."""
    absent: Literal["leave_out", "one"] = "leave_out"
    """How label maps count a class that neither truth nor answer of a case contains: not in the case's mean, or as two
    empty masks, which are perfect."""
    costs: tuple[tuple[float, ...], ...] | None = None
    """What each error costs, for `expected_cost`: a row for each true class, a column for each predicted one."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of all metrics that it needs: `metric` first, then those of its caps, then `also`."""
        return tuple(dict.fromkeys([self.metric, *(cap.condition.metric for cap in self.caps), *self.also]))

    @model_validator(mode="after")
    def _labels_are_of_its_metrics(self) -> Accuracy:
        if unknown := self.labels.keys() - set(self.metrics):
            raise ValueError(f"labels names {', '.join(sorted(unknown))}; its metrics are {', '.join(self.metrics)}")
        return self

    @model_validator(mode="after")
    def _every_error_costs_something(self) -> Accuracy:
        rows = self.costs if self.costs is not None else ((0.0, 1.0), (1.0, 0.0))
        square = len(rows) >= 2 and all(len(row) == len(rows) for row in rows)
        if not square or not all(
            cost == 0 if truth == answer else 0 < cost < inf
            for truth, row in enumerate(rows)
            for answer, cost in enumerate(row)
        ):
            raise ValueError(
                "costs need a row and a column for each class, with 0 on the diagonal and positive numbers elsewhere, "
                "such as [[0, 1], [5, 0]]"
            )
        return self


class Person(Frozen):
    """Points that a person gives: a report, code quality, contributions."""

    kind: Literal["person"]
    id: str
    points: int = Field(gt=0)
    file: str | None = None
    """The paper that is marked, as the commit must hold it in the assignment's folder: "report.pdf".

    In a notebook, "solution.ipynb", these are the cells with the ids of the rubric's lines.
    """
    max_pages: int | None = Field(default=None, gt=0)
    """How long a PDF may be; told to the group, and nobody loses points for it by themselves."""
    max_words: int | None = Field(default=None, gt=0)
    """How many words the text of a PDF may have, counted by a program; told to the group as `max_pages` is."""
    rubric: str | None = None
    """The rubric by which it is marked: one that medmark ships, or a TOML file of the assignment's folder."""
    lines: tuple[RubricLine, ...] = Field(default=(), alias="line")
    """The lines of the rubric: written here, or read from the file that `rubric` names."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @property
    def is_in_notebook(self) -> bool:
        """Whether what is marked are answers in cells of a notebook."""
        return (self.file or "").endswith(".ipynb")

    def line(self, id: str) -> RubricLine | None:
        """The line of the rubric with this id; None without one."""
        return next((line for line in self.lines if line.id == id), None)

    @model_validator(mode="after")
    def _named(self) -> Person:
        if self.file is not None and not re.fullmatch(r"(?!\.|/)[\w ./-]+", self.file):
            raise ValueError(f'file = "{self.file}": write a path within the repository, such as "report.pdf"')
        if self.is_in_notebook and not (self.lines or self.rubric):
            raise ValueError(f'file = "{self.file}": answers are cells with the ids of lines: add [[criterion.line]]')
        if self.rubric is not None and not re.fullmatch(r"[\w-]+(\.toml)?", self.rubric):
            raise ValueError(f'rubric = "{self.rubric}": write the name of a rubric or of a file, such as "paper.toml"')
        limits = {"max_pages": self.max_pages, "max_words": self.max_words}
        limited = [key for key, limit in limits.items() if limit is not None]
        if limited and not (self.file or "").casefold().endswith(".pdf"):
            raise ValueError(f'{limited[0]} is for a PDF: add file = "report.pdf"')
        return self


class ContractTerms(Frozen):
    """How an assignment marks one contract of `assignments.contracts`: points, and the options that it takes."""

    points: int = Field(gt=0)
    says: str = Field("", max_length=200, pattern=r"^[^\n]*$")
    """The sentence that the student reads, where the contract's own is not the best one."""
    criterion: str = ""
    """The criterion of kind hidden_tests that its points belong to; needed where there are several."""
    scale: Literal["columns", "intensity"] | None = None
    """What has another unit: each column of a table, or the intensity of an image."""
    cases: int | None = Field(default=None, gt=0)
    """How many small cases the model is trained on, for a contract that trains one of its own."""
    budget_s: float | None = Field(default=None, gt=0)
    """CPU seconds that `fit` receives there."""

    @property
    def options(self) -> dict[str, str | int | float]:
        """The options that are set: those of the terms on which the question depends."""
        return self.model_dump(exclude={"points", "says", "criterion"}, exclude_none=True)


GRAPH_S = 5.0
"""CPU seconds that TensorFlow takes to make the graph of a small network's first step: from 3.5 to 5.5 for a U-Net."""


class Trained(Frozen):
    """The model that the tests which use `trained` share: one worker trains it once, on small published cases."""

    cases: int = Field(gt=1)
    budget_s: float = Field(gt=0)
    """CPU seconds that `fit` receives, and GRAPH_S more in TensorFlow."""

    def budget_in(self, framework: Framework) -> float:
        """CPU seconds that `fit` receives in a framework."""
        return self.budget_s + GRAPH_S * (framework == "tensorflow")

    @property
    def budgets(self) -> dict[str, float]:
        """The same of each framework, for digests of what depends on it."""
        return {framework: self.budget_in(framework) for framework in get_args(Framework)}


Criterion = Annotated[HiddenTests | Accuracy | Person, Field(discriminator="kind")]


class Utility(Frozen):
    """What one metric adds to the score that ranks the leaderboard: 0 at the floor, `weight` at the target."""

    metric: str
    """The metric of an accuracy criterion, or one of its `also`."""
    weight: float = Field(gt=0, le=1)
    floor: float
    """The value that adds nothing, such as the trivial baseline's score; each subject counts at least this."""
    target: float
    """The value that adds the whole weight; each subject counts at most this."""

    @model_validator(mode="after")
    def _floor_is_not_target(self) -> Utility:
        if self.floor == self.target:
            raise ValueError("floor and target must differ")
        return self


class Leaderboard(Frozen):
    """How groups are ranked. It changes no mark."""

    decimals: int | None = Field(default=None, ge=0, le=6, alias="places")
    """How scores are compared and shown; `places` in TOML. None: two figures of the anchors' range."""
    utilities: tuple[Utility, ...] = ()
    """Rank by a weighted sum of several metrics instead of the first accuracy criterion's metric."""

    @model_validator(mode="after")
    def _weights_are_shares(self) -> Leaderboard:
        if self.utilities and abs(sum(utility.weight for utility in self.utilities) - 1) > 1e-9:
            raise ValueError("the weights of the utilities must add up to 1")
        return self


class Assignment(Frozen):
    """One piece of coursework. The same folder serves every year: no dates in here."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    title: str
    syllabus: tuple[str, ...] = ()
    task: str = ""
    """A name in `graders.tasks.TASKS`; empty where nothing is scored, so that no accuracy criterion names one."""
    frameworks: tuple[Framework, ...] = ("pytorch", "tensorflow")
    given: tuple[str, ...] = ()
    """Names at the top level of the references that students get as they are: no points are for them."""
    level: Literal[4, 5, 6, 7] = 6
    """Level of study, which sets the share of the pass anchor (`pass_percent`)."""
    data: Data = Data(source="")
    """Without `[data]` there are no cases, and nothing is scored."""
    run: Run = Run(mode="weights")
    limits: Limits = Limits()
    leaderboard: Leaderboard = Leaderboard()
    criteria: tuple[Criterion, ...] = Field(alias="criterion", min_length=1)
    contracts: dict[str, ContractTerms] = Field(default_factory=dict)
    """By name: the contracts of `assignments.contracts` that earn points, in the file's order."""
    trained: Trained | None = None
    """Needed where a contract or a hidden test uses `trained`."""
    folder: Path
    """Folder of the assignment; set by the loader."""
    own_data: Data | None = None
    """Its own `[data]` where a course sets other cases (`assignments.load.overridden`); else None."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="after")
    def _utilities_are_scored(self) -> Assignment:
        scored = {name for c in self.criteria if isinstance(c, Accuracy) for name in (c.metric, *c.also)}
        for utility in self.leaderboard.utilities:
            if utility.metric not in scored:
                cure = "add it to `also` of an accuracy criterion"
                raise ValueError(f'leaderboard.utilities: no criterion scores "{utility.metric}"; {cure}')
        return self

    @property
    def has_cases(self) -> bool:
        """Whether it has data."""
        return bool(self.data.source)

    @property
    def as_written(self) -> Assignment:
        """The assignment with the cases of its own, for which interface, hidden tests and proof were written.

        A course may set others: these have to fit the interface (`assignments.data.misfits`).
        """
        return self if self.own_data is None else self.model_copy(update={"data": self.own_data, "own_data": None})

    @property
    def split_file(self) -> Path:
        """The file with the split of a finite source."""
        return self.data.split or self.folder / "split.csv"

    @property
    def points(self) -> int:
        """Points of all criteria together."""
        return sum(criterion.points for criterion in self.criteria)

    def criterion(self, id: str) -> HiddenTests | Accuracy | Person:
        """The criterion of that id; `KeyError` when there is none."""
        for criterion in self.criteria:
            if criterion.id == id:
                return criterion
        raise KeyError(id)


def offered_frameworks(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The frameworks that the values of an assignment.toml offer; it may have other errors, and these be no names."""
    offered = values.get("frameworks", Assignment.model_fields["frameworks"].default)
    return tuple(map(str, offered)) if isinstance(offered, list | tuple) else ()
