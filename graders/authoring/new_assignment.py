"""Starts an assignment from a folder of images: a proposed table of cases, and files that rehearse as they are.

Nothing is written before the author has agreed. What the files declare follows from the images that were read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assignments.assignment import Assignment, Data, Person, Run
from assignments.data.folder.location import located
from assignments.data.folder.propose import ProposedTable, as_csv, propose
from assignments.data.folder.reading import read_image
from assignments.data.folder.table import NAME
from assignments.data.prepared import folder_problems, listed, opened_source
from assignments.data.source import Axes, Finite, Part
from assignments.data.sources import SOURCES, source_of
from assignments.derived.interface import whole_text
from assignments.errors import UserError, nearest, shell_word
from assignments.files import replace_file
from graders.authoring.scaffold_files import Scaffold, sample_declared, scaffold_texts
from graders.tasks import task_named


@dataclass(frozen=True)
class Start:
    """What an assignment with a task starts with, before its author knows better."""

    metric: str
    falls: bool = False
    """Whether lower is better."""

    @property
    def guesses(self) -> str:
        """Anchors before any score is known, in TOML."""
        return FALLING if self.falls else RISING


STARTS = {
    "segmentation": Start("dice"),
    "label_maps": Start("dice"),
    "classification": Start("balanced_accuracy"),
    "multilabel": Start("average_precision@macro"),
    "regression": Start("rmse", falls=True),
    "synthesis": Start("mae@4000", falls=True),
    "registration": Start("warped_dice"),
}
BY_LANDMARKS = Start("tre", falls=True)
"""A registration whose pairs have landmarks and no labels."""


@dataclass(frozen=True)
class NewAssignment:
    """An assignment that is not written yet: a table of cases, and what an author has to look at."""

    id: str
    table: ProposedTable
    task: str
    folder: Path
    """Where the assignment goes."""

    @property
    def new_table(self) -> Path | None:
        """Where a table of cases is written; None if the folder of images needs none."""
        path = self.table.folder / NAME
        return path if self.table.layout is None and not path.exists() else None

    def write(self) -> tuple[Path, ...]:
        """Write the table and the assignment's files; return them.

        Raises:
            UserError: the images cannot be read. The table is written by then, to be corrected by hand.
        """
        table = self.new_table
        if table is not None:
            replace_file(table, as_csv(self.table))
        if not self.table.has_truth:
            where = self.table.folder / NAME
            raise UserError(
                f"{where} has no ground truth: fill in a column label (files), class, target or target_image for each "
                f"case, then: medmark new {self.id} --data {shell_word(self.table.folder)}"
            )
        data = Data(source="folder", path=self.table.folder, test=0.25)
        of_person = Person(kind="person", id="report", points=1)
        run = Run(mode="retrain")
        named = Assignment(
            id=self.id, title=self.id, task=self.task, data=data, run=run, criterion=(of_person,), folder=self.folder
        )
        source = source_of(named)
        assert isinstance(source, Finite)
        opened = opened_source(named, source)
        if problems := folder_problems(source, opened):
            again = f"medmark new {self.id} --data {shell_word(self.table.folder)}"
            raise UserError("\n".join([f"correct these rows, then: {again}", *problems]))
        parts = {subject.part for subject in listed(named, source, opened)}
        plan = self._plan(source.arrays(opened), opened.table.classes, parts)
        return (*([table] if table is not None else []), *write_texts(self.folder, texts_of(plan)))

    def _plan(self, arrays: Mapping[str, Axes], classes: Sequence[str], parts: Collection[Part | None]) -> Scaffold:
        """What the files follow from. `parts` are those that the folder puts its subjects in, None where it names none.

        A published split without a validation part leaves no subject for one.
        """
        by_landmarks = self.task == "registration" and "label:fixed" not in self.table.columns
        start = BY_LANDMARKS if by_landmarks else STARTS[self.task]
        path = json.dumps(os.path.relpath(self.table.folder, self.folder.resolve()), ensure_ascii=False)
        data = OF_FOLDER.format(path=path, val="" if None not in parts and "val" not in parts else "val = 0.1\n")
        return Scaffold(self.id, self.task, arrays, classes, data, start.metric, start.guesses, GUESSES)


def new_assignment(id: str, images: Path, into: Path, task: str | None = None) -> NewAssignment:
    """An assignment with this id for a folder of images, to be looked at before it is written to `into / id`.

    Raises:
        UserError: the id or the task does not exist or fit, the assignment is there already, or there are no images.
    """
    folder = new_folder(id, into)
    if not images.is_dir():
        cure = nearest(str(images), SOURCES)
        raise UserError(f'--data: there is no folder "{images}", and no source of this name; {cure}')
    table = propose(images.resolve())
    return NewAssignment(id, table, startable(task or _task_of(table)), folder)


def new_folder(id: str, into: Path) -> Path:
    """The folder of a new assignment.

    Raises:
        UserError: the id is not one, or there is an assignment already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", id):
        raise UserError(f'"{id}" cannot be an id: write small letters, digits and _, such as liver_ct')
    folder = into / id
    if (folder / "assignment.toml").exists():
        raise UserError(f"{folder / 'assignment.toml'} is there already; choose another id")
    return folder


def startable(task: str) -> str:
    """The name of a task that a new assignment can start with.

    Raises:
        UserError: it is not.
    """
    if task not in STARTS:
        task_named(task)  # says which tasks there are
        raise UserError(f"medmark new cannot start the task {task}; write its files by hand")
    return task


def texts_of(plan: Scaffold) -> dict[str, str]:
    """The texts of a new assignment's files, by their path in its folder."""
    interface = whole_text(
        OWN_INTERFACE.format(id=plan.id) + sample_declared(plan), plan.task, plan.arrays, len(plan.classes)
    )
    return {**scaffold_texts(plan), "interface.py": interface}


def write_texts(folder: Path, texts: Mapping[str, str]) -> tuple[Path, ...]:
    """Write them into a folder; return the files."""
    for name, text in texts.items():
        replace_file(folder / name, text)
    return tuple(folder / name for name in texts)


def _task_of(table: ProposedTable) -> str:
    """The task that the columns of a table are for."""
    columns = set(table.columns)
    if any(column.startswith("class:") for column in columns):
        return "multilabel"
    for column, task in (
        ("fixed", "registration"), ("target_image", "synthesis"), ("class", "classification"), ("target", "regression"),
    ):  # fmt: skip
        if column in columns:
            return task
    return "label_maps" if _has_classes(table) else "segmentation"


def _has_classes(table: ProposedTable) -> bool:
    """Whether the first label has more than a foreground and a background."""
    text = next((row.files["label"] for row in table.rows if "label" in row.files), None)
    if text is None:
        return False
    try:
        values = np.unique(read_image(located(table.folder, text), label=True).array)
    except UserError:
        return False  # what is wrong with it stands in the list of problems
    return bool(values[-1] > 1) and set(values.tolist()) != {0, 255}


OWN_INTERFACE = '''\
"""What a solution of `{id}` defines: names, arguments and answers. The brief says what each is for."""

import numpy as np
from jaxtyping import Float, Float32

'''
OF_FOLDER = """\
source = "folder"
path = {path}
test = 0.25                    # of the subjects are hidden; or a number of them
{val}# stratify = ["site"]          # a column of cases.csv that every part has in equal shares
# resample_mm = [3.0, 1.0, 1.0]
# size = [32, 128, 128]        # one size for all cases: fit then gets arrays, and per_call may rise
# window = [40, 400]           # CT: centre and width of the intensities
# share = "students"           # nothing leaves this machine without it, and a permission
# permission = "who permitted it, and when"
per_call = 1
"""
GUESSES = "Guesses."
RISING = "{ trivial = 0.1, pass = 0.4, merit = 0.55, distinction = 0.65, reference = 0.8, ceiling = 0.95 }"
FALLING = "{ trivial = 100.0, pass = 40.0, merit = 30.0, distinction = 25.0, reference = 20.0, ceiling = 1.0 }"
