"""Reads from an assignment what its models are: the facts that contracts and tests with `trained` need."""

from __future__ import annotations

from assignments.assignment import Assignment, Framework
from assignments.data.source import Arrays
from assignments.data.stand_ins import small_cases
from assignments.errors import MedmarkError
from assignments.interface import Interface, is_array, typed_dict_of
from assignments.interface_checks import bare, sizes
from graders.asking.model_calls import ModelFacts
from graders.failures import DataFailure
from graders.tasks import TASKS


def model_facts(assignment: Assignment, interface: Interface, framework: Framework) -> ModelFacts | None:
    """The facts for solutions of a framework; None without a task, or a function of the interface that answers."""
    task = TASKS.get(assignment.task)
    if task is None or task.entry not in interface.functions:
        return None
    truths = (task.truth, *task.extra_truths)

    def draw(n: int, rng: object) -> Arrays:
        try:
            return small_cases(assignment, interface, truths, n, rng)  # type: ignore[arg-type]
        except MedmarkError as error:  # no fault of the solution that is tested
            raise DataFailure(f"small cases could not be drawn: {error}") from error

    answer = interface.functions[task.entry].signature.return_annotation
    return ModelFacts(
        assignment_id=assignment.id,
        framework=framework,
        entry=task.entry,
        inputs=interface.fields(task.entry, "inputs"),
        truth=task.truth,
        prediction=task.prediction,
        probabilities=task.probabilities,
        exclusive=task.name == "classification" and _axes(answer, task.prediction) == 2,
        small_cases=draw,
        trained=assignment.trained,
        contracts=assignment.contracts,
    )


def _axes(answer: object, key: str) -> int:
    """How many axes an array of a declared answer has; 0 if it is not declared as one."""
    record = typed_dict_of(answer)
    hint = bare(record.__annotations__.get(key)) if record is not None else None
    return len(sizes(hint)) if is_array(hint) else 0
