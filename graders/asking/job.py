"""A job: which stages of one submission are missing, and all that is needed to make them. Nothing is asked here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from assignments.assignment import Assignment, Framework
from graders.asking.journal import Question


@dataclass(frozen=True)
class Job:
    """One submission's missing stages. Picklable, so that another engine can carry it to another machine."""

    assignment: Assignment
    group: str
    commit: str
    solution: Path
    """Folder that holds solution.py."""
    framework: Framework
    sandbox: str
    """A name in SANDBOXES."""
    secret: bytes = field(repr=False)
    tests: tuple[str, ...]
    """Hidden tests to run."""
    repeats: tuple[int, ...]
    """Repeats whose answers are to be made."""
    scores: tuple[str, ...]
    """Accuracy criteria to score."""
    answers: dict[int, dict[str, Any]]
    """Documents of answers that exist, by repeat."""
    store: Path
    void_cases: tuple[str, ...] = ()
    """Ids of hidden cases that are left out of the scores."""
    course: str = "none"
    run: str = "none"
    tests_folder: str = "hidden_tests"
    unusable: tuple[Question, ...] = ()
    """What earlier markers of this job reached the host's limits with: it counts as failed and is not asked again."""
    waited: tuple[int, float] = (0, 0.0)
    """Wall limits and idle seconds of earlier markers of this job."""

    def after(self, came: Mapping[str, Mapping[str, Any]], question: Question | None, waited: tuple[int, float]) -> Job:
        """What is left of the job for another marker: without the stages that came, and past a question."""
        answers = {**self.answers, **{int(repeat): document for repeat, document in came["answers"].items()}}
        return replace(
            self,
            tests=tuple(id for id in self.tests if id not in came["tests"]),
            repeats=tuple(repeat for repeat in self.repeats if repeat not in answers),
            scores=tuple(id for id in self.scores if id not in came["scores"]),
            answers=answers,
            unusable=(*self.unusable, *((question,) if question else ())),
            waited=waited,
        )
