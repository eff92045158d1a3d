"""The tasks by name. A new task needs two things: a file in this folder, and a line in `TASKS`."""

from __future__ import annotations

from assignments.errors import UserError, nearest
from graders.tasks.classification import CLASSIFICATION
from graders.tasks.instances import INSTANCES
from graders.tasks.label_maps import LABEL_MAPS
from graders.tasks.multilabel import MULTILABEL
from graders.tasks.registration import REGISTRATION
from graders.tasks.regression import REGRESSION
from graders.tasks.segmentation import SEGMENTATION
from graders.tasks.synthesis import SYNTHESIS
from graders.tasks.task import Task

__all__ = ["TASKS", "Task", "task_named"]

TASKS: dict[str, Task] = {
    "segmentation": SEGMENTATION,
    "label_maps": LABEL_MAPS,
    "instances": INSTANCES,
    "classification": CLASSIFICATION,
    "multilabel": MULTILABEL,
    "regression": REGRESSION,
    "synthesis": SYNTHESIS,
    "registration": REGISTRATION,
}


def task_named(name: str) -> Task:
    """The task of that name; else a `UserError` that names the nearest one, or all of them."""
    if name not in TASKS:
        raise UserError(f'no task "{name}"; {nearest(name, TASKS)}')
    return TASKS[name]
