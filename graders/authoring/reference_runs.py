"""A reference on the draws of a calibration: trained and asked as a submission is, or answered before and kept."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from dataclasses import astuple, dataclass
from pathlib import Path

from assignments.assignment import Assignment, Framework
from assignments.data.hidden import HiddenSet
from assignments.digests import code_digest, digest_of
from assignments.errors import UserError
from graders.authoring.bench import opener
from graders.authoring.kept_answers import Run, keep, kept, shelf
from graders.authoring.mutants import copy_reference
from graders.marks.words import cause_words
from graders.record.answers import Answers
from graders.record.calibration import training
from graders.record.dependencies import TOOLKIT
from graders.tasks import task_named
from graders.wall.sandboxes.local import Local


@dataclass(frozen=True)
class Reference:
    """A reference and the draws that it is scored on."""

    assignment: Assignment
    """With one retrain run."""
    framework: Framework
    path: Path
    sets: tuple[HiddenSet, ...]

    def cases(self) -> str:
        """Digest of all draws as they came."""
        return digest_of(sets=[astuple(hidden.digests) for hidden in self.sets])

    def kept(self) -> dict[int, Run]:
        """By draw, the runs that are kept."""
        place = self._shelf()
        return {draw: run for draw, key in enumerate(self._keys()) if (run := kept(place, key))}

    def trained(self, draws: Collection[int], begun: Callable[[int], None]) -> dict[int, Run]:
        """The reference trained on some draws and asked; each run is kept."""
        runs: dict[int, Run] = {}
        if not draws:
            return runs
        keys, place = self._keys(), self._shelf()
        bench_of = opener(self.assignment)
        with tempfile.TemporaryDirectory(prefix="medmark-calibrate-") as scratch, bench_of(self.framework) as bench:
            solution = copy_reference(Path(scratch) / self.framework, self.path)
            for draw in draws:
                begun(draw)
                found, answers = bench.answers(self.assignment, solution, self.sets[draw], draw=draw)
                unanswered = [state for state in found.states if state is not None]
                if found.cause is not None or unanswered:
                    many = "" if found.cause else f"{len(unanswered)} cases without an answer: "
                    why = cause_words(found.cause or unanswered[0])
                    raise UserError(f"{self.path}, draw {draw + 1}: {many}{why}\n{found.evidence}")
                runs[draw] = Run(Answers(answers.arrays), round(found.cpu_s, 1), bench.versions)
                keep(place, keys[draw], runs[draw])
        return runs

    def _keys(self) -> list[str]:
        """By draw: the digest of all that makes its answers, of the data as they were drawn."""
        task = task_named(self.assignment.task)
        # All that a task has to do with answers before they are scored; `Task.stored` rounds them.
        stored_by = [task.entry, task.prediction, task.probabilities, code_digest(TOOLKIT / "graders/tasks/task.py")]
        return [
            digest_of(
                training=training(self.assignment, self.path),
                runtime=Local().runtime(self.framework),
                train=hidden.train_digest,
                inputs=hidden.inputs_digest,
                stored_by=stored_by,
            )
            for hidden in self.sets
        ]

    def _shelf(self) -> Path | None:
        return shelf(self.assignment.id, self.framework)
