"""An engine whose jobs are asked on other machines and judged here: labels and the course's secret never travel.

    pack       the questions of a job, and the files that it names, by digest
    carry      a `Carrier` takes the package to a machine, where `graders.runs.engines.node` asks
    store      the answers that came back, each under the digest of its content
    judge      here, in a marker process of `Processes`, with the truths

What solutions are shown is drawn and stored once for a run. A machine that was lost is the coordinator's to retry.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from assignments.assignment import Limits
from assignments.errors import UserError
from graders.asking.job import Job
from graders.asking.journal import Journal
from graders.asking.measure import PUBLIC_REPEAT
from graders.failures import ToolkitFailure
from graders.record.documents import JobResult, Phases
from graders.record.store import Store
from graders.runs.engines.blobs import Blob
from graders.runs.engines.description import StoredInputs
from graders.runs.engines.engine import STOPPED, Engine, Outcome
from graders.runs.engines.package import Delivery, Package, pack
from graders.runs.engines.processes import Processes
from graders.runs.engines.reply_frame import store_reply
from graders.runs.engines.sent_inputs import read_list, store_inputs
from graders.wall.sandboxes.sandbox import Sandbox

DRAW_S = 3600.0
"""How long drawing and storing what all submissions are shown may take."""


class Carrier(Protocol):
    """Carries packages to other machines. Many threads call it at once, each for one package."""

    def slots(self, limits: Limits, jobs: int | None) -> int:
        """How many packages of these limits it carries at once; at most `jobs`, if that is not None.

        Raises:
            UserError: no machine can ever do one, or none is within reach; the text says what to change.
        """

    def carry(self, package: Package, deadline_s: float) -> Delivery:
        """Have a package done, and wait for it. It never raises for what happens to a machine.

        `deadline_s` counts from when the package begins on its machine, which holds it to that; a carrier that waits
        much longer without a word takes the machine for lost.
        """

    def exclude(self, machine: str) -> int:
        """Send nothing more to a machine of a delivery; how many slots are left."""

    def stop(self) -> None:
        """End all packages now, on their machines too: calls of `carry` that wait return."""


@dataclass
class _Drawn:
    """What the submissions of a run are shown, as far as it was drawn."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    by_need: dict[tuple[object, ...], StoredInputs] = field(default_factory=dict)


class Far:
    """An engine over a carrier.

    Args:
        carrier: takes packages to other machines.
        folder: for what solutions are shown, of this run alone; emptied when the first job comes.
        preload: names of modules that the main module of this program imports, as for `Processes`.
    """

    def __init__(self, carrier: Carrier, folder: Path, *, preload: Sequence[str] = ()) -> None:
        self._carrier, self._blobs = carrier, folder
        self._judges: Engine = Processes(preload=preload)
        self._preload = preload
        self._judging = threading.Semaphore(os.cpu_count() or 1)
        self._drawn = _Drawn()
        self._stopped = False

    def slots(self, limits: Limits, jobs: int | None, isolates: bool) -> int:
        """As many as the carrier has. A machine is held to the limits by its sandbox or its scheduler."""
        if jobs is not None and jobs < 1:
            raise UserError(f"--jobs {jobs}: must be at least 1.")
        # A judge needs memory for replies; no more of them run at once than this machine has room for.
        here = self._judges.slots(limits.model_copy(update={"memory_mb": 256, "gpus": 0}), None, isolates)
        self._judging = threading.Semaphore(here)
        return self._carrier.slots(limits, jobs)

    def run(self, job: Job, store: Store, deadline_s: float) -> Outcome:
        """Have a job asked elsewhere and judge it here. Never raises for what the job does."""
        if self._stopped:
            return Outcome(None, STOPPED, 0.0)
        outcome = Outcome(JobResult(), "", 0.0)
        if job.tests or job.repeats:
            outcome = self._ask(job, store, deadline_s)
            if outcome.document is None or outcome.document.trouble is not None or not job.scores:
                return outcome
            job = job.after(outcome.document, None, outcome.waited)
        with self._judging:
            return _joined(outcome, self._judges.run(job, store, deadline_s))

    def sweep(self, sandbox: Sandbox, course: str) -> None:
        """Nothing here: each machine sweeps its own sandboxes before it begins a package."""

    def exclude(self, machine: str) -> int:
        """Have the carrier send nothing more to a machine."""
        return self._carrier.exclude(machine)

    def stop(self) -> None:
        """End all jobs, here and on other machines."""
        self._stopped = True
        self._judges.stop()
        self._carrier.stop()
        shutil.rmtree(self._blobs, ignore_errors=True)

    def _ask(self, job: Job, store: Store, deadline_s: float) -> Outcome:
        """Have the questions of a job asked; its answers are in the store."""
        try:
            inputs = self._inputs(job, store)
            if isinstance(inputs, Outcome):
                return inputs
            package = pack(job, store, inputs, self._blobs, deadline_s)
        except (ToolkitFailure, OSError) as error:
            return Outcome(None, f"the job could not be sent: {error}", 0.0)
        delivery = self._carrier.carry(package, deadline_s)
        if self._stopped:
            return Outcome(None, STOPPED, 0.0)
        if delivery.reply is None:
            return Outcome(None, delivery.trouble, 0.0, machine=delivery.machine, lost=True)
        try:
            return store_reply(delivery.reply, store, delivery.machine)
        except ToolkitFailure as failure:
            return Outcome(None, str(failure), 0.0, machine=delivery.machine)

    def _inputs(self, job: Job, store: Store) -> StoredInputs | Outcome:
        """What a job's solution is shown; the first job that needs it has it drawn. Without it, the outcome says why.

        Raises:
            OSError: the folder cannot be emptied or read.
        """
        if not job.repeats:
            return StoredInputs({})
        key = (str(job.assignment.folder), job.drawn_repeats, PUBLIC_REPEAT in job.repeats or bool(job.scores))
        with self._drawn.lock:
            if not self._drawn.by_need:
                shutil.rmtree(self._blobs, ignore_errors=True)
            if key not in self._drawn.by_need:
                self._blobs.mkdir(parents=True, exist_ok=True, mode=0o700)
                index = self._blobs / "index.json"
                index.unlink(missing_ok=True)
                outcome = Processes(partial(_store, self._blobs, index), preload=self._preload).run(job, store, DRAW_S)
                if outcome.document is None or outcome.document.trouble is not None:
                    return outcome
                self._drawn.by_need[key] = _read_index(self._blobs, index)
            return self._drawn.by_need[key]


def _store(blobs: Path, index: Path, job: Job, store: Store, journal: Journal) -> JobResult:
    """In a marker process: draw what a job's solution is shown, and store it by digest; `index` names it."""
    from assignments.files import replace_file
    from graders.asking.troubles import troubles
    from graders.grade import draw

    with troubles(journal) as first:
        truths, public = draw(job, store)
        redraw = store.assignment(job.assignment).data.redraw
        lists = {
            str(repeat): store_inputs(blobs, hidden.input_set, with_subjects=redraw).model_dump()
            for repeat, hidden in truths.items()
        }
        shown = None if public is None else store_inputs(blobs, public.set.input_set, with_subjects=False).model_dump()
        replace_file(index, json.dumps({"repeats": lists, "public": shown}))
    return JobResult(trouble=first.trouble)


def _read_index(blobs: Path, index: Path) -> StoredInputs:
    plain = json.loads(index.read_bytes())
    repeats = {int(repeat): Blob(**blob) for repeat, blob in plain["repeats"].items()}
    public = None if plain["public"] is None else Blob(**plain["public"])
    lists = [*repeats.values(), *([public] if public else [])]
    files = {blob.digest for each in lists for blob in read_list(blobs / each.digest).blobs}
    return StoredInputs(repeats, public, frozenset(files | {each.digest for each in lists}))


def _joined(questions: Outcome, judged: Outcome) -> Outcome:
    """The outcome of a job that was asked on one machine and judged on another."""
    before = questions.document
    assert before is not None
    document = judged.document
    if document is not None:
        phases = {name: spent + getattr(document.phases, name) for name, spent in vars(before.phases).items()}
        cpu_s = round(before.marker_cpu_s + document.marker_cpu_s, 3)
        document = replace(document.after(before), phases=Phases(**phases), marker_cpu_s=cpu_s)
    return replace(
        judged,
        document=document,
        stages_done=judged.stages_done.after(before),
        wall_s=questions.wall_s + judged.wall_s,
        waited=questions.waited if before.tests or before.answers else judged.waited,
        machine=questions.machine,
    )
