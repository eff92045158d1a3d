"""Runs a reference or an own baseline on the draws of a calibration: as a submission is, or read from the cache."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from dataclasses import astuple, dataclass
from pathlib import Path

from assignments.assignment import Assignment, Framework
from assignments.data.hidden import HiddenSet
from assignments.digests import code_digest, digest_of
from assignments.errors import UserError
from assignments.files import replace_file
from graders.authoring.bench import opener
from graders.authoring.mutants import copy_reference
from graders.authoring.stored_runs import StoredRun, runs_folder, store_run, stored_run
from graders.intake.source import SOLUTION
from graders.marks.words import cause_words
from graders.record.answers import Answers
from graders.record.calibration import training_digest
from graders.record.dependencies import TOOLKIT
from graders.tasks import task_named
from graders.wall.sandboxes.local import Local


@dataclass(frozen=True)
class Reference:
    """A reference, or an own baseline, and the draws that it is scored on."""

    name: str
    """The framework of a reference, or the name of a baseline."""
    assignment: Assignment
    """With one retrain run."""
    framework: Framework
    path: Path
    sets: tuple[HiddenSet, ...]

    def cases(self) -> str:
        """Digest of the data of all draws."""
        return digest_of(sets=[astuple(hidden.digests) for hidden in self.sets])

    def stored_runs(self) -> dict[int, StoredRun]:
        """The runs that are stored, by draw."""
        folder = self._runs_folder()
        return {draw: run for draw, key in enumerate(self._keys()) if (run := stored_run(folder, key))}

    def train(self, draws: Collection[int], on_draw: Callable[[int], None]) -> dict[int, StoredRun]:
        """Train the reference on some draws, ask it for every case, and store each run."""
        runs: dict[int, StoredRun] = {}
        if not draws:
            return runs
        keys, folder = self._keys(), self._runs_folder()
        bench_of = opener(self.assignment)
        with tempfile.TemporaryDirectory(prefix="medmark-calibrate-") as scratch, bench_of(self.framework) as bench:
            solution = self._copied(Path(scratch) / self.name)
            for draw in draws:
                on_draw(draw)
                result, answers = bench.answers(self.assignment, solution, self.sets[draw], draw=draw)
                unanswered = [state for state in result.states if state is not None]
                if result.cause is not None or unanswered:
                    count = "" if result.cause else f"{len(unanswered)} cases without an answer: "
                    why = cause_words(result.cause or unanswered[0])
                    raise UserError(f"{self.path}, draw {draw + 1}: {count}{why}\n{result.evidence}")
                run = StoredRun(Answers(answers.arrays), round(result.cpu_s, 1), bench.versions)
                runs[draw] = store_run(folder, keys[draw], run)
        return runs

    def _copied(self, folder: Path) -> Path:
        """A solution folder of it: of a baseline its file alone, since beside it lies all of the assignment."""
        if self.name == self.framework:
            return copy_reference(folder, self.path)
        replace_file(folder / SOLUTION, self.path.read_bytes())
        return folder

    def _keys(self) -> list[str]:
        """By draw: the digest of everything that makes the answers, the drawn data among it."""
        task = task_named(self.assignment.task)
        # All that a task does with answers before they are scored; `Task.stored` rounds them.
        stored_by = [task.entry, task.prediction, task.probabilities, code_digest(TOOLKIT / "graders/tasks/task.py")]
        return [
            digest_of(
                training=training_digest(self.assignment, self.path),
                runtime=Local().runtime(self.framework),
                train=hidden.train_digest,
                inputs=hidden.inputs_digest,
                stored_by=stored_by,
            )
            for hidden in self.sets
        ]

    def _runs_folder(self) -> Path | None:
        return runs_folder(self.assignment.id, self.name)
