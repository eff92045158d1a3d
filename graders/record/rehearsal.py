"""The result of a rehearsal, as data, JSON and lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from graders.record.documents import Cause

Need = Literal["every assignment", "the catalogue"]
"""Who has to close a gap before the assignment is handed out; others read it in the provenance of every mark."""


@dataclass(frozen=True)
class Gap:
    """One thing that the assignment does not prove."""

    kind: str
    """`reference`, `calibration`, `starter`, `baseline`, `misconception`, `given`, `test`, `mutant` or `toolkit`."""
    about: str
    """A framework, a test's id, a misconception's id, a file."""
    what: str
    cure: str
    need: Need = "the catalogue"

    def __str__(self) -> str:
        return f"{self.about}: {self.what}" + (f"; {self.cure}" if self.cure else "")


@dataclass(frozen=True)
class Mutant:
    """One function, spoiled in one way."""

    function: str
    kind: str

    def __str__(self) -> str:
        return f"{self.function}: {self.kind}"


@dataclass(frozen=True)
class Proof:
    """The proof of one hidden test."""

    id: str
    criterion: str
    points: int
    names_used: tuple[str, ...]
    """Functions and classes that it used while the reference ran."""
    misconceptions: tuple[str, ...]
    """Those that it must catch, and did."""
    mutants: int
    """On how many mutants it ran."""
    survivors: tuple[Mutant, ...]
    """Mutants for which it passed; none if the test is sound."""


@dataclass(frozen=True)
class Pattern:
    """Which hidden tests fail for a misconception in one framework, and why: what a diagnosis compares with."""

    misconception: str
    framework: str
    failed: Mapping[str, Sequence[str]]
    """By the test's id: the parts that `pattern_of` names."""


ANSWER_OF = "answer of "
"""Before the id of a misconception, in the parts of a pattern."""


def pattern_of(cause: Cause | None, line: int | None) -> tuple[str, ...]:
    """What of a failed test's result is the same whenever the same mistake fails it.

    That is the reason; what says more of it, such as the relation of a wrong answer, or the misconception whose very
    answer it is; and at which line the test ended.
    """
    if cause is None:
        return ()
    where = "" if line is None else f"line {line}"
    answer = f"{ANSWER_OF}{cause.mistake}" if cause.mistake else ""
    return tuple(filter(None, (cause.reason, cause.kind, cause.function, answer, where)))


def mistake_in(part: str) -> str:
    """The misconception that a part of a pattern names; empty if it names none."""
    return part.removeprefix(ANSWER_OF) if part.startswith(ANSWER_OF) else ""


@dataclass(frozen=True)
class SolutionAnswer:
    """What one solution answered to the hidden tests."""

    framework: str
    about: str
    """The solution in words."""
    ran: int
    """How many tests ran."""
    failed: Mapping[str, str]
    """By test: why it failed."""

    def lines(self) -> Iterator[str]:
        """For the author."""
        count = f"fails {len(self.failed)} of {self.ran}" if self.failed else f"passes all {self.ran}"
        yield f"{self.framework}, {self.about}: {count}"
        for test, why in self.failed.items():
            yield f"  {test}"
            words = " ".join(why.split())
            yield f"    {words if len(words) <= LONGEST_WHY else words[:LONGEST_WHY] + ' ...'}"


LONGEST_WHY = 200
"""Characters of a reason on one line."""


_NUMBERS: Final = "  points  mistakes  mutants"
"""Of each hidden test: its points, the misconceptions for which it fails, and how many of its mutants it catches."""


@dataclass(frozen=True)
class Rehearsal:
    """The author's proof of an assignment, with its gaps."""

    assignment: str
    title: str
    catalogue: bool
    """Whether medmark ships it: then every gap must be closed."""
    digest: str
    """Of the assignment's folder, as it was rehearsed."""
    references: Mapping[str, tuple[int, int]]
    """By framework: the points of the hidden tests that the reference earned, and their total."""
    proofs: tuple[Proof, ...]
    misconceptions: Mapping[str, tuple[str, ...]]
    """By id: the frameworks in which it was caught."""
    shares: Mapping[str, float]
    """Share of the accuracy points that the starters and the trivial baselines earn."""
    gaps: tuple[Gap, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Wall time of each part."""
    patterns: tuple[Pattern, ...] = ()
    """As this rehearsal saw them."""
    recorded: tuple[Pattern, ...] = ()
    """As they are to be stored."""
    notes: tuple[str, ...] = ()
    """For the author: the calibration's scores, and the anchors that they suggest."""
    only: tuple[str, ...] = ()
    """Names of what ran, if it was not everything."""
    answers: tuple[SolutionAnswer, ...] = ()
    """What each solution answered, if it was not everything."""

    @property
    def blocking(self) -> tuple[Gap, ...]:
        """Gaps that keep the assignment from being handed out."""
        return tuple(gap for gap in self.gaps if self.catalogue or gap.need == "every assignment")

    @property
    def passed(self) -> bool:
        """Whether the assignment may be handed out; of a part of it, whether nothing is wrong there."""
        return not (self.gaps if self.only else self.blocking)

    def as_json(self) -> dict[str, Any]:
        """The same as plain data, for `medmark rehearse --json`."""
        return {
            "assignment": self.assignment,
            "passed": self.passed,
            "catalogue": self.catalogue,
            "digest": self.digest,
            "references": {name: list(points) for name, points in self.references.items()},
            "tests": [
                {**asdict(proof), "survivors": [str(mutant) for mutant in proof.survivors]} for proof in self.proofs
            ],
            "misconceptions": {name: list(where) for name, where in self.misconceptions.items()},
            "patterns": [asdict(pattern) for pattern in self.patterns],
            "shares": {name: round(share, 4) for name, share in self.shares.items()},
            "gaps": [asdict(gap) for gap in self.gaps],
            "notes": list(self.notes),
            **({"only": list(self.only), "answers": [asdict(each) for each in self.answers]} if self.only else {}),
            "seconds": {name: round(value, 2) for name, value in self.seconds.items()},
        }

    def lines(self) -> Iterator[str]:
        """The table that an author reads."""
        yield f"{self.title} ({self.assignment})"
        yield ""
        if self.only:
            yield from self._part_lines()
            return
        if self.proofs:
            yield from self._test_lines()
            yield ""
        for framework, (earned, possible) in self.references.items():
            yield f"reference in {framework}: {earned} of {possible} points of the hidden tests"
        for name, share in self.shares.items():
            yield f"{name}: {100 * share:.1f} % of the accuracy points"
        if self.misconceptions:
            caught = sum(bool(where) for where in self.misconceptions.values())
            yield f"misconceptions: {caught} of {len(self.misconceptions)} caught"
        yield from self.notes
        if self.seconds:
            parts = ", ".join(f"{name} {value:.0f} s" for name, value in self.seconds.items())
            yield f"time: {parts}"
        yield ""
        yield from self._gap_lines(self.blocking, "to close before the assignment is handed out")
        others = tuple(gap for gap in self.gaps if gap not in self.blocking)
        yield from self._gap_lines(others, "shown in the provenance of every mark")
        yield "The assignment is proven." if self.passed else "The assignment is not ready to be handed out."

    def _part_lines(self) -> Iterator[str]:
        for answer in self.answers:
            yield from answer.lines()
        yield ""
        yield from self._gap_lines(self.gaps, "in this part")
        yield f"Only {', '.join(self.only)} ran: nothing is stored. The whole: medmark rehearse {self.assignment}"

    def _test_lines(self) -> Iterator[str]:
        """A line for each hidden test, below the name of its file: within 80 columns where names are not longer."""
        ids = [proof.id.rpartition("::") for proof in self.proofs]
        width = min(80 - len(_NUMBERS), max(len(name) + 2 * bool(file) for file, _, name in ids))
        yield f"{'hidden test':{width}}{_NUMBERS}"
        above = ""
        for (file, _, name), proof in zip(ids, self.proofs, strict=True):
            if file and file != above:
                yield file
            above = file
            text = f"  {name}" if file else name
            if len(text) > width:
                yield text
                text = ""
            mistakes = str(len(proof.misconceptions)) if proof.misconceptions else "none"
            mutants = f"{proof.mutants - len(proof.survivors)}/{proof.mutants}"
            yield f"{text:{width}}{proof.points:8}{mistakes:>10}{mutants:>9}"

    @staticmethod
    def _gap_lines(gaps: tuple[Gap, ...], heading: str) -> Iterator[str]:
        if not gaps:
            return
        yield f"{len(gaps)} {'gap' if len(gaps) == 1 else 'gaps'} {heading}:"
        for gap in gaps:
            yield f"  {gap}"
        yield ""
