"""How a metric reads a task's predictions and truths: as masks, maps of labels, classes, images, ...

A metric of masks reads maps of labels class by class. Which classes these are is known from all truths together, never
from one case alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assignments.data.columns import Cases, whole_numbers
from assignments.data.hidden import HiddenSet
from graders.failures import DataFailure
from graders.metrics import Array, Metric
from graders.metrics.metric import Absent, Form, anything
from graders.tasks import Task

MAY_BE_EMPTY = ("mask", "labels", "instances")
"""Forms in which a truth can be empty."""
IMAGES = (*MAY_BE_EMPTY, "image", "field")
"""Forms of arrays as large as images."""


def truths_as(task: Task, form: str, truths: Array) -> Array:
    """Ground truth converted to the form that a metric reads."""
    return task.truth_forms[form](truths) if form in task.truth_forms else truths


def form_of(task: Task, metric: Metric) -> Form | None:
    """The form in which the metric reads the task's predictions; None where it cannot read them as they are."""
    return next((form for form in (metric.reads, metric.also_reads) if form in task.forms), None)


def readable(task: Task, metric: Metric) -> bool:
    """Whether the metric can read the task's predictions, class by class where it reads masks and they are labels."""
    by_class = metric.reads == "mask" and "labels" in task.forms and metric.level == "per_case"
    return by_class or (form_of(task, metric) is not None and metric.classes is None)


def each_class(task: Task, metric: Metric, sets: Sequence[HiddenSet]) -> list[Metric]:
    """For a metric that is a mean over classes: the metric of each class that all sets contain, as `dice@class2`."""
    if metric.reads != "mask" or "labels" not in task.forms or metric.classes:
        return []
    shared = set.intersection(*(_classes(hidden.truth) for hidden in sets))
    return [replace(metric, name=f"{metric.name}@class{c}", classes=(c,)) for c in sorted(shared)]


def read_as(task: Task, metric: Metric, truths: Cases, absent: Absent) -> tuple[Metric, Form]:
    """The metric as it reads the task's predictions, and in which form: one of masks becomes one of maps of labels."""
    form = form_of(task, metric)
    if form is not None:
        return metric, form
    metric = _over_classes(metric, truths, absent)
    return metric, metric.reads


def not_empty(metric: Metric, labels: Array) -> NDArray[np.bool_]:
    """Whether each mask or map has a voxel of the metric's classes."""
    return anything(labels if metric.classes is None else np.isin(labels, metric.classes))


def _over_classes(metric: Metric, truths: Cases, absent: Absent) -> Metric:
    """A metric of masks for maps of labels: over the classes in its name, else over all classes of the truths."""
    classes = _classes(truths)
    if missing := set(metric.classes or ()) - classes:
        raise DataFailure(f"{metric.name}: the truths have the classes {sorted(classes)}, not {sorted(missing)}")
    return metric.over_classes(metric.classes or sorted(classes), absent)


def _classes(labels: Cases) -> set[int]:
    return {label for label in whole_numbers(labels) if label}
