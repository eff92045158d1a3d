"""Shows hidden cases to students with their returned marks: the only way in which hidden cases leave this machine.

All groups see the same cases, chosen by the course's secret: the best and the worst of one group would tell others
about it. Nobody may be able to hand in any more, and subjects of a folder are recorded as shown before anything is
written, because whoever has seen them may know their ground truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from assignments.assignment import Accuracy, Assignment
from assignments.data.cases import Case, keyed_order
from assignments.data.columns import Array, Cases, field_names
from assignments.data.hidden import HiddenSet
from assignments.data.parts import hidden_names
from assignments.data.prepared import Prepared, prepare, required_split
from assignments.data.sharing import sharing_of
from assignments.data.source import Axes, Finite
from assignments.data.sources import source_of
from assignments.data.split import locked_split, write_split
from assignments.derived.interface import solution_interface
from assignments.errors import UserError
from graders.course.course import Course
from graders.course.secret import read_secret
from graders.intake.collect import clock
from graders.intake.counting import due_of_person
from graders.marks.mark import Mark
from graders.marks.returning import Returnable
from graders.marks.words import reason_words
from graders.record.answer_files import load_answers
from graders.record.documents import AnswersResult, CaseScore, ScoreResult
from graders.record.in_force import Decisions
from graders.record.ledger import Ledger
from graders.runs.marking import Change
from graders.tasks import task_named
from graders.tasks.hidden_cases import drawn_set

REPEAT = 0
"""The repeat whose answers are shown; without `data.redraw` all repeats have the same cases."""


@dataclass(frozen=True)
class HiddenCase:
    """One hidden case as it is shown to every group."""

    case: Case
    inputs: Mapping[str, Array]
    """By key, without a leading N."""
    truth: Mapping[str, Array]
    """By key: the truth of the task, and its further truths where the data have them."""


@dataclass(frozen=True)
class OwnAnswer:
    """A group's answer to one of the cases."""

    prediction: Array | None
    """None: there is no answer that could be scored."""
    problem: str = ""
    """Why there is none, in words."""
    values: Mapping[str, float] = field(default_factory=dict)
    """By metric: its value for this case, for metrics of cases."""


@dataclass(frozen=True)
class _Recorded:
    """Where a group's answers and scores are."""

    answers: AnswersResult | None
    scores: tuple[ScoreResult, ...]


@dataclass(frozen=True)
class Showing:
    """The hidden cases that every group is shown, and each group's own answers. Nothing is recorded or written yet."""

    assignment: Assignment
    arrays: Mapping[str, Axes]
    cases: tuple[HiddenCase, ...]
    of: int
    """How many hidden cases there are."""
    subjects: tuple[str, ...]
    """Subjects of a folder who will be spent, as their source names them; none where the cases are drawn."""
    groups: tuple[str, ...]
    _recorded: Mapping[str, _Recorded]
    _indices: tuple[int, ...]
    _store: Path

    @property
    def left(self) -> tuple[str, ...]:
        """Hidden subjects of a folder whom students will not have seen, now or before."""
        split = required_split(self.assignment)
        unseen = [row.subject for row in split.present if row.part == "test" and not row.shown]
        return tuple(subject for subject in unseen if subject not in self.subjects)

    def record(self, today: date | None = None) -> None:
        """Record in the split that these subjects were shown. Call it before anything is written.

        Raises:
            UserError: the split has been changed since they were chosen, and hides them no more.
        """
        if self.subjects:
            day = (today or date.today()).isoformat()
            with locked_split(self.assignment.split_file):
                split = required_split(self.assignment)
                if not {*self.subjects} <= {*split.of("test")}:
                    raise UserError(
                        f"{self.assignment.split_file}: was changed meanwhile, so nothing is shown. Run the same "
                        "command again."
                    )
                write_split(self.assignment.split_file, split.marked(self.subjects, shown=day))

    def answers(self, group: str) -> list[OwnAnswer]:
        """A group's answers to the cases, in their order; they are read now.

        Raises:
            DataFailure: the stored answers cannot be read.
        """
        recorded, task = self._recorded[group], task_named(self.assignment.task)
        if recorded.answers is None:
            return [OwnAnswer(None, "nothing was asked")] * len(self.cases)
        stored = load_answers(self._store, recorded.answers)
        own = []
        for index, shown in zip(self._indices, self.cases, strict=True):
            scores = [
                (measured.metric, score)
                for result in recorded.scores
                for measured in ([result.measured] if result.measured else []) + list(result.also.values())
                for score in measured.cases
                if (score.id, score.repeat) == (shown.case.id, REPEAT)
            ]
            reason = stored.failed.get(index) or _reason(score for _, score in scores)
            if reason or task.prediction not in stored.arrays:
                own.append(OwnAnswer(None, reason_words(reason or "not_usable")))
                continue
            values = {metric: score.score for metric, score in scores if score.score is not None}
            own.append(OwnAnswer(stored.arrays[task.prediction][index], "", values))
        return own


def planned_showing(change: Change, offer: Returnable, count: int) -> Showing:
    """The cases to show with the marks that `offer` returns, or returned before.

    Raises:
        UserError: somebody may still hand in, the cases may not leave, or there are no answers to them.
    """
    course, assignment = change.course, change.results.assignment
    decisions = Decisions.of(assignment.id, change.results.events)
    if sharing_of(assignment) == "none":
        raise UserError(
            f'{assignment.folder / "assignment.toml"} [data]: share is "none", so no case of these subjects leaves '
            "this machine, a hidden one neither. Return the marks without --show-cases."
        )
    if not any(isinstance(criterion, Accuracy) for criterion in assignment.criteria):
        raise UserError(f"{assignment.id} has no accuracy criterion, so there are no hidden cases to show.")
    _refuse_open(course, decisions)
    groups = _groups(change, offer)
    recorded = _recorded_of(course, assignment.id, groups)
    source = source_of(assignment)
    prepared = prepare(assignment, source) if isinstance(source, Finite) else None
    secret = read_secret(course)
    hidden = drawn_set(assignment, solution_interface(assignment), secret, REPEAT, prepared)
    named = _subjects_of(hidden, prepared, assignment, secret)
    indices = _chosen(hidden, assignment, secret, decisions, count, _spent(assignment, named))
    arrays = prepared.arrays if prepared is not None else source.declared
    return Showing(
        assignment,
        arrays or {},
        tuple(_case(hidden, index, assignment) for index in indices),
        len(hidden.cases),
        tuple(dict.fromkeys(named[index] for index in indices if index in named)),
        tuple(mark.group for mark in groups),
        recorded,
        indices,
        course.answers,
    )


def _refuse_open(course: Course, decisions: Decisions) -> None:
    """Refuse while anybody may hand in, by any extension and with the grace time."""
    grace = timedelta(minutes=course.assignment(decisions.assignment).grace_minutes)
    closes: list[tuple[datetime, str]] = [
        (due_of_person(course, decisions, group, member.id) + grace, f"{group.name}/{member.id}")
        for group in course.groups
        for member in group.members
    ]
    latest, who = max(closes, default=(clock(), ""))
    if latest > clock():
        until = latest.astimezone(course.zone)
        raise UserError(
            f"{who} may hand in until {until.day} {until:%B %Y, %H:%M %Z}. Hidden cases are shown when nobody can hand "
            "in any more. Return the marks without --show-cases, and show the cases later."
        )


def _groups(change: Change, offer: Returnable) -> list[Mark]:
    """The marks of the groups whose members have their mark returned, now or before."""
    members = {*offer.now, *offer.already}
    names = {person.group for person in change.results.people if person.member in members}
    marks = [mark for mark in change.results.marks if mark.group in names]
    if earlier := [mark.group for mark in marks if "made_by" in mark.provenance]:
        raise UserError(
            f"the marks of {', '.join(earlier)} were made by an earlier medmark or on other cases. Renew them first: "
            f"medmark grade {change.results.assignment.id}"
        )
    return marks


def _recorded_of(course: Course, id: str, marks: Sequence[Mark]) -> dict[str, _Recorded]:
    """By group: the results that its mark is made of.

    Raises:
        UserError: no group has answers, or a file of them is gone.
    """
    recorded = {}
    with Ledger.open_to_read(course.ledger) as ledger:
        for mark in marks:
            stages = mark.provenance.get("stages", {})
            answers, scores = stages.get("answers", {}), stages.get("scores", {})
            key = answers.get(REPEAT, answers.get(str(REPEAT), ""))
            documents = {name: stage.document for name, stage in ledger.stages([key, *scores.values()]).items()}
            document = documents.get(key)
            recorded[mark.group] = _Recorded(
                document if isinstance(document, AnswersResult) else None,
                tuple(each for each in map(documents.get, scores.values()) if isinstance(each, ScoreResult)),
            )
    files = {name: each.answers.file for name, each in recorded.items() if each.answers and each.answers.file}
    if gone := [name for name, file in files.items() if not (course.answers / str(file)).is_file()]:
        raise UserError(f"the stored answers of {', '.join(gone)} are gone. To ask for them again: medmark grade {id}")
    if not files:
        raise UserError(
            f"no group whose mark is returned has stored answers. To see what is missing: medmark show {id}"
        )
    return recorded


def _chosen(
    hidden: HiddenSet, assignment: Assignment, secret: bytes, decisions: Decisions, count: int, spent: frozenset[int]
) -> tuple[int, ...]:
    """The indices of the cases: the first of an order that only the secret gives, without those that are void.

    Cases of subjects who were shown before come first: fewer subjects are then spent.
    """
    ids = [case.id for case in hidden.cases]
    order = keyed_order(secret, assignment.id, "shown", ids)
    order.sort(key=lambda index: index not in spent)
    able = [index for index in order if ids[index] not in decisions.void_cases]
    if count > len(able):
        raise UserError(f"--show-cases {count}: {assignment.id} has {len(able)} hidden cases that count.")
    return tuple(able[:count])


def _case(hidden: HiddenSet, index: int, assignment: Assignment) -> HiddenCase:
    task = task_named(assignment.task)
    inputs = {key: cases[index] for key, cases in hidden.inputs.items()}
    return HiddenCase(hidden.cases[index], inputs, _truth(hidden.truth, index, task.truth))


def _truth(truths: Cases, index: int, name: str) -> dict[str, Array]:
    truth = truths[index]
    return {key: truth[key] for key in field_names(truths)} or {name: truth}


def _subjects_of(hidden: HiddenSet, prepared: Prepared | None, assignment: Assignment, secret: bytes) -> dict[int, str]:
    """By index of the case: its subject, as the folder names it; empty where the cases are drawn."""
    if prepared is None:
        return {}
    named = {word: subject for subject, word in hidden_names(prepared, assignment, secret).items()}
    return {index: named[case.subject] for index, case in enumerate(hidden.cases)}


def _spent(assignment: Assignment, named: Mapping[int, str]) -> frozenset[int]:
    """The cases of subjects whom students of an earlier course were shown."""
    if not named:
        return frozenset()
    shown = {row.subject for row in required_split(assignment).present if row.shown}
    return frozenset(index for index, subject in named.items() if subject in shown)


def _reason(scores: Iterable[CaseScore]) -> str:
    """Why a case's answer was not scored; empty if it was."""
    return next((score.reason or "not_usable" for score in scores if score.state == "failed"), "")
