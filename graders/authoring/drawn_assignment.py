"""Starts an assignment from a source that draws its cases: files that rehearse as they are, and first anchors.

What the files declare follows from a few cases that are drawn.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from assignments.assignment import Assignment, Data, Person, Run
from assignments.data.source import Axes, Endless
from assignments.data.source_names import is_own
from assignments.data.sources import SOURCES, source_of
from assignments.data.streams import PUBLISHED, stream
from assignments.derived.interface import solution_interface
from assignments.errors import UserError
from assignments.load import load, overridden
from graders.authoring.bench import drawn
from graders.authoring.calibrate import baseline_scores
from graders.authoring.new_assignment import (
    BY_LANDMARKS,
    GUESSES,
    STARTS,
    new_folder,
    startable,
    texts_of,
    write_texts,
)
from graders.authoring.scaffold_files import Scaffold, spatial
from graders.metrics import METRICS, metric_named
from graders.record.calibration import accuracies
from graders.tasks import TASKS, task_named

MEASURED = "trivial is what the best answer scores that looks at no input; the others lie between it and perfection."
SHARES: Final = {"trivial": 0.05, "pass": 0.3, "merit": 0.45, "distinction": 0.55, "reference": 0.75, "ceiling": 0.95}
"""How far each anchor lies on the way from the best trivial answer, plus a little for chance, to a perfect one."""


@dataclass(frozen=True)
class DrawnAssignment:
    """An assignment that is not written yet, whose cases a source draws."""

    id: str
    task: str
    folder: Path
    """Where the assignment goes."""
    source: str
    """As `[data]` names it."""
    file: Path | None
    """The author's own source."""
    arrays: Mapping[str, Axes]
    classes: Sequence[str]

    def write(self) -> tuple[Path, ...]:
        """Write the assignment's files; return them.

        Raises:
            UserError: a file is there already, or the cases cannot be drawn as the files declare them.
        """
        own = {} if self.file is None else {self.source: self.file.read_text(encoding="utf-8")}
        in_mm = self.task == "registration" and {"landmarks", "spacing"} <= self.arrays.keys()
        start = BY_LANDMARKS if in_mm else STARTS[self.task]
        data = self._data()
        guessed = Scaffold(self.id, self.task, self.arrays, self.classes, data, start.metric, start.guesses, GUESSES)
        texts = {**texts_of(guessed), **own}
        refused = [
            self.folder / name
            for name, text in texts.items()
            if (self.folder / name).exists() and (self.folder / name).read_text("utf-8", "replace") != text
        ]
        if refused:
            raise UserError(f"{refused[0]} is there already; choose another id, or move it away")
        with tempfile.TemporaryDirectory(prefix="medmark-new-") as scratch:
            write_texts(Path(scratch) / self.id, texts)
            anchors = measured_anchors(Path(scratch) / self.id)
        if anchors:
            texts |= texts_of(replace(guessed, anchors=anchors, anchors_words=MEASURED))
        return write_texts(self.folder, texts)

    def _data(self) -> str:
        size = max((len(spatial(axes)) for axes in self.arrays.values() if axes.sizes), default=1)
        train, val, test, per_call = {1: (300, 60, 300, 64), 2: (150, 30, 100, 16)}.get(size, (30, 6, 20, 1))
        return (
            f"source = {json.dumps(self.source)}\n"
            f"{f'train = {train}':30} # cases that fit gets, those of val among them\n"
            f"{f'val = {val}':30} # of them are fit's `val`\n"
            f"{f'test = {test}':30} # hidden cases\n"
            f"{f'per_call = {per_call}':30} # hidden cases that share a call of predict\n"
            "# redraw = true                # each run draws its own cases: a mean of several runs says more\n"
        )


def names_source(data: str) -> bool:
    """Whether it is the name of a source, or a Python file that defines one, and not a folder of images."""
    return data in SOURCES or is_own(data)


def drawn_assignment(id: str, name: str, into: Path, task: str | None = None) -> DrawnAssignment:
    """An assignment with this id whose cases a source draws, which is written to `into / id`.

    Args:
        name: Of the source, or the path of an author's own.
        task: By default the one that the cases fit.

    Raises:
        UserError: the id, the source or the task does not exist or fit, or the assignment is there already.
    """
    folder = new_folder(id, into)
    file = Path(name) if is_own(name) else None
    named = Assignment(
        id=id, title=id, task=task or "segmentation", data=Data(source=file.name if file else name),
        run=Run(mode="retrain"), criterion=(Person(kind="person", id="report", points=1),),
        folder=file.parent.resolve() if file else folder,
    )  # fmt: skip
    source = source_of(named)
    if not isinstance(source, Endless):
        raise UserError(
            f"--data {name}: this source reads subjects from a folder. Name that: medmark new {id} --data FOLDER. "
            'For a source of your own, write source = "..." and path = "..." into assignment.toml afterwards.'
        )
    is_volume = any(len(spatial(axes)) > 2 for axes in source.arrays.values() if axes.sizes)
    cases = source.draw(8 if is_volume else 200, stream(PUBLISHED, id, "new"))
    arrays = {
        key: Axes(axes.dtype, " ".join(map(str, cases[key].shape[1:])), axes.role)
        for key, axes in source.arrays.items()
        if key in cases
    }
    chosen = startable(task or _task_of_arrays(arrays, cases))
    truth = task_named(chosen).truth
    if truth not in arrays:
        raise UserError(f'--data {name}: its cases have {", ".join(arrays)}; the task {chosen} needs "{truth}"')
    values = cases[truth]
    is_number = values.dtype.kind not in "iu"
    count = 0 if is_number else values.shape[1] if chosen == "multilabel" else int(values.max()) + 1
    classes = tuple(map(str, range(count)))
    return DrawnAssignment(id, chosen, folder, named.data.source, file, arrays, classes)


def _task_of_arrays(arrays: Mapping[str, Axes], cases: Mapping[str, np.ndarray]) -> str:
    """The task that drawn cases are for, by the name and the kind of their truth."""
    for key, task in (("labels", "registration"), ("target", "synthesis"), ("instances", "instances")):
        if key in arrays:
            return task
    if "label" in arrays:
        return "label_maps" if cases["label"].max() > 1 else "segmentation"
    if "y" not in arrays:
        raise UserError(f"its cases have {', '.join(arrays)}: name their task with --task {' or '.join(STARTS)}")
    if arrays["y"].sizes:
        return "multilabel"
    return "regression" if arrays["y"].dtype.startswith("float") else "classification"


def measured_anchors(folder: Path) -> str:
    """Anchors for an assignment with one accuracy criterion, between the best trivial answer and a perfect one.

    They are in TOML; empty where a trivial answer is perfect.

    Raises:
        UserError: the assignment cannot be loaded, or its cases cannot be drawn.
    """
    assignment = load(folder, tasks=TASKS, metrics=METRICS, sources=SOURCES)
    one_run = overridden(assignment, run={"mode": "retrain", "seeds": 1})
    hidden = drawn(one_run, solution_interface(assignment), 0)
    (criterion,) = accuracies(assignment)
    metric = metric_named(criterion.metric, folder)
    scores = [by_id[criterion.id][0] for by_id in baseline_scores(assignment, [hidden]).values()]
    trivial, perfect = (max(scores) if metric.rising else min(scores)), metric.range[1 if metric.rising else 0]
    if trivial == perfect:
        return ""
    values = {name: f"{trivial + share * (perfect - trivial):.3g}" for name, share in SHARES.items()}
    return "{ " + ", ".join(f"{name} = {value}" for name, value in values.items()) + " }"
